// Connections that have ended without the router seeing it: who is asked about which flows, how often, and what an answer
// does.

import test from 'ava';
import type {SilentFlow} from '../../addon/router.ts';
import {OverrideActions} from '../../router/api/overrides.ts';
import type {NodeState} from '../../router/protocol/messages.ts';
import {MAX_FLOW_REPORTS, RENEW_MS} from '../../router/protocol/messages.ts';
import {methods} from '../../router/model/method.ts';
import {Bench, VIP, translated, web} from './bench.ts';

const CLIENT = '198.51.100.7';
const DRAIN = {target: 'node1', deadlineSeconds: 60, keepClients: false};

async function put(bench: Bench, node: number, sequence: number, more: Partial<NodeState> = {}) {
  const outcome = await bench.put(node, sequence, [80], more);
  if (outcome.kind !== 'config') throw new Error(outcome.reason);
  return outcome.config;
}

function silent(bench: Bench, node: number, clientPort: number, idleSeconds: number): SilentFlow {
  const record = bench.registry.endpoints().find((one) => one.node === `node${node}`)!;
  return {
    protocol: 'tcp',
    client: CLIENT,
    clientPort,
    vip: VIP,
    port: 80,
    state: 'established',
    endpointSlot: record.slot,
    endpointGeneration: record.generation,
    idleSeconds,
    expiresInSeconds: 8000,
    seen: 5000,
  };
}
const question = (clientPort: number) => ({
  protocol: 'tcp' as const,
  vip: VIP,
  port: 80,
  client: CLIENT,
  clientPort,
  seen: 5000,
});

async function twoNodes() {
  const bench = await new Bench().start();
  await put(bench, 1, 1);
  await put(bench, 2, 1);
  const {clock, registry, events, supervisor, native} = bench;
  const {drains} = supervisor;
  const commit = () => supervisor.commit();
  return {
    bench,
    clock,
    segment: native.segment,
    overrides: new OverrideActions({clock, registry, events, drains, commit, save: bench.save}),
  };
}

test('a silent connection is asked about: its own node, once in a walk through the table', async (t) => {
  const {bench, clock, segment} = await twoNodes();
  segment.silentList = [silent(bench, 1, 1, 15), silent(bench, 2, 2, 20), silent(bench, 1, 3, 14)];
  let asked = 0;
  let sequence = 2;
  for (let second = 0; second < 60; second++) {
    await clock.advance(RENEW_MS);
    await put(bench, 2, sequence);
    const config = await put(bench, 1, sequence++);
    t.is(config.renewMs, RENEW_MS);
    if (config.silent === undefined) continue;
    t.deepEqual(config.silent, [question(1)]);
    asked += 1;
  }
  const parts = bench.provider.flows.expiringParts;
  t.true(asked >= 2 && asked <= 3 * parts, `${asked}`);
  t.true(segment.silentCalls >= 2 * parts && segment.silentCalls <= 2 * parts + 4, `${segment.silentCalls}`);
});

test('of what is being drained each silent connection is asked about at once, and the node answers more often', async (t) => {
  const {bench, clock, segment, overrides} = await twoNodes();
  const closing = {...silent(bench, 1, 2, 1), state: 'closing' as const};
  segment.silentList = [silent(bench, 1, 1, 1), closing, silent(bench, 1, 3, 0), silent(bench, 2, 4, 9)];
  segment.flowCounts = {'0:1': 3, '1:1': 1};
  await clock.advance(500);
  t.is((await put(bench, 1, 2)).silent, undefined);
  await overrides.drain(DRAIN);
  await clock.advance(1000);
  const config = await put(bench, 1, 3);
  t.deepEqual(config.silent, [question(1), question(2)]);
  t.is(config.renewMs, 250);
  t.is((await put(bench, 2, 2)).renewMs, RENEW_MS);
  t.is((await put(bench, 1, 4)).silent, undefined, 'each once');
  await clock.advance(250);
  t.is((await put(bench, 1, 5)).silent?.length, 2, 'and again with the next look');
});

test('when the last connection has ended the drain is over, in the same moment', async (t) => {
  const {bench, clock, segment, overrides} = await twoNodes();
  segment.silentList = [silent(bench, 1, 1, 1)];
  segment.flowCounts = {'0:1': 1};
  await overrides.drain(DRAIN);
  await clock.advance(1000);
  t.is((await put(bench, 1, 2)).silent?.length, 1);
  t.is(bench.names('drained').length, 0);
  segment.flowCounts = {};
  segment.silentList = [];
  await put(bench, 1, 3, {ended: [question(1)]});
  t.like(segment.ended[0], {clientPort: 1, endpointSlot: 0, endpointGeneration: 1, seen: 5000});
  t.is(bench.names('drained').length, 1);
  await clock.advance(250);
  const config = await put(bench, 1, 4);
  t.deepEqual([config.silent, config.renewMs], [undefined, RENEW_MS]);
});

test("a node ends its own endpoints' flows only, and not by a message that was overtaken", async (t) => {
  const {bench, segment} = await twoNodes();
  await put(bench, 1, 5, {
    ended: [
      {...question(1), port: 81},
      {...question(2), nodePort: 8080},
    ],
  });
  await put(bench, 1, 4, {ended: [question(3)]});
  t.deepEqual(segment.ended, []);
  await put(bench, 2, 5, {ended: [question(4)]});
  t.deepEqual(
    segment.ended.map((one) => [one.clientPort, one.endpointSlot]),
    [[4, 1]],
  );
});

test('translated: the question and the answer name the socket', async (t) => {
  const bench = await new Bench([web], null, methods.nat).start();
  const endpoints = [translated(80, 8080), translated(80, 8081)];
  await put(bench, 1, 1, {endpoints});
  const second = bench.registry.endpoints().find((one) => one.nodePort === 8081)!;
  const {segment} = bench.native;
  segment.silentList = [{...silent(bench, 1, 1, 20), endpointSlot: second.slot}];
  await bench.clock.advance(31_000);
  const named = {...question(1), nodePort: 8081};
  t.deepEqual((await put(bench, 1, 2, {endpoints})).silent, [named]);
  await put(bench, 1, 3, {endpoints, ended: [named]});
  t.is(segment.ended[0]?.endpointSlot, second.slot);
});

test('bounded: questions of a second, and those that wait for a node', async (t) => {
  const {bench, clock, segment, overrides} = await twoNodes();
  segment.silentList = Array.from({length: 9000}, (_, n) => silent(bench, 1, n + 1, 20));
  await clock.advance(500);
  t.true((await put(bench, 1, 2)).silent!.length <= 1000);
  await overrides.drain(DRAIN);
  segment.flowCounts = {'0:1': 9000};
  let sequence = 3;
  await clock.advance(500);
  await put(bench, 1, sequence++);
  await clock.advance(1000);
  t.true((await put(bench, 1, sequence++)).silent!.length <= MAX_FLOW_REPORTS);
});

test('a suspect node is not asked', async (t) => {
  const {bench, clock, segment} = await twoNodes();
  await clock.advance(4000);
  segment.silentList = [silent(bench, 1, 1, 20)];
  await clock.advance(31_000);
  t.is(bench.registry.node('node1')?.state, 'suspect');
  t.is((await put(bench, 1, 2)).silent, undefined);
});
