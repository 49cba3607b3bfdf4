// The load of an application as a whole, and the level that comes of it.

import test from 'ava';
import fc from 'fast-check';
import {loadOfLevel, loadOfWhole, nextLevel} from '../../router/metrics/application-level.ts';
import type {NodeShare, SteadyLevel} from '../../router/metrics/application-level.ts';
import {levelSchema} from '../../router/protocol/terms.ts';
import type {Level} from '../../router/protocol/terms.ts';

const level = fc.constantFrom(...levelSchema.options);
const share = fc.record({level, capacity: fc.double({min: 0.001, max: 1000, noNaN: true})});
const shares = fc.array(share, {minLength: 1, maxLength: 20});
const load = fc.double({min: 0, max: 1, noNaN: true});
const close = (a: number | null, b: number) => Math.abs((a ?? Infinity) - b) < 1e-9;
const rank = (one: Level) => levelSchema.options.indexOf(one);

/** The levels of loads that come each second. */
function levelsOf(loads: readonly number[], stepMs = 1000): Level[] {
  let state: SteadyLevel | null = null;
  return loads.map((one, index) => {
    state = nextLevel(state, one, index * stepMs);
    return state.level;
  });
}

const changesOf = (levels: readonly Level[]) => levels.filter((one, n) => n > 0 && one !== levels[n - 1]);

test('a mean, weighted by what each node can take', (t) => {
  t.is(loadOfWhole([]), null);
  t.is(loadOfWhole([{level: 'high', capacity: 0}]), null);
  const table: [NodeShare[], number][] = [
    [[{level: 'low', capacity: 1}], 0],
    [[{level: 'high', capacity: 3}], 1],
    [
      [
        {level: 'high', capacity: 3},
        {level: 'low', capacity: 1},
      ],
      0.75,
    ],
    [
      [
        {level: 'medium', capacity: 1},
        {level: 'low', capacity: 1},
      ],
      0.25,
    ],
  ];
  for (const [nodes, expected] of table) t.is(loadOfWhole(nodes), expected);
});

test('between the least and the most busy node, whatever the unit and the order', (t) => {
  fc.assert(
    fc.property(shares, fc.double({min: 0.01, max: 100, noNaN: true}), (nodes, unit) => {
      const whole = loadOfWhole(nodes);
      const loads = nodes.map((one) => loadOfLevel(one.level));
      if (whole === null || whole < Math.min(...loads) - 1e-9 || whole > Math.max(...loads) + 1e-9)
        return false;
      const scaled = nodes.map((one) => ({...one, capacity: one.capacity * unit})).toReversed();
      return close(loadOfWhole(scaled), whole);
    }),
  );
  t.pass();
});

test('a node that gets busier never makes the whole calmer; an idle one more never busier', (t) => {
  fc.assert(
    fc.property(shares, fc.nat(), level, (nodes, index, other) => {
      const [before, chosen] = [loadOfWhole(nodes) ?? 0, index % nodes.length];
      const changed = nodes.map((one, n) => (n === chosen ? {...one, level: other} : one));
      const more = rank(other) - rank(nodes[chosen]!.level);
      const moved = (loadOfWhole(changed) ?? 0) - before;
      const idle = loadOfWhole([...nodes, {level: 'low', capacity: 1}]) ?? 0;
      return (more >= 0 ? moved >= -1e-9 : moved <= 1e-9) && idle <= before + 1e-9;
    }),
  );
  t.pass();
});

test('every load has a level; more load never a lower one', (t) => {
  fc.assert(
    fc.property(fc.option(level), load, load, fc.nat(60_000), (current, a, b, now) => {
      const before = current === null ? null : {level: current, since: 0};
      const [less, more] = [Math.min(a, b), Math.max(a, b)].map((one) => nextLevel(before, one, now).level);
      return rank(less!) <= rank(more!);
    }),
  );
  t.is(nextLevel(null, 0, 0).level, 'low');
  t.is(nextLevel(null, 0.5, 0).level, 'medium');
  t.is(nextLevel(null, 1, 0).level, 'high');
});

test('what stays within 0.075 of anything goes up or down, never both', (t) => {
  const noise = fc.array(fc.double({min: -0.0749, max: 0.0749, noNaN: true}), {minLength: 2, maxLength: 300});
  fc.assert(
    fc.property(load, noise, (middle, deviations) => {
      const levels = levelsOf(deviations.map((one) => Math.min(Math.max(middle + one, 0), 1)));
      return changesOf(levels).length <= 1;
    }),
    {numRuns: 2000},
  );
  t.pass();
});

test('each level lasts ten seconds, whatever the load does; a load that stays is believed', (t) => {
  fc.assert(
    fc.property(fc.array(load, {minLength: 100, maxLength: 300}), load, (loads, last) => {
      let state: SteadyLevel | null = null;
      let changed = -Infinity;
      let steady = true;
      const step = (one: number, now: number) => {
        const next = nextLevel(state, one, now);
        if (state !== null && next.level !== state.level) {
          steady &&= now - changed >= 10_000;
          changed = now;
        }
        if (state === null) changed = now;
        state = next;
      };
      loads.forEach((one, index) => step(one, index * 300));
      const end = loads.length * 300 + 10_000;
      step(last, end);
      const settled = state!;
      return steady && nextLevel(settled, last, end + 60_000) === settled;
    }),
  );
  t.pass();
});

test('one of three nodes or more that goes up and down by a step does not make the whole do so', (t) => {
  const others = fc.array(level, {minLength: 2, maxLength: 9});
  fc.assert(
    fc.property(others, fc.boolean(), fc.array(fc.boolean(), {maxLength: 200}), (steady, upper, turns) => {
      const [calm, busy] = upper ? (['medium', 'high'] as const) : (['low', 'medium'] as const);
      const levels = levelsOf(
        turns.map((isBusy) => {
          const nodes = [...steady, isBusy ? busy : calm].map((one) => ({level: one, capacity: 1}));
          return loadOfWhole(nodes) ?? 0;
        }),
        20_000,
      );
      return changesOf(levels).length <= 1;
    }),
    {numRuns: 1000},
  );
  t.pass();
});
