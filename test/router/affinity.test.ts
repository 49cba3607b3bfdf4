// Affinity, from the configuration to what C++ gets: groups, members, numbers of nodes, and what outlives whom.

import test from 'ava';
import type {PolicyAffinity} from '../../addon/router.ts';
import type {Affinity} from '../../router/model/application/affinity.ts';
import {IdAllocator} from '../../router/base/id-allocator.ts';
import {Bench, macOf, nodeState, VIP, web} from './bench.ts';

const affinity: Affinity = {prefix: 24, timeout: 60, ports: 'each'};
const drain = {since: 0, deadline: Infinity, keepClients: true, over: false};

async function started(ports: Affinity['ports']) {
  const bench = await new Bench([{...web, affinity: {...affinity, ports}}]).start();
  for (const node of [1, 2]) {
    await bench.put(node, 1, [80, 81, 443]);
    for (const port of [80, 81, 443]) bench.native.probes.set(`${macOf(node)} ${VIP}:${port}`, 'open');
  }
  const of = (port: number): PolicyAffinity | undefined =>
    bench.native.segment.policy?.services.find((service) => service.port === port)?.affinity;
  return {bench, of};
}

test('each port: a group of its own', async (t) => {
  const {of} = await started('each');
  t.like(of(80), {prefix: 24, timeout: 60});
  t.is(new Set([80, 81, 443].map((port) => of(port)?.group)).size, 3);
});

test('together: one group for all', async (t) => {
  const {of} = await started('together');
  t.is(new Set([80, 81, 443].map((port) => of(port)?.group)).size, 1);
});

test('some ports: one group for these, no affinity for others', async (t) => {
  const {of} = await started([
    {protocol: 'tcp', first: 80, last: 80},
    {protocol: 'tcp', first: 443, last: 443},
  ]);
  t.not(of(80), undefined);
  t.is(of(80)?.group, of(443)?.group);
  t.is(of(81), undefined);
});

test('endpoints of a node have one number, another than those of the other node', async (t) => {
  const {bench} = await started('together');
  const endpoints = bench.native.segment.policy?.endpoints ?? [];
  t.deepEqual(
    endpoints.map((one) => one.node),
    [0, 1, 0, 1, 0, 1],
  );
});

test('members: who gets flows, and who is drained and keeps its clients until the deadline', async (t) => {
  const {bench, of} = await started('each');
  t.deepEqual(of(80)?.members, [0, 3]);
  bench.registry.overrides.setFactor(`node2:${VIP}:80/tcp`, 0, bench.clock.wall());
  await bench.supervisor.commit();
  t.deepEqual(of(80)?.members, [0]);
  bench.registry.overrides.setFactor(`node2:${VIP}:80/tcp`, 1, bench.clock.wall());
  bench.registry.overrides.drain(
    'node1',
    {...drain, deadline: bench.clock.wall() + 10_000},
    bench.clock.wall(),
  );
  await bench.supervisor.commit();
  t.deepEqual(of(80)?.members, [0, 3]);
  t.deepEqual(bench.ring(80), ['node2']);
  await bench.clock.advance(10_500);
  t.deepEqual(of(80)?.members, [3]);
  bench.registry.overrides.drain('node1', {...drain, keepClients: false}, bench.clock.wall());
  await bench.supervisor.commit();
  t.deepEqual(of(80)?.members, [3]);
});

test('a closed or failing endpoint releases its clients', async (t) => {
  const {bench, of} = await started('each');
  await bench.supervisor.put('node1', nodeState(1, 2, [81, 443]));
  t.deepEqual(of(80)?.members, [3]);
  const endpoints = nodeState(2, 2, [80, 81]).endpoints.map((one) => ({...one, failing: 'frozen'}));
  await bench.supervisor.put('node2', nodeState(2, 2, [], {endpoints}));
  t.deepEqual(of(81)?.members, [1]);
});

test('groups and numbers of nodes outlive the supervisor and endpoints of others', async (t) => {
  const {bench, of} = await started('each');
  const before = [81, 443].map((port) => of(port)?.group);
  await bench.supervisor.put('node1', nodeState(1, 2, [], {leaving: true}));
  await bench.clock.advance(10_000);
  const next = new Bench([{...web, affinity}]);
  next.registry.restore(structuredClone(bench.registry.checkpoint()), 0);
  t.is(next.registry.nodeIds.of('node2'), 1);
  await next.supervisor.publish();
  const services = next.native.segment.policy?.services ?? [];
  t.deepEqual(
    [81, 443].map((port) => services.find((service) => service.port === port)?.affinity?.group),
    before,
  );
});

test('numbers: kept, given up, and the one just given up last', (t) => {
  const ids = new IdAllocator();
  t.deepEqual(
    ['a', 'b', 'a', 'c'].map((name) => ids.of(name)),
    [0, 1, 0, 2],
  );
  ids.keep(new Set(['a', 'c']));
  t.is(ids.of('b'), 3);
  const next = new IdAllocator();
  next.restore(ids.checkpoint());
  t.deepEqual(
    ['c', 'b', 'a'].map((name) => next.of(name)),
    [2, 3, 0],
  );
  t.is(new Set(['a', 'b', 'c', 'd', 'e'].map((name) => next.of(name))).size, 5);
  const full = new IdAllocator();
  for (let index = 0; index < 65_535; index++) full.of(String(index));
  t.is(full.of('one too many'), undefined);
  full.keep(new Set(['0']));
  t.is(full.of('one too many'), 1);
});
