// Ports leased to nodes: one node at a time, whole 64s inside its range, and never another's while packets of
// old connections may still arrive.

import test from 'ava';
import * as fc from 'fast-check';
import type {NodeState} from '../../router/protocol/messages.ts';
import type {Application} from '../../router/model/application/application.ts';
import {methods} from '../../router/model/method.ts';
import {QUARANTINE_MS} from '../../router/model/ports/port-blocks.ts';
import {registryCheckpointSchema} from '../../router/model/records.ts';
import {FORGET_MS, Registry} from '../../router/model/registry.ts';
import {blockRoutesOf} from '../../router/policy/routes.ts';
import {addressOf, Bench, nodeState, interfaces, VIP, web} from './bench.ts';

const OTHER = '10.77.0.101';
const RANGE = {first: 32768, last: 60999};
const make = (applications: readonly Application[] = [web], blocks = 1024) =>
  new Registry(
    methods.dsr,
    applications,
    interfaces.map((one) => one.network),
    {endpoints: 8, services: 4, blocks},
    1,
  );
type Outbound = NonNullable<NodeState['outbound']>;
type Held = Outbound[number]['held'];
const want = (wanted: number, held: Held = [], vip = VIP): Outbound => [{vip, wanted, held}];

/** Nodes that PUT one after the other. */
class Nodes {
  static #sequence = 0;
  readonly registry: Registry;

  constructor(registry: Registry) {
    this.registry = registry;
  }

  put(node: number, outbound: Outbound | undefined, now = 0, more: Partial<NodeState> = {}) {
    const asked = outbound === undefined ? {} : {outbound};
    const state = nodeState(node, ++Nodes.#sequence, [], {portRange: RANGE, ...asked, ...more});
    const {kind} = this.registry.put(`node${node}`, state, now);
    if (kind !== 'applied') throw new Error(kind);
    return this.of(node);
  }

  of(node: number): Held {
    return this.registry.ports.blocks.ofNode(`node${node}`);
  }

  reasons(node: number): string[] {
    return this.registry.ports.blocks.refusedOf(`node${node}`).map((one) => one.reason);
  }
}

test('a node gets what it wants, keeps it, and gives back what it does not say to hold first', (t) => {
  const nodes = new Nodes(make());
  const [a, b, c] = nodes.put(1, want(3));
  if (!a || !b || !c) return t.fail();
  for (const {first, last} of [a, b, c]) t.deepEqual([first % 256, last - first], [0, 255]);
  t.deepEqual(nodes.put(1, want(3, [a, b, c])), [a, b, c]);
  // Composed before it heard of c.
  t.deepEqual(nodes.put(1, want(3, [a, b])), [a, b, c]);
  t.deepEqual(nodes.put(1, want(2, [c, b, a])), [b, c]);
  t.deepEqual(nodes.put(1, want(1, [c])), [c]);
  t.deepEqual(nodes.put(1, undefined), [c]);
  t.deepEqual(nodes.put(1, []), []);
});

test('each VIP counts for itself', (t) => {
  const nodes = new Nodes(make([web, {...web, name: 'db', vips: [OTHER]}]));
  const range = {portRange: {first: 40_000, last: 40_500}};
  const [mine] = nodes.put(1, want(1), 0, range);
  nodes.put(2, want(1, [], OTHER), 0, range);
  t.deepEqual(nodes.of(2), [{vip: OTHER, first: mine?.first, last: mine?.last}]);
});

test('quarantine: the block still leads to its node, and is nobody else’s for 15 minutes', (t) => {
  const nodes = new Nodes(make());
  const one = {portRange: {first: 40_192, last: 40_447}};
  const [block] = nodes.put(1, want(1), 0, one);
  nodes.put(1, want(0), 1000, one);
  const lead = {vip: VIP, first: 40_192, last: 40_447, address: addressOf(1)};
  t.deepEqual(blockRoutesOf(nodes.registry), [lead]);
  t.deepEqual(nodes.put(2, want(1), 1000, one), []);
  t.deepEqual(nodes.reasons(2), [
    `no block of 256 ports is left in 40192-40447 of ${VIP}: 0 are leased, 1 in quarantine`,
  ]);
  // Its own it may have again.
  t.deepEqual(nodes.put(1, want(1), 2000, one), [block]);
  nodes.put(1, want(0), 3000, one);
  nodes.registry.prune({}, 3000 + QUARANTINE_MS - 1);
  t.deepEqual(nodes.put(2, want(1), 3000 + QUARANTINE_MS - 1, one), []);
  nodes.registry.prune({}, 3000 + QUARANTINE_MS);
  t.deepEqual(nodes.put(2, want(1), 3000 + QUARANTINE_MS, one), [block]);
  t.is(nodes.registry.ports.blocks.refusals, 1);
});

test('the end of a node: a suspect node keeps, leaving and being given up free', (t) => {
  const nodes = new Nodes(make());
  nodes.put(1, want(1));
  nodes.put(2, want(1));
  nodes.registry.expire(3000);
  t.is(nodes.of(1).length, 1);
  nodes.registry.prune({}, FORGET_MS + 2999);
  t.is(nodes.of(1).length, 1);
  nodes.put(2, want(1), FORGET_MS, {leaving: true});
  t.deepEqual(nodes.of(2), []);
  nodes.registry.prune({}, FORGET_MS + 3001);
  t.deepEqual(nodes.of(1), []);
  // Who is not there gets no packets; its ports rest all the same.
  t.deepEqual(blockRoutesOf(nodes.registry), []);
  t.is(nodes.registry.ports.blocks.all().length, 2);
  // It was only silent: what it holds is still its own.
  const [lost] = nodes.registry.ports.blocks.all();
  if (!lost) return t.fail();
  const {vip, first, last} = lost;
  t.deepEqual(nodes.put(1, want(1, [{vip, first, last}]), FORGET_MS + 4000), [{vip, first, last}]);
});

test('a silent node that is still there keeps its ports: programs may use them', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [], {portRange: RANGE, outbound: want(1)});
  await bench.clock.advance(2 * FORGET_MS);
  t.is(bench.native.segment.policy?.blocks?.length, 1);
  t.is(bench.registry.node('node1')?.state, 'suspect');
  bench.native.setNeighbor(addressOf(1), 'eth1', null);
  await bench.clock.advance(4000);
  t.deepEqual(bench.registry.ports.blocks.ofNode('node1'), []);
});

test('another node with the address of one that is gone does not get its packets', (t) => {
  const nodes = new Nodes(make());
  nodes.put(1, want(1));
  nodes.registry.expire(3000);
  nodes.put(2, want(0), 3000, {address: addressOf(1)});
  t.deepEqual(nodes.of(1), []);
  t.deepEqual(blockRoutesOf(nodes.registry), []);
});

test('a router that lost its checkpoint: first it hears who holds what', (t) => {
  const registry = make();
  registry.begin(0);
  const nodes = new Nodes(registry);
  t.deepEqual(nodes.put(2, want(1), 1000), []);
  t.like(registry.ports.blocks.refusedOf('node2')[0], {retryMs: 2000});
  const held = {vip: VIP, first: 40_192, last: 40_447};
  t.deepEqual(nodes.put(1, want(2, [held]), 1000), [held]);
  t.is(nodes.put(1, want(2, [held]), 3000).length, 2);
  t.is(nodes.put(2, want(1), 3000).length, 1);
  t.is(registry.ports.blocks.refusals, 0);
});

const badlyHeld: [string, Held[number], RegExp][] = [
  [
    'another’s',
    {vip: VIP, first: 40_192, last: 40_447},
    /ports 40192-40447 .* are not the node's: .* node1$/,
  ],
  ['half another’s', {vip: VIP, first: 40_128, last: 40_255}, /not the node's: 40192-40447 are of node1$/],
  ['not whole', {vip: VIP, first: 41_000, last: 41_255}, /not whole 64s$/],
  ['outside its range', {vip: VIP, first: 1024, last: 1279}, /not in the node's own range$/],
];
for (const [title, held, reason] of badlyHeld)
  test(`held, but ${title}`, (t) => {
    const nodes = new Nodes(make());
    nodes.put(1, want(1, [{vip: VIP, first: 40_192, last: 40_447}]));
    const got = nodes.put(2, want(1, [held]));
    t.is(got.length, 1);
    t.not(got[0]?.first, held.first);
    t.regex(nodes.reasons(2)[0] ?? '', reason);
  });

test('why there is no block', (t) => {
  const nodes = new Nodes(make([web], 4));
  nodes.put(1, want(1, [], '10.9.9.9'));
  t.deepEqual(nodes.reasons(1), ['10.9.9.9 is no virtual IP of this router']);
  nodes.registry.put('node3', {...nodeState(3, 1, []), outbound: want(1)}, 0);
  t.deepEqual(nodes.reasons(3), ['the node has not told its port range']);
  t.is(nodes.put(2, want(2)).length, 1);
  t.deepEqual(nodes.reasons(2), ['the table of port blocks is full']);
  // Asked again and again, it is one refusal.
  nodes.put(2, want(2));
  t.is(nodes.registry.ports.blocks.refusals, 3);
});

test('clear of served ports, and of those the configuration names as long as there are others', (t) => {
  const named = {...web, ports: [{protocol: 'udp' as const, first: 40_000, last: 40_447}]};
  const nodes = new Nodes(make([named]));
  const range = {first: 40_192, last: 40_703};
  const service = {application: 'web', vip: VIP, protocol: 'udp' as const, port: 40_200, instances: 1};
  const [block] = nodes.put(1, want(2), 0, {portRange: range});
  t.is(block?.first, 40_448);
  t.is(nodes.of(1).length, 2);
  // What lies in a block goes to its node: no service can be there.
  nodes.put(2, [], 0, {endpoints: [service]});
  t.regex(
    nodes.registry.node('node2')?.refused[0]?.reason ?? '',
    /port 40200 lies among those that node1 opens connections from \(40192-40447 of 10\.77\.0\.100\)/,
  );
  const others = new Nodes(make([named]));
  others.put(2, [], 0, {endpoints: [service]});
  t.is(others.put(1, want(2), 0, {portRange: range}).length, 1);
});

test('a VIP that is configured no more: its blocks end', (t) => {
  const nodes = new Nodes(make());
  nodes.put(1, want(1));
  nodes.registry.configure([{...web, vips: [OTHER]}], 10);
  t.deepEqual(nodes.of(1), []);
  t.is(nodes.registry.ports.blocks.all()[0]?.freedAt, 10);
});

test('restored: leases stay, quarantines begin again', (t) => {
  const nodes = new Nodes(make());
  const [kept] = nodes.put(1, want(2));
  nodes.put(1, want(1, kept ? [kept] : []), 1000);
  const checkpoint = registryCheckpointSchema.parse(JSON.parse(JSON.stringify(nodes.registry.checkpoint())));
  const next = new Nodes(make());
  next.registry.restore(checkpoint, 500);
  t.deepEqual(next.of(1), kept ? [kept] : []);
  t.deepEqual(
    next.registry.ports.blocks.all().map((one) => one.freedAt),
    [null, 500],
  );
  t.is(blockRoutesOf(next.registry).length, 2);
  // As an older version remembered it: without blocks.
  const {blocks: _, ...older} = checkpoint;
  t.deepEqual(registryCheckpointSchema.parse(older).blocks, []);
});

const action = fc.record({
  node: fc.integer({min: 1, max: 3}),
  wanted: fc.integer({min: 0, max: 3}),
  says: fc.constantFrom('what it holds', 'nothing', 'what another holds'),
  does: fc.constantFrom('put', 'put', 'put', 'leave', 'be silent', 'restart router', 'lose checkpoint'),
  size: fc.constantFrom(64, 128, 256),
  passes: fc.constantFrom(0, 1000, 4000, QUARANTINE_MS / 3, QUARANTINE_MS),
});
const ranges = [
  RANGE,
  {first: 40_000, last: 40_700},
  {first: 40_100, last: 40_999},
  {first: 40_200, last: 40_600},
];

test('property: never two nodes, never again within the quarantine, whole 64s, inside the range', (t) => {
  fc.assert(
    fc.property(fc.array(action, {maxLength: 60}), (actions) => {
      let nodes = new Nodes(make([web], 64));
      /** By port: who had it last, and until when at least. */
      const had = new Map<number, {node: number; until: number}>();
      const believed: Held[] = [[], [], [], []];
      let now = 0;
      for (const {node, wanted, says, does, size, passes} of actions) {
        now += passes;
        nodes.registry.expire(now);
        nodes.registry.prune({}, now);
        nodes.registry.ports.blocks.size = size;
        check(nodes, had, now);
        if (does === 'be silent') continue;
        if (does === 'restart router') {
          const next = make([web], 64);
          next.restore(nodes.registry.checkpoint(), now);
          nodes = new Nodes(next);
          continue;
        }
        if (does === 'lose checkpoint') {
          nodes = new Nodes(make([web], 64));
          nodes.registry.begin(now);
          // Everybody says what it holds in time.
          for (let n = 1; n <= 3; n++)
            nodes.put(n, want(believed[n]?.length ?? 0, believed[n]), now, {portRange: ranges[n]});
          had.clear();
        }
        const spoken = says === 'nothing' ? [] : believed[says === 'what it holds' ? node : (node % 3) + 1];
        const leaving = does === 'leave';
        nodes.put(node, want(wanted, spoken), now, {portRange: ranges[node], leaving});
        for (let n = 1; n <= 3; n++) believed[n] = nodes.of(n);
        check(nodes, had, now);
      }
    }),
    {numRuns: 300},
  );
  t.pass();
});

function check(nodes: Nodes, had: Map<number, {node: number; until: number}>, now: number): void {
  const mine = new Map<number, number>();
  for (let node = 1; node <= 3; node++)
    for (const {first, last} of nodes.of(node)) {
      const text = `${first}-${last} of node${node}`;
      const range = ranges[node] ?? RANGE;
      if (first % 64 !== 0 || (last + 1) % 64 !== 0 || last <= first) throw new Error(`${text}: not whole`);
      if (first < range.first || last > range.last) throw new Error(`${text}: outside its range`);
      for (let port = first; port <= last; port += 64) {
        if (mine.has(port)) throw new Error(`${text}: also of node${mine.get(port)}`);
        mine.set(port, node);
        const before = had.get(port);
        if (before && before.node !== node && now < before.until) throw new Error(`${text}: too soon`);
        had.set(port, {node, until: Infinity});
      }
    }
  for (const [port, last] of had)
    if (last.until === Infinity && !mine.has(port)) had.set(port, {...last, until: now + QUARANTINE_MS});
  const table = nodes.registry.ports.blocks
    .all()
    .reduce((sum, one) => sum + (one.last - one.first + 1) / 64, 0);
  if (table > 64) throw new Error('more than the table holds');
}
