// The router works out again only what has changed. Whatever happens, and in whichever order: what it publishes and
// keeps is what a twin would that works out everything each time, and what it does not publish has not changed.

import assert from 'node:assert/strict';
import test from 'ava';
import * as fc from 'fast-check';
import type {Policy} from '../../addon/router.ts';
import type {NodeState} from '../../router/protocol/messages.ts';
import type {Application} from '../../router/model/application/application.ts';
import {defaultAffinity} from '../../router/model/application/affinity.ts';
import {defaultProbeRules} from '../../router/model/liveness.ts';
import type {Finding} from '../../router/model/liveness.ts';
import {methods} from '../../router/model/method.ts';
import {serviceKey} from '../../router/model/records.ts';
import type {EndpointRecord} from '../../router/model/records.ts';
import {Registry} from '../../router/model/registry.ts';
import type {Drain} from '../../router/model/overrides.ts';
import {Compiler} from '../../router/policy/compile.ts';
import type {NextHop} from '../../router/policy/compile.ts';
import {blockRoutesOf, Routes} from '../../router/policy/routes.ts';
import {SlowStarts} from '../../router/supervisor/slow-starts.ts';
import {decodeCheckpoint, encodeCheckpoint} from '../../router/supervisor/checkpoint.ts';
import {addressOf, interfaces, VIP, web} from './bench.ts';

const OTHER = '10.77.0.101';
const NODES = [1, 2, 3];
const SERVICES = [
  {application: 'web', vip: VIP, port: 80},
  {application: 'web', vip: OTHER, port: 80},
  {application: 'web', vip: VIP, port: 81},
  {application: 'mail', vip: VIP, port: 25},
] as const;
const NAMES = NODES.flatMap((node) => [
  `node${node}`,
  ...SERVICES.map(({vip, port}) => `node${node}:${vip}:${port}/tcp`),
  `node${node}:${VIP}:80/tcp@30000`,
]);
const NEXT_HOPS: readonly NextHop[] = [
  {mac: '02:00:00:00:00:aa', egress: 1},
  {mac: '02:00:00:00:00:bb', egress: 1},
  {mac: '02:00:00:00:00:bb', egress: 0},
];
const limits = {endpoints: 14, services: 4, blocks: 64};

const mail: Application = {
  ...web,
  name: 'mail',
  ports: [{protocol: 'tcp', first: 25, last: 25}],
};
const both = {...web, vips: [VIP, OTHER]};
const together = {...defaultAffinity, ports: 'together' as const};
const CONFIGURATIONS: readonly Application[][] = [
  [{...both, slowStartMs: 5000, affinity: together}, mail],
  [
    {...both, weights: {low: 1, medium: 1, high: 1}},
    {...mail, affinity: defaultAffinity},
  ],
  [{...both, ports: [{protocol: 'tcp', first: 80, last: 80}], slowStartMs: 1000}],
];

type Told = Pick<NodeState, 'endpoints' | 'levels' | 'leaving' | 'outbound'>;

/** What may happen to a router; `node` and the like are indices. */
type Change =
  | {what: 'put'; node: number; state: Told}
  | {what: 'levels'; node: number; levels: NonNullable<NodeState['levels']>}
  | {what: 'time'; ms: number}
  | {what: 'probe'; endpoint: number; finding: Finding}
  | {what: 'factor'; name: number; factor: number}
  | {what: 'drain'; name: number; drain: Omit<Drain, 'since' | 'over'>}
  | {what: 'undrain'; name: number}
  | {what: 'configure'; configuration: number}
  | {what: 'prune'; used: boolean}
  | {what: 'nextHop'; node: number; nextHop: NextHop | null}
  | {what: 'crash'};

const index = (of: readonly unknown[]) => fc.nat(of.length - 1);
const levels = fc.dictionary(fc.constantFrom('web', 'mail'), fc.constantFrom('low', 'medium', 'high'));

function endpoints(mode: 'dsr' | 'nat') {
  const one = fc.record({
    service: fc.constantFrom(...SERVICES),
    instances: fc.nat(mode === 'dsr' ? 3 : 1),
    failing: fc.option(fc.constantFrom('frozen', 'answered 503'), {freq: 4}),
    nodePort: fc.integer({min: 30_000, max: 30_004}),
  });
  return fc.array(one, {maxLength: 5}).map((list) =>
    list.map(({service, instances, failing, nodePort}) => ({
      ...service,
      protocol: 'tcp' as const,
      instances,
      ...(failing === null ? {} : {failing}),
      ...(mode === 'dsr' ? {} : {nodePort}),
    })),
  );
}

function changes(mode: 'dsr' | 'nat'): fc.Arbitrary<Change[]> {
  const put = fc.record({
    what: fc.constant('put' as const),
    node: index(NODES),
    state: fc.record(
      {
        endpoints: endpoints(mode),
        levels,
        leaving: fc.boolean(),
        outbound: fc.nat(1).map((wanted) => [{vip: VIP, wanted, held: []}]),
      },
      {requiredKeys: ['endpoints']},
    ),
  });
  const finding = fc.record({
    result: fc.constantFrom('open', 'refused', 'silent'),
    node: fc.constantFrom('answers', 'silent', 'unknown'),
    trusted: fc.boolean(),
    alone: fc.boolean(),
  });
  const drain = fc.record({deadline: fc.integer({min: 0, max: 30_000}), keepClients: fc.boolean()});
  const nextHop = fc.option(fc.constantFrom(...NEXT_HOPS), {freq: 3});
  const change = fc.oneof(
    {weight: 6, arbitrary: put},
    {weight: 2, arbitrary: fc.record({what: fc.constant('levels' as const), node: index(NODES), levels})},
    {weight: 3, arbitrary: fc.record({what: fc.constant('time' as const), ms: fc.nat(4000)})},
    {weight: 3, arbitrary: fc.record({what: fc.constant('probe' as const), endpoint: fc.nat(), finding})},
    fc.record({
      what: fc.constant('factor' as const),
      name: index(NAMES),
      factor: fc.constantFrom(0, 0.5, 1, 3),
    }),
    fc.record({what: fc.constant('drain' as const), name: index(NAMES), drain}),
    fc.record({what: fc.constant('undrain' as const), name: index(NAMES)}),
    fc.record({what: fc.constant('configure' as const), configuration: index(CONFIGURATIONS)}),
    fc.record({what: fc.constant('prune' as const), used: fc.boolean()}),
    {weight: 2, arbitrary: fc.record({what: fc.constant('nextHop' as const), node: index(NODES), nextHop})},
    fc.record({what: fc.constant('crash' as const)}),
  );
  return fc.array(change, {minLength: 1, maxLength: 40});
}

/** One router's registry, and what it makes of it. */
class Side {
  registry: Registry;
  routes: Routes;
  slowStarts: SlowStarts;
  compiler: Compiler;
  readonly #mode: 'dsr' | 'nat';
  readonly #ringSlots: number;

  constructor(mode: 'dsr' | 'nat', ringSlots: number) {
    this.#mode = mode;
    this.#ringSlots = ringSlots;
    this.registry = this.#begun(CONFIGURATIONS[0] ?? []);
    this.registry.begin(0);
    this.routes = new Routes(this.registry);
    this.slowStarts = new SlowStarts(this.registry, this.routes.statuses);
    this.compiler = new Compiler(ringSlots);
  }

  #begun(applications: readonly Application[]): Registry {
    const networks = interfaces.map((one) => one.network);
    return new Registry(methods[this.#mode], applications, networks, limits, 1);
  }

  /** As a supervisor that has just been started, on what another has left. */
  begin(checkpoint: Uint8Array, now: number): void {
    const {applications} = this.registry;
    this.registry = this.#begun(applications);
    this.registry.restore(decodeCheckpoint(checkpoint), now);
    this.forget();
  }

  /** What it has worked out. */
  forget(): void {
    this.routes = new Routes(this.registry);
    this.slowStarts = new SlowStarts(this.registry, this.routes.statuses);
    this.compiler = new Compiler(this.#ringSlots);
  }

  checkpoint(): Uint8Array {
    return encodeCheckpoint(this.registry.checkpoint());
  }

  /** `now`: null: nothing new is known, only the policy is wanted. */
  policy(now: number | null, nextHopOf: (address: string) => NextHop | null): Policy {
    if (now !== null) this.slowStarts.observe(now);
    const routes = this.routes.all();
    const desired = {routes, blocks: blockRoutesOf(this.registry), awaitImports: false};
    const input = {routes: this.#mode === 'nat', gateway: null, interfaces: [], vips: [], desired, nextHopOf};
    return structuredClone(this.compiler.compile(input).policy);
  }
}

class Twins {
  readonly quick: Side;
  readonly thorough: Side;
  readonly #nextHops = new Map<string, NextHop | null>(
    NODES.map((node) => [addressOf(node), NEXT_HOPS[0] ?? null]),
  );
  /** What each node said last. */
  readonly #told = new Map<number, Told>();
  #now = 0;
  #sequence = 0;
  #published = 0;
  #policy: Policy | null = null;

  constructor(mode: 'dsr' | 'nat', ringSlots: number) {
    this.quick = new Side(mode, ringSlots);
    this.thorough = new Side(mode, ringSlots);
  }

  happen(change: Change): void {
    this.#sequence++;
    if (change.what === 'time') this.#now += change.ms;
    if (change.what === 'nextHop') this.#nextHops.set(addressOf(NODES[change.node] ?? 0), change.nextHop);
    if (change.what === 'crash') {
      const checkpoint = this.quick.checkpoint();
      for (const side of [this.quick, this.thorough]) side.begin(checkpoint, this.#now);
      this.#published = 0;
    } else for (const side of [this.quick, this.thorough]) this.#apply(side.registry, change);
    this.thorough.forget();
  }

  #apply(registry: Registry, change: Exclude<Change, {what: 'crash'}>): void {
    const now = this.#now;
    switch (change.what) {
      case 'put':
        this.#told.set(change.node, change.state);
        return this.#put(registry, change.node, change.state);
      case 'levels': {
        const told = {endpoints: [], ...this.#told.get(change.node), levels: change.levels};
        return this.#put(registry, change.node, told);
      }
      case 'time':
        registry.slowStart.pass(now);
        registry.overrides.pass(now);
        return void registry.expire(now);
      case 'probe': {
        const records = registry.endpoints();
        const record = records[change.endpoint % records.length];
        return record && registry.probed(record, change.finding, defaultProbeRules, now);
      }
      case 'factor':
        return registry.overrides.setFactor(NAMES[change.name] ?? '', change.factor, now);
      case 'drain': {
        const {deadline, keepClients} = change.drain;
        const drain = {since: now, deadline: now + deadline, keepClients, over: false};
        return registry.overrides.drain(NAMES[change.name] ?? '', drain, now);
      }
      case 'undrain':
        return void registry.overrides.undrain(NAMES[change.name] ?? '', now);
      case 'configure':
        return registry.configure(CONFIGURATIONS[change.configuration] ?? [], now);
      case 'prune':
        return registry.prune(change.used ? flowsOfAll(registry) : {}, now);
      case 'nextHop':
    }
  }

  #put(registry: Registry, which: number, told: Told): void {
    const node = NODES[which] ?? 0;
    const state = {epoch: 1, sequence: this.#sequence, vips: [], address: addressOf(node)};
    registry.put(`node${node}`, {...state, ...told}, this.#now);
  }

  /** Throws if the quick one would publish something else than the thorough one, or nothing where it should. */
  compare(pathsChanged: boolean): void {
    const {registry} = this.quick;
    const nextHopOf = (address: string) => {
      const nextHop = this.#nextHops.get(address);
      return nextHop ? {...nextHop} : null;
    };
    const news = registry.revision !== this.#published || pathsChanged;
    if (news) this.#policy = this.quick.policy(this.#now, nextHopOf);
    // Slow starts change what is known while it is worked out.
    this.#published = registry.revision;
    assert.deepEqual(this.#policy, this.thorough.policy(news ? this.#now : null, nextHopOf));
    const kept = decodeCheckpoint(this.quick.checkpoint()).services;
    assert.deepEqual(
      kept,
      registry.services().map((service) => ({...service, endpoints: keptOf(service, registry)})),
    );
    for (const node of NODES) {
      const mine = registry.endpoints().filter((record) => record.node === `node${node}`);
      assert.deepEqual(new Set(registry.endpointsOfNode(`node${node}`)), new Set(mine));
    }
  }
}

const flowsOfAll = (registry: Registry) =>
  Object.fromEntries(registry.endpoints().map((one) => [`${one.slot}:${one.generation}`, 1]));

/** What the next supervisor must find of a service's endpoints. */
function keptOf(service: Parameters<typeof serviceKey>[0], registry: Registry): Partial<EndpointRecord>[] {
  const records = registry.endpoints().filter((record) => serviceKey(record) === serviceKey(service));
  return records.map(({streak: _, since: __, ...kept}) => JSON.parse(JSON.stringify(kept)));
}

for (const mode of ['dsr', 'nat'] as const)
  test(`${mode}: whatever happens, what is published and kept is what one would have that works out everything`, (t) => {
    const ringSlots = fc.constantFrom(8, 4096);
    fc.assert(
      fc.property(changes(mode), ringSlots, (list, slots) => {
        const twins = new Twins(mode, slots);
        for (const change of list) {
          twins.happen(change);
          twins.compare(change.what === 'nextHop');
        }
      }),
      {numRuns: 400, includeErrorInReport: true},
    );
    t.pass();
  });
