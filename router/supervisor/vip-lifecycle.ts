// When a VIP is ours: from its first endpoint until a grace time after its last endpoint and its last flow.
// (A closed endpoint stays registered while flows refer to it, so "no endpoint" means "no flow" too.)

import type {Clock} from '../base/clock.ts';
import type {Registry} from '../model/registry.ts';
import type {RoutingProvider} from '../provider/provider.ts';

export interface VipLifecycleDeps {
  clock: Clock;
  registry: Registry;
  provider: RoutingProvider;
  graceMs: number;
}

export class VipLifecycle {
  readonly #deps: VipLifecycleDeps;
  /** Assigned VIPs, and since when each is no longer needed (null: needed). */
  readonly #idleSince = new Map<string, number | null>();
  graceMs: number;

  constructor(deps: VipLifecycleDeps) {
    this.#deps = deps;
    this.graceMs = deps.graceMs;
  }

  /** VIPs that were active under the supervisor before this one. */
  adopt(vips: readonly string[]): void {
    for (const vip of vips) this.#idleSince.set(vip, this.#deps.clock.now());
  }

  assigned(): string[] {
    return [...this.#idleSince.keys()];
  }

  #needed(): Set<string> {
    return new Set(this.#deps.registry.endpoints().map((record) => record.vip));
  }

  claim(): void {
    for (const vip of this.#needed()) {
      if (!this.#idleSince.has(vip)) this.#deps.provider.assignAddress(vip);
      this.#idleSince.set(vip, null);
    }
  }

  /** Gives up what was not needed for the grace time; true if that changed anything. */
  release(): boolean {
    const {clock, provider} = this.#deps;
    const needed = this.#needed();
    let released = false;
    for (const [vip, since] of this.#idleSince) {
      if (needed.has(vip)) continue;
      if (since === null) this.#idleSince.set(vip, clock.now());
      else if (clock.now() - since >= this.graceMs) {
        this.#idleSince.delete(vip);
        provider.releaseAddress(vip);
        released = true;
      }
    }
    return released;
  }
}
