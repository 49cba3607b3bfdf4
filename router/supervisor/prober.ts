// While a node's agent is silent, the router itself finds out which of its endpoints live: once a second,
// along the way that flows take.

import type {Clock, Timer} from '../base/clock.ts';
import {messageOf} from '../base/error.ts';
import type {Logger} from '../base/logger.ts';
import type {EndpointRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {RoutingProvider} from '../provider/provider.ts';

const INTERVAL_MS = 1000;
/** Probes under way at the same time. */
const MAX_PROBES = 256;

export interface ProberDeps {
  clock: Clock;
  log: Logger;
  registry: Registry;
  provider: RoutingProvider;
  onResult: () => void;
}

export class Prober {
  readonly #deps: ProberDeps;
  readonly #underWay = new Set<EndpointRecord>();
  #timer: Timer | null = null;

  constructor(deps: ProberDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = this.#deps.clock.every(INTERVAL_MS, () => this.#round());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #round(): void {
    const {registry, clock} = this.#deps;
    const waiting = registry.doubtful(clock.now()).filter((record) => !this.#underWay.has(record));
    for (const record of waiting.slice(0, MAX_PROBES - this.#underWay.size)) void this.#probe(record);
  }

  async #probe(record: EndpointRecord): Promise<void> {
    const {registry, provider, clock, log, onResult} = this.#deps;
    this.#underWay.add(record);
    try {
      const result = await provider.probe(record);
      // The agent may have come back while the probe was under way; then its word counts.
      registry.probed(record, result, clock.now());
      onResult();
    } catch (error) {
      log.warn({node: record.node, error: messageOf(error)}, 'cannot probe an endpoint');
    } finally {
      this.#underWay.delete(record);
    }
  }
}
