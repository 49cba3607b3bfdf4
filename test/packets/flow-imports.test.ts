// What the supervisor does with the flow table: imports and their results, flows that will expire, new flows by
// service. What packets then meet is in the table flow-imports.ts.

import test from 'ava';
import type {FlowImport} from '../../addon/router.ts';
import {createMemoryRouter} from '../support/memory-router.ts';
import type {MemoryRouter} from '../support/memory-router.ts';
import {sticky} from './affinity.ts';
import {IMPORTED} from './flow-imports.ts';
import {POLICY, tcp, udp, withEndpoints, withRing} from './world.ts';

function startedRouter(flows = 1024): MemoryRouter {
  const router = createMemoryRouter({flows});
  router.publish(POLICY);
  return router;
}
const many = (count: number, change: Partial<FlowImport> = {}): FlowImport[] =>
  Array.from({length: count}, (_, index) => ({...IMPORTED, clientPort: 1 + index, ...change}));
const count = (texts: string[], text: string) => texts.filter((one) => one === text).length;

test('a flow is imported, then kept', (t) => {
  const router = startedRouter();
  t.deepEqual(router.importFlows([IMPORTED, IMPORTED]), ['made', 'kept']);
  const [flow] = router.flows();
  const {timeout, ...imported} = IMPORTED;
  t.deepEqual(flow, {...imported, state: 'established', idleSeconds: 0, expiresInSeconds: timeout});
  t.is(router.flows().length, 1);
  t.deepEqual(router.importFlows([]), []);
});

test('a connection that is with another open endpoint is held; closed, gone or over it is not', (t) => {
  const given = () => {
    const router = startedRouter();
    router.receive(0, [tcp('S').frame()]);
    return router;
  };
  t.deepEqual(given().importFlows([IMPORTED]), ['held']);
  t.deepEqual(given().importFlows([{...IMPORTED, endpointSlot: 0}]), ['kept']);
  const closed = given();
  closed.publish(withEndpoints({node1: {open: false}}));
  t.deepEqual(closed.importFlows([IMPORTED, IMPORTED]), ['made', 'kept']);
  const gone = given();
  gone.publish(withEndpoints({node1: {generation: 2}}));
  t.deepEqual(gone.importFlows([{...IMPORTED, endpointSlot: 0, endpointGeneration: 2}]), ['made']);
  const over = given();
  over.receive(0, [tcp('FA').frame()]);
  t.deepEqual(over.importFlows([IMPORTED]), ['made']);
});

test('a UDP flow moves to the last import', (t) => {
  const router = startedRouter();
  const mine: FlowImport = {...IMPORTED, protocol: 'udp', port: 53};
  const theirs = {...mine, endpointSlot: 0};
  t.deepEqual(router.importFlows([mine, theirs, mine, mine]), ['made', 'made', 'made', 'kept']);
});

test('before anything is published', (t) => {
  t.deepEqual(createMemoryRouter().importFlows([IMPORTED, {...IMPORTED, endpointSlot: 0}]), ['made', 'made']);
});

test('a full table says so, and goes on', (t) => {
  const router = startedRouter(64);
  const results = router.importFlows(many(500));
  t.is(count(results, 'made') + count(results, 'full'), 500);
  t.true(count(results, 'made') > 48 && count(results, 'made') <= 64);
  t.is(router.flows().length, count(results, 'made'));
  router.advance(600_000);
  t.deepEqual(router.importFlows(many(1)), ['made']);
});

test('a wrong import is refused, and none of its list is made', (t) => {
  const router = startedRouter();
  const wrong: [object, string][] = [
    [{protocol: 'sctp'}, 'protocol must be tcp or udp'],
    [{client: '::1'}, 'flow client: no IPv4 address'],
    [{vip: undefined}, 'flow vip must be a string'],
    [{clientPort: 0}, 'flow: no such port'],
    [{clientPort: 65536}, 'flow: no such port'],
    [{port: 0}, 'flow: no such port'],
    [{port: 65536}, 'flow: no such port'],
    [{endpointSlot: 64}, 'flow: no such endpoint'],
    [{endpointGeneration: 65536}, 'flow: no such endpoint'],
    [{timeout: 0}, 'flow timeout must be 1 to 2147483647 seconds'],
    [{timeout: 2 ** 31}, 'flow timeout must be 1 to 2147483647 seconds'],
  ];
  for (const [change, message] of wrong)
    t.throws(() => router.importFlows([IMPORTED, {...IMPORTED, ...change}]), {
      instanceOf: TypeError,
      message,
    });
  t.throws(() => router.importFlows({} as FlowImport[]), {message: 'flows must be a list'});
  t.deepEqual(router.flows(), []);
});

test('established connections that will expire, and no other flow', (t) => {
  const router = startedRouter();
  router.importFlows([
    ...many(3),
    ...many(1, {timeout: 601, clientPort: 10}),
    ...many(1, {protocol: 'udp', port: 53}),
  ]);
  router.receive(0, [tcp('S', {from: 20}).frame(), tcp('FA', {from: 1}).frame()]);
  const ports = (seconds: number, limit = 100) =>
    router
      .expiring(seconds, limit)
      .map(({clientPort}) => clientPort)
      .sort((a, b) => a - b);
  t.deepEqual(ports(599), []);
  t.deepEqual(ports(600), [2, 3]);
  t.deepEqual(ports(601), [2, 3, 10]);
  router.receive(0, [tcp('A', {from: 2}).frame()]);
  t.deepEqual(ports(601), [3, 10], 'one has been heard of');
  router.advance(100_000);
  t.deepEqual(router.expiring(500, 1)[0]?.expiresInSeconds, 500);
  router.advance(500_000);
  t.deepEqual(ports(601), [10], 'the others are forgotten');
});

test('expiring goes on where it stopped, a slice at a time, and leaves none out', (t) => {
  const router = startedRouter(1 << 18);
  const flows = many(3000);
  t.is(count(router.importFlows(flows), 'made'), 3000);
  const rounds = Array.from({length: 4}, () => router.expiring(1000, 5000).map(({clientPort}) => clientPort));
  for (const found of rounds) t.true(found.length > 500 && found.length < 1000, `${found.length}`);
  t.deepEqual(new Set(rounds.flat()).size, 3000);
  const limited = Array.from({length: 12}, () =>
    router.expiring(1000, 400).map(({clientPort}) => clientPort),
  );
  for (const found of limited) t.true(found.length <= 400);
  t.deepEqual(new Set(limited.flat()).size, 3000);
});

test('new flows are counted by service: each once, those too that take over an old place', (t) => {
  const router = startedRouter();
  t.deepEqual(router.newFlows(), {});
  const send = (...flags: string[]) =>
    router.receive(
      0,
      flags.map((one) => tcp(one).frame()),
    );
  send('S', 'S', 'A', 'A', 'FA');
  t.deepEqual(router.newFlows(), {0: 1});
  send('S');
  t.deepEqual(router.newFlows(), {0: 2}, 'a SYN on a closing flow');
  router.receive(0, [udp().frame(), udp().frame(), udp({from: 40001}).frame()]);
  t.deepEqual(router.newFlows(), {0: 2, 1: 2});
  router.publish(withRing(['node2']));
  send('A');
  router.receive(0, [tcp('A', {from: 1}).frame()]);
  router.importFlows(many(5, {port: 25}));
  t.deepEqual(router.newFlows(), {0: 2, 1: 2}, 'neither by what is not remembered nor by an import');
});

test('new flows by affinity are new flows', (t) => {
  const router = createMemoryRouter();
  router.publish(sticky());
  router.receive(
    0,
    [1, 2, 3].map((from) => tcp('S', {from}).frame()),
  );
  t.deepEqual(router.newFlows(), {0: 3});
});
