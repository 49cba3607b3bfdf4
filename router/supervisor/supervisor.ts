// The supervisor's heart: takes what agents report, keeps the registry, and has the provider realise what
// follows from it, at once and synchronously: from a PUT to the published ring is a matter of microseconds.

import type {Clock, Timer} from '../base/clock.ts';
import {messageOf} from '../base/error.ts';
import type {Logger} from '../base/logger.ts';
import type {EventLog} from './event-log.ts';
import {LEASE_MS} from '../protocol/messages.ts';
import type {Claim, NodeConfig, NodeState} from '../protocol/messages.ts';
import type {RouterEvent} from '../protocol/views.ts';
import {nodeConfigFor} from '../model/node-config.ts';
import type {EndpointRecord, NodeRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import {blockRoutesOf, Routes} from '../policy/routes.ts';
import type {EchoSource} from './echo.ts';
import type {ProbeRules} from '../model/liveness.ts';
import type {RoutingProvider} from '../provider/provider.ts';
import {Applications} from './applications.ts';
import {Drains} from './drains.ts';
import {FlowClaims} from './flow-claims.ts';
import {Prober} from './prober.ts';
import {PutReport} from './put-report.ts';
import {VipLifecycle} from './vip-lifecycle.ts';

type ClaimsRefused = NonNullable<NodeConfig['claimsRefused']>;

const LEASE_CHECK_MS = 100;
const PRUNE_MS = 2000;

export type PutOutcome = {kind: 'refused'; reason: string} | {kind: 'config'; config: NodeConfig};

export interface SupervisorDeps {
  clock: Clock;
  log: Logger;
  events: EventLog;
  registry: Registry;
  provider: RoutingProvider;
  echo: EchoSource;
  probes: ProbeRules;
  /** The address that a node at `address` has the router under. */
  routerAddressFor: (address: string) => string;
  /** Networks that instances reach under their node's own address. */
  direct: readonly string[];
  vipGraceMs: number;
  /** The flow table began empty: nodes have to tell which connections they have. */
  fresh: boolean;
  /** A policy was published, which took so many seconds. */
  onPublished: (seconds: number) => void;
}

export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #timers: Timer[] = [];
  /** null: the provider knows nothing of flows. */
  readonly #flows: FlowClaims | null;
  readonly vips: VipLifecycle;
  readonly drains: Drains;
  readonly prober: Prober;
  readonly applications: Applications;
  readonly #routes: Routes;
  /** Endpoints that got new flows under the last policy. */
  #scheduled: ReadonlySet<EndpointRecord> = new Set();
  #published = 0;
  #awaitImports: boolean;
  /** Value of the counter at the last look. */
  #conflicts = 0;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    this.#routes = new Routes(deps.registry);
    this.#awaitImports = deps.fresh && deps.provider.flows !== null;
    const {flows} = deps.provider;
    this.#flows = flows && new FlowClaims({...deps, flows});
    this.prober = new Prober({...deps, onResult: () => this.#commitLater()}, deps.probes);
    this.drains = new Drains({...deps, onDeadline: () => this.#commitLater()});
    this.applications = new Applications(deps);
    this.vips = new VipLifecycle({...deps, graceMs: deps.vipGraceMs});
  }

  /** First publication, then the clockwork. */
  start(): void {
    this.publish();
    this.#conflicts = this.#conflictsSeen();
    const {clock} = this.#deps;
    this.#timers.push(clock.every(LEASE_CHECK_MS, () => this.#checkLeases()));
    this.#timers.push(clock.every(PRUNE_MS, () => this.#prune()));
    if (this.#awaitImports) this.#timers.push(clock.after(LEASE_MS, () => this.#claimed()));
    this.#flows?.start();
    this.prober.start();
    this.drains.start();
    this.applications.start();
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#flows?.stop();
    this.prober.stop();
    this.drains.stop();
    this.applications.stop();
  }

  /** Every node has had the time to tell its connections. */
  #claimed(): void {
    this.#awaitImports = false;
    this.#commitLater(true);
  }

  put(name: string, state: NodeState): PutOutcome {
    const {registry, events, clock, log} = this.#deps;
    const report = new PutReport(registry, name);
    const result = registry.put(name, state, clock.now());
    if (result.kind === 'refused') {
      log.warn({node: name, address: state.address, reason: result.reason}, 'node refused');
      return result;
    }
    const {node} = result;
    this.commit();
    report.write(events);
    const claimsRefused = this.#take(node, result.kind, state.claims ?? []);
    const confirm = this.#flows ? {confirm: this.#flows.questionsFor(name)} : {};
    return {kind: 'config', config: {...this.#config(node), claimsRefused, ...confirm}};
  }

  #take(node: NodeRecord, kind: 'applied' | 'overtaken', claims: readonly Claim[]): ClaimsRefused {
    const refuse = (reason: string) => claims.map((claim) => ({claim, reason}));
    if (this.#flows === null)
      return refuse(
        `the router's provider (${this.#deps.provider.name}) knows nothing of single connections`,
      );
    if (kind === 'overtaken') return refuse('the message was overtaken by a later one');
    return this.#flows.take(node, claims);
  }

  #config(node: NodeRecord): NodeConfig {
    const {registry, provider, routerAddressFor, direct} = this.#deps;
    const place = {address: routerAddressFor(node.address), direct, tracksFlows: provider.flows !== null};
    return nodeConfigFor(registry, place, provider.method, node);
  }

  /** Publishes if anything has changed since the last time. */
  commit(): void {
    if (this.#deps.registry.revision !== this.#published) this.publish();
  }

  /** Also when only the provider's own knowledge (a MAC, a VIP's rival) has changed. */
  publish(): void {
    const {registry, provider, events, clock} = this.#deps;
    const begun = clock.now();
    const routes = this.#routes.refresh(begun);
    const {revision} = registry;
    const plan = {routes, blocks: blockRoutesOf(registry), awaitImports: this.#awaitImports};
    const used = [...registry.nodes(), ...registry.endpoints(), ...plan.blocks];
    provider.reach([...new Set(used.map((one) => one.address))]);
    let applied = provider.apply(plan);
    // Only now: who finds a VIP must find its endpoints.
    if (this.vips.claim(applied.served)) applied = provider.apply(plan);
    this.#deps.onPublished((clock.now() - begun) / 1000);
    const {generation, scheduled} = applied;
    this.#published = revision;
    this.#report(scheduled);
    this.applications.published(this.#routes.standings, this.#scheduled);
    events.add({event: 'published', detail: `generation ${generation}`});
  }

  /** Says which endpoints began or ceased to get new flows: the truth of the ring, not of intentions. */
  #report(scheduled: ReadonlySet<number>): void {
    const {events, registry} = this.#deps;
    const now = new Set(registry.endpoints().filter((record) => scheduled.has(record.slot)));
    for (const record of now)
      if (!this.#scheduled.has(record)) events.add(endpointEvent('endpoint-up', record));
    for (const record of this.#scheduled) {
      if (now.has(record)) continue;
      const event =
        record.unreachable !== undefined && record.state !== 'closed'
          ? 'endpoint-unreachable'
          : 'endpoint-down';
      events.add(endpointEvent(event, record, this.#routes.standings.find(record)?.reason));
    }
    this.#scheduled = now;
  }

  /** For timers: a failure to publish is logged and tried again with the next housekeeping. */
  #commitLater(always = false): void {
    try {
      if (always) this.publish();
      else this.commit();
    } catch (error) {
      this.#deps.log.error({error: messageOf(error)}, 'cannot publish the policy');
    }
  }

  /** The provider learnt something. */
  changed(): void {
    this.#commitLater(true);
  }

  #checkLeases(): void {
    const {registry, events, clock} = this.#deps;
    registry.rising.pass(clock.now());
    const silent = registry.expire(clock.now());
    for (const node of silent) events.add({event: 'node-doubt', node: node.name, detail: 'lease is over'});
    for (const record of silent.flatMap((node) => registry.endpointsOfNode(node.name)))
      if (record.state === 'doubt') events.add(endpointEvent('endpoint-doubt', record));
    this.#commitLater();
  }

  /** Forwarders see, and never believe, another host that says in ARP that it is one of our VIPs. */
  #watchConflicts(): void {
    const seen = this.#conflictsSeen();
    const fresh = seen - this.#conflicts;
    this.#conflicts = seen;
    if (fresh <= 0) return;
    const detail = `${fresh} ARP packets in which another host calls itself a virtual IP`;
    this.#deps.events.add({event: 'vip-conflict', detail});
  }

  #conflictsSeen(): number {
    return this.#deps.provider.stats().counters['drop_arp_conflict'] ?? 0;
  }

  #prune(): void {
    const {registry, provider, clock} = this.#deps;
    const isReachable = (address: string) => provider.path(address).reachable;
    const flows = provider.flows?.countByEndpoint() ?? null;
    if (flows) this.applications.counted(flows);
    registry.prune(flows, clock.now(), isReachable);
    this.#watchConflicts();
    this.#commitLater(this.vips.release());
  }
}

function endpointEvent(
  event: RouterEvent['event'],
  record: EndpointRecord,
  reason?: string,
): Omit<RouterEvent, 'time'> {
  const {application, vip, protocol, port, node, address, nodePort} = record;
  const place = nodePort === undefined ? undefined : `${address}:${nodePort}`;
  const detail = [place, reason].filter((part) => part !== undefined).join(': ');
  return {event, application, vip, protocol, port, node, ...(detail === '' ? {} : {detail})};
}
