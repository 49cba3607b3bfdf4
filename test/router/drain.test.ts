// Draining: what leaves the ring and what stays, the deadline, when nothing is left, and what outlives whom.

import test from 'ava';
import {Views} from '../../router/api/views.ts';
import type {Settings} from '../../router/config/settings.ts';
import {OverrideActions} from '../../router/api/overrides.ts';
import {Bench, macOf, nodeState, VIP} from './bench.ts';

const NAME = `node1:${VIP}:80/tcp`;
const request = {target: 'node1', deadlineSeconds: 60, keepClients: false};

async function twoNodes() {
  const bench = await new Bench().start();
  for (const node of [1, 2]) {
    await bench.put(node, 1, [80, 81]);
    for (const port of [80, 81]) bench.native.probes.set(`${macOf(node)} ${VIP}:${port}`, 'open');
  }
  const {clock, registry, provider, events, supervisor, native} = bench;
  const {drains} = supervisor;
  const commit = () => supervisor.commit();
  const overrides = new OverrideActions({clock, registry, events, drains, commit, save: bench.save});
  const settings = {} as Settings;
  const views = new Views({
    registry,
    provider,
    drains,
    overrideFile: bench.overrideFile,
    clock,
    settings,
    startedAt: 0,
  });
  const endpoint = (name: string) => views.endpoints().find((one) => one.endpoint === name);
  const policy = (slot: number) => native.segment.policy?.endpoints.find((one) => one.slot === slot);
  return {bench, overrides, views, endpoint, policy, segment: native.segment};
}

test('a drained node leaves all rings, an endpoint its own; they stay open until the deadline', async (t) => {
  const {bench, overrides, policy} = await twoNodes();
  t.deepEqual((await overrides.drain({...request, target: NAME})).endpoints, [NAME]);
  t.deepEqual(bench.ring(80), ['node2']);
  t.deepEqual(bench.ring(81).toSorted(), ['node1', 'node2']);
  await overrides.drain(request);
  t.deepEqual(bench.ring(81), ['node2']);
  t.true(policy(0)?.open);
  t.true(policy(1)?.open);
  await bench.clock.advance(61_000);
  t.false(policy(0)?.open);
  t.false(policy(1)?.open);
  t.true(policy(2)?.open);
  t.true((await overrides.undrain({target: 'node1'})).was);
  t.deepEqual(bench.ring(81).toSorted(), ['node1', 'node2']);
  t.deepEqual(bench.ring(80), ['node2']);
  t.true((await overrides.undrain({target: NAME})).was);
  t.deepEqual(bench.ring(80).toSorted(), ['node1', 'node2']);
  t.false((await overrides.undrain({target: NAME})).was);
});

test('drained: no flow is left that anybody uses', async (t) => {
  const {bench, overrides, endpoint, segment} = await twoNodes();
  segment.flowCounts = {'0:1': 3, '2:1': 9};
  await overrides.drain(request);
  await bench.clock.advance(1000);
  t.like(endpoint(NAME), {state: 'draining', weight: 0, reason: 'by the operator, 3 flows left'});
  t.like(overrides.drains()[0], {target: 'node1', state: 'draining', flows: 3});
  t.like(endpoint(`node1:${VIP}:81/tcp`), {state: 'drained'});
  t.is(bench.names('drained').length, 0);
  // Two are closed and quiet, one goes on.
  segment.quietCounts = {'0:1': 2};
  await bench.clock.advance(1000);
  t.like(overrides.drains()[0], {state: 'draining', flows: 1});
  segment.quietCounts = {'0:1': 3};
  await bench.clock.advance(1000);
  t.like(overrides.drains()[0], {state: 'drained', flows: 0});
  t.like(endpoint(NAME), {state: 'drained'});
  const told = bench.events.list().filter((event) => event.event === 'drained');
  t.deepEqual(
    told.map((event) => event.detail),
    ['node1'],
  );
});

test('a node is not drained before forwarders have the new policy', async (t) => {
  const {bench, overrides, endpoint} = await twoNodes();
  await bench.clock.advance(499);
  await overrides.drain(request);
  await bench.clock.advance(1);
  t.like(overrides.drains()[0], {state: 'draining'});
  t.is(endpoint(NAME)?.state, 'draining');
  await bench.clock.advance(500);
  t.like(overrides.drains()[0], {state: 'drained'});
});

test('clients that are kept may come back until the deadline: not drained before', async (t) => {
  const {bench, overrides, endpoint} = await twoNodes();
  await overrides.drain({...request, keepClients: true});
  await bench.clock.advance(30_000);
  t.like(overrides.drains()[0], {state: 'draining', flows: 0});
  t.is(endpoint(NAME)?.state, 'draining');
  await bench.clock.advance(31_000);
  t.like(overrides.drains()[0], {state: 'drained'});
});

test('UDP flows do not hold a drain up after the deadline', async (t) => {
  const {bench, overrides, segment} = await twoNodes();
  const endpoints = [{application: 'web', vip: VIP, protocol: 'udp' as const, port: 53, instances: 1}];
  await bench.put(3, 1, [], {endpoints});
  segment.flowCounts = {'4:1': 7};
  await overrides.drain({...request, target: 'node3'});
  await bench.clock.advance(59_000);
  t.like(overrides.drains()[0], {state: 'draining', flows: 7});
  await bench.clock.advance(2000);
  t.like(overrides.drains()[0], {state: 'drained'});
});

test('connections of a closed socket count: the program may still serve them', async (t) => {
  const {bench, overrides, endpoint, segment} = await twoNodes();
  segment.flowCounts = {'0:1': 2};
  await bench.supervisor.put('node1', nodeState(1, 2, [81]));
  t.like(endpoint(NAME), {state: 'closed', reason: 'its socket is closed; running connections go on'});
  await overrides.drain(request);
  await bench.clock.advance(1000);
  t.like(overrides.drains()[0], {state: 'draining', flows: 2});
  // With the node itself its connections are gone.
  await bench.supervisor.put('node1', nodeState(1, 3, [], {leaving: true}));
  await bench.clock.advance(1000);
  t.like(overrides.drains()[0], {state: 'drained', flows: 0});
});

test('a drain outlives the supervisor, its node and its deadline; a second request changes the deadline', async (t) => {
  const {bench, overrides, segment, policy} = await twoNodes();
  segment.flowCounts = {'0:1': 1};
  await overrides.drain(request);
  await overrides.drain({...request, deadlineSeconds: 0});
  t.false(policy(0)?.open);
  const next = new Bench();
  next.registry.restore(structuredClone(bench.registry.checkpoint()), 0);
  t.like(next.registry.overrides.drains().get('node1'), {over: true});
  segment.flowCounts = {};
  await bench.supervisor.put('node1', nodeState(1, 2, [], {leaving: true}));
  await bench.clock.advance(10_000);
  t.is(bench.registry.node('node1'), undefined);
  await bench.put(1, 3, [80]);
  t.deepEqual(bench.ring(80), ['node2']);
  await overrides.undrain({target: 'node1'});
  t.deepEqual(bench.ring(80).toSorted(), ['node1', 'node2']);
});

test('what does not exist is not drained', async (t) => {
  const {overrides} = await twoNodes();
  await t.throwsAsync(() => overrides.drain({...request, target: 'node7'}), {
    message: /there is no node "node7"/,
  });
  await t.throwsAsync(() => overrides.undrain({target: 'node7'}), {message: /there is no node "node7"/});
});

test('failing from the inside: no new flows, with its reason; well again: as before', async (t) => {
  const {bench, endpoint, policy} = await twoNodes();
  const failing = 'HTTP 503 from /healthz';
  const [first, second] = nodeState(1, 2, [80, 81]).endpoints;
  await bench.put(1, 2, [], {endpoints: [{...first!, failing}, second!]});
  t.deepEqual(bench.ring(80), ['node2']);
  t.deepEqual(bench.ring(81).toSorted(), ['node1', 'node2']);
  t.like(endpoint(NAME), {state: 'failing', reason: failing, weight: 0});
  t.false(policy(0)?.open);
  const down = bench.events.list().find((event) => event.event === 'endpoint-down');
  t.is(down?.detail, failing);
  await bench.put(1, 3, [80, 81]);
  t.deepEqual(bench.ring(80).toSorted(), ['node1', 'node2']);
  t.like(endpoint(NAME), {state: 'up', reason: undefined});
});

test('none is well: those that fail their checks serve all the same, drained and unreachable ones never', async (t) => {
  const {bench, overrides, endpoint, policy} = await twoNodes();
  const [first] = nodeState(1, 2, [80]).endpoints;
  await bench.put(1, 2, [], {endpoints: [{...first!, failing: 'frozen'}]});
  await overrides.drain({...request, target: 'node2'});
  t.deepEqual(bench.ring(80), ['node1']);
  t.true(policy(0)?.open);
  t.regex(endpoint(NAME)?.reason ?? '', /^frozen \(it serves all the same/);
  await overrides.undrain({target: 'node2'});
  t.deepEqual(bench.ring(80), ['node2']);
  await overrides.drain(request);
  await overrides.drain({...request, target: 'node2'});
  t.deepEqual(bench.ring(80), []);
});

test('why an endpoint gets no flows though it is up', async (t) => {
  const {bench, overrides, endpoint, policy} = await twoNodes();
  await overrides.weight({target: NAME, factor: 0});
  t.like(endpoint(NAME), {state: 'up', weight: 0, reason: 'its weight factor is 0'});
  const [first] = nodeState(1, 2, [81]).endpoints;
  t.is(policy(1)?.outboundOnly, undefined);
  await bench.put(1, 2, [], {endpoints: [{...first!, instances: 0}]});
  t.like(endpoint(`node1:${VIP}:81/tcp`), {state: 'up', reason: 'it opens connections and takes none'});
  t.like(policy(1), {open: true, outboundOnly: true});
});
