// Exclusive ports: one node at a time, whoever comes first, until it lets go; suspect nobody else.

import test from 'ava';
import * as fc from 'fast-check';
import type {ExclusivePort, NodeConfig, NodeState} from '../../router/protocol/messages.ts';
import {methods} from '../../router/model/method.ts';
import {registryCheckpointSchema} from '../../router/model/records.ts';
import {FORGET_MS, Registry} from '../../router/model/registry.ts';
import type {Application} from '../../router/model/application/application.ts';
import {Bench, nodeState, interfaces, VIP, web} from './bench.ts';

const media: Application = {...web, exclusive: [{protocol: 'udp', first: 5000, last: 5100}]};
const make = (applications = [media]) =>
  new Registry(
    methods.dsr,
    applications,
    interfaces.map((one) => one.network),
    {endpoints: 16, services: 8, blocks: 64},
    1,
  );
const port = (number: number, more: Partial<ExclusivePort> = {}): ExclusivePort => ({
  application: 'web',
  vip: VIP,
  protocol: 'udp',
  port: number,
  ...more,
});
let sequence = 0;
const put = (
  registry: Registry,
  node: number,
  exclusive: ExclusivePort[],
  more: Partial<NodeState> = {},
  now = 0,
) => registry.put(`node${node}`, nodeState(node, ++sequence, [], {exclusive, ...more}), now);
const has = (registry: Registry, node: number) =>
  registry.ports.exclusive.ofNode(`node${node}`).map((one) => one.port);
const reasons = (registry: Registry, node: number) =>
  registry.ports.exclusive.refusedOf(`node${node}`).map((one) => one.reason);

test('the first has it, the second hears who, and gets it when the first lets go', (t) => {
  const registry = make();
  put(registry, 1, [port(5000), port(5001)]);
  put(registry, 2, [port(5000), port(5002)]);
  t.deepEqual([has(registry, 1), has(registry, 2)], [[5000, 5001], [5002]]);
  t.deepEqual(reasons(registry, 2), [`${VIP}:5000/udp is exclusive, and node1 has it`]);
  put(registry, 1, [port(5001)]);
  put(registry, 2, [port(5000), port(5002)]);
  t.deepEqual([has(registry, 1), has(registry, 2)], [[5001], [5002, 5000]]);
  t.deepEqual(reasons(registry, 2), []);
});

test('an agent that does not know yet lets nothing go', (t) => {
  const registry = make();
  put(registry, 1, [port(5000)], {epoch: 1});
  registry.put('node1', nodeState(1, ++sequence, [], {epoch: 2}), 0);
  put(registry, 2, [port(5000)]);
  t.deepEqual([has(registry, 1), has(registry, 2)], [[5000], []]);
  // What it finds when it knows is the truth.
  put(registry, 1, [], {epoch: 2});
  put(registry, 2, [port(5000)]);
  t.deepEqual([has(registry, 1), has(registry, 2)], [[], [5000]]);
});

test('a suspect node keeps; leaving and being given up free', (t) => {
  const registry = make();
  put(registry, 1, [port(5000)]);
  registry.expire(3000);
  put(registry, 2, [port(5000)], {}, FORGET_MS + 2000);
  t.deepEqual(has(registry, 2), []);
  registry.prune({}, FORGET_MS + 3000);
  put(registry, 2, [port(5000)], {}, FORGET_MS + 3000);
  t.deepEqual(has(registry, 2), [5000]);
  put(registry, 2, [port(5000)], {leaving: true}, FORGET_MS + 3000);
  t.deepEqual(registry.ports.exclusive.all(), []);
});

const never: [string, ExclusivePort, RegExp][] = [
  ['a port that is not exclusive', port(4999), /^4999\/udp is not exclusive: of web are 5000-5100\/udp$/],
  ['the other protocol', port(5000, {protocol: 'tcp'}), /^5000\/tcp is not exclusive/],
  ['another VIP', port(5000, {vip: '10.9.9.9'}), /^10\.9\.9\.9 is no virtual IP of application "web"$/],
  ['another application', port(5000, {application: 'db'}), /no virtual IP of application "db"$/],
];
for (const [title, one, reason] of never)
  test(`nobody may have: ${title}`, (t) => {
    const registry = make();
    put(registry, 1, [one]);
    t.deepEqual(registry.ports.exclusive.all(), []);
    t.regex(reasons(registry, 1)[0] ?? '', reason);
  });

const endpoint = (number: number) => ({...port(number), instances: 1});

test('an endpoint on an exclusive port is its owner’s only', (t) => {
  const registry = make();
  put(registry, 1, [port(5000)], {endpoints: [endpoint(5000)]});
  put(registry, 2, [], {endpoints: [endpoint(5000), endpoint(4000)]});
  t.deepEqual(
    registry.node('node2')?.refused.map((one) => one.reason),
    ['port 5000/udp is exclusive, and node1 has it'],
  );
  t.deepEqual(
    registry.endpoints().map((one) => `${one.node} ${one.port}`),
    ['node1 5000', 'node2 4000'],
  );
});

test('a port that becomes exclusive while two serve it: the first that reports keeps it', (t) => {
  const registry = make([web]);
  for (const node of [1, 2]) put(registry, node, [], {endpoints: [endpoint(5000)]});
  registry.configure([media], 10);
  for (const node of [1, 2]) put(registry, node, [], {endpoints: [endpoint(5000)]});
  t.deepEqual([has(registry, 1), has(registry, 2)], [[5000], []]);
  t.is(registry.endpoints().find((one) => one.node === 'node2')?.state, 'closed');
  registry.configure([web], 20);
  t.deepEqual(registry.ports.exclusive.all(), []);
});

test('a block is never leased over exclusive ports, nor has anybody one in a block', (t) => {
  const tight = {portRange: {first: 5056, last: 5183}};
  const registry = make();
  registry.ports.blocks.size = 64;
  const outbound = [{vip: VIP, wanted: 2, held: []}];
  put(registry, 1, [], {...tight, outbound});
  t.deepEqual(
    registry.ports.blocks.ofNode('node1').map((one) => one.first),
    [5120],
  );
  const wide: Application = {...media, exclusive: [{protocol: 'udp', first: 5000, last: 5200}]};
  registry.configure([wide], 10);
  put(registry, 2, [port(5150)]);
  t.regex(reasons(registry, 2)[0] ?? '', /lies among those that node1 opens connections from/);
});

test('a router that lost its checkpoint decides nothing that may be another’s', (t) => {
  const registry = make();
  registry.begin(0);
  put(registry, 2, [port(5000)], {}, 1000);
  t.deepEqual([has(registry, 2), reasons(registry, 2)], [[], []]);
  // Who has it says so.
  put(registry, 1, [port(5000)], {endpoints: [endpoint(5000)]}, 1500);
  put(registry, 2, [port(5000), port(5001)], {}, 3000);
  t.deepEqual([has(registry, 1), has(registry, 2)], [[5000], [5001]]);
});

test('restored, and without the configuration’s word no more', (t) => {
  const registry = make();
  put(registry, 1, [port(5000), port(5001)]);
  const checkpoint = registryCheckpointSchema.parse(JSON.parse(JSON.stringify(registry.checkpoint())));
  const next = make();
  next.restore(checkpoint, 0);
  put(next, 2, [port(5000)]);
  t.deepEqual([has(next, 1), has(next, 2)], [[5000, 5001], []]);
  const other = make([{...media, exclusive: [{protocol: 'udp', first: 5001, last: 5001}]}]);
  other.restore(checkpoint, 0);
  t.deepEqual(has(other, 1), [5001]);
});

test('in the configuration of its node, and told to operators once', async (t) => {
  const bench = await new Bench([media]).start();
  const config = async (node: number, n: number, exclusive: ExclusivePort[]): Promise<NodeConfig> => {
    const outcome = await bench.put(node, n, [], {exclusive});
    if (outcome.kind !== 'config') throw new Error(outcome.reason);
    return outcome.config;
  };
  const first = await config(1, 1, [port(5000)]);
  t.deepEqual(first.exclusive, [port(5000)]);
  t.deepEqual(first.applications[0]?.exclusive, media.exclusive);
  for (let n = 1; n < 4; n++)
    t.deepEqual(
      (await config(2, n, [port(5000)])).exclusiveRefused?.map((one) => one.port),
      [port(5000)],
    );
  await config(1, 2, []);
  t.deepEqual(bench.names('exclusive-granted', 'exclusive-refused', 'exclusive-released'), [
    `exclusive-granted ${VIP} 5000 node1`,
    `exclusive-refused ${VIP} 5000 node2`,
    `exclusive-released ${VIP} 5000 node1`,
  ]);
});

test('property: never two nodes, and who has one keeps it as long as it says so', (t) => {
  const message = fc.record({
    node: fc.integer({min: 1, max: 3}),
    ports: fc.uniqueArray(fc.integer({min: 5000, max: 5003})),
    leaving: fc.boolean(),
    restart: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(message, {maxLength: 40}), (messages) => {
      let registry = make();
      for (const {node, ports, leaving, restart} of messages) {
        const before = has(registry, node);
        put(
          registry,
          node,
          ports.map((one) => port(one)),
          {leaving},
        );
        const after = has(registry, node);
        const expected = leaving ? [] : before.filter((one) => ports.includes(one));
        if (expected.some((one) => !after.includes(one))) throw new Error('taken away');
        if (after.some((one) => leaving || !ports.includes(one))) throw new Error('not asked for');
        const all = [1, 2, 3].flatMap((one) => has(registry, one));
        if (new Set(all).size !== all.length) throw new Error('two nodes');
        const next = make();
        if (restart) next.restore(registry.checkpoint(), 0);
        if (restart) registry = next;
      }
    }),
  );
  t.pass();
});
