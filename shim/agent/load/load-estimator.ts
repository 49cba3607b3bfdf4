// Estimates the load of one application on this node: rates of what was measured, their averages over time, the
// fuzzy rules, and the level that follows.

import {metricSchema} from '../../../router/protocol/load.ts';
import type {LoadRules, Metric} from '../../../router/protocol/load.ts';
import type {Level} from '../../../router/protocol/terms.ts';
import {degreesOf, infer, loadOf} from './fuzzy.ts';
import {nextLevel} from './level.ts';
import type {LevelState} from './level.ts';
import type {Reading} from './meters.ts';

/** One sample of the node and the application. */
export interface Sample {
  /** Milliseconds, monotonic. */
  now: number;
  reading: Reading;
  /** The application's own number; null if no instance gives one. */
  own: number | null;
}

function percent(part: number, whole: number): number | null {
  return whole > 0 ? Math.min(Math.max((100 * part) / whole, 0), 100) : null;
}

/** Per cent used between two readings; null if one of them lacks it. */
function cpuBetween({cpu: before}: Reading, {cpu: after}: Reading): number | null {
  return before && after ? percent(after.busy - before.busy, after.capacity - before.capacity) : null;
}

function pressureBetween({pressure: before}: Reading, {pressure: after}: Reading): number | null {
  return before && after ? percent(after.stalled - before.stalled, after.time - before.time) : null;
}

export class LoadEstimator {
  /** May be changed: the level stays until the new rules say otherwise. */
  rules: LoadRules;
  readonly #averages = new Map<Metric, number>();
  #last: Sample | null = null;
  #state: LevelState | null = null;
  #load = 0;

  constructor(rules: LoadRules) {
    this.rules = rules;
  }

  /** One with the same averages and level, independent from now on. */
  copy(): LoadEstimator {
    const copy = new LoadEstimator(this.rules);
    for (const [metric, value] of this.#averages) copy.#averages.set(metric, value);
    copy.#last = this.#last;
    copy.#state = this.#state;
    copy.#load = this.#load;
    return copy;
  }

  /** null until the second sample. */
  get level(): Level | null {
    return this.#state?.level ?? null;
  }

  /** Is it time for the next sample? */
  isDue(now: number): boolean {
    // A timer that fires a little early must not skip a sample.
    return this.#last === null || now - this.#last.now >= this.rules.interval * 900;
  }

  take(sample: Sample): void {
    const last = this.#last;
    this.#last = sample;
    if (last === null) return;
    const measured: Record<Metric, number | null> = {
      cpu: cpuBetween(last.reading, sample.reading),
      'run-queue': sample.reading.runQueue ?? null,
      pressure: pressureBetween(last.reading, sample.reading),
      own: sample.own,
    };
    const weight = this.#weightOf(sample.now - last.now);
    for (const metric of metricSchema.options) this.#average(metric, measured[metric], weight);
    this.#decide(sample.now);
  }

  /** "load 0.62: cpu 71.3, pressure 12.0" */
  describe(): string {
    const values = [...this.#averages].map(([metric, value]) => `${metric} ${value.toFixed(1)}`);
    return `load ${this.#load.toFixed(2)}: ${values.join(', ')}`;
  }

  /** What a sample after `ms` counts in an average with the time constant `smoothing`. */
  #weightOf(ms: number): number {
    const {smoothing} = this.rules;
    return smoothing > 0 ? 1 - Math.exp(-ms / (smoothing * 1000)) : 1;
  }

  #average(metric: Metric, value: number | null, weight: number): void {
    if (value === null || !this.rules.metrics[metric]) {
      this.#averages.delete(metric);
      return;
    }
    const before = this.#averages.get(metric) ?? value;
    this.#averages.set(metric, before + weight * (value - before));
  }

  #decide(now: number): void {
    const degrees = new Map(
      [...this.#averages].flatMap(([metric, value]) => {
        const membership = this.rules.metrics[metric];
        return membership ? [[metric, degreesOf(membership, value)] as const] : [];
      }),
    );
    const inferred = infer(this.rules.rules, degrees);
    if (inferred === null) {
      this.#state = null;
      return;
    }
    this.#load = loadOf(inferred);
    this.#state = nextLevel(this.#state, this.#load, now, this.rules);
  }
}
