// The router's own view of what lives: when what counts, who has the last word, and what operators read.

import test from 'ava';
import fc from 'fast-check';
import {defaultProbeRules, judge} from '../../router/model/liveness.ts';
import type {Finding} from '../../router/model/liveness.ts';
import {currentStatuses} from '../../router/policy/endpoint-status.ts';
import type {ProbeResult} from '../../addon/router.ts';
import {silentLogger} from '../../router/base/logger.ts';
import type {EndpointRecord} from '../../router/model/records.ts';
import type {Registry} from '../../router/model/registry.ts';
import type {RoutingProvider} from '../../router/provider/provider.ts';
import {Prober} from '../../router/supervisor/prober.ts';
import type {Settings} from '../../router/config/settings.ts';
import {Views} from '../../router/api/views.ts';
import {addressOf, Bench, hostInterfaces, macOf, nodeState, VIP} from './bench.ts';
import {FakeClock} from './fake-clock.ts';

const {intervalMs, rise, fall} = defaultProbeRules;

function answer(bench: Bench, node: number, port: number, result: ProbeResult): void {
  bench.native.probes.set(`${macOf(node)} ${VIP}:${port}`, result);
}

/** Two nodes whose endpoints answer, on ports 80 and 81, and a node of UDP alone. */
async function started(): Promise<Bench> {
  const bench = await new Bench().start();
  for (const node of [1, 2]) {
    for (const port of [80, 81]) answer(bench, node, port, 'open');
    await bench.put(node, 1, [80, 81]);
  }
  return bench;
}

let sequence = 1;
/** Time passes while the agents of `nodes` renew their leases. */
async function renewed(bench: Bench, ms: number, nodes: readonly number[] = [1, 2]): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    sequence++;
    for (const node of nodes) await bench.supervisor.put(`node${node}`, nodeState(node, sequence, [80, 81]));
    await bench.clock.advance(Math.min(250, left));
  }
}

function reason(bench: Bench, node: number, port: number): string | undefined {
  const record = bench.registry.endpoints().find((one) => one.node === `node${node}` && one.port === port);
  return record && currentStatuses(bench.registry).of(record).reason;
}

test('an interface that is down: what it leads to is unreachable, and says which and since when', async (t) => {
  const bench = await started();
  await renewed(bench, 2000);
  const put = (up: boolean) =>
    bench.native.setInterfaces(hostInterfaces.map((one) => ({...one, up: up || one.name !== 'eth1'})));
  put(false);
  await renewed(bench, intervalMs * (fall + 1));
  t.deepEqual(bench.ring(80), []);
  t.is(reason(bench, 1, 80), 'the router cannot send to it');
  // What is wrong is another thing now; since when it is wrong stays.
  bench.native.setInterfaces(hostInterfaces.filter((one) => one.name !== 'eth1'));
  // Its agent may be silent as well: it reports by that interface.
  await bench.clock.advance(8000);
  t.deepEqual(bench.ring(80), []);
  const {clock, registry, provider} = bench;
  const settings = {listen: {address: '10.88.0.1', port: 7400}} as Settings;
  const views = new Views({
    registry,
    provider,
    drains: bench.supervisor.drains,
    clock,
    settings,
    overrideFile: bench.overrideFile,
    startedAt: 0,
  });
  const shown = views.endpoints().map((one) => [one.state, one.reason]);
  const why = 'the router cannot send to it: eth1: it is gone, for 11s';
  t.deepEqual(
    shown,
    Array.from({length: 4}, () => ['unreachable', why]),
  );
  t.deepEqual(
    views.status().interfaces.map((one) => one.trouble),
    [undefined, {what: 'it is gone', sinceSeconds: 11}],
  );
  put(true);
  await renewed(bench, intervalMs * (rise + 1));
  t.is(bench.ring(80)?.length, 2);
});

test('a probe that the kernel does not take is a bad one', async (t) => {
  const bench = await started();
  await renewed(bench, 2000);
  const tcpProbe = bench.native.tcpProbe.bind(bench.native);
  bench.native.tcpProbe = () => Promise.reject(new Error('sendto: ENETDOWN'));
  await renewed(bench, intervalMs * (fall + 1));
  t.is(reason(bench, 1, 80), 'the router cannot send to it');
  bench.native.tcpProbe = tcpProbe;
  await renewed(bench, intervalMs * (rise + 1));
  t.is(bench.ring(80)?.length, 2);
});

test('a node that is cut off leaves within 3 s though its agent speaks, and returns when it answers', async (t) => {
  const bench = await started();
  await renewed(bench, 2000);
  for (const port of [80, 81]) answer(bench, 1, port, 'silent');
  // The agent's way to the router is another: it goes on.
  await renewed(bench, intervalMs * (fall - 1));
  t.is(bench.ring(80).length, 2);
  await renewed(bench, intervalMs * 2);
  t.true(intervalMs * (fall + 1) <= 3000);
  t.deepEqual(bench.ring(80), ['node2']);
  t.is(reason(bench, 1, 80), 'its node does not answer');
  t.deepEqual(bench.names('endpoint-unreachable').length, 2);
  for (const port of [80, 81]) answer(bench, 1, port, 'open');
  await renewed(bench, intervalMs * (rise - 1));
  t.is(bench.ring(80).length, 1);
  await renewed(bench, intervalMs * 2);
  t.is(bench.ring(80).length, 2);
});

test('one that is silent or refuses while its node answers', async (t) => {
  const bench = await started();
  await renewed(bench, 1000);
  answer(bench, 1, 80, 'silent');
  answer(bench, 2, 81, 'refused');
  await renewed(bench, intervalMs * (fall + 1));
  t.deepEqual(bench.ring(80), ['node2']);
  t.deepEqual(bench.ring(81), ['node1']);
  t.is(reason(bench, 1, 80), 'it does not answer, though its node does');
  t.is(reason(bench, 2, 81), 'it refuses connections');
  t.is(bench.events.list().findLast((event) => event.port === 81)?.detail, 'it refuses connections');
});

test('silent to probes from the start: they may not get through, the agent is believed', async (t) => {
  const bench = await started();
  await bench.put(3, 1, [80]);
  for (let turn = 0; turn < 40; turn++) {
    await bench.supervisor.put('node3', nodeState(3, turn + 2, [80]));
    await renewed(bench, 250);
  }
  t.is(bench.ring(80).length, 3);
});

test('none answers though their nodes are well: too busy, they serve all the same; who refuses does not', async (t) => {
  const bench = await started();
  await renewed(bench, 1000);
  answer(bench, 1, 80, 'silent');
  answer(bench, 2, 80, 'refused');
  await renewed(bench, intervalMs * (fall + 1));
  t.deepEqual(bench.ring(80), ['node1']);
  t.regex(reason(bench, 1, 80) ?? '', /^it does not answer, though its node does \(it serves all the same/);
});

test('a silent agent: answering endpoints stay, refusing ones go at once, silent ones after some tries', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80, 81, 82]);
  answer(bench, 1, 80, 'open');
  await bench.clock.advance(2900);
  const lengths = () => [80, 81, 82].map((port) => bench.ring(port).length);
  answer(bench, 1, 81, 'refused');
  await bench.clock.advance(200);
  t.deepEqual(bench.names('node-suspect'), ['node-suspect node1']);
  t.deepEqual(lengths(), [1, 0, 0], 'the node was heard: silence counted before');
  await bench.clock.advance(1000);
  t.is(reason(bench, 1, 80), 'its agent is silent, but it answers');
  answer(bench, 1, 81, 'open');
  await bench.clock.advance(intervalMs * rise);
  t.deepEqual(lengths(), [1, 1, 0]);
  await bench.put(1, 2, [80, 81, 82]);
  t.deepEqual(lengths(), [1, 1, 1], 'its agent has the last word when it comes back');
  t.deepEqual(bench.names('node-up'), ['node-up node1', 'node-up node1']);
});

test('UDP: nodes that answered echoes are believed by their echoes, others by ARP', async (t) => {
  const bench = await new Bench().start();
  const endpoints = [{application: 'web', vip: VIP, protocol: 'udp' as const, port: 53, instances: 1}];
  bench.echoes = new Set([addressOf(1)]);
  const renew = async (ms: number) => {
    for (let left = ms; left > 0; left -= 250) {
      sequence++;
      for (const node of [1, 2])
        await bench.supervisor.put(`node${node}`, nodeState(node, sequence, [], {endpoints}));
      await bench.clock.advance(Math.min(250, left));
    }
  };
  await bench.put(1, 1, [], {endpoints});
  await bench.put(2, 1, [], {endpoints});
  await renew(2000);
  t.is(bench.ring(53).length, 2);
  bench.echoes = new Set();
  await renew(intervalMs * (fall + 1));
  t.deepEqual(bench.ring(53), ['node2']);
  t.is(reason(bench, 1, 53), 'its node does not answer');
  bench.echoes = new Set([addressOf(1)]);
  await renew(intervalMs * (rise + 1));
  t.is(bench.ring(53).length, 2);
  // Agents fall silent: of node2, which no echo was heard of, the neighbor table decides.
  await bench.clock.advance(10_000);
  t.is(bench.ring(53).length, 2);
  bench.native.setNeighbor(addressOf(2), 'eth1', null);
  await bench.clock.advance(4000);
  t.deepEqual(bench.ring(53), ['node1']);
});

test('with direct server return the nodes answer as they answer clients: on the external side', async (t) => {
  const bench = await started();
  await bench.clock.advance(intervalMs);
  t.like(bench.native.lastProbe, {out: 'eth1', in: 'eth0', source: '10.77.0.1'});
  t.is(bench.native.lastProbe?.targets.length, 4);
});

test('thousands take turns; a node is judged by those that had theirs', async (t) => {
  const records = Array.from({length: 5000}, (_, index) => ({
    node: index < 4990 ? 'large' : 'small',
    address: index < 4990 ? '10.88.0.11' : '10.88.0.12',
    protocol: 'tcp',
    instances: 1,
    state: 'up',
  })) as unknown as EndpointRecord[];
  const asked: EndpointRecord[][] = [];
  const found: (readonly [EndpointRecord, Finding])[] = [];
  let result: ProbeResult = 'open';
  const clock = new FakeClock();
  const prober = new Prober(
    {
      clock,
      log: silentLogger,
      registry: {
        endpoints: () => records,
        isAlone: () => false,
        probed: (record: EndpointRecord, finding: Finding) => found.push([record, finding]),
      } as unknown as Registry,
      provider: {
        probe: (targets: EndpointRecord[]) => {
          asked.push(targets);
          return Promise.resolve(targets.map(() => result));
        },
      } as unknown as RoutingProvider,
      echo: {ask: () => Promise.resolve(null), close: () => {}},
      onResult: () => {},
    },
    defaultProbeRules,
  );
  prober.start();
  await clock.advance(intervalMs * 3);
  t.true(asked.every((targets) => targets.length <= 2001 && targets.some((one) => one.node === 'small')));
  t.is(new Set(asked.flat()).size, 5000, 'within three rounds each had its turn');
  t.is(found.length, asked.flat().length);
  result = 'silent';
  found.length = 0;
  await clock.advance(intervalMs);
  t.is(found.length, 5000, 'of a node that answers nothing nothing answers');
  t.true(found.every(([, finding]) => finding.node === 'silent' && finding.trusted));
  prober.stop();
});

test('the first rounds of bad and good decide, whatever came before', (t) => {
  const finding = fc.record<Finding>({
    result: fc.constantFrom('open', 'refused', 'silent'),
    node: fc.constantFrom('answers', 'silent', 'unknown'),
    trusted: fc.boolean(),
    alone: fc.constant(false),
  });
  const rules = fc.record({
    intervalMs: fc.constant(1),
    rise: fc.integer({min: 1, max: 5}),
    fall: fc.integer({min: 1, max: 5}),
    echo: fc.constant(false),
  });
  fc.assert(
    fc.property(fc.array(finding), rules, (before, given) => {
      const streak = {good: 0, bad: 0};
      for (const one of before) judge(streak, one, given);
      const bad: Finding = {result: 'refused', node: 'answers', trusted: true, alone: false};
      const falls = Array.from({length: given.fall}, () => judge(streak, bad, given));
      t.is(falls.at(-1), 'refuses');
      const good: Finding = {...bad, result: 'open'};
      const rises = Array.from({length: given.rise}, () => judge(streak, good, given));
      t.is(rises.at(-1), 'reachable');
      t.is(rises.filter((one) => one !== null).length, 1);
      const nothing = judge(streak, {...bad, result: 'silent', trusted: false}, given);
      return nothing === null && streak.good === given.rise;
    }),
  );
});
