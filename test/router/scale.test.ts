// Scale recommendations: only after a need has lasted, anew after each answer.

import test from 'ava';
import fc from 'fast-check';
import {nextNeed, reasonOf, recommendationOf} from '../../router/metrics/scale.ts';
import type {Need, Situation} from '../../router/metrics/scale.ts';
import type {Scale} from '../../router/protocol/views.ts';
import {levelSchema} from '../../router/protocol/terms.ts';

const rules = {'out-after': 30, 'in-after': 300, 'min-nodes': 2};

/** A look each second at an application. */
class Watch {
  need: Need | null = null;
  now = 0;
  recommended: Scale = 'keep';

  /** The recommendation after so many seconds of this. */
  see(situation: Situation, seconds = 1): Scale {
    for (let n = 0; n < seconds; n++) {
      this.now += 1000;
      this.need = nextNeed(this.need, situation, this.now, rules);
      this.recommended = recommendationOf(this.need, this.now, rules);
    }
    return this.recommended;
  }
}

test('out when its load is high for long enough, not after a short peak', (t) => {
  const watch = new Watch();
  t.is(watch.see({level: 'high', nodes: 3}, 30), 'keep');
  t.is(watch.see({level: 'medium', nodes: 3}), 'keep');
  t.is(watch.see({level: 'high', nodes: 3}, 30), 'keep');
  t.is(watch.see({level: 'high', nodes: 3}), 'out');
  t.is(watch.see({level: 'high', nodes: 3}, 500), 'out');
  t.is(watch.see({level: 'medium', nodes: 3}), 'keep');
});

test('in when its load is low for longer, and never below the least number of nodes', (t) => {
  const watch = new Watch();
  t.is(watch.see({level: 'low', nodes: 3}, 300), 'keep');
  t.is(watch.see({level: 'low', nodes: 3}), 'in');
  t.is(watch.see({level: 'low', nodes: 2}), 'keep');
  t.is(watch.see({level: 'low', nodes: 2}, 1000), 'keep');
});

test('out when too few nodes serve, whatever their load', (t) => {
  const watch = new Watch();
  t.is(watch.see({level: 'low', nodes: 1}, 31), 'out');
  t.is(watch.see({level: 'low', nodes: 2}), 'keep');
  t.is(watch.see({level: null, nodes: 0}, 31), 'out');
});

test('an answer begins the wait anew; a node that comes and goes is no answer', (t) => {
  const watch = new Watch();
  t.is(watch.see({level: 'high', nodes: 3}, 31), 'out');
  t.is(watch.see({level: 'high', nodes: 4}, 30), 'keep', 'its load may fall now');
  t.is(watch.see({level: 'high', nodes: 4}), 'out');
  for (let turn = 0; turn < 50; turn++)
    t.is(watch.see({level: 'high', nodes: turn % 2 === 0 ? 3 : 4}), 'out', `turn ${turn}`);
  const calm = new Watch();
  t.is(calm.see({level: 'low', nodes: 5}, 301), 'in');
  t.is(calm.see({level: 'low', nodes: 4}, 300), 'keep');
  t.is(calm.see({level: 'low', nodes: 4}), 'in');
  for (let turn = 0; turn < 50; turn++)
    t.is(calm.see({level: 'low', nodes: turn % 2 === 0 ? 5 : 4}), 'in', `turn ${turn}`);
});

test('whatever happens: no recommendation without a need, and none before its time', (t) => {
  const situation = fc.record({level: fc.option(fc.constantFrom(...levelSchema.options)), nodes: fc.nat(5)});
  const phases = fc.array(fc.tuple(situation, fc.integer({min: 1, max: 400})), {maxLength: 30});
  fc.assert(
    fc.property(phases, (story) => {
      const watch = new Watch();
      let lastOther = {out: 0, in: 0};
      for (const [seen, seconds] of story)
        for (let second = 0; second < seconds; second++) {
          const recommended = watch.see(seen);
          const more = seen.level === 'high' || seen.nodes < rules['min-nodes'];
          const fewer = !more && seen.level === 'low' && seen.nodes > rules['min-nodes'];
          if (!more) lastOther = {...lastOther, out: watch.now};
          if (!fewer) lastOther = {...lastOther, in: watch.now};
          if (recommended === 'out' && watch.now - lastOther.out <= 30_000) return false;
          if (recommended === 'in' && watch.now - lastOther.in <= 300_000) return false;
        }
      return true;
    }),
  );
  t.pass();
});

test('why, in words', (t) => {
  const situation: Situation = {level: 'high', nodes: 3};
  const need = nextNeed(null, situation, 0, rules);
  t.is(reasonOf(need, situation, 12_300, rules), 'its load is high, 12s of 30s');
  t.is(reasonOf(need, situation, 42_000, rules), 'its load is high, for 42s');
  const few: Situation = {level: null, nodes: 0};
  t.is(reasonOf(nextNeed(null, few, 0, rules), few, 0, rules), 'too few nodes serve (0 of 2), 0s of 30s');
  const well: Situation = {level: 'medium', nodes: 3};
  t.is(reasonOf(nextNeed(null, well, 0, rules), well, 0, rules), undefined);
});
