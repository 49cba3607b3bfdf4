// What the supervisor asks of flows without packets, and how it ends those whose connections are over. What packets then
// meet: a flow that had one since is left alone, and the next SYN is scheduled anew.

import test from 'ava';
import type {EndedFlow, SilentFlow} from '../../addon/router.ts';
import {createMemoryRouter} from '../support/memory-router.ts';
import type {MemoryRouter} from '../support/memory-router.ts';
import {CLIENT, POLICY, VIP, tcp, udp, withRing} from './world.ts';

function startedRouter(flows = 1024): MemoryRouter {
  const router = createMemoryRouter({flows});
  router.publish(POLICY);
  return router;
}
const sorted = (flows: readonly SilentFlow[]) =>
  flows.map(({clientPort}) => clientPort).sort((one, other) => one - other);
const receive = (router: MemoryRouter, flags: string, ports: number[], to = 80) =>
  router.receive(
    0,
    ports.map((from) => tcp(flags, {from, to}).frame()),
  );
/** The flow as it is now, as its node says that it has ended. */
function endOf(router: MemoryRouter, clientPort: number): EndedFlow {
  const flow = router.silent(0, 100, [0, 1, 2]).find((one) => one.clientPort === clientPort);
  if (flow === undefined) throw new Error(`no flow of port ${clientPort}`);
  const {protocol, client, vip, port, endpointSlot, endpointGeneration, seen} = flow;
  return {protocol, client, clientPort, vip, port, endpointSlot, endpointGeneration, seen};
}

test('silent: established connections, so long without a packet', (t) => {
  const router = startedRouter();
  receive(router, 'S', [1, 2, 3, 4]);
  receive(router, 'A', [1, 2, 3]);
  receive(router, 'FA', [3]);
  router.receive(0, [udp({from: 5}).frame()]);
  t.deepEqual(sorted(router.silent(0, 100)), [1, 2]);
  router.advance(5000);
  receive(router, 'A', [2]);
  t.deepEqual(sorted(router.silent(5, 100)), [1]);
  t.deepEqual(sorted(router.silent(6, 100)), []);
  const [flow] = router.silent(5, 100);
  t.like(flow, {protocol: 'tcp', client: CLIENT, vip: VIP, port: 80, state: 'established', idleSeconds: 5});
  t.is(router.silent(0, 100).find((one) => one.clientPort === 2)!.seen, flow!.seen + 5);
});

test('silent, of some endpoints: closing connections too', (t) => {
  const router = startedRouter();
  receive(router, 'S', [1, 2, 3, 4]); // node1, node2, node1, node2
  receive(router, 'A', [1, 2, 3, 4]);
  receive(router, 'R', [3, 4]);
  receive(router, 'S', [5, 6]);
  t.deepEqual(sorted(router.silent(0, 100, [0])), [1, 3]);
  t.deepEqual(sorted(router.silent(0, 100, [1])), [2, 4]);
  t.deepEqual(sorted(router.silent(0, 100, [0, 1])), [1, 2, 3, 4]);
  t.deepEqual(router.silent(0, 100, []), []);
});

test('a call names no more than its limit, and the next goes on', (t) => {
  const router = startedRouter(1 << 18);
  const ports = Array.from({length: 1000}, (_, n) => n + 1);
  for (let n = 0; n < ports.length; n += 50)
    for (const flags of ['S', 'A']) receive(router, flags, ports.slice(n, n + 50));
  const parts = Array.from({length: 4}, () => sorted(router.silent(0, 1000)));
  for (const part of parts) t.true(part.length > 100 && part.length < 500, `${part.length}`);
  t.is(new Set(parts.flat()).size, 1000);
  const limited = Array.from({length: 5}, () => sorted(router.silent(0, 200, [0, 1])));
  t.deepEqual(
    limited.map((part) => part.length),
    [200, 200, 200, 200, 200],
  );
  t.is(new Set(limited.flat()).size, 1000);
});

test('an ended connection is forgotten at once, and its port is a new one', (t) => {
  const router = startedRouter();
  receive(router, 'S', [1]);
  receive(router, 'A', [1]);
  router.advance(1000);
  t.is(router.endFlows([endOf(router, 1)]), 1);
  t.deepEqual(router.flows(), []);
  router.publish(withRing(['node2']));
  receive(router, 'S', [1]);
  t.like(router.flows()[0], {state: 'syn', endpointSlot: 1});
});

test('what had a packet since lives on', (t) => {
  const router = startedRouter();
  receive(router, 'S', [1]);
  receive(router, 'A', [1]);
  const ended = endOf(router, 1);
  router.advance(1000);
  receive(router, 'S', [1]);
  t.is(router.endFlows([ended]), 0);
  t.is(router.flows().length, 1);
});

test('nor does a node end the flow of another, or of its successor', (t) => {
  const router = startedRouter();
  receive(router, 'S', [1]);
  receive(router, 'A', [1]);
  const ended = endOf(router, 1);
  t.is(router.endFlows([{...ended, endpointSlot: 1}]), 0);
  t.is(router.endFlows([{...ended, endpointGeneration: 2}]), 0);
  t.is(router.endFlows([{...ended, clientPort: 2}]), 0);
  t.is(router.flows().length, 1);
  t.is(router.endFlows([ended, ended]), 1);
});

test('malformed: a type error, and nothing has ended', (t) => {
  const router = startedRouter();
  receive(router, 'S', [1]);
  receive(router, 'A', [1]);
  const ended = endOf(router, 1);
  const {seen: _, ...withoutSeen} = ended;
  t.throws(() => router.endFlows([ended, withoutSeen as EndedFlow]), {instanceOf: TypeError});
  t.throws(() => router.silent(0, 10, [1 << 16]), {instanceOf: TypeError});
  t.is(router.flows().length, 1);
});
