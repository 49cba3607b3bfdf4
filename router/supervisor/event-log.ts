// The event log: what the router did, with millisecond times; the newest 10,000, and each in the log as well.

import type {Clock} from '../base/clock.ts';
import type {Logger} from '../base/logger.ts';
import {eventSchema} from '../protocol/views.ts';
import type {RouterEvent} from '../protocol/views.ts';

/** Logged as warnings. */
const WARNINGS: ReadonlySet<RouterEvent['event']> = new Set([
  'forwarder-stuck',
  'forwarder-died',
  'vip-conflict',
  'interface-trouble',
  'overrides-unsaved',
]);
const CAPACITY = 10_000;

export class EventLog {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #counts = new Map(eventSchema.shape.event.options.map((event) => [event, 0]));
  readonly #ring: RouterEvent[] = [];
  /** Of the last event: none is earlier than one before it, though the clock be set back. */
  #time = 0;
  /** Where the next event goes once the ring is full: where the oldest is. */
  #next = 0;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  add(event: Omit<RouterEvent, 'time'>): void {
    this.#counts.set(event.event, (this.#counts.get(event.event) ?? 0) + 1);
    this.#time = Math.max(this.#time, this.#clock.wall());
    const timed = {time: this.#time, ...event};
    if (this.#ring.length < CAPACITY) this.#ring.push(timed);
    else this.#ring[this.#next] = timed;
    this.#next = (this.#next + 1) % CAPACITY;
    this.#log[WARNINGS.has(event.event) ? 'warn' : event.event === 'published' ? 'debug' : 'info'](
      {...event},
      event.event,
    );
  }

  /** How often each happened, those that the log has dropped too. */
  counts(): ReadonlyMap<RouterEvent['event'], number> {
    return this.#counts;
  }

  /** Oldest first; those at or after `since` (milliseconds since the epoch). */
  list(since = 0): RouterEvent[] {
    const start = this.#ring.length < CAPACITY ? 0 : this.#next;
    const ordered = [...this.#ring.slice(start), ...this.#ring.slice(0, start)];
    return ordered.filter((event) => event.time >= since);
  }
}
