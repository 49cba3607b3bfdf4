// The supervisor: takes what agents report, keeps the registry, and has what follows from it put in force.
// With the user-space provider that is done before `put` gives way: it takes microseconds.

import type {Clock, Timer} from '../base/clock.ts';
import {messageOf} from '../base/error.ts';
import type {Logger} from '../base/logger.ts';
import type {EventLog} from './event-log.ts';
import {LEASE_MS} from '../protocol/messages.ts';
import type {FlowReport, NodeConfig, NodeState} from '../protocol/messages.ts';
import type {RouterEvent} from '../protocol/views.ts';
import {nodeConfigFor} from '../model/node-config.ts';
import type {EndpointRecord, NodeRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {EchoSource} from './echo.ts';
import type {ProbeRules} from '../model/liveness.ts';
import type {EndpointStatuses} from '../policy/endpoint-status.ts';
import type {RoutingProvider} from '../provider/provider.ts';
import {Applications} from './applications.ts';
import {Drains} from './drains.ts';
import {EndedFlows} from './ended-flows.ts';
import {FlowReports} from './flow-reports.ts';
import {Prober} from './prober.ts';
import {Publisher} from './publisher.ts';
import type {Published} from './publisher.ts';
import {NodeEvents} from './node-events.ts';
import {VipLifecycle} from './vip-lifecycle.ts';

type FlowsRefused = NonNullable<NodeConfig['flowsRefused']>;

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
  /** The flow table began empty: nodes have to report their flows. */
  fresh: boolean;
  /** A policy was published, which took so many seconds. */
  onPublished: (seconds: number) => void;
}

export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #timers: Timer[] = [];
  /** null: the provider knows nothing of flows. */
  readonly #flows: FlowReports | null;
  readonly #ended: EndedFlows | null;
  readonly vips: VipLifecycle;
  readonly drains: Drains;
  readonly prober: Prober;
  readonly applications: Applications;
  readonly #publisher: Publisher;
  /** Endpoints that got new flows under the last policy. */
  #scheduled: ReadonlySet<EndpointRecord> = new Set();
  #awaitImports: boolean;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    this.#awaitImports = deps.fresh && deps.provider.flows !== null;
    const {flows} = deps.provider;
    this.#flows = flows && new FlowReports({...deps, flows});
    this.prober = new Prober({...deps, onResult: () => void this.#commitSoon()}, deps.probes);
    this.drains = new Drains({...deps, onDeadline: () => this.#commitSoon()});
    this.#ended =
      flows &&
      new EndedFlows({
        ...deps,
        flows,
        draining: () => this.drains.unfinished(),
        onEnded: () => this.drains.recount(),
      });
    this.applications = new Applications(deps);
    this.vips = new VipLifecycle({...deps, graceMs: deps.vipGraceMs});
    this.#publisher = new Publisher({
      ...deps,
      vips: this.vips,
      awaitImports: () => this.#awaitImports,
      onPublished: (published) => this.#published(published),
    });
  }

  /** First publication, then the timers. Rejects if nothing can be published. */
  async start(): Promise<void> {
    await this.publish();
    const {clock} = this.#deps;
    this.#timers.push(clock.every(LEASE_CHECK_MS, () => this.#checkLeases()));
    this.#timers.push(clock.every(PRUNE_MS, () => this.#prune()));
    if (this.#awaitImports) this.#timers.push(clock.after(LEASE_MS, () => this.#reported()));
    this.#flows?.start();
    this.#ended?.start();
    this.prober.start();
    this.drains.start();
    this.applications.start();
  }

  /** Resolves when the provider has done what it was asked. */
  stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#flows?.stop();
    this.#ended?.stop();
    this.prober.stop();
    this.drains.stop();
    this.applications.stop();
    return this.#publisher.settled();
  }

  /** Every node has had the time to report its connections. */
  #reported(): void {
    this.#awaitImports = false;
    void this.#publishSoon();
  }

  /** Resolves when what the message changes is in force. */
  async put(name: string, state: NodeState): Promise<PutOutcome> {
    const {registry, events, clock, log} = this.#deps;
    const report = new NodeEvents(registry, name);
    const result = registry.put(name, state, clock.now());
    if (result.kind === 'refused') {
      log.warn({node: name, address: state.address, reason: result.reason}, 'node refused');
      return result;
    }
    const {node} = result;
    report.take();
    await this.commit();
    report.write(events);
    const flowsRefused = this.#take(node, result.kind, state.flows ?? []);
    if (result.kind === 'applied') this.#ended?.take(node, state.ended ?? []);
    const confirm = this.#flows ? {confirm: this.#flows.questionsFor(name)} : {};
    const asked = {...confirm, ...this.#ended?.configFor(name)};
    return {kind: 'config', config: {...this.#config(node), flowsRefused, ...asked}};
  }

  #take(node: NodeRecord, kind: 'applied' | 'overtaken', reports: readonly FlowReport[]): FlowsRefused {
    const refuse = (reason: string) => reports.map((report) => ({flow: report, reason}));
    if (this.#flows === null)
      return refuse(
        `the router's provider (${this.#deps.provider.name}) knows nothing of single connections`,
      );
    if (kind === 'overtaken') return refuse('the message was overtaken by a later one');
    return this.#flows.take(node, reports);
  }

  #config(node: NodeRecord): NodeConfig {
    const {registry, provider, routerAddressFor, direct} = this.#deps;
    const router = {address: routerAddressFor(node.address), direct, tracksFlows: provider.flows !== null};
    return nodeConfigFor(registry, router, provider.method, node);
  }

  /** Resolves when what is registered now is in force. */
  commit(): Promise<void> {
    return this.#publisher.commit();
  }

  /** Also when only the provider's own knowledge (a MAC, a VIP's rival) has changed. */
  publish(): Promise<void> {
    return this.#publisher.publish();
  }

  #published({generation, revision, statuses, scheduled, seconds}: Published): void {
    const {events, onPublished} = this.#deps;
    onPublished(seconds);
    this.#report(scheduled, statuses);
    this.applications.published(statuses, scheduled);
    this.drains.published(revision);
    events.add({event: 'published', detail: `generation ${generation}`});
  }

  /** Events for endpoints that began or ceased to get new flows, as the ring in force has them. */
  #report(now: ReadonlySet<EndpointRecord>, statuses: EndpointStatuses): void {
    const {events} = this.#deps;
    for (const record of now)
      if (!this.#scheduled.has(record)) events.add(endpointEvent('endpoint-up', record));
    for (const record of this.#scheduled) {
      if (now.has(record)) continue;
      const event =
        record.unreachable !== undefined && record.state !== 'closed'
          ? 'endpoint-unreachable'
          : 'endpoint-down';
      events.add(endpointEvent(event, record, statuses.find(record)?.reason));
    }
    this.#scheduled = now;
  }

  /** For timers: a failure to publish is logged and tried again with the next housekeeping. */
  async #logFailure(publishing: Promise<void>): Promise<void> {
    try {
      await publishing;
    } catch (error) {
      this.#deps.log.error({error: messageOf(error)}, 'cannot publish the policy');
    }
  }

  #commitSoon(): Promise<void> {
    return this.#logFailure(this.commit());
  }

  #publishSoon(): Promise<void> {
    return this.#logFailure(this.publish());
  }

  /** Something that the provider knows has changed. */
  changed(): void {
    void this.#publishSoon();
  }

  #checkLeases(): void {
    const {registry, events, clock} = this.#deps;
    registry.slowStart.pass(clock.now());
    const silent = registry.expire(clock.now());
    for (const node of silent) events.add({event: 'node-suspect', node: node.name, detail: 'lease is over'});
    for (const record of silent.flatMap((node) => registry.endpointsOfNode(node.name)))
      if (record.state === 'suspect') events.add(endpointEvent('endpoint-suspect', record));
    void this.#commitSoon();
  }

  #prune(): void {
    const {registry, provider, clock} = this.#deps;
    const isReachable = (address: string) => provider.neighbor(address).reachable;
    const flows = provider.flows?.countByEndpoint() ?? null;
    if (flows) this.applications.counted(flows);
    registry.prune(flows, clock.now(), isReachable);
    if (this.vips.release()) void this.#publishSoon();
    else void this.#commitSoon();
  }
}

function endpointEvent(
  event: RouterEvent['event'],
  record: EndpointRecord,
  reason?: string,
): Omit<RouterEvent, 'time'> {
  const {application, vip, protocol, port, node, address, nodePort} = record;
  const location = nodePort === undefined ? undefined : `${address}:${nodePort}`;
  const detail = [location, reason].filter((part) => part !== undefined).join(': ');
  return {event, application, vip, protocol, port, node, ...(detail === '' ? {} : {detail})};
}
