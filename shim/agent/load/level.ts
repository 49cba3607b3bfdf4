// From a noisy load to a steady level: a small state machine. Pure; time is passed in.
//
//          load > 0.25 + h            load > 0.75 + h
//     low ─────────────────► medium ─────────────────► high      up: any number of steps at once
//         ◄─────────────────        ◄─────────────────           down: one step at a time
//          load < 0.25 - h            load < 0.75 - h
//
// h is the hysteresis: a load that stays within ± h of anything crosses no border in both directions. Beyond that,
// a level lasts at least the dwell time. A rise waits no longer than that; a fall waits longer each time: each fall
// of the last ten minutes makes the next wait four times as long. With the default dwell of
// 5 s there are at most four falls in ten minutes, so at most six rises: ten messages, whatever the load does.

import {levelSchema} from '../../../router/protocol/terms.ts';
import type {Level} from '../../../router/protocol/terms.ts';

const FALLS_COUNT_MS = 600_000;
const FALL_FACTOR = 4;
/** Between low and medium, between medium and high. */
const BORDERS = [0.25, 0.75] as const;

export interface LevelState {
  readonly level: Level;
  /** When it began, in milliseconds. */
  readonly since: number;
  /** When it fell, in the last ten minutes. */
  readonly falls: readonly number[];
}

export interface Damping {
  hysteresis: number;
  /** Seconds. */
  dwell: number;
}

function levelAbove(load: number, margin: number): number {
  return BORDERS.filter((border) => load > border + margin).length;
}

/** `state` itself if the level stays; null: the first load ever, whose level counts at once. */
export function nextLevel(
  state: LevelState | null,
  load: number,
  now: number,
  {hysteresis, dwell}: Damping,
): LevelState {
  const levels = levelSchema.options;
  const at = (index: number) => levels[Math.min(Math.max(index, 0), levels.length - 1)] ?? 'medium';
  if (state === null) return {level: at(levelAbove(load, 0)), since: now, falls: []};
  const current = levels.indexOf(state.level);
  const lasted = now - state.since;
  const up = levelAbove(load, hysteresis);
  if (up > current) return lasted < dwell * 1000 ? state : {...state, level: at(up), since: now};
  if (levelAbove(load, -hysteresis) >= current) return state;
  const falls = state.falls.filter((time) => now - time < FALLS_COUNT_MS);
  if (lasted < dwell * 1000 * FALL_FACTOR ** falls.length) return state;
  return {level: at(current - 1), since: now, falls: [...falls, now]};
}
