// Slow start: whose share rises when, in which steps, and who begins with all of it.

import test from 'ava';
import fc from 'fast-check';
import {SlowStart} from '../../router/model/slow-start.ts';
import type {EndpointRecord} from '../../router/model/records.ts';
import {currentStatuses} from '../../router/policy/endpoint-status.ts';
import {addressOf, Bench, macOf, nodeState, VIP, web} from './bench.ts';

const slow = {...web, slowStartMs: 10_000};

async function started(): Promise<Bench> {
  const bench = await new Bench([slow]).start();
  for (const node of [1, 2, 3]) bench.native.probes.set(`${macOf(node)} ${VIP}:80`, 'open');
  await bench.put(1, 1, [80]);
  await bench.clock.advance(12_000);
  await bench.put(1, 2, [80]);
  return bench;
}

/** Of 100 new flows, those of the node. */
function per100(bench: Bench, node: string): number {
  const ring = bench.ring(80);
  return Math.round((100 * ring.filter((one) => one === node).length) / ring.length);
}

test('a new endpoint rises in five steps; the others have what it leaves', async (t) => {
  const bench = await started();
  await bench.put(2, 1, [80]);
  const shares: number[] = [];
  const published: number[] = [];
  for (let second = 0; second <= 10; second++) {
    shares.push(per100(bench, 'node2'));
    published.push(bench.native.segment.generation);
    await bench.clock.advance(1000);
  }
  t.deepEqual(shares, [17, 17, 29, 29, 38, 38, 44, 44, 50, 50, 50]);
  const record = bench.registry.endpoints()[1];
  t.is(record && currentStatuses(bench.registry).of(record).reason, 'its agent is silent, but it answers');
});

test('who serves again rises again: undrained, well again, opened anew; who stays does not', async (t) => {
  const bench = await started();
  await bench.put(2, 1, [80]);
  await bench.clock.advance(11_000);
  t.is(per100(bench, 'node2'), 50);
  const {overrides} = bench.registry;
  const again = async (what: string) => {
    await bench.supervisor.commit();
    t.is(per100(bench, 'node2'), 17, what);
  };
  overrides.drain('node2', {since: 0, deadline: Infinity, keepClients: false, over: false}, 1);
  await bench.supervisor.commit();
  overrides.undrain('node2', 2);
  await again('undrained');
  await bench.clock.advance(11_000);
  const [endpoint] = nodeState(2, 2, [80]).endpoints;
  await bench.put(2, 2, [], {endpoints: [{...endpoint!, failing: 'frozen'}]});
  t.is(per100(bench, 'node2'), 0);
  await bench.put(2, 3, [80]);
  await again('well again');
  await bench.clock.advance(11_000);
  t.is(per100(bench, 'node2'), 50);
  await bench.put(2, 4, []);
  await bench.put(2, 5, [80]);
  await again('opened anew');
});

test('its reason is shown while it rises', async (t) => {
  const bench = await started();
  await bench.put(2, 1, [80]);
  const record = bench.registry.endpoints()[1];
  t.is(record && currentStatuses(bench.registry).of(record).reason, 'it starts slowly: 20 % of its weight');
});

test('who served under the supervisor before this one has all of its weight', async (t) => {
  const bench = await started();
  await bench.put(2, 1, [80]);
  const kept = bench.kept();
  const next = new Bench([slow], kept.own);
  next.registry.restore(kept.supervisor, 0);
  await next.provider.start([addressOf(1), addressOf(2)]);
  await next.provider.reserve([VIP]);
  await next.supervisor.start();
  t.is(per100(next, 'node2'), 50);
});

test('without it a new endpoint has its share at once', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80]);
  await bench.put(2, 1, [80]);
  t.is(per100(bench, 'node2'), 50);
});

test('shares only rise, to all of it, in at most five steps', (t) => {
  fc.assert(
    fc.property(
      fc.integer({min: 1, max: 60_000}),
      fc.array(fc.integer({min: 0, max: 20_000})),
      (ms, steps) => {
        let changes = 0;
        const slowStart = new SlowStart(() => changes++);
        const record = {} as EndpointRecord;
        slowStart.begin();
        slowStart.observe(record, true, ms, 0);
        let [now, last] = [0, slowStart.shareOf(record)];
        for (const step of steps) {
          slowStart.pass((now += step));
          const share = slowStart.shareOf(record);
          if (share < last || share > 1 || share < 0.2) return false;
          last = share;
        }
        slowStart.pass(now + ms);
        return slowStart.shareOf(record) === 1 && changes <= 5;
      },
    ),
  );
  t.pass();
});
