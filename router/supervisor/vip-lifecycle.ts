// When a VIP is ours: from the moment that its first endpoint or its first block of ports can be reached until a
// grace time after its last endpoint, its last flow and its last block. (A closed endpoint stays registered while
// flows refer to it, so "no endpoint" means "no flow" too. Where flows are not counted, open endpoints alone hold it.)

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
    const {registry, provider} = this.#deps;
    const endpoints = registry.endpoints().filter((one) => provider.flows !== null || one.state !== 'closed');
    return new Set([...endpoints, ...registry.leadingBlocks()].map((one) => one.vip));
  }

  /** Claims VIPs that are served now and were not ours; true if that changed anything. */
  claim(served: ReadonlySet<string>): boolean {
    const fresh = [...served].filter((vip) => !this.#idleSince.has(vip));
    for (const vip of fresh) {
      this.#deps.provider.assignAddress(vip);
      this.#idleSince.set(vip, null);
    }
    for (const vip of this.#needed()) if (this.#idleSince.has(vip)) this.#idleSince.set(vip, null);
    return fresh.length > 0;
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
