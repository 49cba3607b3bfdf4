// The pure parts of load: for all numbers, all rules and all noise.

import test from 'ava';
import fc from 'fast-check';
import {defaultLoadRules, loadSchema, metricSchema} from '../../router/protocol/load.ts';
import type {LoadRules, Membership, Metric} from '../../router/protocol/load.ts';
import {levelSchema} from '../../router/protocol/terms.ts';
import {degreesOf, infer, loadOf} from '../../shim/agent/load/fuzzy.ts';
import type {Degrees} from '../../shim/agent/load/fuzzy.ts';
import {nextLevel} from '../../shim/agent/load/level.ts';
import type {LevelState} from '../../shim/agent/load/level.ts';

const memberships = fc
  .uniqueArray(fc.integer({min: 0, max: 1000}), {minLength: 4, maxLength: 4})
  .map((numbers): Membership => {
    const [low = 0, from = 0, to = 0, high = 0] = numbers.toSorted((a, b) => a - b);
    return {low, medium: [from, to], high};
  });
// Doubles of fast-check are mostly tiny: numbers of this kind are spread evenly.
const values = fc.integer({min: -1000, max: 11_000}).map((tenths) => tenths / 10);
const levels = fc.constantFrom(...levelSchema.options);

/** Rules as anybody may write them, of those that the schema takes. */
const rules = fc
  .array(
    fc.record({
      if: fc.dictionary(fc.constantFrom('cpu', 'pressure', 'own'), levels, {minKeys: 1, maxKeys: 3}),
      level: levels,
    }),
    {maxLength: 3},
  )
  .map((some) => loadSchema.safeParse({rules: some}))
  .filter((parsed) => parsed.success)
  .map((parsed): LoadRules => parsed.data ?? defaultLoadRules);

const readings = fc.dictionary(fc.constantFrom(...metricSchema.options), values, {minKeys: 1});

function measured(load: LoadRules, reading: Record<string, number>): Map<Metric, Degrees> {
  return new Map(
    metricSchema.options.flatMap((metric) => {
      const value = reading[metric];
      const membership = load.metrics[metric];
      return value === undefined || !membership ? [] : [[metric, degreesOf(membership, value)] as const];
    }),
  );
}

const close = (a: number, b: number) => Math.abs(a - b) < 1e-9;
const sum = (degrees: Degrees) => degrees.low + degrees.medium + degrees.high;

test('the degrees of a number are none below 0, overlap by two, and sum to 1', (t) => {
  fc.assert(
    fc.property(memberships, values, (membership, value) => {
      const degrees = degreesOf(membership, value);
      const some = Object.values(degrees).filter((degree) => degree > 0);
      return close(sum(degrees), 1) && Object.values(degrees).every((d) => d >= 0) && some.length <= 2;
    }),
  );
  const cpu: Membership = {low: 30, medium: [50, 65], high: 85};
  t.deepEqual(degreesOf(cpu, 30), {low: 1, medium: 0, high: 0});
  t.deepEqual(degreesOf(cpu, 40), {low: 0.5, medium: 0.5, high: 0});
  t.deepEqual(degreesOf(cpu, 57), {low: 0, medium: 1, high: 0});
  t.deepEqual(degreesOf(cpu, 80), {low: 0, medium: 0.25, high: 0.75});
});

test('whatever the rules and the metrics: degrees sum to 1, and there is a level', (t) => {
  fc.assert(
    fc.property(rules, readings, (load, reading) => {
      const metrics = measured(load, reading);
      const degrees = infer(load.rules, metrics);
      if (metrics.size === 0) return degrees === null;
      if (degrees === null || !close(sum(degrees), 1)) return false;
      return levelSchema.options.includes(nextLevel(null, loadOf(degrees), 0, load).level);
    }),
  );
  t.is(infer([], new Map()), null);
});

test('more of a metric is never less load', (t) => {
  fc.assert(
    fc.property(rules, readings, fc.nat(3), fc.integer({min: 0, max: 500}), (load, reading, which, more) => {
      const names = Object.keys(reading);
      const name = names[which % names.length] ?? '';
      const busier = {...reading, [name]: (reading[name] ?? 0) + more};
      const [less, rest] = [reading, busier].map((one) => infer(load.rules, measured(load, one)));
      return !less || !rest || loadOf(rest) >= loadOf(less) - 1e-9;
    }),
  );
  t.pass();
});

test('two metrics in the middle yield what no threshold on either yields', (t) => {
  const level = (cpu: number, pressure: number) => {
    const degrees = infer(defaultLoadRules.rules, measured(defaultLoadRules, {cpu, pressure}));
    return degrees && nextLevel(null, loadOf(degrees), 0, defaultLoadRules).level;
  };
  t.is(level(57, 50), 'high');
  // A threshold that makes (57, 50) high, on cpu or on pressure, would make one of these high too.
  t.is(level(65, 0), 'medium');
  t.is(level(0, 60), 'medium');
  t.is(level(40, 30), 'medium', 'each half-way between low and medium');
});

/** The levels of a load sampled every `interval` milliseconds; one entry for each message. */
function messages(loads: readonly number[], interval: number, dwell = 5, hysteresis = 0.1): LevelState[] {
  let state: LevelState | null = null;
  const told: LevelState[] = [];
  for (const [index, load] of loads.entries()) {
    const next: LevelState = nextLevel(state, load, index * interval, {dwell, hysteresis});
    if (next.level !== state?.level) told.push(next);
    state = next;
  }
  return told;
}

const loads = fc.integer({min: 0, max: 1000}).map((thousandths) => thousandths / 1000);
const rank = (state: LevelState) => levelSchema.options.indexOf(state.level);

test('noise within the hysteresis makes nothing flap, even without dwell', (t) => {
  fc.assert(
    fc.property(
      loads,
      fc.array(loads, {maxLength: 200}),
      fc.constantFrom(0.05, 0.1, 0.2),
      (centre, noise, h) => {
        const wavering = noise.map((one) => centre + (2 * one - 1) * h);
        const ranks = messages(wavering, 1000, 0, h).map(rank);
        const rises = ranks.slice(1).map((one, index) => one > (ranks[index] ?? 0));
        // It may come from its first sample to its place, in one direction; never back and forth.
        return new Set(rises).size <= 1;
      },
    ),
  );
  t.pass();
});

test('with the default dwell: at most ten changes in any ten minutes, whatever the load does', (t) => {
  const anything = fc.array(fc.constantFrom(0, 0.3, 0.5, 0.7, 1), {minLength: 1200, maxLength: 1800});
  // As nasty as can be: always what changes the level at the next opportunity.
  const saw = (up: number) => Array.from({length: 2400}, (_, index) => (index % up === 0 ? 1 : 0));
  const most = (told: readonly LevelState[]) =>
    Math.max(
      0,
      ...told.slice(1).map((first) => {
        const window = told
          .slice(1)
          .filter(({since}) => since >= first.since && since < first.since + 600_000);
        return window.length;
      }),
    );
  fc.assert(
    fc.property(anything, (some) => most(messages(some, 1000)) <= 10),
    {numRuns: 30},
  );
  for (const up of [2, 5, 6, 7, 11, 21, 25, 60]) t.true(most(messages(saw(up), 500)) <= 10, String(up));
});

test('a change of the load is told: up after the dwell at once, down step by step', (t) => {
  const steps = [...Array<number>(10).fill(0), ...Array<number>(20).fill(1), ...Array<number>(60).fill(0)];
  t.deepEqual(
    messages(steps, 1000).map(({level, since}) => [level, since / 1000]),
    [
      ['low', 0],
      ['high', 10],
      ['medium', 30],
      ['low', 50],
    ],
  );
});
