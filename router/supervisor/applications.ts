// Watches applications as wholes: the load of each, its scale recommendation, and its accounts of flows. Looked at once
// per second; a change of level or recommendation is an event.

import type {Clock, Timer} from '../base/clock.ts';
import type {EventLog} from './event-log.ts';
import type {ApplicationView, Scale} from '../protocol/views.ts';
import {loadOfWhole, nextLevel} from '../metrics/application-level.ts';
import type {SteadyLevel} from '../metrics/application-level.ts';
import {summariesOf} from '../metrics/summary.ts';
import type {ApplicationSummary} from '../metrics/summary.ts';
import {movedSince, smoothedRate} from '../metrics/accounts.ts';
import type {Account, Accounts} from '../metrics/accounts.ts';
import {nextNeed, reasonOf, recommendationOf} from '../metrics/scale.ts';
import type {Need} from '../metrics/scale.ts';
import type {Application} from '../model/application/application.ts';
import type {EndpointRecord} from '../model/records.ts';
import {serviceKey} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {EndpointStatuses} from '../policy/endpoint-status.ts';
import type {FlowCapability} from '../provider/provider.ts';

const LOOK_MS = 1000;

export interface ApplicationsDeps {
  clock: Clock;
  registry: Registry;
  provider: {readonly flows: FlowCapability | null};
  events: EventLog;
}

interface Watched {
  level: SteadyLevel | null;
  load: number | null;
  need: Need;
  recommendation: Scale;
  newFlowsPerSecond: number;
  /** By virtual IP. */
  accounts: Map<string, Account>;
}

/** Where a counter of new flows belongs. */
type Owner = Pick<EndpointRecord, 'application' | 'vip'>;

const emptySummary: ApplicationSummary = {
  endpoints: {serving: 0, drained: 0, failing: 0, unreachable: 0, idle: 0},
  instances: 0,
  nodes: [],
};

/** To a thousandth. */
const rounded = (value: number) => Math.round(value * 1000) / 1000;

export class Applications {
  readonly #deps: ApplicationsDeps;
  readonly #watched = new Map<string, Watched>();
  #summaries: ReadonlyMap<string, ApplicationSummary> = new Map();
  /** The last published policy, until it is counted. */
  #published: {statuses: EndpointStatuses; scheduled: ReadonlySet<EndpointRecord>} | null = null;
  /** By service slot; a service that is gone is kept until another has its slot. */
  readonly #owners = new Map<number, Owner>();
  /** In the whole table, as last counted. */
  flows = 0;
  #counters: Readonly<Record<number, number>> = {};
  #lookedAt = 0;
  #timer: Timer | null = null;

  constructor(deps: ApplicationsDeps) {
    this.#deps = deps;
  }

  /** After the first publication. */
  start(): void {
    const {clock, provider} = this.#deps;
    this.#counters = provider.flows?.newByService() ?? {};
    this.#lookedAt = clock.now();
    this.#look();
    this.#timer = clock.every(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** `scheduled`: the endpoints that now get new flows. */
  published(statuses: EndpointStatuses, scheduled: ReadonlySet<EndpointRecord>): void {
    this.#published = {statuses, scheduled};
  }

  /** Flows were counted, by "slot:generation". */
  counted(flows: Readonly<Record<string, number>>): void {
    this.flows = Object.values(flows).reduce((sum, count) => sum + count, 0);
    for (const {accounts} of this.#watched.values())
      for (const account of accounts.values()) account.flows = 0;
    for (const record of this.#deps.registry.endpoints()) {
      const account = this.#account(record);
      if (account) account.flows += flows[`${record.slot}:${record.generation}`] ?? 0;
    }
  }

  /** In the order of the configuration. */
  views(): ApplicationView[] {
    return this.#deps.registry.applications.map((application) => this.#view(application));
  }

  /** null: flows are not counted. */
  accounts(): Accounts | null {
    if (this.#deps.provider.flows === null) return null;
    return new Map([...this.#watched].map(([name, {accounts}]) => [name, accounts]));
  }

  #view({name, tenant, vips, autoscaling}: Application): ApplicationView {
    const {endpoints, instances, nodes} = this.#summaries.get(name) ?? emptySummary;
    const watched = this.#watched.get(name);
    const level = watched?.level?.level ?? null;
    const load = watched?.load ?? null;
    const situation = {level, nodes: nodes.length};
    const reason = watched && reasonOf(watched.need, situation, this.#deps.clock.now(), autoscaling);
    return {
      application: name,
      tenant,
      vips,
      level,
      load: load === null ? null : rounded(load),
      nodes: nodes.length,
      instances,
      endpoints,
      ...this.#flowsOf(watched),
      scale: watched?.recommendation ?? 'keep',
      ...(reason === undefined ? {} : {reason}),
    };
  }

  #flowsOf(watched: Watched | undefined): Pick<ApplicationView, 'flows' | 'newFlowsPerSecond'> {
    if (this.#deps.provider.flows === null) return {};
    const accounts = [...(watched?.accounts.values() ?? [])];
    return {
      flows: accounts.reduce((sum, {flows}) => sum + flows, 0),
      newFlowsPerSecond: rounded(watched?.newFlowsPerSecond ?? 0),
    };
  }

  #look(): void {
    const {clock, registry} = this.#deps;
    const now = clock.now();
    this.#summarize();
    const known = new Set(registry.applications.map((one) => one.name));
    for (const name of this.#watched.keys()) if (!known.has(name)) this.#watched.delete(name);
    for (const application of registry.applications) this.#judge(application, now);
    this.#countNewFlows(now);
  }

  #summarize(): void {
    if (this.#published === null) return;
    const {registry} = this.#deps;
    const {statuses, scheduled} = this.#published;
    this.#published = null;
    const serves = (record: EndpointRecord) => scheduled.has(record);
    this.#summaries = summariesOf(registry.applications, registry.endpoints(), statuses, serves);
    const slots = new Map(registry.services().map((service) => [serviceKey(service), service.slot]));
    for (const record of registry.endpoints()) {
      const slot = slots.get(serviceKey(record));
      if (slot !== undefined) this.#owners.set(slot, {application: record.application, vip: record.vip});
    }
  }

  #judge({name, autoscaling}: Application, now: number): void {
    const {nodes} = this.#summaries.get(name) ?? emptySummary;
    const before = this.#watched.get(name) ?? null;
    const load = loadOfWhole(nodes);
    const level = load === null ? null : nextLevel(before?.level ?? null, load, now);
    const situation = {level: level?.level ?? null, nodes: nodes.length};
    const need = nextNeed(before?.need ?? null, situation, now, autoscaling);
    const recommendation = recommendationOf(need, now, autoscaling);
    const {newFlowsPerSecond = 0, accounts = new Map<string, Account>()} = before ?? {};
    this.#watched.set(name, {level, load, need, recommendation, newFlowsPerSecond, accounts});
    const {events} = this.#deps;
    const [was, is] = [before?.level?.level ?? 'none', level?.level ?? 'none'];
    if (was !== is) events.add({event: 'application-level', application: name, detail: `${was} → ${is}`});
    const formerly = before?.recommendation ?? 'keep';
    const reason = reasonOf(need, situation, now, autoscaling);
    const why = reason === undefined ? '' : `: ${reason}`;
    if (formerly !== recommendation)
      events.add({event: 'scale', application: name, detail: `${formerly} → ${recommendation}${why}`});
  }

  #countNewFlows(now: number): void {
    const counters = this.#deps.provider.flows?.newByService() ?? {};
    const sums = new Map<string, number>();
    for (const [slot, count] of movedSince(this.#counters, counters)) {
      const owner = this.#owners.get(slot);
      const account = owner && this.#account(owner);
      if (!account) continue;
      account.newFlows += count;
      sums.set(owner.application, (sums.get(owner.application) ?? 0) + count);
    }
    for (const [name, watched] of this.#watched) {
      const rate = watched.newFlowsPerSecond;
      watched.newFlowsPerSecond = smoothedRate(rate, sums.get(name) ?? 0, now - this.#lookedAt);
    }
    this.#counters = counters;
    this.#lookedAt = now;
  }

  /** Undefined if the application is not configured (any more). */
  #account({application, vip}: Owner): Account | undefined {
    const accounts = this.#watched.get(application)?.accounts;
    if (!accounts) return undefined;
    const account = accounts.get(vip) ?? {flows: 0, newFlows: 0};
    accounts.set(vip, account);
    return account;
  }
}
