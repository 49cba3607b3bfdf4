// Finds the endpoints that begin to serve: they get their weight in steps (model/slow-start.ts).

import type {Registry} from '../model/registry.ts';
import type {EndpointStatuses} from '../policy/endpoint-status.ts';

export class SlowStarts {
  readonly #registry: Registry;
  readonly #statuses: EndpointStatuses;

  constructor(registry: Registry, statuses: EndpointStatuses) {
    this.#registry = registry;
    this.#statuses = statuses;
  }

  /** Before routes are made. What serves at the first call has served before. `now`: milliseconds of Clock.now. */
  observe(now: number): void {
    const {slowStart} = this.#registry;
    for (const service of this.#statuses.refresh()) {
      for (const record of this.#registry.endpointsOf(service)) {
        const slowStartMs = this.#statuses.application(record.application)?.slowStartMs ?? 0;
        slowStart.observe(record, this.#statuses.of(record).weight > 0, slowStartMs, now);
      }
    }
    slowStart.begin();
  }
}
