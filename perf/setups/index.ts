// All set-ups, in the order in which tables show them.

import {dnat, macRewrite} from './kernel.ts';
import {before, direct, dsr, nat} from './ours.ts';
import {haproxy, nginx} from './proxies.ts';
import type {Setup} from './setup.ts';

export {before, beforeName} from './ours.ts';

export const setups: readonly Setup[] = [direct, dsr, nat, macRewrite, dnat, haproxy, nginx];

export function titleOf(name: string): string {
  const all = [...setups, ...setups.map((setup) => before(setup, ''))];
  return all.find((setup) => setup.name === name)?.title ?? name;
}
