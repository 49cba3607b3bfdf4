// Accounts of flows: how many there are, how many began, and how fast they begin, from counters per service slot,
// which wrap and whose owners change. Pure; time is passed in (milliseconds).

/** Of one application on one of its virtual IPs. */
export interface Account {
  /** As last counted: up to 2 s ago. */
  flows: number;
  /** That began since the router started. */
  newFlows: number;
}

/** By application, then by virtual IP. */
export type Accounts = ReadonlyMap<string, ReadonlyMap<string, Account>>;

/** Time constant of the average. */
const SMOOTHING_MS = 10_000;

/** What each counter (of 32 bits) has moved between two looks; one that was not there began at 0. */
export function movedSince(
  before: Readonly<Record<number, number>>,
  now: Readonly<Record<number, number>>,
): Map<number, number> {
  const moved = Object.entries(now).map(([slot, count]): [number, number] => [
    Number(slot),
    (count - (before[Number(slot)] ?? 0)) >>> 0,
  ]);
  return new Map(moved.filter(([, count]) => count > 0));
}

/** The average per second, after `count` more in the last `ms`. */
export function smoothedRate(average: number, count: number, ms: number): number {
  if (ms <= 0) return average;
  const weight = 1 - Math.exp(-ms / SMOOTHING_MS);
  return average + weight * ((count * 1000) / ms - average);
}
