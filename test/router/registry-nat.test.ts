// The registry in NAT mode: an endpoint has a port of its own on its node, which stands for one virtual port.

import test from 'ava';
import * as fc from 'fast-check';
import {nodeStateSchema} from '../../router/protocol/messages.ts';
import type {NodeState} from '../../router/protocol/messages.ts';
import {methods} from '../../router/model/method.ts';
import {nodeConfigFor} from '../../router/model/node-config.ts';
import {registryCheckpointSchema} from '../../router/model/records.ts';
import {Registry} from '../../router/model/registry.ts';
import {Routes} from '../../router/policy/routes.ts';
import {nodeState, interfaces, translated, VIP, web} from './bench.ts';

const make = (method = methods.nat) =>
  new Registry(
    method,
    [web],
    interfaces.map((one) => one.network),
    {endpoints: 8, services: 4, blocks: 64},
    1,
  );
const state = (sequence: number, endpoints: NodeState['endpoints'], node = 1): NodeState =>
  nodeState(node, sequence, [], {endpoints});
const places = (registry: Registry) =>
  registry.endpoints().map((one) => `${one.port} ${one.nodePort} ${one.state}`);

test('instances on one node are endpoints of their own', (t) => {
  const registry = make();
  registry.put('node1', state(1, [translated(80, 80), translated(80, 8080)]), 0);
  registry.put('node1', state(2, [translated(80, 8080)]), 0);
  t.deepEqual(places(registry), ['80 80 closed', '80 8080 up']);
  const [route] = new Routes(registry).all();
  t.deepEqual(
    route?.endpoints.map((one) => [one.nodePort, one.weight]),
    [
      [80, 0],
      [8080, 2],
    ],
  );
  const next = make();
  next.restore(registryCheckpointSchema.parse(JSON.parse(JSON.stringify(registry.checkpoint()))), 0);
  t.deepEqual(places(next), ['80 80 closed', '80 8080 suspect']);
});

test('a socket stands for one endpoint; it passes to another when the first is closed', (t) => {
  const registry = make();
  registry.put('node1', state(1, [translated(80, 8080), translated(81, 8080)]), 0);
  t.deepEqual(
    registry.node('node1')?.refused.map((one) => one.reason),
    [`port 8080 of the node stands for ${VIP}:80 already`],
  );
  // The same PUT ends the one and begins the other; flows of the first must not reach the second.
  const before = registry.endpoints()[0];
  registry.put('node1', state(2, [translated(81, 8080)]), 0);
  t.deepEqual(places(registry), ['81 8080 up']);
  const [after] = registry.endpoints();
  t.false(after?.slot === before?.slot && after?.generation === before?.generation);
  registry.put('node2', state(1, [translated(80, 8080)], 2), 0);
  t.deepEqual(places(registry), ['81 8080 up', '80 8080 up']);
  // Restored too, it has one owner.
  const next = make();
  next.restore(registry.checkpoint(), 0);
  next.put('node1', state(3, [translated(81, 8080), translated(82, 8080)]), 0);
  t.is(next.node('node1')?.refused.length, 1);
});

test('what each method needs of an endpoint and of a node', (t) => {
  const dsr = make(methods.dsr);
  dsr.put('node1', state(1, [translated(80, 8080)]), 0);
  t.regex(dsr.node('node1')?.refused[0]?.reason ?? '', /does not translate \(mode dsr\)$/);
  const nat = make();
  nat.put('node1', nodeState(1, 1, [80]), 0);
  t.regex(nat.node('node1')?.refused[0]?.reason ?? '', /no port of the node .*\(mode nat\)$/);
  t.is(nat.endpoints().length, 0);
  t.like(nat.put('node2', nodeState(2, 1, [], {address: '10.77.0.12'}), 0), {
    kind: 'refused',
    reason: "address 10.77.0.12 is on none of the router's networks (10.88.0.1/24)",
  });
  t.like(
    nodeConfigFor(nat, {address: '10.88.0.1', direct: [], tracksFlows: true}, methods.nat, {
      name: 'node1',
      refused: [],
    }),
    {
      mode: 'nat',
      vipPlacement: 'none',
    },
  );
});

test('an endpoint with a port of the node is one instance', (t) => {
  const two = {...translated(80, 8080), instances: 2};
  const parsed = nodeStateSchema.safeParse(state(1, [two]));
  t.deepEqual(
    parsed.error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
    ['endpoints.0.instances: an endpoint with a nodePort is one instance'],
  );
  t.true(nodeStateSchema.safeParse(state(1, [translated(80, 8080)])).success);
});

test('another method than before: what was registered under the old one closes', (t) => {
  const dsr = make(methods.dsr);
  dsr.put('node1', nodeState(1, 1, [80]), 0);
  const nat = make();
  nat.restore(dsr.checkpoint(), 0);
  t.deepEqual(places(nat), ['80 undefined closed']);
});

test('property: whatever nodes say, no two endpoints have the same socket', (t) => {
  const endpoint = fc.tuple(fc.integer({min: 80, max: 82}), fc.integer({min: 8080, max: 8082}));
  const put = fc.record({
    node: fc.integer({min: 1, max: 2}),
    endpoints: fc.array(endpoint, {maxLength: 4}),
    // Two nodes may claim one address, one after the other.
    address: fc.constantFrom('10.88.0.11', '10.88.0.12'),
    flows: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(put, {maxLength: 40}), (puts) => {
      let registry = make();
      puts.forEach(({node, endpoints, address, flows}, step) => {
        const now = step * 4000;
        registry.expire(now);
        const wanted = endpoints.map(([port, nodePort]) => translated(port, nodePort));
        registry.put(`node${node}`, {...state(step + 1, wanted, node), address}, now);
        const records = registry.endpoints();
        const sockets = records.map((one) => `${one.address}:${one.nodePort}`);
        if (new Set(sockets).size !== sockets.length) throw new Error(sockets.join(' '));
        const counts = records.map((one) => [`${one.slot}:${one.generation}`, flows ? 1 : 0]);
        registry.prune(Object.fromEntries(counts), now + 2000);
        const next = make();
        next.restore(registry.checkpoint(), now + 2000);
        registry = next;
      });
    }),
  );
  t.pass();
});
