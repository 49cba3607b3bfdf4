// Slow start: an endpoint that is new, or serves again, gets its share in a few steps, so that a program with cold
// caches is not overloaded. Pure; times are milliseconds of Clock.now.

import type {EndpointRecord} from './records.ts';

/** From a fifth of its weight to all of it. */
const STEPS = 5;

interface Start {
  since: number;
  ms: number;
  share: number;
}

export class SlowStart {
  readonly #starting = new Map<EndpointRecord, Start>();
  readonly #serving = new WeakSet<EndpointRecord>();
  readonly #changed: (record: EndpointRecord) => void;
  #begun = false;

  /** `changed` is called with an endpoint whose share is another now. */
  constructor(changed: (record: EndpointRecord) => void) {
    this.#changed = changed;
  }

  /** From now on endpoints that begin to serve start slowly; those that served before have all of their weight. */
  begin(): void {
    this.#begun = true;
  }

  /** Whether an endpoint serves now, and how long a start takes there (0: no time). */
  observe(record: EndpointRecord, serves: boolean, ms: number, now: number): void {
    if (!serves) {
      this.#serving.delete(record);
      this.#starting.delete(record);
    } else if (!this.#serving.has(record)) {
      this.#serving.add(record);
      if (!this.#begun || ms === 0) return;
      this.#starting.set(record, {since: now, ms, share: 1 / STEPS});
      this.#changed(record);
    }
  }

  /** Time goes on: the next steps. */
  pass(now: number): void {
    for (const [record, start] of this.#starting) {
      const share = Math.min(STEPS, Math.floor(((now - start.since) * STEPS) / start.ms) + 1) / STEPS;
      if (share === start.share) continue;
      start.share = share;
      if (share === 1) this.#starting.delete(record);
      this.#changed(record);
    }
  }

  /** Which part of its weight it gets. */
  shareOf(record: EndpointRecord): number {
    return this.#starting.get(record)?.share ?? 1;
  }
}
