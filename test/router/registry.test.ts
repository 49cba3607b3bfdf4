// The registry: what a PUT does, leases and suspect nodes, and slots that are never given again while flows refer to them.

import test from 'ava';
import * as fc from 'fast-check';
import type {NodeState} from '../../router/protocol/messages.ts';
import {applicationDefaults} from '../../router/model/application/application.ts';
import type {Application} from '../../router/model/application/application.ts';
import {methods} from '../../router/model/method.ts';
import {nodeConfigFor} from '../../router/model/node-config.ts';
import {FORGET_MS, Registry} from '../../router/model/registry.ts';
import {registryCheckpointSchema} from '../../router/model/records.ts';
import {Slots} from '../../router/base/slots.ts';
import {defaultProbeRules} from '../../router/model/liveness.ts';
import type {ProbeResult} from '../../router/model/liveness.ts';
import type {EndpointRecord} from '../../router/model/records.ts';
import {Routes} from '../../router/policy/routes.ts';

const VIP = '10.77.0.100';
const applications: Application[] = [
  {name: 'web', tenant: 'acme', vips: [VIP], ports: null, ...applicationDefaults},
  {
    name: 'mail',
    tenant: 'acme',
    vips: [VIP],
    ports: [{protocol: 'tcp', first: 25, last: 25}],
    ...applicationDefaults,
  },
];
const networks = [
  {address: '10.77.0.1', prefix: 24},
  {address: '10.88.0.1', prefix: 24},
];
const make = (limits = {endpoints: 8, services: 4, blocks: 64}, method = methods.dsr) =>
  new Registry(method, applications, networks, limits, 1);

const endpoint = (port: number, application = 'web', instances = 1) => ({
  application,
  vip: VIP,
  protocol: 'tcp' as const,
  port,
  instances,
});
const state = (sequence: number, ports: number[], more: Partial<NodeState> = {}): NodeState => ({
  address: '10.88.0.11',
  epoch: 1,
  sequence,
  endpoints: ports.map((port) => endpoint(port)),
  vips: [],
  ...more,
});
const states = (registry: Registry) =>
  Object.fromEntries(registry.endpoints().map((one) => [`${one.node}:${one.port}`, one.state]));

/** By a router that knows no more of the node than that its agent is silent. */
function probed(registry: Registry, record: EndpointRecord, result: ProbeResult, now: number): void {
  const finding = {result, node: 'unknown', trusted: true, alone: true} as const;
  registry.probed(record, finding, defaultProbeRules, now);
}

test('a PUT replaces the whole set', (t) => {
  const registry = make();
  t.is(registry.put('node1', state(1, [80, 81]), 0).kind, 'applied');
  registry.put('node1', state(2, [81, 82]), 0);
  t.deepEqual(states(registry), {'node1:80': 'closed', 'node1:81': 'up', 'node1:82': 'up'});
});

test('the same state again changes nothing; an overtaken one is answered, not applied', (t) => {
  const registry = make();
  registry.put('node1', state(5, [80]), 0);
  const {revision} = registry;
  t.is(registry.put('node1', state(6, [80]), 100).kind, 'applied');
  t.is(registry.revision, revision);
  t.is(registry.put('node1', state(6, [81]), 100).kind, 'overtaken');
  t.is(registry.put('node1', state(4, [81]), 100).kind, 'overtaken');
  t.deepEqual(states(registry), {'node1:80': 'up'});
  // A new agent counts from one again.
  t.is(registry.put('node1', state(1, [81], {epoch: 2}), 200).kind, 'applied');
  t.deepEqual(states(registry), {'node1:80': 'closed', 'node1:81': 'up'});
});

test('whose name, whose address', (t) => {
  const registry = make();
  registry.put('node1', state(1, [80], {epoch: 5}), 0);
  const reason = (name: string, put: NodeState, now = 0) => {
    const result = registry.put(name, put, now);
    return result.kind === 'refused' ? result.reason : result.kind;
  };
  t.regex(reason('node1', state(9, [], {epoch: 4})), /a newer agent holds the name node1/);
  t.regex(reason('node1', state(1, [], {epoch: 6, address: '10.88.0.12'})), /its lease still runs/);
  t.regex(reason('node2', state(1, [])), /address 10\.88\.0\.11 belongs to node node1/);
  t.regex(reason('node3', state(1, [], {address: VIP})), /is a virtual IP/);
  t.regex(reason('node3', state(1, [], {address: '10.88.0.1'})), /is the router's own/);
  t.regex(
    reason('node3', state(1, [], {address: '10.5.0.1'})),
    /on none of the router's networks \(10\.77\.0\.1\/24, 10\.88\.0\.1\/24\)/,
  );
  // When the lease is over, the machine evidently has another name now.
  registry.expire(3000);
  t.is(reason('node2', state(1, [90]), 3001), 'applied');
  t.deepEqual(states(registry), {'node1:80': 'closed', 'node2:90': 'up'});
  t.is(registry.node('node1')?.state, 'left');
});

test('what an endpoint may be', (t) => {
  const registry = make();
  const endpoints = [
    endpoint(80, 'wob'),
    endpoint(25),
    endpoint(26, 'mail'),
    {...endpoint(80), vip: '10.77.0.9'},
    endpoint(80),
  ];
  registry.put('node1', state(1, [], {endpoints}), 0);
  t.deepEqual(
    registry.node('node1')?.refused.map((one) => one.reason.replace(/:.*/, '')),
    [
      'unknown application "wob"',
      'web may not use 25/tcp',
      'mail may not use 26/tcp',
      '10.77.0.9 is no virtual IP of web',
    ],
  );
  t.deepEqual(states(registry), {'node1:80': 'up'});
  const config = nodeConfigFor(registry, {address: '10.88.0.1', direct: [], tracksFlows: true}, methods.dsr, {
    name: 'node1',
    refused: [],
  });
  t.deepEqual(config.applications[0]?.ports, [
    {protocol: 'tcp', first: 1, last: 24},
    {protocol: 'tcp', first: 26, last: 65535},
    {protocol: 'udp', first: 1, last: 65535},
  ]);
});

test('a full table refuses, and says so', (t) => {
  const registry = make({endpoints: 2, services: 4, blocks: 0});
  registry.put('node1', state(1, [80, 81, 82]), 0);
  t.deepEqual(
    registry.node('node1')?.refused.map((one) => one.endpoint.port),
    [82],
  );
  t.regex(registry.node('node1')?.refused[0]?.reason ?? '', /full/);
});

test('lease over: suspect, probes decide, the agent has the last word', (t) => {
  const registry = make();
  registry.put('node1', state(1, [80, 81, 82]), 0);
  t.deepEqual(registry.expire(2999), []);
  t.deepEqual(
    registry.expire(3000).map((node) => node.name),
    ['node1'],
  );
  const [a, b, c] = registry.endpoints();
  if (!a || !b || !c) return t.fail();
  probed(registry, a, 'open', 3100);
  probed(registry, b, 'refused', 3100);
  probed(registry, c, 'silent', 3100);
  probed(registry, c, 'silent', 4100);
  const unreachable = () => [a, b, c].map((one) => one.unreachable);
  t.deepEqual(unreachable(), [undefined, 'refuses', undefined]);
  probed(registry, c, 'silent', 5100);
  probed(registry, b, 'open', 5100);
  t.deepEqual(unreachable(), [undefined, 'refuses', 'unknown']);
  probed(registry, b, 'open', 6100);
  t.deepEqual(unreachable(), [undefined, undefined, 'unknown']);
  t.deepEqual(states(registry), {'node1:80': 'suspect', 'node1:81': 'suspect', 'node1:82': 'suspect'});
  t.deepEqual(
    new Routes(registry).all().map((route) => route.endpoints[0]?.weight),
    [2, 2, 0],
  );
  registry.put('node1', state(2, [80, 81, 82]), 7000);
  t.deepEqual(states(registry), {'node1:80': 'up', 'node1:81': 'up', 'node1:82': 'up'});
  t.deepEqual(unreachable(), [undefined, undefined, undefined]);
});

test('a leaving node takes its endpoints along, and is forgotten', (t) => {
  const registry = make();
  registry.put('node1', state(1, [80]), 0);
  registry.put('node1', state(2, [80], {leaving: true}), 10);
  t.deepEqual(states(registry), {'node1:80': 'closed'});
  registry.prune({}, 5000);
  t.is(registry.nodes().length, 0);
  t.is(registry.services().length, 0);
});

test('a node that nobody heard of for long, and no endpoint of which answers, is given up', (t) => {
  const registry = make();
  registry.put('node1', state(1, [80, 81]), 0);
  registry.expire(3000);
  for (const record of registry.endpoints()) probed(registry, record, 'refused', 4000);
  registry.prune({}, FORGET_MS);
  t.is(registry.nodes().length, 1);
  registry.prune({}, FORGET_MS + 4000);
  registry.prune({}, FORGET_MS + 6000);
  t.is(registry.nodes().length, 0);
});

test('a closed endpoint keeps its place until no flow refers to it; then generation rises', (t) => {
  const registry = make({endpoints: 1, services: 4, blocks: 0});
  registry.put('node1', state(1, [80]), 0);
  const {slot, generation} = registry.endpoints()[0] ?? {slot: -1, generation: -1};
  registry.put('node1', state(2, [81]), 0);
  registry.prune({[`${slot}:${generation}`]: 1}, 60_000);
  registry.put('node1', state(3, [81]), 60_000);
  t.deepEqual(states(registry), {'node1:80': 'closed'});
  registry.prune({}, 61_000);
  registry.put('node1', state(4, [81]), 61_000);
  t.like(registry.endpoints()[0], {port: 81, slot, generation: generation + 1, state: 'up'});
});

test('bound again before its flows are gone: the same endpoint', (t) => {
  const registry = make();
  registry.put('node1', state(1, [80]), 0);
  const before = registry.endpoints()[0];
  const place = {slot: before?.slot, generation: before?.generation};
  registry.put('node1', state(2, []), 0);
  registry.put('node1', state(3, [80]), 10);
  t.like(registry.endpoints()[0], {...place, state: 'up'});
  t.is(registry.endpoints().length, 1);
});

test('a new configuration closes what it forbids', (t) => {
  const registry = make();
  registry.put('node1', state(1, [80, 81]), 0);
  const [web] = applications;
  if (!web) return t.fail();
  registry.configure([{...web, ports: [{protocol: 'tcp', first: 81, last: 81}]}], 10);
  t.deepEqual(states(registry), {'node1:80': 'closed', 'node1:81': 'up'});
});

test('an agent that starts again and knows no levels yet leaves those that are known, until its lease ends', (t) => {
  const registry = make();
  registry.put('node1', state(1, [80], {levels: {web: 'high'}}), 0);
  registry.put('node1', state(1, [80], {epoch: 2}), 1000);
  t.deepEqual(registry.node('node1')?.levels, {web: 'high'});
  registry.put('node1', state(2, [80], {epoch: 2, levels: {}}), 2000);
  t.deepEqual(registry.node('node1')?.levels, {});
});

test('from the end of its lease a node counts as medium, which is one step from whatever it said', (t) => {
  const registry = make();
  registry.put('node1', state(1, [80], {levels: {web: 'high'}}), 0);
  registry.put('node2', state(1, [80], {levels: {web: 'low'}, address: '10.88.0.12'}), 0);
  const routes = new Routes(registry);
  const weights = () => routes.all()[0]?.endpoints.map((one) => one.weight);
  t.deepEqual(weights(), [1, 4]);
  registry.expire(2999);
  t.deepEqual(weights(), [1, 4]);
  registry.expire(3000);
  t.deepEqual(weights(), [2, 2]);
});

test('restored: places and services stay, every node is suspect with a fresh lease', (t) => {
  const registry = make();
  registry.put('node1', state(7, [80, 81], {levels: {web: 'low'}}), 0);
  registry.put('node1', state(8, [81], {levels: {web: 'low'}}), 0);
  const checkpoint = registryCheckpointSchema.parse(JSON.parse(JSON.stringify(registry.checkpoint())));
  const next = new Registry(methods.dsr, applications, networks, {endpoints: 8, services: 4, blocks: 64}, 99);
  next.restore(checkpoint, 1000);
  t.deepEqual(states(next), {'node1:80': 'closed', 'node1:81': 'suspect'});
  t.is(next.generation, 1);
  t.deepEqual(
    [1000, 4000].map((now) => next.isAlone(next.endpoints()[1]!, now)),
    [false, true],
  );
  const route = new Routes(next).all().find((one) => one.port === 81);
  t.is(route?.endpoints[0]?.weight, 4);
  t.deepEqual(
    new Routes(next).all().map((one) => [one.slot, one.port]),
    new Routes(registry).all().map((one) => [one.slot, one.port]),
  );
  next.put('node1', state(1, [81, 82], {epoch: 2}), 1500);
  const slots = next.endpoints().map((one) => one.slot);
  t.is(new Set(slots).size, 3);
});

test('property: no two endpoints share a place, and none takes one that a flow still names', (t) => {
  const put = fc.record({
    node: fc.integer({min: 1, max: 3}),
    ports: fc.uniqueArray(fc.integer({min: 80, max: 84}), {maxLength: 5}),
    flows: fc.integer({min: 0, max: 3}),
    leaving: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(put, {maxLength: 60}), (puts) => {
      const registry = make({endpoints: 6, services: 3, blocks: 0});
      const flows = new Map<string, string>();
      puts.forEach(({node, ports, flows: keep, leaving}, step) => {
        const now = step * 2000;
        registry.put(`node${node}`, state(step + 1, ports, {address: `10.88.0.1${node}`, leaving}), now);
        for (const record of registry.endpoints()) {
          const place = `${record.slot}:${record.generation}`;
          const owner = `${record.node} ${record.port}`;
          if (record.state === 'up') flows.set(place, flows.get(place) ?? owner);
          if (flows.has(place) && flows.get(place) !== owner) throw new Error(`${place} changed its owner`);
        }
        const slots = registry.endpoints().map((record) => record.slot);
        if (new Set(slots).size !== slots.length) throw new Error('two endpoints in one place');
        for (const place of [...flows.keys()].slice(keep)) flows.delete(place);
        registry.prune(Object.fromEntries([...flows.keys()].map((place) => [place, 1])), now + 1000);
      });
    }),
  );
  t.pass();
});

test('places: generations never repeat soon, wrap without zero, and survive a restart', (t) => {
  const slots = new Slots(1);
  const seen = new Set<number>();
  for (let n = 0; n < 65535; n++) {
    const place = slots.take();
    if (!place) return t.fail();
    t.false(seen.has(place.generation) || place.generation === 0);
    seen.add(place.generation);
    t.is(slots.take(), null);
    slots.release(place.slot);
  }
  t.is(slots.take()?.generation, 1);
  const next = new Slots(1);
  next.restore(slots.history(), [0]);
  t.is(next.take(), null);
  next.release(0);
  t.is(next.take()?.generation, 2);
});
