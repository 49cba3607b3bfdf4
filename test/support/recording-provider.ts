// A provider that moves no packets: it keeps what it was asked, puts states in force when the test lets it, and knows
// who would get new flows. It lacks the capability to look at single flows, and takes its time, as an appliance does.

import {UserError} from '../../router/base/error.ts';
import type {ProbeResult} from '../../router/model/liveness.ts';
import type {ForwardingMethod} from '../../router/model/method.ts';
import {methods} from '../../router/model/method.ts';
import type {DesiredState, Route} from '../../router/policy/desired-state.ts';
import {compileRing, MAX_RING} from '../../router/policy/schedule.ts';
import type {
  Applied,
  NeighborState,
  ProbeTarget,
  ProviderEvents,
  ProviderLimits,
  ProviderStats,
  RoutingProvider,
} from '../../router/provider/provider.ts';

interface Asked {
  desired: DesiredState;
  checkpoint: Uint8Array;
}

/** By service ("VIP:PORT/PROTOCOL"), the addresses that new flows go to, one after the other. */
type Rings = ReadonlyMap<string, readonly string[]>;

interface InForce extends Asked {
  generation: number;
  applied: Applied;
  rings: Rings;
  active: ReadonlySet<string>;
}

const nameOf = ({vip, port, protocol}: Pick<Route, 'vip' | 'port' | 'protocol'>) =>
  `${vip}:${port}/${protocol}`;

export class RecordingProvider implements RoutingProvider {
  readonly name = 'recording';
  readonly method: ForwardingMethod;
  readonly limits: ProviderLimits;
  readonly flows = null;
  readonly #events: ProviderEvents;
  /** Of other hosts, by the virtual IP that they use. */
  readonly rivals = new Map<string, string>();
  /** Of nodes that were found, by address. */
  readonly macs = new Map<string, string>();
  /** States that the provider has begun to realise. */
  readonly realised: DesiredState[] = [];
  /** How often a state was given. */
  asked = 0;
  reached: readonly string[] = [];
  /** Why nothing can be realised. */
  failure: Error | null = null;
  readonly #reserved = new Set<string>();
  readonly #assigned = new Set<string>();
  readonly #cursors = new Map<string, number>();
  #inForce: InForce | null = null;
  #newest: Asked | null = null;
  #waiting: Promise<Applied> | null = null;
  #running: Promise<unknown> = Promise.resolve();
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => {};

  constructor(
    events: ProviderEvents,
    limits: Partial<ProviderLimits> = {},
    method: ForwardingMethod = methods.dsr,
  ) {
    this.#events = events;
    this.method = method;
    this.limits = {endpoints: 64, services: 32, vips: 16, blocks: 64, ...limits};
  }

  /** Nothing comes into force until `release`. */
  hold(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  release(): void {
    this.#open();
  }

  reserve(vips: readonly string[]): Promise<void> {
    const taken = vips.filter((vip) => this.rivals.has(vip));
    if (taken.length > 0)
      return Promise.reject(new UserError(`virtual IP ${taken.join(', ')} is already used`));
    this.#reserved.clear();
    for (const vip of [...vips, ...this.#assigned]) this.#reserved.add(vip);
    return Promise.resolve();
  }

  assignAddress(vip: string): void {
    if (this.#assigned.has(vip)) return;
    this.#assigned.add(vip);
    this.#events.onVip('vip-claimed', vip);
  }

  releaseAddress(vip: string): void {
    if (this.#assigned.delete(vip)) this.#events.onVip('vip-released', vip);
  }

  reach(addresses: readonly string[]): void {
    this.reached = addresses;
  }

  neighbor(address: string): NeighborState {
    const mac = this.macs.get(address) ?? null;
    return {mac, reachable: mac !== null};
  }

  /** A node answers. */
  found(address: string, mac: string): void {
    this.macs.set(address, mac);
    this.#events.onChange();
  }

  probe(targets: readonly ProbeTarget[]): Promise<ProbeResult[]> {
    return Promise.resolve(targets.map(({address}) => (this.macs.has(address) ? 'open' : 'silent')));
  }

  apply(desired: DesiredState, checkpoint: Uint8Array): Promise<Applied> {
    this.asked += 1;
    this.#newest = {desired, checkpoint};
    this.#waiting ??= this.#turn();
    return this.#waiting;
  }

  /** Realises the newest state, when the one before it is done. */
  async #turn(): Promise<Applied> {
    await this.#running.catch(() => {});
    const newest = this.#newest;
    this.#waiting = null;
    if (newest === null) throw new Error('nothing was asked');
    const running = this.#realise(newest);
    this.#running = running;
    return await running;
  }

  async #realise({desired, checkpoint}: Asked): Promise<Applied> {
    this.realised.push(desired);
    // Paths and addresses are those of the beginning, as an appliance's script would have them.
    const reached = desired.routes.map((route) => this.#reachedOf(route));
    const active = new Set(this.#assigned);
    await this.#gate;
    if (this.failure) throw this.failure;
    if (desired.routes.length > this.limits.services)
      throw new Error('there is no room for so many services');
    const usable = reached.map((endpoints) => endpoints.filter((one) => one.weight > 0));
    const rings = desired.routes.map((route, at): [string, readonly string[]] => {
      const endpoints = usable[at] ?? [];
      const order = compileRing(
        endpoints.map((one) => one.weight),
        MAX_RING,
      );
      return [nameOf(route), order.map((index) => endpoints[index]?.address ?? '')];
    });
    const served = desired.routes.filter((_, at) => (reached[at]?.length ?? 0) > 0);
    const blocks = desired.blocks.filter((block) => this.macs.has(block.address));
    const generation = (this.#inForce?.generation ?? 0) + 1;
    const applied: Applied = {
      generation,
      scheduled: new Set(usable.flat().map((one) => one.slot)),
      served: new Set([...served, ...blocks].map((one) => one.vip)),
    };
    this.#inForce = {desired, checkpoint, generation, applied, rings: new Map(rings), active};
    return applied;
  }

  #reachedOf(route: Route) {
    return route.endpoints.filter((one) => one.open && this.macs.has(one.address));
  }

  /** Where the next new flow of a service goes; null: nowhere. */
  nextOf(service: Pick<Route, 'vip' | 'port' | 'protocol'>): string | null {
    const name = nameOf(service);
    const ring = this.#inForce?.active.has(service.vip) ? (this.#inForce.rings.get(name) ?? []) : [];
    if (ring.length === 0) return null;
    const cursor = this.#cursors.get(name) ?? 0;
    this.#cursors.set(name, cursor + 1);
    return ring[cursor % ring.length] ?? null;
  }

  /** Of the state that is in force. */
  get kept(): Uint8Array | null {
    return this.#inForce?.checkpoint ?? null;
  }

  stats(): ProviderStats {
    const vips = [...this.#reserved].map((address) => {
      const state = this.#assigned.has(address) ? ('active' as const) : ('inactive' as const);
      return {address, state};
    });
    return {generation: this.#inForce?.generation ?? 0, counters: {}, vips, interfaces: [], forwarders: []};
  }

  close(): Promise<void> {
    this.#inForce = null;
    this.#assigned.clear();
    this.#reserved.clear();
    this.reached = [];
    return Promise.resolve();
  }
}
