// What every routing provider must do, whatever moves its packets. `providerContract` is run with each of them; what a
// provider does is seen where new flows go, not from what it says of itself.

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {UserError} from '../../router/base/error.ts';
import {defaultTimeouts} from '../../router/model/application/application.ts';
import type {DesiredState, Route, RouteEndpoint} from '../../router/policy/desired-state.ts';
import type {FlowCapability, RoutingProvider} from '../../router/provider/provider.ts';

export const VIP = '10.77.0.100';
export const OTHER_VIP = '10.77.0.101';
export const addressOf = (node: number) => `10.88.0.1${node}`;
export const macOf = (node: number) => `02:00:00:00:00:1${node}`;
export const CLIENT = '10.77.0.9';

/** By node, how many new flows reached it. */
export type Shares = Readonly<Record<number, number>>;

export interface Harness {
  /** Started; VIP and OTHER_VIP are reserved; has room for 8 services. */
  readonly provider: RoutingProvider;
  /** What it has told since: "change", "vip-claimed VIP", … */
  readonly told: string[];
  /** Another host uses the address. */
  readonly rivals: Map<string, string>;
  /** The way to a node becomes known. */
  find(node: number): Promise<void>;
  /** First packets of new TCP flows to VIP; who got them. Synchronous: what is in force now. */
  send(port: number, count: number): Shares;
  /** What the provider after a crash would hand to its supervisor. */
  kept(): string | null;
  /** What is on the host, or with others, because of it. */
  leftovers(): string[];
  /** Nothing comes into force until `release`; absent: it cannot be made to wait. */
  hold?(): void;
  release?(): void;
}

interface Wanted {
  slot: number;
  node: number;
  weight?: number;
  open?: boolean;
  generation?: number;
}

const endpointOf = ({slot, node, weight = 1, open = true, generation = 1}: Wanted): RouteEndpoint => ({
  slot,
  generation,
  address: addressOf(node),
  weight,
  open,
});

const routeOf = (port: number, endpoints: readonly Wanted[]): Route => ({
  slot: port - 80,
  vip: VIP,
  protocol: 'tcp',
  port,
  timeouts: defaultTimeouts,
  endpoints: endpoints.map(endpointOf),
});

const stateOf = (...routes: Route[]): DesiredState => ({routes, blocks: [], awaitImports: false});
const web = (...endpoints: Wanted[]) => stateOf(routeOf(80, endpoints));
const NOTHING_KEPT = Buffer.from('nothing');
const sumOf = (shares: Shares) => Object.values(shares).reduce((sum, count) => sum + count, 0);
const nodesOf = (shares: Shares) => Object.keys(shares).map(Number);

type Run = (t: ExecutionContext, harness: Harness, provider: RoutingProvider) => Promise<void>;

export function providerContract(name: string, make: () => Promise<Harness>): void {
  const contract = (title: string, run: Run) =>
    test(`${name}: ${title}`, async (t) => {
      const harness = await make();
      const {provider} = harness;
      try {
        await run(t, harness, provider);
      } finally {
        await provider.close();
      }
    });

  /** VIP is the provider's, and the nodes are known. */
  const serving = async (harness: Harness, ...nodes: number[]) => {
    harness.provider.assignAddress(VIP);
    harness.provider.reach(nodes.map(addressOf));
    for (const node of nodes) await harness.find(node);
  };
  const apply = (provider: RoutingProvider, state: DesiredState, checkpoint: Uint8Array = NOTHING_KEPT) =>
    provider.apply(state, checkpoint);

  contract(
    'every open endpoint gets new flows, by its weight, and no flow is lost',
    async (t, h, provider) => {
      await serving(h, 1, 2, 3, 4);
      const weights = [4, 2, 1, 1];
      const wanted = weights.map((weight, at) => ({slot: at, node: at + 1, weight}));
      const {scheduled, served} = await apply(provider, web(...wanted));
      t.deepEqual(scheduled, new Set([0, 1, 2, 3]));
      t.deepEqual([...served], [VIP]);
      const shares = h.send(80, 400);
      t.is(sumOf(shares), 400);
      for (const {node, weight} of wanted) {
        const expected = 50 * weight;
        const got = shares[node] ?? 0;
        t.true(Math.abs(got - expected) <= expected / 10, `weight ${weight}: ${got} of 400 flows`);
      }
    },
  );

  contract('other weights are other shares', async (t, h, provider) => {
    await serving(h, 1, 2);
    const shares = async (first: number, second: number) => {
      await apply(provider, web({slot: 0, node: 1, weight: first}, {slot: 1, node: 2, weight: second}));
      return h.send(80, 100);
    };
    const even = await shares(1, 1);
    t.true(Math.abs((even[1] ?? 0) - 50) <= 5);
    const uneven = await shares(1, 9);
    t.true(Math.abs((uneven[1] ?? 0) - 10) <= 3);
    t.deepEqual(nodesOf(await shares(0, 1)), [2]);
  });

  contract(
    'closed, weightless and unreachable endpoints get none, until they can',
    async (t, h, provider) => {
      await serving(h, 1, 2, 3);
      const state = web(
        {slot: 0, node: 1},
        {slot: 1, node: 2, open: false},
        {slot: 2, node: 3, weight: 0},
        {slot: 3, node: 4},
      );
      provider.reach([1, 2, 3, 4].map(addressOf));
      t.deepEqual([...(await apply(provider, state)).scheduled], [0]);
      t.deepEqual(nodesOf(h.send(80, 20)), [1]);
      t.deepEqual(provider.neighbor(addressOf(4)), {mac: null, reachable: false});
      h.told.length = 0;
      await h.find(4);
      t.true(h.told.includes('change'), 'it tells that there is a way now');
      t.deepEqual(provider.neighbor(addressOf(4)), {mac: macOf(4), reachable: true});
      t.deepEqual((await apply(provider, state)).scheduled, new Set([0, 3]));
      t.deepEqual(nodesOf(h.send(80, 20)), [1, 4]);
      t.deepEqual(h.send(81, 5), {}, 'nobody serves there');
    },
  );

  contract('acknowledged when it is in force, not earlier; the generation grows', async (t, h, provider) => {
    await serving(h, 1, 2);
    const first = await apply(provider, web({slot: 0, node: 1}));
    t.deepEqual(nodesOf(h.send(80, 4)), [1]);
    t.is(provider.stats().generation, first.generation);
    h.hold?.();
    let acknowledged = false;
    const applying = apply(provider, web({slot: 1, node: 2})).then((applied) => {
      // In the very turn in which it is told.
      acknowledged = true;
      return {applied, shares: h.send(80, 4), stats: provider.stats()};
    });
    if (h.hold) {
      await new Promise((resolve) => setImmediate(resolve));
      t.false(acknowledged);
      t.deepEqual(nodesOf(h.send(80, 4)), [1], 'what was in force still is');
      h.release?.();
    }
    const {applied, shares, stats} = await applying;
    t.deepEqual(nodesOf(shares), [2]);
    t.true(applied.generation > first.generation);
    t.is(stats.generation, applied.generation);
  });

  contract(
    'applies that overlap: the newest wins, and each is told when its state is in',
    async (t, h, provider) => {
      await serving(h, 1, 2, 3);
      const endpoints = [1, 2, 3].map((node) => ({slot: node, node}));
      h.hold?.();
      const seen = [1, 2, 3].map(async (count) => {
        const {generation} = await apply(provider, web(...endpoints.slice(0, count)));
        const shares = h.send(80, 30);
        t.true(
          endpoints.slice(0, count).every(({node}) => (shares[node] ?? 0) > 0),
          `the state of ${count} endpoints, or a newer one, is in force when it is acknowledged`,
        );
        return generation;
      });
      h.release?.();
      const generations = await Promise.all(seen);
      t.deepEqual(
        generations,
        generations.toSorted((a, b) => a - b),
      );
      t.is(generations.at(-1), provider.stats().generation);
      t.deepEqual(nodesOf(h.send(80, 30)), [1, 2, 3]);
    },
  );

  contract('the same state again changes nothing', async (t, h, provider) => {
    await serving(h, 1, 2);
    const state = web({slot: 0, node: 1}, {slot: 1, node: 2});
    const before = await apply(provider, state);
    const first = h.send(80, 10);
    const flows = provider.flows?.countByEndpoint();
    const after = await apply(provider, structuredClone(state));
    t.deepEqual([after.scheduled, after.served], [before.scheduled, before.served]);
    t.deepEqual(provider.flows?.countByEndpoint(), flows);
    t.deepEqual(h.send(80, 10), first);
  });

  contract(
    'a state that cannot be realised leaves the former in force; the next repairs',
    async (t, h, provider) => {
      await serving(h, 1, 2);
      await apply(provider, web({slot: 0, node: 1}), Buffer.from('the former'));
      const {generation} = provider.stats();
      const ports = Array.from({length: provider.limits.services + 1}, (_, n) => 80 + n);
      const tooMuch = stateOf(...ports.map((port) => routeOf(port, [{slot: 1, node: 2}])));
      await t.throwsAsync(apply(provider, tooMuch, Buffer.from('too much')));
      t.deepEqual(nodesOf(h.send(80, 4)), [1]);
      t.is(provider.stats().generation, generation);
      t.is(h.kept(), 'the former');
      const failing = apply(provider, tooMuch).catch(() => null);
      const repaired = await apply(provider, web({slot: 1, node: 2}), Buffer.from('the next'));
      await failing;
      t.true(repaired.generation > generation);
      t.deepEqual(nodesOf(h.send(80, 4)), [2]);
      t.is(h.kept(), 'the next');
    },
  );

  contract('an address is owned from assigning to releasing', async (t, h, provider) => {
    provider.reach([addressOf(1)]);
    await h.find(1);
    const state = web({slot: 0, node: 1});
    const stateOfVip = () => provider.stats().vips.find((vip) => vip.address === VIP)?.state;
    await apply(provider, state);
    t.is(stateOfVip(), 'inactive');
    t.deepEqual(h.send(80, 4), {});
    provider.assignAddress(VIP);
    provider.assignAddress(VIP);
    await apply(provider, state);
    t.is(stateOfVip(), 'active');
    t.deepEqual(nodesOf(h.send(80, 4)), [1]);
    provider.releaseAddress(VIP);
    provider.releaseAddress(VIP);
    await apply(provider, state);
    t.is(stateOfVip(), 'inactive');
    t.deepEqual(h.send(80, 4), {});
    t.deepEqual(
      h.told.filter((one) => one.startsWith('vip-')),
      [`vip-claimed ${VIP}`, `vip-released ${VIP}`],
    );
  });

  contract('an address that another host uses is not reserved, and is named', async (t, h, provider) => {
    h.rivals.set('10.77.0.102', '02:00:00:00:00:99');
    const error = await t.throwsAsync(provider.reserve([VIP, '10.77.0.102']), {instanceOf: UserError});
    t.regex(error.message, /10\.77\.0\.102/);
    t.false(error.message.includes(VIP));
  });

  contract('a VIP is served for a block of ports whose node is known', async (t, h, provider) => {
    await serving(h, 1);
    const blockOf = (vip: string, node: number) => ({
      vip,
      first: 32768,
      last: 33023,
      address: addressOf(node),
    });
    const state = {...stateOf(), blocks: [blockOf(VIP, 1), blockOf(OTHER_VIP, 2)]};
    t.deepEqual([...(await apply(provider, state)).served], [VIP]);
  });

  contract('one result for each probe; a node that was never found is silent', async (t, h, provider) => {
    await serving(h, 1);
    const target = {vip: VIP, protocol: 'udp' as const, port: 53, instances: 1};
    const targets = [2, 1].map((node) => ({...target, address: addressOf(node)}));
    t.deepEqual(await provider.probe(targets, 10), ['silent', 'open']);
    t.deepEqual(await provider.probe([], 10), []);
  });

  contract('closing undoes all of it', async (t, h, provider) => {
    await serving(h, 1);
    await apply(provider, web({slot: 0, node: 1}));
    t.not(h.leftovers().length, 0);
    await provider.close();
    t.deepEqual(h.leftovers(), []);
  });

  contract('flows: either all of the capability, or nothing that looks like it', async (t, h, provider) => {
    await serving(h, 1, 2);
    await apply(provider, web({slot: 0, node: 1}, {slot: 1, node: 2}));
    h.send(80, 6);
    if (provider.flows === null) t.deepEqual(flowCountersOf(provider), []);
    else countsAgree(t, provider.flows);
  });

  contract('a slot that is given again does not inherit flows', async (t, h, provider) => {
    await serving(h, 1, 2);
    await apply(provider, web({slot: 0, node: 1}));
    h.send(80, 6);
    await apply(provider, web({slot: 0, node: 2, generation: 2}));
    t.deepEqual(nodesOf(h.send(80, 3)), [2]);
    const counts = provider.flows?.countByEndpoint();
    t.is(counts?.['0:2'], provider.flows === null ? undefined : 3);
  });
}

const flowCountersOf = (provider: RoutingProvider) =>
  Object.keys(provider.stats().counters).filter((counter) => counter.includes('flow'));

/** Six flows of service slot 0 were sent to endpoints 0 and 1. */
function countsAgree(t: ExecutionContext, flows: FlowCapability): void {
  t.deepEqual({...flows.countByEndpoint()}, {'0:1': 3, '1:1': 3});
  t.is(flows.list().length, 6);
  t.is(flows.newByService()[0], 6);
  const endpoint = {endpointSlot: 0, endpointGeneration: 1};
  const service = {protocol: 'tcp' as const, vip: VIP, port: 80};
  const imported = {...service, client: '10.77.0.8', clientPort: 5, ...endpoint, timeout: 40};
  t.deepEqual(flows.import([imported, imported]), ['made', 'kept']);
  const [first] = flows.list();
  const taken = {...imported, client: first?.client ?? '', clientPort: first?.clientPort ?? 0};
  const other = {...taken, endpointSlot: first?.endpointSlot === 0 ? 1 : 0};
  t.deepEqual(flows.import([other]), ['held']);
  t.is(flows.list().length, 7);
  t.deepEqual({...flows.countByEndpoint()}, {'0:1': 4, '1:1': 3});
  const expiring = Array.from({length: flows.expiringParts}, () => flows.expiring(60, 100)).flat();
  t.deepEqual(
    expiring.map((flow) => [flow.client, flow.clientPort]),
    [['10.77.0.8', 5]],
  );
  t.true(flows.capacity >= 7);
}
