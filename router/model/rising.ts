// Slow start: an endpoint that is new, or serves again, gets its share in a few steps, so that a program with cold
// caches is not buried. Pure; times are milliseconds of Clock.now.

import type {EndpointRecord} from './records.ts';

/** From a fifth of its weight to all of it. */
const STEPS = 5;

interface Rise {
  since: number;
  ms: number;
  share: number;
}

export class Rising {
  #rises = new Map<EndpointRecord, Rise>();
  /** Those that had flows at the last look; null: there was none, and whoever has flows then had them before. */
  #serving: ReadonlySet<EndpointRecord> | null = null;
  readonly #changed: () => void;

  /** `changed` is called when a share has changed. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Who serves now, and how long a start takes there (0: no time). True if a share is another now. */
  observe(serving: ReadonlyMap<EndpointRecord, number>, now: number): boolean {
    const before = this.#serving;
    this.#serving = new Set(serving.keys());
    for (const record of this.#rises.keys()) if (!serving.has(record)) this.#rises.delete(record);
    if (before === null) return false;
    const begun = [...serving].filter(([record, ms]) => ms > 0 && !before.has(record));
    for (const [record, ms] of begun) this.#rises.set(record, {since: now, ms, share: 1 / STEPS});
    return begun.length > 0;
  }

  /** Time goes on: the next steps. */
  pass(now: number): void {
    for (const [record, rise] of this.#rises) {
      const share = Math.min(STEPS, Math.floor(((now - rise.since) * STEPS) / rise.ms) + 1) / STEPS;
      if (share === rise.share) continue;
      rise.share = share;
      if (share === 1) this.#rises.delete(record);
      this.#changed();
    }
  }

  /** Which part of its weight it gets. */
  shareOf(record: EndpointRecord): number {
    return this.#rises.get(record)?.share ?? 1;
  }
}
