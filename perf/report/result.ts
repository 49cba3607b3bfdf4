// What a case leaves behind: every number of every round, with all that is needed to judge it.

import {z} from 'zod';

/** One thing measured again and again. */
export const seriesSchema = z.strictObject({
  /** What was measured: "direct", "dsr" … */
  setup: z.string(),
  /** Under which conditions: "1gbit", "unlimited", a scenario. */
  condition: z.string(),
  /** The free variable, such as the size of a page; null: there is none. */
  x: z.number().nullable(),
  /** What, with its unit: "requests/s", "µs median" … */
  metric: z.string(),
  /** One for each round; null: that round failed, see failures. */
  values: z.array(z.number().nullable()),
});
export type Series = z.infer<typeof seriesSchema>;

export const resultSchema = z.strictObject({
  case: z.string(),
  date: z.iso.datetime(),
  commit: z.string(),
  /** Files that differed from the commit. */
  changed: z.array(z.string()),
  machine: z.strictObject({kernel: z.string(), cpu: z.string(), cores: z.number(), node: z.string()}),
  /** "namespaces", or the hosts. */
  site: z.string(),
  /** Processes that wanted to run (1 minute's mean), before the case began: a quiet machine has less than 0.2. */
  loadBefore: z.number(),
  quick: z.boolean(),
  seconds: z.number(),
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  series: z.array(seriesSchema),
  failures: z.array(z.strictObject({round: z.number(), what: z.string(), reason: z.string()})),
});
export type Result = z.infer<typeof resultSchema>;
export type Failure = Result['failures'][number];

export interface Key {
  setup: string;
  condition?: string;
  x?: number | null;
  metric: string;
}

export function find(result: Pick<Result, 'series'>, key: Key): Series | undefined {
  return result.series.find(
    (s) =>
      s.setup === key.setup &&
      s.metric === key.metric &&
      s.condition === (key.condition ?? '') &&
      s.x === (key.x ?? null),
  );
}

/** The rounds that succeeded; none if it was not measured. */
export function values(result: Pick<Result, 'series'>, key: Key): number[] {
  return (find(result, key)?.values ?? []).filter((value) => value !== null);
}

/** Round by round, `combine(value, that of the other in the same round)`; `other`: in what its key differs. */
export function beside(
  result: Pick<Result, 'series'>,
  key: Key,
  other: Partial<Key>,
  combine: (value: number, base: number) => number = (value, base) => value / base,
): number[] {
  const base = find(result, {...key, ...other})?.values ?? [];
  return (find(result, key)?.values ?? []).flatMap((value, round) => {
    const against = base[round];
    return value === null || against === null || against === undefined ? [] : [combine(value, against)];
  });
}

/** Without repetition, in the order of their first appearance. */
export function distinct<T>(list: readonly T[]): T[] {
  return [...new Set(list)];
}
