// The search for the highest rate finds it, to the precision that was asked for, and ends.

import test from 'ava';
import fc from 'fast-check';
import {Climb} from '../../perf/cases/climb.ts';

function search(first: number, limit: number): {passed: number; steps: number} {
  const climb = new Climb(first, 0.02);
  let [passed, steps] = [0, 0];
  for (; !climb.done && steps < 100; steps++) {
    const rate = climb.next;
    climb.tell(rate <= limit);
    if (rate <= limit) passed = Math.max(passed, rate);
  }
  return {passed, steps};
}

test('whatever the limit and wherever it begins: within 2 %, in few steps', (t) => {
  fc.assert(
    fc.property(fc.integer({min: 200, max: 50_000}), fc.integer({min: 100, max: 20_000}), (limit, first) => {
      const {passed, steps} = search(first, limit);
      return passed <= limit && passed >= limit * 0.96 && steps < 60;
    }),
  );
  t.true(search(1000, 8000).steps < 25);
});

test('one failed try is repeated', (t) => {
  const climb = new Climb(1000, 0.02);
  climb.tell(false);
  t.is(climb.next, 1000);
  climb.tell(true);
  t.is(climb.next, 1300);
});

test('what bears nothing ends', (t) => {
  t.is(search(1000, 0).passed, 0);
  t.true(search(1000, 0).steps < 60);
});
