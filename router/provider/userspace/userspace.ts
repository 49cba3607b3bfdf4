// The user-space provider, direct server return: routes become a policy in the shared segment, which the
// forwarders execute. Around it: who owns a VIP (vip-claims), where nodes are (neighbours), and keeping the
// host's own stack out (nftables).

import {z} from 'zod';
import type {Policy, RouterNative, Segment} from '../../../addon/router.ts';
import {inNetwork} from '../../base/address.ts';
import type {Clock} from '../../base/clock.ts';
import type {Exec} from '../../base/exec.ts';
import type {Logger} from '../../base/logger.ts';
import type {Route} from '../../model/route.ts';
import type {Side} from '../../model/side.ts';
import {Compiler} from '../../policy/compile.ts';
import type {Path} from '../../policy/compile.ts';
import type {
  Applied,
  NodePath,
  ProbeTarget,
  ProviderEvents,
  ProviderStats,
  RoutingProvider,
} from '../provider.ts';
import {Neighbours} from './neighbours.ts';
import {installTable, removeTable} from './nftables.ts';
import {VipClaims} from './vip-claims.ts';

const PROBE_TIMEOUT_MS = 800;

export interface UserspaceDeps {
  native: RouterNative;
  exec: Exec;
  clock: Clock;
  log: Logger;
  segment: Segment;
  /** External first; one when one-armed. */
  sides: readonly Side[];
  events: ProviderEvents;
  /** What the supervisor wants kept with each policy; `memory` is the provider's own part of it. */
  remember(memory: ProviderMemory): Uint8Array;
}

export const providerMemorySchema = z.strictObject({
  interfaces: z.array(z.string()),
  activeVips: z.array(z.ipv4()),
  macs: z.record(z.string(), z.string()),
});
export type ProviderMemory = z.infer<typeof providerMemorySchema>;

/** The side whose network holds the address. */
function sideOf(sides: readonly Side[], address: string): number {
  return sides.findIndex((side) => inNetwork(address, side.network));
}

export class UserspaceProvider implements RoutingProvider {
  readonly name = 'userspace-dsr';
  readonly vipPlacement = 'loopback-noarp';
  readonly #deps: UserspaceDeps;
  readonly #compiler: Compiler;
  readonly #claims: VipClaims;
  readonly #neighbours: Neighbours;
  readonly #adopted: ProviderMemory | null;
  #routes: readonly Route[] = [];

  /** `adopted`: what the provider before this one left in the same segment. */
  constructor(deps: UserspaceDeps, adopted: ProviderMemory | null) {
    this.#deps = deps;
    this.#adopted = adopted;
    this.#compiler = new Compiler(deps.segment.limits.ringSlots);
    this.#claims = new VipClaims({
      ...deps,
      external: deps.sides[0]?.name ?? '',
      interfaces: deps.sides.map((side) => side.name),
      macs: deps.sides.map((side) => side.mac),
    });
    this.#neighbours = new Neighbours({
      ...deps,
      interfaceOf: (address) => deps.sides[sideOf(deps.sides, address)]?.name ?? null,
      onChange: () => deps.events.onChange(),
    });
  }

  /** `addresses`: of the nodes that are known already. */
  async start(addresses: readonly string[]): Promise<void> {
    await this.#neighbours.start(addresses, this.#adopted?.macs ?? {});
  }

  async reserve(vips: readonly string[]): Promise<void> {
    await this.#claims.reserve(vips, this.#adopted?.activeVips ?? []);
    await installTable(
      this.#deps.exec,
      this.#deps.sides.map((side) => side.name),
      this.#claims.states().map((vip) => vip.address),
    );
  }

  assignAddress(vip: string): void {
    this.#claims.assign(vip);
  }

  releaseAddress(vip: string): void {
    this.#claims.release(vip);
  }

  reach(addresses: readonly string[]): void {
    this.#neighbours.watch(addresses);
  }

  path(address: string): NodePath {
    const entry = this.#neighbours.path(address);
    return {mac: entry?.mac ?? null, reachable: entry?.reachable ?? false};
  }

  async probe(target: ProbeTarget): Promise<'open' | 'refused' | 'silent'> {
    const {mac, reachable} = this.path(target.address);
    const side = this.#deps.sides[sideOf(this.#deps.sides, target.address)];
    if (mac === null || !side) return 'silent';
    if (target.protocol === 'udp') return reachable ? 'open' : 'silent';
    return await this.#deps.native.tcpProbe({
      interface: side.name,
      mac,
      source: side.network.address,
      vip: target.vip,
      port: target.port,
      timeoutMs: PROBE_TIMEOUT_MS,
    });
  }

  apply(routes: readonly Route[]): Applied {
    this.#routes = routes;
    const vips = this.#claims.states();
    const policy = this.#compiler.compile({
      interfaces: this.#deps.sides.map(({name, mac, mtu}) => ({name, mac, mtu})),
      vips: vips.map(({address, state}) => ({address, active: state === 'active'})),
      routes,
      pathOf: (address) => this.#pathOf(address),
    });
    const memory: ProviderMemory = {
      interfaces: policy.interfaces.map((one) => one.name),
      activeVips: policy.vips.filter((vip) => vip.active).map((vip) => vip.address),
      macs: this.#neighbours.macs(),
    };
    const generation = this.#deps.segment.publish(policy, this.#deps.remember(memory));
    return {generation, scheduled: scheduledOf(policy)};
  }

  setWeight(slot: number, weight: number): Applied {
    const routes = this.#routes.map((route) => ({
      ...route,
      endpoints: route.endpoints.map((one) => (one.slot === slot ? {...one, weight} : one)),
    }));
    return this.apply(routes);
  }

  stats(): ProviderStats {
    const {segment} = this.#deps;
    return {generation: segment.generation, counters: segment.counters(), vips: this.#claims.states()};
  }

  async close(): Promise<void> {
    this.#claims.close();
    await this.#neighbours.close();
    await removeTable(this.#deps.exec);
  }

  #pathOf(address: string): Path | null {
    const mac = this.#neighbours.path(address)?.mac ?? null;
    return mac === null ? null : {mac, egress: sideOf(this.#deps.sides, address)};
  }
}

/** "slot:incarnation" of every endpoint that is in a ring. */
function scheduledOf(policy: Policy): Set<string> {
  const slots = new Set(policy.services.flatMap((service) => [...new Set(service.ring)]));
  const scheduled = policy.endpoints.filter((endpoint) => slots.has(endpoint.slot));
  return new Set(scheduled.map((endpoint) => `${endpoint.slot}:${endpoint.incarnation}`));
}
