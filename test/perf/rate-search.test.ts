// The search for the highest rate finds it, to the precision that was asked for, and ends.

import test from 'ava';
import fc from 'fast-check';
import {RateSearch} from '../../perf/cases/rate-search.ts';

function searchRate(first: number, limit: number): {passed: number; steps: number} {
  const search = new RateSearch(first, 0.02);
  let [passed, steps] = [0, 0];
  for (; !search.done && steps < 100; steps++) {
    const rate = search.next;
    search.tell(rate <= limit);
    if (rate <= limit) passed = Math.max(passed, rate);
  }
  return {passed, steps};
}

test('whatever the limit and wherever it begins: within 2 %, in few steps', (t) => {
  fc.assert(
    fc.property(fc.integer({min: 200, max: 50_000}), fc.integer({min: 100, max: 20_000}), (limit, first) => {
      const {passed, steps} = searchRate(first, limit);
      return passed <= limit && passed >= limit * 0.96 && steps < 60;
    }),
  );
  t.true(searchRate(1000, 8000).steps < 25);
});

test('one failed try is repeated', (t) => {
  const search = new RateSearch(1000, 0.02);
  search.tell(false);
  t.is(search.next, 1000);
  search.tell(true);
  t.is(search.next, 1300);
});

test('what bears nothing ends', (t) => {
  t.is(searchRate(1000, 0).passed, 0);
  t.true(searchRate(1000, 0).steps < 60);
});
