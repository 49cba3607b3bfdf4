// The router's time series in Prometheus' text format. Every number is read when somebody asks, from what is counted
// anyway: no flow table is walked, no packet waits.

import {Counter, Gauge, Histogram, Registry} from 'prom-client';
import type {Series} from './series.ts';

const PREFIX = 'coscanet_';
/** Seconds; from a change to the published policy, 20 ms are plenty. */
const PUBLISH_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5];

/** Series that are read from one view of the router. */
export interface SeriesGroup<Router, View> {
  read(router: Router, query: unknown): View;
  readonly series: readonly Series<View>[];
}

export class Exposition<Router> {
  readonly #registry = new Registry();
  readonly #publishing = new Histogram({
    name: `${PREFIX}publish_duration_seconds`,
    help: 'How long it took to work out and publish a policy.',
    buckets: PUBLISH_BUCKETS,
    registers: [this.#registry],
  });
  readonly #writers: readonly ((router: Router) => void)[];

  constructor(groups: readonly SeriesGroup<Router, unknown>[]) {
    this.#writers = groups.map((group) => {
      const writers = group.series.map((series) => this.#writerOf(series));
      return (router) => {
        const view = group.read(router, {});
        for (const write of writers) write(view);
      };
    });
  }

  /** A policy was published, which took so long. */
  published(seconds: number): void {
    this.#publishing.observe(seconds);
  }

  /** The text, and its content type. */
  async write(router: Router): Promise<{type: string; text: string}> {
    for (const write of this.#writers) write(router);
    return {type: this.#registry.contentType, text: await this.#registry.metrics()};
  }

  #writerOf<View>(series: Series<View>): (view: View) => void {
    const {kind, name, help, labels} = series;
    const options = {name: PREFIX + name, help, labelNames: labels, registers: [this.#registry]};
    const metric = kind === 'gauge' ? new Gauge(options) : new Counter(options);
    return (view) => {
      const samples = series.read(view);
      metric.reset();
      // Without labels it begins with a 0 that nobody has counted.
      if (samples.length === 0 && labels.length === 0) metric.remove();
      for (const [of, value] of samples) metric.inc(of, value);
    };
  }
}
