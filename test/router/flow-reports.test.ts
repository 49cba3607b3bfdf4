// What nodes report of their flows, and what they are asked: only their own endpoints' connections, soon enough, and not too often.

import test from 'ava';
import {MAX_FLOW_REPORTS} from '../../router/protocol/messages.ts';
import type {FlowReport, NodeConfig, NodeState} from '../../router/protocol/messages.ts';
import type {Flow} from '../../addon/router.ts';
import {defaultTimeouts} from '../../router/model/application/application.ts';
import {methods} from '../../router/model/method.ts';
import {Bench, translated, VIP, web} from './bench.ts';

const CLIENT = '198.51.100.7';
const report = (clientPort: number, more: Partial<FlowReport> = {}): FlowReport => ({
  protocol: 'tcp',
  vip: VIP,
  port: 80,
  client: CLIENT,
  clientPort,
  ...more,
});

async function put(
  bench: Bench,
  node: number,
  sequence: number,
  more: Partial<NodeState> = {},
  ports = [80],
) {
  const outcome = await bench.put(node, sequence, ports, more);
  if (outcome.kind !== 'config') throw new Error(outcome.reason);
  return outcome.config;
}
const reasons = (config: NodeConfig) => (config.flowsRefused ?? []).map((one) => one.reason);
const endpoint = (bench: Bench, node: number) => {
  const record = bench.registry.endpoints().find((one) => one.node === `node${node}`);
  return {endpointSlot: record?.slot, endpointGeneration: record?.generation};
};

test('a flow in the message that registers the endpoint is written with its place and time-out', async (t) => {
  const bench = await new Bench().start();
  await put(bench, 2, 1);
  const udp = {application: 'web', vip: VIP, protocol: 'udp' as const, port: 53, instances: 1};
  const endpoints = [{...udp, protocol: 'tcp' as const, port: 80}, udp];
  const flows = [report(1000), report(1001, {opening: true}), report(1002, {protocol: 'udp', port: 53})];
  const config = await put(bench, 1, 1, {endpoints, flows});
  t.deepEqual(config.flowsRefused, []);
  t.deepEqual(
    bench.native.segment.imported.map((one) => [one.client, one.clientPort, one.port, one.timeout]),
    [
      [CLIENT, 1000, 80, 8100],
      [CLIENT, 1001, 80, 150],
      [CLIENT, 1002, 53, 180],
    ],
  );
  t.like(bench.native.segment.imported[0], {...endpoint(bench, 1), vip: VIP, protocol: 'tcp'});
});

test('an endpoint without instances: known and reached, but nobody’s new flows go there', async (t) => {
  const bench = await new Bench().start();
  const data = {application: 'web', vip: VIP, protocol: 'tcp' as const, port: 20, instances: 0};
  const config = await put(bench, 1, 1, {
    endpoints: [data],
    flows: [report(4000, {port: 20, opening: true})],
  });
  t.deepEqual([config.refused, config.flowsRefused], [[], []]);
  t.like(bench.native.segment.policy?.endpoints[0], {open: true});
  t.deepEqual(bench.native.segment.ring(20), []);
  t.is(bench.native.segment.imported.length, 1);
  t.deepEqual(bench.native.segment.policy?.vips, [{address: VIP, active: true}]);
  // A try to connect would be refused, and say nothing about the node.
  await bench.clock.advance(8000);
  t.is(bench.registry.endpoints()[0]?.state, 'suspect');
});

const foreign: [string, FlowReport][] = [
  ['another node’s endpoint', report(1000, {port: 81})],
  ['an endpoint that nobody has', report(1000, {port: 82})],
  ['the other protocol', report(1000, {protocol: 'udp'})],
  ['a port of the node where none is translated', report(1000, {nodePort: 8080})],
];
for (const [title, one] of foreign)
  test(`refused: ${title}`, async (t) => {
    const bench = await new Bench().start();
    await put(bench, 2, 1, {}, [81]);
    const config = await put(bench, 1, 1, {flows: [report(999), one]});
    t.deepEqual(
      config.flowsRefused?.map((refused) => refused.flow),
      [one],
    );
    t.is(
      reasons(config)[0],
      `the node has no endpoint ${VIP}:${one.port}/${one.protocol} that the router knows`,
    );
    t.deepEqual(
      bench.native.segment.imported.map((written) => written.clientPort),
      [999],
    );
  });

test('refused: held by another, no room, overtaken', async (t) => {
  const bench = await new Bench().start();
  bench.native.segment.importResults = ['made', 'held', 'kept', 'full'];
  const flows = [1, 2, 3, 4].map((port) => report(port));
  const config = await put(bench, 1, 5, {flows});
  t.deepEqual(reasons(config), ['another endpoint has the connection', 'the flow table is full']);
  t.deepEqual(
    config.flowsRefused?.map((one) => one.flow.clientPort),
    [2, 4],
  );
  t.deepEqual(reasons(await put(bench, 1, 4, {flows: [report(9)]})), [
    'the message was overtaken by a later one',
  ]);
  t.is(bench.native.segment.imported.length, 4);
});

test('translated: the socket says which instance; a closed one still has its connections, no datagrams', async (t) => {
  const bench = await new Bench([web], null, methods.nat).start();
  const udp = {...translated(53, 5353), protocol: 'udp' as const};
  await put(bench, 1, 1, {endpoints: [translated(80, 8080), translated(80, 8081), udp]});
  const [first, second] = bench.registry.endpoints();
  const flows = [
    report(1, {nodePort: 8081}),
    report(2, {nodePort: 8080}),
    report(3, {protocol: 'udp', port: 53, nodePort: 5353}),
  ];
  const config = await put(bench, 1, 2, {endpoints: [translated(80, 8081)], flows});
  t.deepEqual(
    bench.native.segment.imported.map((one) => one.endpointSlot),
    [second?.slot, first?.slot],
  );
  t.deepEqual(
    config.flowsRefused?.map((one) => one.flow.clientPort),
    [3],
  );
});

const flow = (bench: Bench, clientPort: number, expiresInSeconds: number, node = 1): Flow => ({
  protocol: 'tcp',
  client: CLIENT,
  clientPort,
  vip: VIP,
  port: 80,
  state: 'established',
  endpointSlot: endpoint(bench, node).endpointSlot ?? -1,
  endpointGeneration: endpoint(bench, node).endpointGeneration ?? -1,
  idleSeconds: 1,
  expiresInSeconds,
});

test('a node is asked for what would soon be forgotten: its own only, once, and again in time', async (t) => {
  const bench = await new Bench().start();
  await put(bench, 1, 1);
  await put(bench, 2, 1);
  const {segment} = bench.native;
  segment.expiringList = [
    flow(bench, 1, 59),
    flow(bench, 2, 30, 2),
    {...flow(bench, 3, 5), endpointSlot: 60},
  ];
  await bench.clock.advance(500);
  t.deepEqual((await put(bench, 1, 2)).confirm, [report(1)]);
  t.deepEqual((await put(bench, 2, 2)).confirm, [report(2)]);
  await bench.clock.advance(1000);
  t.deepEqual((await put(bench, 1, 3)).confirm, []);
  // The answer may have been lost, or the agent busy: four times in a minute.
  let asked = 1;
  for (let sequence = 4; sequence < 62; sequence++) {
    await bench.clock.advance(1000);
    asked += (await put(bench, 1, sequence)).confirm?.length ?? 0;
  }
  t.is(asked, 4);
});

test('short time-outs: asked in their second half', async (t) => {
  const bench = await new Bench([{...web, timeouts: {...defaultTimeouts, established: 8}}]).start();
  await put(bench, 1, 1);
  bench.native.segment.expiringList = [flow(bench, 1, 5)];
  await bench.clock.advance(1000);
  t.deepEqual((await put(bench, 1, 2)).confirm, []);
  bench.native.segment.expiringList = [flow(bench, 1, 4)];
  await bench.clock.advance(250);
  t.deepEqual((await put(bench, 1, 3)).confirm, [report(1)]);
  await bench.clock.advance(1000);
  t.deepEqual((await put(bench, 1, 4)).confirm, [report(1)]);
});

test('more questions than fit go with the next answers', async (t) => {
  const bench = await new Bench().start();
  await put(bench, 1, 1);
  const {segment} = bench.native;
  segment.expiringList = Array.from({length: MAX_FLOW_REPORTS + 3}, (_, n) => flow(bench, n + 1, 20));
  await bench.clock.advance(500);
  t.is((await put(bench, 1, 2)).confirm?.length, MAX_FLOW_REPORTS);
  t.is((await put(bench, 1, 3)).confirm?.length, 3);
  t.is((await put(bench, 1, 4)).confirm?.length, 0);
});

test('a node that cannot be asked, for its agent is silent, is believed', async (t) => {
  const bench = await new Bench().start();
  await put(bench, 1, 1);
  await bench.clock.advance(3500);
  bench.native.segment.expiringList = [flow(bench, 1, 20)];
  await bench.clock.advance(500);
  t.like(bench.native.segment.imported[0], {...endpoint(bench, 1), clientPort: 1, timeout: 120});
  t.is(bench.native.segment.imported.length, 1);
});

test('a fresh flow table: its number is told, and unknown segments wait for flows as long as a lease', async (t) => {
  const bench = await new Bench([web], null, methods.dsr, true).start();
  const config = await put(bench, 1, 1);
  t.is(config.flowTable, 1);
  t.true(bench.native.segment.policy?.awaitImports);
  await bench.clock.advance(2900);
  t.true(bench.native.segment.policy?.awaitImports);
  await bench.clock.advance(200);
  t.false(bench.native.segment.policy?.awaitImports);
  const adopted = await new Bench().start();
  t.false(adopted.native.segment.policy?.awaitImports);
});
