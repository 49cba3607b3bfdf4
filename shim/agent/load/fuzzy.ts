// From numbers to a load between 0 (low) and 1 (high), by fuzzy logic: a number is low, medium and high by degrees
// at the same time, rules name levels, and the result is graded between them. Pure.
//
// A rule counts as much as the product of its conditions' degrees. Since the degrees of one metric sum to 1, those
// of all combinations do, and the load is multilinear in them: it grows with every metric as long as the rules do
// (loadSchema refuses others).

import {combinationsOf, levelOfCombination} from '../../../router/protocol/load.ts';
import type {LoadRule, Membership, Metric} from '../../../router/protocol/load.ts';
import type {Level} from '../../../router/protocol/terms.ts';

/** How much something is of each level; they sum to 1. */
export type Degrees = Readonly<Record<Level, number>>;

/** 0 up to `from`, 1 from `to` on, straight in between. */
function ramp(from: number, to: number, value: number): number {
  return Math.min(Math.max((value - from) / (to - from), 0), 1);
}

export function degreesOf({low, medium: [from, to], high}: Membership, value: number): Degrees {
  const beyondLow = ramp(low, from, value);
  const beyondMedium = ramp(to, high, value);
  return {low: 1 - beyondLow, medium: beyondLow - beyondMedium, high: beyondMedium};
}

/** What the rules make of the metrics that could be measured; null if none could. */
export function infer(rules: readonly LoadRule[], metrics: ReadonlyMap<Metric, Degrees>): Degrees | null {
  if (metrics.size === 0) return null;
  const sums = {low: 0, medium: 0, high: 0};
  for (const combination of combinationsOf([...metrics.keys()])) {
    let degree = 1;
    for (const [metric, level] of combination) degree *= metrics.get(metric)?.[level] ?? 0;
    if (degree > 0) sums[levelOfCombination(rules, combination)] += degree;
  }
  return sums;
}

/** The centre of gravity, where low is 0, medium 0.5 and high 1. */
export function loadOf(degrees: Degrees): number {
  return degrees.medium / 2 + degrees.high;
}
