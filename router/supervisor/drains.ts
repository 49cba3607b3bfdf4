// Watches drains: their deadlines, how many flows are left, and when none is. Where flows are not counted, a drain is
// done at its deadline.

import type {Clock, Timer} from '../base/clock.ts';
import type {EventLog} from './event-log.ts';
import type {DrainView} from '../protocol/steering.ts';
import type {EndpointRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {FlowCapability} from '../provider/provider.ts';
import {endpointName, namesOf} from '../model/target.ts';
import type {Drain} from '../model/wishes.ts';

const INTERVAL_MS = 500;
/** So long a forwarder may still use the policy from before a drain. */
const SETTLED_MS = 300;
/** What is silent so long and was never, or is no longer, a connection does not hold a drain up (seconds). */
const QUIET_SECONDS = 5;

export interface DrainsDeps {
  clock: Clock;
  registry: Registry;
  provider: {readonly flows: FlowCapability | null};
  events: EventLog;
  /** Publishes what follows. */
  onDeadline: () => void;
}

export class Drains {
  readonly #deps: DrainsDeps;
  /** Flows by "slot:generation" at the last look. */
  #flows: Readonly<Record<string, number>> = {};
  /** When that was (milliseconds since the epoch). */
  #lookedAt = 0;
  readonly #drained = new Set<string>();
  #timer: Timer | null = null;

  constructor(deps: DrainsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = this.#deps.clock.every(INTERVAL_MS, () => this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** A drain has begun, has changed or has ended. */
  changed(name: string): void {
    this.#drained.delete(name);
  }

  /** Flows left of an endpoint that is being drained, at the last look; null: they are not counted. */
  flowsOf(record: EndpointRecord): number | null {
    if (this.#deps.provider.flows === null) return null;
    // A datagram of a conversation goes elsewhere once its endpoint is closed: it holds nobody up.
    const moves = record.protocol === 'udp' && (record.state === 'closed' || this.#isOver(record));
    return moves ? 0 : (this.#flows[`${record.slot}:${record.generation}`] ?? 0);
  }

  #isOver(record: EndpointRecord): boolean {
    return this.#deps.registry.wishes.drainOf(record)?.over ?? false;
  }

  /** Nobody uses an endpoint that is being drained, and nobody will. */
  isDrained(record: EndpointRecord): boolean {
    const drain = this.#deps.registry.wishes.drainOf(record);
    return drain !== null && this.#isSettled(drain) && this.#isUnused(record);
  }

  /** As far as is known. */
  #isUnused(record: EndpointRecord): boolean {
    return (this.flowsOf(record) ?? 0) === 0;
  }

  #isSettled({since, keepClients, over}: Drain): boolean {
    // Until the deadline clients that are kept may come back, and flows that nobody counts go on.
    const waits = keepClients || this.#deps.provider.flows === null;
    return this.#lookedAt - since >= SETTLED_MS && (!waits || over);
  }

  views(): DrainView[] {
    return [...this.#deps.registry.wishes.drains()].map(([name, drain]) => this.#view(name, drain));
  }

  #view(target: string, {since, deadline, keepClients}: Drain): DrainView {
    const records = this.#recordsOf(target);
    const counted = this.#deps.provider.flows !== null;
    const flows = records.reduce((total, record) => total + (this.flowsOf(record) ?? 0), 0);
    const state = this.#drained.has(target) ? 'drained' : 'draining';
    const open = records.filter((record) => record.state !== 'closed');
    const left = counted ? {flows} : {};
    return {target, since, deadline, keepClients, state, ...left, endpoints: open.map(endpointName)};
  }

  #recordsOf(name: string): EndpointRecord[] {
    const {registry} = this.#deps;
    const records = registry.endpoints().filter((record) => namesOf(record).includes(name));
    // Of a node that has left nobody answers for its connections.
    return records.filter((record) => registry.node(record.node)?.state !== 'left');
  }

  #look(): void {
    const {clock, registry, provider, events, onDeadline} = this.#deps;
    const {wishes} = registry;
    const before = registry.revision;
    wishes.pass(clock.wall());
    if (registry.revision !== before) onDeadline();
    const waiting = [...wishes.drains()].filter(([name]) => !this.#drained.has(name));
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
    return this.#isSettled(drain) && this.#recordsOf(name).every((record) => this.#isUnused(record));
  }
}
