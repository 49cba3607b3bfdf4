// COSCANet in its two modes, and no balancer at all.

import {VIP} from '../lab/network.ts';
import {APPLICATION_PORTS} from './server.ts';
import type {Setup} from './setup.ts';

const nothing = async () => {};

export const direct: Setup = {
  name: 'direct',
  title: 'direct',
  shape: 'dsr',
  ours: false,
  passes: 'nothing',
  address: (network) => network.nodeAddress,
  start: nothing,
};

export const dsr: Setup = {
  name: 'dsr',
  title: 'COSCANet DSR',
  shape: 'dsr',
  ours: true,
  passes: 'requests',
  address: (network) => network.vip,
  start: nothing,
};

export const nat: Setup = {
  name: 'nat',
  title: 'COSCANet NAT',
  shape: 'nat',
  ours: true,
  passes: 'both',
  address: (network) => network.vip,
  start: nothing,
};

/** The same set-up by the COSCANet of another checkout, built. Its results stand under its own name. */
export function before(setup: Setup, checkout: string): Setup {
  return {...setup, name: beforeName(setup.name), title: `${setup.title}, before`, checkout};
}

export const beforeName = (name: string) => `${name} before`;

/** COSCANet's configuration, with `more` lines. */
export function configuration(vip = VIP, more = ''): string {
  return `${more}applications:
  - {name: web, vips: [${vip}], ports: [${APPLICATION_PORTS.join(', ')}]}
`;
}
