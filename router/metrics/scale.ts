// The scale recommendation for an application to the platform that runs it: another node, one less, or neither. A need
// has to last before it is recommended. When a recommendation is followed (one more node serves, or one less), the wait
// begins anew, so that the step shows its effect before the next one. Pure; time is passed in (milliseconds).

import type {Level} from '../protocol/terms.ts';
import type {Scale} from '../protocol/views.ts';
import type {Autoscaling} from '../model/application/autoscaling.ts';

export interface Situation {
  /** Of the whole; null: nobody serves. */
  level: Level | null;
  /** How many nodes serve. */
  nodes: number;
}

export interface Need {
  readonly kind: 'more' | 'fewer' | 'none';
  /** Since when nothing has followed. */
  readonly since: number;
  /** That served then: the need is met by more than these, or by fewer. A node that comes and goes does not meet it. */
  readonly nodes: number;
}

function kindOf({level, nodes}: Situation, rules: Autoscaling): Need['kind'] {
  if (nodes < rules['min-nodes'] || level === 'high') return 'more';
  return level === 'low' && nodes > rules['min-nodes'] ? 'fewer' : 'none';
}

/** `before` itself if the need goes on; null: the first look. */
export function nextNeed(before: Need | null, situation: Situation, now: number, rules: Autoscaling): Need {
  const kind = kindOf(situation, rules);
  const {nodes} = situation;
  const begun = {kind, since: now, nodes};
  if (before === null || before.kind !== kind || kind === 'none') return begun;
  const answered = kind === 'more' ? nodes > before.nodes : nodes < before.nodes;
  return answered ? begun : before;
}

export function recommendationOf({kind, since}: Need, now: number, rules: Autoscaling): Scale {
  const lasted = now - since;
  if (kind === 'more' && lasted >= rules['out-after'] * 1000) return 'out';
  return kind === 'fewer' && lasted >= rules['in-after'] * 1000 ? 'in' : 'keep';
}

/** For people: "its load is high, 12s of 30s"; undefined if there is no need. */
export function reasonOf(
  need: Need,
  situation: Situation,
  now: number,
  rules: Autoscaling,
): string | undefined {
  if (need.kind === 'none') return undefined;
  const after = need.kind === 'more' ? rules['out-after'] : rules['in-after'];
  const seconds = Math.floor((now - need.since) / 1000);
  const {level, nodes} = situation;
  const least = rules['min-nodes'];
  const why = nodes < least ? `too few nodes serve (${nodes} of ${least})` : `its load is ${level}`;
  return `${why}, ${seconds < after ? `${seconds}s of ${after}s` : `for ${seconds}s`}`;
}
