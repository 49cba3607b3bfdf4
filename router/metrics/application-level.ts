// The load of an application as a whole: its nodes' levels taken as fuzzy values, weighted by their shares of its
// capacity, and from that load a level, with hysteresis. Pure; time is passed in (milliseconds).
//
//        load ≥ 0.35        load ≥ 0.8         The gap between rising and falling is as wide as one node of three
//   low ───────────► medium ───────────► high  makes by one step of its level: no single one of three or more like
//       ◄───────────        ◄───────────       nodes makes the whole go up and down. Besides, each level lasts at
//        load < 0.2         load < 0.65        least 10 s.

import {levelSchema} from '../protocol/terms.ts';
import type {Level} from '../protocol/terms.ts';

const DWELL_MS = 10_000;
/** Into medium, into high; and out of them again. */
const RISE_AT = [0.35, 0.8] as const;
const FALL_BELOW = [0.2, 0.65] as const;

const loads: Readonly<Record<Level, number>> = {low: 0, medium: 0.5, high: 1};

/** A level as a number: 0, 0.5, 1. */
export function loadOfLevel(level: Level): number {
  return loads[level];
}

export interface NodeShare {
  level: Level;
  /** Its capacity, relative to the others. */
  capacity: number;
}

/** The centre of gravity of the nodes' levels, from 0 (all low) to 1 (all high); null if there is no capacity. */
export function loadOfWhole(shares: readonly NodeShare[]): number | null {
  const capacity = shares.reduce((sum, share) => sum + share.capacity, 0);
  if (capacity === 0) return null;
  return shares.reduce((sum, share) => sum + loadOfLevel(share.level) * share.capacity, 0) / capacity;
}

export interface SteadyLevel {
  readonly level: Level;
  readonly since: number;
}

const levels = levelSchema.options;
const levelAt = (rank: number): Level => levels[rank] ?? 'high';

/** `before` itself if the level stays; null: the first load, whose level counts at once. */
export function nextLevel(before: SteadyLevel | null, load: number, now: number): SteadyLevel {
  const risen = RISE_AT.filter((border) => load >= border).length;
  if (before === null) return {level: levelAt(risen), since: now};
  const fallen = FALL_BELOW.filter((border) => load >= border).length;
  const current = levels.indexOf(before.level);
  const rank = Math.min(Math.max(current, risen), fallen);
  return rank === current || now - before.since < DWELL_MS ? before : {level: levelAt(rank), since: now};
}
