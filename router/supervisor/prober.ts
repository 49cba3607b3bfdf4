// Probes, at each interval: endpoints on the path that flows take, and nodes for an echo. A node that answers anything is
// alive; of one that answers nothing, all endpoints count as silent, also those that were not probed this time or cannot
// be (UDP).

import type {Clock, Timer} from '../base/clock.ts';
import {messageOf} from '../base/error.ts';
import type {Logger} from '../base/logger.ts';
import type {EchoSource} from './echo.ts';
import type {Finding, ProbeResult, ProbeRules} from '../model/liveness.ts';
import type {EndpointRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {RoutingProvider} from '../provider/provider.ts';

/** Endpoints probed in one round; with more, each round has the next ones. */
const MAX_PROBES = 2000;
/** What remains of an interval for the results' own work. */
const REST_MS = 50;

export interface ProberDeps {
  clock: Clock;
  log: Logger;
  registry: Registry;
  provider: RoutingProvider;
  echo: EchoSource;
  onResult: () => void;
}

type Findings = ReadonlyMap<EndpointRecord, ProbeResult>;

export class Prober {
  readonly #deps: ProberDeps;
  #rules: ProbeRules;
  /** Nodes that have answered since they came. */
  readonly #heard = new Set<string>();
  /** By node, the index of the endpoint that the next round begins with. */
  readonly #next = new Map<string, number>();
  #timer: Timer | null = null;
  #busy = false;
  #complained = false;

  constructor(deps: ProberDeps, rules: ProbeRules) {
    this.#deps = deps;
    this.#rules = rules;
  }

  start(): void {
    this.#timer = this.#deps.clock.every(this.#rules.intervalMs, () => void this.#round());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#deps.echo.close();
  }

  /** New rules, from now on. */
  configure(rules: ProbeRules): void {
    this.#rules = rules;
    this.#timer?.cancel();
    this.start();
  }

  async #round(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const nodes = this.#nodes();
      const chosen = this.#choose(nodes);
      const [results, echoes] = await this.#ask(chosen);
      this.#judge(nodes, new Map(chosen.map((record, at) => [record, results[at] ?? 'silent'])), echoes);
      this.#complained = false;
    } catch (error) {
      if (!this.#complained) this.#deps.log.warn({error: messageOf(error)}, 'cannot probe endpoints');
      this.#complained = true;
    } finally {
      this.#busy = false;
    }
    this.#deps.onResult();
  }

  #ask(chosen: readonly EndpointRecord[]): Promise<[ProbeResult[], ReadonlySet<string> | null]> {
    const {provider, echo} = this.#deps;
    const timeoutMs = Math.max(1, this.#rules.intervalMs - REST_MS);
    const addresses = [...new Set(chosen.map((record) => record.address))];
    const echoes = this.#rules.echo ? echo.ask(addresses, timeoutMs) : Promise.resolve(null);
    return Promise.all([provider.probe(chosen, timeoutMs), echoes]);
  }

  /** Open endpoints by node. */
  #nodes(): Map<string, EndpointRecord[]> {
    const nodes = new Map<string, EndpointRecord[]>();
    for (const record of this.#deps.registry.endpoints()) {
      if (record.state === 'closed') continue;
      const records = nodes.get(record.node);
      if (records) records.push(record);
      else nodes.set(record.node, [record]);
    }
    for (const name of this.#heard) if (!nodes.has(name)) this.#heard.delete(name);
    for (const name of this.#next.keys()) if (!nodes.has(name)) this.#next.delete(name);
    return nodes;
  }

  /** All, or of each node the next ones. */
  #choose(nodes: ReadonlyMap<string, EndpointRecord[]>): EndpointRecord[] {
    const all = [...nodes.values()].flat();
    if (all.length <= MAX_PROBES) return all;
    return [...nodes].flatMap(([name, records]) => {
      const count = Math.max(1, Math.floor((MAX_PROBES * records.length) / all.length));
      const first = (this.#next.get(name) ?? 0) % records.length;
      this.#next.set(name, first + count);
      return [...records.slice(first), ...records.slice(0, first)].slice(0, count);
    });
  }

  #judge(
    nodes: ReadonlyMap<string, EndpointRecord[]>,
    results: Findings,
    echoes: ReadonlySet<string> | null,
  ): void {
    const {registry, clock} = this.#deps;
    for (const [name, records] of nodes) {
      const lives = records.some(
        (one) => (echoes?.has(one.address) ?? false) || speaks(one, results.get(one)),
      );
      if (lives) this.#heard.add(name);
      const heard = this.#heard.has(name);
      const node = lives ? 'answers' : heard ? 'silent' : 'unknown';
      for (const record of records) {
        const result = resultOf(record, results, node);
        const alone = registry.isAlone(record, clock.now());
        if (result !== null)
          registry.probed(record, {result, node, trusted: heard || alone, alone}, this.#rules, clock.now());
      }
    }
  }
}

/** Only endpoints that take connections answer probes themselves. */
function isProbed(record: EndpointRecord): boolean {
  return record.protocol === 'tcp' && record.instances > 0;
}

function speaks(record: EndpointRecord, result: ProbeResult | undefined): boolean {
  return isProbed(record) && (result === 'open' || result === 'refused');
}

/** null: nothing is known this time. */
function resultOf(record: EndpointRecord, results: Findings, node: Finding['node']): ProbeResult | null {
  if (results.get(record) === 'unsent') return 'unsent';
  if (node === 'silent') return 'silent';
  const result = results.get(record) ?? null;
  if (isProbed(record) || node === 'unknown') return result;
  return 'open';
}
