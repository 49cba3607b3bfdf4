// Watches drains: their deadlines, how many flows are left, and when none is. Where flows are not counted, a drain is
// done at its deadline.

import type {Clock, Timer} from '../base/clock.ts';
import type {EventLog} from './event-log.ts';
import type {DrainView} from '../protocol/overrides.ts';
import type {EndpointRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {FlowCapability} from '../provider/provider.ts';
import {endpointName, namesOf} from '../model/target.ts';
import type {Drain} from '../model/overrides.ts';

const INTERVAL_MS = 500;
/** So long a forwarder may still use the policy from before a drain. */
const SETTLED_MS = 300;
/** A flow that is silent so long and was never, or is no longer, a connection does not delay a drain (seconds). */
const QUIET_SECONDS = 5;

export interface DrainsDeps {
  clock: Clock;
  registry: Registry;
  provider: {readonly flows: FlowCapability | null};
  events: EventLog;
  /** Resolves when what follows is in force, or could not be published. */
  onDeadline: () => Promise<void>;
}

export class Drains {
  readonly #deps: DrainsDeps;
  /** Flows by "slot:generation" at the last look. */
  #flows: Readonly<Record<string, number>> = {};
  /** When that was (milliseconds since the epoch). */
  #lookedAt = 0;
  readonly #drained = new Set<string>();
  /** By drain that is not in force yet, the registry's revision that has it. */
  readonly #asked = new Map<string, number>();
  /** By drain, since when it is in force (milliseconds since the epoch). */
  readonly #inForceSince = new Map<string, number>();
  #timer: Timer | null = null;

  constructor(deps: DrainsDeps) {
    this.#deps = deps;
  }

  /** After the first publication: drains that were kept are in force. */
  start(): void {
    for (const [name, {since}] of this.#deps.registry.overrides.drains()) this.#inForceSince.set(name, since);
    this.#timer = this.#deps.clock.every(INTERVAL_MS, () => void this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** A drain has begun, has changed or has ended. */
  changed(name: string): void {
    const {registry} = this.#deps;
    this.#drained.delete(name);
    this.#asked.delete(name);
    if (!registry.overrides.drains().has(name)) this.#inForceSince.delete(name);
    else this.#asked.set(name, registry.revision);
  }

  /** What was registered until this revision is in force. */
  published(revision: number): void {
    for (const [name, asked] of this.#asked) {
      if (asked > revision) continue;
      this.#asked.delete(name);
      if (!this.#inForceSince.has(name)) this.#inForceSince.set(name, this.#deps.clock.wall());
    }
  }

  /** Flows left of an endpoint that is being drained, at the last look; null: they are not counted. */
  flowsOf(record: EndpointRecord): number | null {
    if (this.#deps.provider.flows === null) return null;
    // The next datagram of a UDP flow goes elsewhere once its endpoint is closed: it delays nothing.
    const moves = record.protocol === 'udp' && (record.state === 'closed' || this.#isOver(record));
    return moves ? 0 : (this.#flows[`${record.slot}:${record.generation}`] ?? 0);
  }

  #isOver(record: EndpointRecord): boolean {
    return this.#deps.registry.overrides.drainOf(record)?.over ?? false;
  }

  /** Endpoints that are being drained and have TCP flows left, as of the last look. */
  unfinished(): EndpointRecord[] {
    const {registry} = this.#deps;
    const waiting = [...registry.overrides.drains().keys()].filter((name) => !this.#drained.has(name));
    if (waiting.length === 0) return [];
    return registry
      .endpoints()
      .filter(
        (record) =>
          record.protocol === 'tcp' &&
          namesOf(record).some((name) => waiting.includes(name)) &&
          !this.#isUnused(record),
      );
  }

  /** Flows have ended. */
  recount(): void {
    void this.#look();
  }

  /** Nobody uses an endpoint that is being drained, and nobody will. */
  isDrained(record: EndpointRecord): boolean {
    const drain = this.#deps.registry.overrides.drainOf(record);
    return (
      drain !== null && namesOf(record).some((name) => this.#isSettled(name, drain)) && this.#isUnused(record)
    );
  }

  /** As far as is known. */
  #isUnused(record: EndpointRecord): boolean {
    return (this.flowsOf(record) ?? 0) === 0;
  }

  #isSettled(name: string, {keepClients, over}: Drain): boolean {
    const since = this.#inForceSince.get(name);
    if (since === undefined || this.#asked.has(name)) return false;
    // Until the deadline clients that are kept may come back, and flows that nobody counts go on.
    const waits = keepClients || this.#deps.provider.flows === null;
    return this.#lookedAt - since >= SETTLED_MS && (!waits || over);
  }

  views(): DrainView[] {
    return [...this.#deps.registry.overrides.drains()].map(([name, drain]) => this.#view(name, drain));
  }

  #view(target: string, {since, deadline, keepClients, by}: Drain): DrainView {
    const records = this.#recordsOf(target);
    const counted = this.#deps.provider.flows !== null;
    const flows = records.reduce((total, record) => total + (this.flowsOf(record) ?? 0), 0);
    const state = this.#drained.has(target) ? 'drained' : 'draining';
    const open = records.filter((record) => record.state !== 'closed');
    const left = counted ? {flows} : {};
    const set = {since, deadline, keepClients, ...(by === undefined ? {} : {by})};
    return {target, ...set, state, ...left, endpoints: open.map(endpointName)};
  }

  #recordsOf(name: string): EndpointRecord[] {
    const {registry} = this.#deps;
    const records = registry.endpoints().filter((record) => namesOf(record).includes(name));
    // What a node that has left still has of connections is not waited for.
    return records.filter((record) => registry.node(record.node)?.state !== 'left');
  }

  async #look(): Promise<void> {
    const {clock, registry, provider, events, onDeadline} = this.#deps;
    const {overrides} = registry;
    const over = overrides.pass(clock.wall());
    for (const name of over) this.#asked.set(name, registry.revision);
    if (over.length > 0) await onDeadline();
    const waiting = [...overrides.drains()].filter(([name]) => !this.#drained.has(name));
    if (waiting.length === 0) return;
    this.#flows = provider.flows?.countByEndpoint(QUIET_SECONDS) ?? {};
    this.#lookedAt = clock.wall();
    for (const [name, drain] of waiting) {
      if (!this.#isDone(name, drain)) continue;
      this.#drained.add(name);
      events.add({event: 'drained', detail: name});
    }
  }

  #isDone(name: string, drain: Drain): boolean {
    return this.#isSettled(name, drain) && this.#recordsOf(name).every((record) => this.#isUnused(record));
  }
}
