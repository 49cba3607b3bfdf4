// Weights: how many live instances an endpoint counts, times what its node's load level leaves of each, times the
// operator's factor, times what a slow start leaves of it. Pure.

import type {Level} from '../protocol/messages.ts';

export interface Share {
  instances: number;
  level: Level;
  /** The application's, by level. */
  weights: Readonly<Record<Level, number>>;
  factor: number;
  /** Which part of it a new endpoint gets. */
  slowStart: number;
}

/** An endpoint's share relative to the others of its service, to a thousandth; above 0 if all that makes it is. */
export function weightOf({instances, level, weights, factor, slowStart}: Share): number {
  const exact = instances * weights[level] * factor * slowStart;
  return exact > 0 ? Math.max(0.001, Math.round(exact * 1000) / 1000) : 0;
}
