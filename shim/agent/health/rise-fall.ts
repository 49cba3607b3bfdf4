// Rise and fall: how many results in a row change a check's state, so that a single one changes nothing. Pure.

export interface Counts {
  /** Passes in a row after which a failing check is healthy. */
  rise: number;
  /** Failures in a row after which it is failing. */
  fall: number;
}

export interface CheckState {
  /** Why it fails, one line for people; null: healthy. */
  readonly failure: string | null;
  /** How many results in a row contradict that. */
  readonly streak: number;
}

export const HEALTHY: CheckState = {failure: null, streak: 0};

/** The state after one more result, which found `problem` or (null) none. A failing one keeps its latest reason. */
export function nextCheckState(before: CheckState, problem: string | null, {rise, fall}: Counts): CheckState {
  if ((problem === null) === (before.failure === null)) return {failure: problem, streak: 0};
  const streak = before.streak + 1;
  if (streak < (problem === null ? rise : fall)) return {...before, streak};
  return {failure: problem, streak: 0};
}
