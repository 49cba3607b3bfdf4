// The ring: shares are exact, bounded, and no endpoint comes in bursts.

import test from 'ava';
import * as fc from 'fast-check';
import {compileRing, MAX_RING, reduceWeights} from '../../router/policy/schedule.ts';
import {weightOf} from '../../router/policy/weight.ts';

const weights = fc.array(fc.integer({min: 0, max: 40}), {minLength: 1, maxLength: 30});
const count = (ring: readonly number[], index: number) => ring.filter((one) => one === index).length;
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

test('shares over a lap are exactly proportional to the weights', (t) => {
  fc.assert(
    fc.property(weights, (given) => {
      const ring = compileRing(given);
      const total = sum(given);
      if (total === 0) return ring.length === 0;
      return given.every((weight, index) => count(ring, index) * total === weight * ring.length);
    }),
  );
  t.pass();
});

test('smooth: in any stretch of the ring, around its end too, each share is near its due', (t) => {
  fc.assert(
    fc.property(weights, fc.nat(), fc.nat(), (given, from, length) => {
      const ring = compileRing(given);
      if (ring.length === 0) return true;
      const stretch = Array.from(
        {length: length % ring.length},
        (_, n) => ring[(from + n) % ring.length] ?? -1,
      );
      const total = sum(given);
      // Smooth weighted round robin strays from the due share by less than the number of endpoints.
      return given.every(
        (weight, index) => Math.abs(count(stretch, index) - (weight / total) * stretch.length) < given.length,
      );
    }),
  );
  t.pass();
});

test('the known example: weights 5, 1, 1', (t) => {
  t.deepEqual(compileRing([5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
  t.deepEqual(compileRing([4, 4, 4]), [0, 1, 2]);
  t.deepEqual(compileRing([]), []);
  t.deepEqual(compileRing([0, 0]), []);
});

test('large weights are scaled to the bound, each share within one place, none lost', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({min: 1, max: 262140}), {minLength: 2, maxLength: 50}), (given) => {
      const reduced = reduceWeights(given);
      const total = sum(given);
      if (sum(reduced) > MAX_RING) return false;
      if (sum(reduced) < MAX_RING)
        return reduced.every((one, n) => one * total === (given[n] ?? 0) * sum(reduced));
      return reduced.every((one, n) => {
        const due = ((given[n] ?? 0) / total) * MAX_RING;
        return one >= 1 && (Math.abs(one - due) <= given.length || one === 1);
      });
    }),
  );
  t.is(sum(reduceWeights([1_000_000, ...Array<number>(100).fill(1)])), MAX_RING);
});

test('fractions keep their proportions', (t) => {
  t.deepEqual(reduceWeights([4, 2, 0.5]), [8, 4, 1]);
  t.deepEqual(reduceWeights([0.001, 0]), [1, 0]);
  t.deepEqual(reduceWeights([0.3, 0.1]), [3, 1]);
});

test('more endpoints than the bound: one place each', (t) => {
  t.is(compileRing(Array<number>(5000).fill(7)).length, 5000);
});

test('weight: instances times level', (t) => {
  const share = {instances: 3, weights: {low: 4, medium: 2, high: 1}, factor: 1, slowStart: 1};
  t.deepEqual(
    (['low', 'medium', 'high'] as const).map((level) => weightOf({...share, level})),
    [12, 6, 3],
  );
  t.is(weightOf({...share, level: 'high', factor: 0.5}), 1.5);
  t.is(weightOf({...share, level: 'high', factor: 0}), 0);
  t.is(weightOf({...share, level: 'low', slowStart: 0.2}), 2.4);
  t.is(weightOf({...share, level: 'high', factor: 0.0001}), 0.001);
  t.is(weightOf({...share, level: 'low', instances: 0}), 0);
});
