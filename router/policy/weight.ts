// Weights: how many live instances an endpoint counts, times what its node's load level leaves of each. Pure.

import type {Level} from '../control/protocol.ts';

const levelWeight: Record<Level, number> = {low: 4, medium: 2, high: 1};

/** An endpoint's share relative to the others of its service. */
export function weightOf(instances: number, level: Level): number {
  return instances * levelWeight[level];
}
