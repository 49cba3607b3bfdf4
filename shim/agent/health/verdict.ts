// Counts that keep a single bad (or good) answer from changing anything. Pure.

export interface Counts {
  /** Good checks in a row until what was sick is well. */
  rise: number;
  /** Bad checks in a row until it is sick. */
  fall: number;
}

export interface Verdict {
  /** Why it is sick, one line for people; null: well. */
  readonly sick: string | null;
  /** How many checks in a row said the opposite. */
  readonly against: number;
}

export const WELL: Verdict = {sick: null, against: 0};

/** The verdict after one more check, which found `problem` or (null) none. A sick one keeps its latest reason. */
export function nextVerdict(before: Verdict, problem: string | null, {rise, fall}: Counts): Verdict {
  if ((problem === null) === (before.sick === null)) return {sick: problem, against: 0};
  const against = before.against + 1;
  if (against < (problem === null ? rise : fall)) return {...before, against};
  return {sick: problem, against: 0};
}
