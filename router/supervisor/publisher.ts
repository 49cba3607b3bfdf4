// Has the provider realise what follows from the registry, and knows what is in force. One state at a time: what
// changes while the provider is at work goes with the next one, so that a slow provider costs little here.

import type {Clock} from '../base/clock.ts';
import type {EndpointRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {DesiredState} from '../policy/desired-state.ts';
import {blockRoutesOf, Routes} from '../policy/routes.ts';
import type {EndpointStatuses} from '../policy/endpoint-status.ts';
import type {Applied, RoutingProvider} from '../provider/provider.ts';
import {encodeCheckpoint} from './checkpoint.ts';
import {SlowStarts} from './slow-starts.ts';
import type {VipLifecycle} from './vip-lifecycle.ts';

/** A policy that has come into force. */
export interface Published {
  generation: number;
  /** Of the registry: what was registered until then is in force. */
  revision: number;
  statuses: EndpointStatuses;
  /** Endpoints that get new flows. */
  scheduled: ReadonlySet<EndpointRecord>;
  /** That it took to work the policy out and to realise it. */
  seconds: number;
}

export interface PublisherDeps {
  clock: Clock;
  registry: Registry;
  provider: RoutingProvider;
  vips: VipLifecycle;
  /** Nodes are still to report their flows. */
  awaitImports: () => boolean;
  onPublished: (published: Published) => void;
}

interface Wanted {
  desired: DesiredState;
  checkpoint: Uint8Array;
  revision: number;
  records: readonly EndpointRecord[];
}

export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #routes: Routes;
  readonly #slowStarts: SlowStarts;
  /** The registry's revision that is in force, and the one that the provider is realising. */
  #inForce = 0;
  #applying = 0;
  #running: Promise<void> | null = null;
  /** Begins when `#running` has ended, for all who ask meanwhile. */
  #next: Promise<void> | null = null;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#routes = new Routes(deps.registry);
    this.#slowStarts = new SlowStarts(deps.registry, this.#routes.statuses);
  }

  /** Resolves when what is registered now is in force; rejects if it cannot be: what was in force stays. */
  commit(): Promise<void> {
    const {revision} = this.#deps.registry;
    if (this.#running === null) return revision === this.#inForce ? Promise.resolve() : this.publish();
    if (this.#next !== null || revision !== this.#applying) return this.publish();
    return this.#running;
  }

  /** As `commit`, also when only the provider's own knowledge (a MAC, a VIP's rival) has changed. */
  publish(): Promise<void> {
    if (this.#running === null) return this.#begin();
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = null;
        return this.#begin();
      });
    return this.#next;
  }

  /** Resolves when nothing is being realised. */
  async settled(): Promise<void> {
    while (this.#running !== null) await (this.#next ?? this.#running).catch(() => {});
  }

  /** The first call of the provider is made before this returns. */
  #begin(): Promise<void> {
    const running = this.#run().finally(() => (this.#running = null));
    this.#running = running;
    return running;
  }

  async #run(): Promise<void> {
    const {clock, registry, provider, vips, onPublished} = this.#deps;
    const begun = clock.now();
    let wanted = this.#wanted(begun);
    let applied = await provider.apply(wanted.desired, wanted.checkpoint);
    // Only now: a client that finds a VIP must find its endpoints.
    while (vips.claim(applied.served)) {
      if (registry.revision !== wanted.revision) wanted = this.#wanted(clock.now());
      applied = await provider.apply(wanted.desired, wanted.checkpoint);
    }
    this.#inForce = wanted.revision;
    onPublished(this.#published(wanted, applied, (clock.now() - begun) / 1000));
  }

  #wanted(now: number): Wanted {
    const {registry, provider, awaitImports} = this.#deps;
    this.#slowStarts.observe(now);
    const routes = this.#routes.all();
    const {revision} = registry;
    this.#applying = revision;
    const desired = {routes, blocks: blockRoutesOf(registry), awaitImports: awaitImports()};
    const records = registry.endpoints();
    const used = [...registry.nodes(), ...records, ...desired.blocks];
    provider.reach([...new Set(used.map((one) => one.address))]);
    return {desired, checkpoint: encodeCheckpoint(registry.checkpoint()), revision, records};
  }

  #published({revision, records}: Wanted, applied: Applied, seconds: number): Published {
    const scheduled = new Set(records.filter((record) => applied.scheduled.has(record.slot)));
    const {generation} = applied;
    return {generation, revision, statuses: this.#routes.statuses, scheduled, seconds};
  }
}
