// Turns: everything once, then everything again, every second time in reverse order, so that what changes on the
// machine while it is measured hits all alike.

import {distinct} from './report/result.ts';
import type {Failure, Series} from './report/result.ts';

/** One thing to measure once in every round. */
export interface Trial {
  setup: string;
  condition?: string;
  x?: number | null;
  /** Only in the first so many rounds, where one takes long. */
  rounds?: number;
  /** Numbers by metric. */
  measure(): Promise<Record<string, number>>;
}

export interface Measured {
  series: Series[];
  failures: Failure[];
}

export interface Turns {
  rounds: number;
  /** All trials of a set-up one after the other, where changing it takes long. */
  together: boolean;
  signal: AbortSignal;
  log(line: string): void;
}

/** More failed rounds than this share, and the trial has shown nothing. */
const MOST_FAILED = 0.34;

function nameOf({setup, condition, x}: Trial): string {
  return [setup, condition, x].filter((part) => part !== undefined && part !== null && part !== '').join(' ');
}

class Collector {
  readonly series: Series[] = [];
  readonly failures: Failure[] = [];
  readonly #byMetric = new Map<string, Series>();

  add(trial: Trial, round: number, numbers: Record<string, number>): void {
    for (const [metric, value] of Object.entries(numbers)) this.#of(trial, metric).values[round] = value;
  }

  fail(trial: Trial, round: number, reason: string): void {
    this.failures.push({round, what: nameOf(trial), reason});
  }

  #of(trial: Trial, metric: string): Series {
    const key = `${nameOf(trial)}\n${metric}`;
    let series = this.#byMetric.get(key);
    if (!series) {
      const {setup, condition = '', x = null} = trial;
      series = {setup, condition, x, metric, values: []};
      this.#byMetric.set(key, series);
      this.series.push(series);
    }
    return series;
  }

  done(): Measured {
    // Rounds that failed are holes, which JSON does not know.
    for (const series of this.series) series.values = Array.from(series.values, (value) => value ?? null);
    return {series: this.series, failures: this.failures};
  }
}

function bySetup(trials: readonly Trial[]): readonly Trial[] {
  return distinct(trials.map(({setup}) => setup)).flatMap((setup) =>
    trials.filter((trial) => trial.setup === setup),
  );
}

/** Rejects when a trial failed in more than a third of its rounds. A single failed round is kept as such. */
export async function inTurns(trials: readonly Trial[], turns: Turns): Promise<Measured> {
  const collector = new Collector();
  const order = turns.together ? bySetup(trials) : trials;
  for (let round = 0; round < turns.rounds; round++) {
    const due = order.filter((trial) => round < (trial.rounds ?? turns.rounds));
    for (const trial of round % 2 ? due.reverse() : due) {
      turns.signal.throwIfAborted();
      try {
        const numbers = await trial.measure();
        collector.add(trial, round, numbers);
        turns.log(`${round + 1}/${turns.rounds} ${nameOf(trial)}: ${summary(numbers)}`);
      } catch (error) {
        turns.signal.throwIfAborted();
        const reason = error instanceof Error ? error.message : String(error);
        turns.log(`${round + 1}/${turns.rounds} ${nameOf(trial)}: failed: ${reason}`);
        collector.fail(trial, round, reason);
        const failed = collector.failures.filter(({what}) => what === nameOf(trial)).length;
        if (failed > MOST_FAILED * (trial.rounds ?? turns.rounds)) throw error;
      }
    }
  }
  return collector.done();
}

function summary(numbers: Record<string, number>): string {
  return Object.entries(numbers)
    .map(([metric, value]) => `${Number(value.toPrecision(4))} ${metric}`)
    .join(', ');
}
