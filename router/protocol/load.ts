// How an agent rates the load of its node for an application: what it measures, what of that counts as low, medium and
// high, how several metrics are combined, and how long a level lasts before it is reported. The file
// that operators write and the configuration that agents get have this one form; it reads what it has written.
//
//   load:
//     metrics:
//       cpu: {low: 25, medium: [50, 60], high: 85}      1 ┤────╮   ╭──────╮   ╭─────
//       own: {}                        # as is default    │ low ╲ ╱ medium ╲ ╱ high
//     rules:                                              │      ╳          ╳
//       - {if: {cpu: medium, own: medium}, level: high}  0 ┤────╯─╰──────────╯─╰─────
//     hysteresis: 0.15                                        25 50      60 85   cpu
//     dwell: 5s

import {z} from 'zod';
import {levelSchema, secondsSchema} from './terms.ts';
import type {Level} from './terms.ts';

/**
 * cpu: per cent of the node's processors · run-queue: threads that want to run, per core · pressure: per cent of
 * the time in which something waited for a processor · own: the number that an instance of the application gives.
 */
export const metricSchema = z.enum(['cpu', 'run-queue', 'pressure', 'own']);
export type Metric = z.infer<typeof metricSchema>;

/** Low up to `low`, medium from medium[0] to medium[1], high from `high` on; both by degrees in between. */
export interface Membership {
  low: number;
  medium: [number, number];
  high: number;
}

export const defaultMemberships: Readonly<Record<Metric, Membership>> = {
  cpu: {low: 25, medium: [50, 60], high: 85},
  'run-queue': {low: 0.5, medium: [1, 1.5], high: 3},
  pressure: {low: 20, medium: [40, 60], high: 80},
  own: {low: 25, medium: [50, 60], high: 85},
};

function membershipShape(metric: Metric) {
  const defaults = defaultMemberships[metric];
  return z.strictObject({
    low: z.number().default(defaults.low),
    medium: z.tuple([z.number(), z.number()]).default(defaults.medium),
    high: z.number().default(defaults.high),
  });
}

/** The application's own number may also be read from a file of the node. */
const ownShape = membershipShape('own').extend({
  file: z.string().regex(/^\//, 'the path of a file on the node, from / on').optional(),
});

/** "cpu: {}" and "cpu:" are the defaults. */
function membershipSchema<T extends z.ZodType<Membership>>(shape: T) {
  const checked = shape.superRefine(({low, medium: [from, to], high}, context) => {
    if (low < from && from <= to && to < high) return;
    const message = `low ${low}, medium ${from} to ${to}, high ${high}: each must be more than the one before`;
    context.addIssue({code: 'custom', message});
  });
  return z.preprocess((value) => (value === null ? {} : value), checked).optional();
}

const metricsSchema = z
  .strictObject({
    cpu: membershipSchema(membershipShape('cpu')),
    'run-queue': membershipSchema(membershipShape('run-queue')),
    pressure: membershipSchema(membershipShape('pressure')),
    own: membershipSchema(ownShape),
  })
  .refine((metrics) => Object.keys(metrics).length > 0, {
    message: `name at least one of ${metricSchema.options.join(', ')}, or leave metrics out`,
  });

/** One level or a list of them. */
const levelsSchema = z.preprocess(
  (value) => (typeof value === 'string' ? [value] : value),
  z.array(levelSchema).min(1, 'name at least one of low, medium, high'),
);

const conditionSchema = z
  .strictObject({
    cpu: levelsSchema.optional(),
    'run-queue': levelsSchema.optional(),
    pressure: levelsSchema.optional(),
    own: levelsSchema.optional(),
  })
  .refine((condition) => Object.keys(condition).length > 0, {
    message: `name at least one of ${metricSchema.options.join(', ')}`,
  });

const ruleSchema = z.strictObject({if: conditionSchema, level: levelSchema});
export type LoadRule = z.infer<typeof ruleSchema>;

/** For each metric its level: of those that could be measured. */
export type Combination = ReadonlyMap<Metric, Level>;

/** The level of a combination: what the first rule that fits says, else the highest of the metrics. */
export function levelOfCombination(rules: readonly LoadRule[], combination: Combination): Level {
  const fits = (rule: LoadRule) =>
    metricSchema.options.every((metric) => {
      const wanted = rule.if[metric];
      const level = combination.get(metric);
      return wanted === undefined || (level !== undefined && wanted.includes(level));
    });
  const rule = rules.find(fits);
  if (rule) return rule.level;
  const present = new Set(combination.values());
  return levelSchema.options.findLast((level) => present.has(level)) ?? 'medium';
}

/** All combinations of levels of these metrics. */
export function combinationsOf(metrics: readonly Metric[]): Combination[] {
  return metrics.reduce<Combination[]>(
    (all, metric) =>
      all.flatMap((one) => levelSchema.options.map((level) => new Map([...one, [metric, level]]))),
    [new Map()],
  );
}

const rank = (level: Level) => levelSchema.options.indexOf(level);
const describe = (combination: Combination) =>
  [...combination].map(([metric, level]) => `${metric} ${level}`).join(', ');

/** The first place where more of one metric would make the load less; null if there is none. */
function contradiction(metrics: readonly Metric[], rules: readonly LoadRule[]): string | null {
  for (const combination of combinationsOf(metrics)) {
    for (const [metric, level] of combination) {
      const more = levelSchema.options[rank(level) + 1];
      if (more === undefined) continue;
      const busier = new Map([...combination, [metric, more]]);
      const [before, after] = [combination, busier].map((one) => levelOfCombination(rules, one));
      if (before !== undefined && after !== undefined && rank(after) < rank(before))
        return `"${describe(combination)}" is ${before}, but the busier "${describe(busier)}" only ${after}`;
    }
  }
  return null;
}

/** All sets of them but the empty one: a metric may be missing on some node. */
function subsets(metrics: readonly Metric[]): Metric[][] {
  const all = metrics.reduce<Metric[][]>(
    (sets, metric) => [...sets, ...sets.map((set) => [...set, metric])],
    [[]],
  );
  return all.filter((set) => set.length > 0);
}

const loadObject = z.strictObject({
  /** Those that count. Not run-queue by default: a cgroup has none, and of a machine pressure says as much. */
  metrics: metricsSchema.prefault({cpu: {}, pressure: {}, own: {}}),
  /** The first that fits counts; without one the highest of the metrics. */
  rules: z.array(ruleSchema).max(100).optional(),
  /** Seconds between samples. */
  interval: secondsSchema(0.1, 60).default(1),
  /** Time constant of the average over samples, in seconds; 0: each sample counts as it is. */
  smoothing: secondsSchema(0, 300).default(5),
  /** How far beyond the middle between two levels (0.25 and 0.75, where low is 0 and high 1) the load must go. */
  hysteresis: z.number().min(0, 'at least 0').max(0.2, 'at most 0.2').default(0.15),
  /** Seconds that a level stays at least; falling again and again takes longer each time. */
  dwell: secondsSchema(0, 600).default(5),
  /** Seconds for which a number of an instance counts. */
  'own-age': secondsSchema(1, 3600).default(30),
});

/** Two that are half busy are busy: what no threshold on either says. */
const defaultRules: readonly LoadRule[] = [{if: {cpu: ['medium'], pressure: ['medium']}, level: 'high'}];

const metricsOf = (metrics: Partial<Record<Metric, unknown>>) =>
  metricSchema.options.filter((metric) => metrics[metric] !== undefined);

export const loadSchema = loadObject
  .transform((load) => {
    const isUsed = (rule: LoadRule) => metricsOf(rule.if).every((metric) => load.metrics[metric]);
    return {...load, rules: load.rules ?? defaultRules.filter(isUsed)};
  })
  .superRefine(({metrics, rules}, context) => {
    const used = metricsOf(metrics);
    for (const [index, rule] of rules.entries()) {
      const unknown = metricsOf(rule.if).find((metric) => !used.includes(metric));
      if (unknown === undefined) continue;
      const message = `${unknown} is not among the metrics: ${used.join(', ')}`;
      context.addIssue({code: 'custom', path: ['rules', index, 'if', unknown], message});
    }
    const wrong = subsets(used)
      .map((some) => contradiction(some, rules))
      .find((one) => one !== null);
    if (wrong !== undefined)
      context.addIssue({code: 'custom', path: ['rules'], message: `more must not count as less: ${wrong}`});
  });
export type LoadRules = z.infer<typeof loadSchema>;

/** The shapes by their place below `load`, for messages that name the valid keys. */
export const loadShapes: Readonly<Record<string, z.ZodType>> = {
  '': loadObject,
  metrics: metricsSchema,
  ...Object.fromEntries(metricSchema.options.map((metric) => [`metrics.${metric}`, membershipShape(metric)])),
  'metrics.own': ownShape,
  rules: ruleSchema,
  'rules.if': conditionSchema,
};

export const defaultLoadRules: LoadRules = loadSchema.parse({});
