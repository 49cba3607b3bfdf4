// The user-space provider: routes become a policy in the shared segment, which the forwarders execute. Around
// it: who owns a VIP (vip-claims), where nodes are (neighbors), where the world is if the method routes what
// nodes send there (gateway), how the router's own host takes part (host-veth), and keeping its stack out
// otherwise (nftables).

import type {RouterNative} from '../../../addon/router.ts';
import {inNetwork} from '../../base/address.ts';
import {messageOf} from '../../base/error.ts';
import {CleanupStack} from '../../base/cleanup-stack.ts';
import type {Clock} from '../../base/clock.ts';
import type {Exec} from '../../base/exec.ts';
import type {Logger} from '../../base/logger.ts';
import type {ForwardingMethod} from '../../model/method.ts';
import type {DesiredState} from '../../policy/desired-state.ts';
import type {ProbeResult} from '../../model/liveness.ts';
import type {Interface} from '../../model/interface.ts';
import {Compiler} from '../../policy/compile.ts';
import type {NextHop} from '../../policy/compile.ts';
import type {
  Applied,
  FlowCapability,
  NeighborState,
  ProbeTarget,
  ProviderEvents,
  ProviderLimits,
  ProviderStats,
  RoutingProvider,
} from '../provider.ts';
import {encodeKept} from './checkpoint.ts';
import type {ProviderCheckpoint} from './checkpoint.ts';
import type {DataPlane} from './dataplane/data-plane.ts';
import {flowsOf} from './dataplane/flows.ts';
import {Gateway} from './gateway.ts';
import {InterfaceWatch} from './interface-watch.ts';
import {HOST_ADDRESS} from './host-veth.ts';
import type {ForwarderInterface} from './host-veth.ts';
import {Neighbors} from './neighbors.ts';
import {installTable, removeTable} from './nftables.ts';
import {probeEndpoints} from './probes.ts';
import {VipClaims} from './vip-claims.ts';

export interface UserspaceDeps {
  native: RouterNative;
  exec: Exec;
  clock: Clock;
  log: Logger;
  method: ForwardingMethod;
  dataPlane: Pick<DataPlane, 'segment' | 'hostVeth' | 'prepare' | 'run' | 'stop'>;
  /** External first; one when one-armed. */
  interfaces: readonly Interface[];
  events: ProviderEvents;
}

export class UserspaceProvider implements RoutingProvider {
  readonly name: string;
  readonly method: ForwardingMethod;
  readonly limits: ProviderLimits;
  readonly flows: FlowCapability;
  readonly #deps: UserspaceDeps;
  readonly #compiler: Compiler;
  readonly #watch: InterfaceWatch;
  readonly #claims: VipClaims;
  readonly #neighbors: Neighbors;
  readonly #gateway: Gateway | null;
  readonly #adopted: ProviderCheckpoint | null;
  /** Whose MACs must be known. */
  #reached: readonly string[] = [];
  /** Why the last probe that failed could not be sent. */
  #complaint = '';
  #forwarding: Promise<void> = Promise.resolve();

  /** `adopted`: what the provider before this one left in the same segment. */
  constructor(deps: UserspaceDeps, adopted: ProviderCheckpoint | null) {
    this.name = `userspace-${deps.method.name}`;
    this.method = deps.method;
    this.limits = deps.dataPlane.segment.limits;
    this.flows = flowsOf(deps.dataPlane.segment);
    this.#deps = deps;
    this.#adopted = adopted;
    this.#compiler = new Compiler(deps.dataPlane.segment.limits.ringSlots);
    const external = deps.interfaces[0]?.name ?? '';
    const onChange = () => deps.events.onChange();
    this.#watch = new InterfaceWatch({
      ...deps,
      onChange: (own, what) => this.#changed(own, what),
      onTrouble: (own, trouble) =>
        deps.events.onInterface(own.name, trouble ?? 'it is well again', trouble !== null),
      onLinkBack: (own) => this.#claims.announceInterface(own.name),
      onOutdated: (reason) => deps.events.onOutdated(reason),
    });
    this.#claims = new VipClaims({
      ...deps,
      interfaces: () => this.#watch.interfaces,
      conflicts: () => deps.dataPlane.segment.arpConflicts(),
    });
    this.#neighbors = new Neighbors({
      ...deps,
      interfaceOf: (address) => this.#interfaces[this.#egressTo(address)]?.name ?? null,
      onChange,
    });
    this.#gateway = deps.method.routes ? new Gateway({...deps, external, onChange}) : null;
  }

  /** `addresses`: of the nodes that are known already. */
  async start(addresses: readonly string[]): Promise<void> {
    const {dataPlane, events} = this.#deps;
    await dataPlane.prepare();
    // First of all: an adopted segment still holds a policy, by which they forward while the rest starts.
    const names = this.#interfaces.map((one) => one.name);
    this.#forwarding = dataPlane.run(names, this.#adopted?.interfaces ?? [], (event, detail) =>
      events.onForwarder(event, detail),
    );
    // Who waits for it hears of a failure.
    this.#forwarding.catch(() => {});
    this.#watch.start();
    for (const {name} of this.#watch.interfaces) this.#claims.announceOwn(name);
    this.#gateway?.start();
    this.#reached = this.#withGateway(addresses);
    await this.#neighbors.start(this.#reached, this.#adopted?.macs ?? {});
  }

  /** Resolves when packets are forwarded. */
  get forwarding(): Promise<void> {
    return this.#forwarding;
  }

  /** VIPs that were active under the router before this one. */
  get adoptedVips(): readonly string[] {
    return this.#adopted?.activeVips ?? [];
  }

  async reserve(vips: readonly string[]): Promise<void> {
    const routed = await this.#claims.reserve(vips, this.adoptedVips);
    for (const vip of routed)
      this.#deps.log.info({vip}, 'virtual IP is on no network of this host: it has to be routed here');
    const {exec, dataPlane} = this.#deps;
    const known = this.#claims.states().map((vip) => vip.address);
    const ruled = this.#interfaces.map(({name, role}) => ({
      name,
      routed: this.method.routes && role === 'internal',
      ours: role === 'host',
    }));
    await installTable(exec, ruled, [...known, HOST_ADDRESS]);
    await dataPlane.hostVeth.setVips(known);
  }

  assignAddress(vip: string): void {
    this.#claims.assign(vip);
  }

  releaseAddress(vip: string): void {
    this.#claims.release(vip);
  }

  reach(addresses: readonly string[]): void {
    this.#reached = this.#withGateway(addresses);
    this.#neighbors.watch(this.#reached);
  }

  neighbor(address: string): NeighborState {
    const entry = this.#neighbors.get(address);
    return {mac: entry?.mac ?? null, reachable: entry?.reachable ?? false};
  }

  async probe(targets: readonly ProbeTarget[], timeoutMs: number): Promise<ProbeResult[]> {
    const {native} = this.#deps;
    const wayTo = (address: string) => ({...this.neighbor(address), egress: this.#egressTo(address)});
    const deps = {
      native,
      interfaces: this.#interfaces,
      routes: this.method.routes,
      wayTo,
      inTrouble: (name: string) => this.#watch.troubleOf(name) !== null,
      onError: (error: unknown) => this.#complain(messageOf(error)),
    };
    return await probeEndpoints(deps, targets, timeoutMs);
  }

  /** Published, and so in force, before it gives way. */
  async apply(desired: DesiredState, checkpoint: Uint8Array): Promise<Applied> {
    const vips = this.#claims.states();
    const {policy, scheduled, served} = this.#compiler.compile({
      routes: this.method.routes,
      gateway: this.#gateway?.address ? this.#nextHopTo(this.#gateway.address) : null,
      interfaces: this.#interfaces.map(({name, role, mac, mtu, network, vlans = []}) => {
        return {name, role, mac, mtu, vlans, ...network};
      }),
      vips: vips.map(({address, state}) => ({address, active: state === 'active'})),
      desired,
      nextHopOf: (address) => this.#nextHopTo(address),
    });
    const own: ProviderCheckpoint = {
      interfaces: policy.interfaces.map((one) => one.name),
      activeVips: policy.vips.filter((vip) => vip.active).map((vip) => vip.address),
      neighbors: [...this.#reached],
      macs: this.#neighbors.macs(),
    };
    const generation = this.#deps.dataPlane.segment.publish(
      policy,
      encodeKept({own, supervisor: checkpoint}),
    );
    return {generation, scheduled, served};
  }

  stats(): ProviderStats {
    const {segment} = this.#deps.dataPlane;
    const interfaces = this.#watch.interfaces.map((one) => ({
      ...one,
      trouble: this.#watch.troubleOf(one.name),
    }));
    const forwarders = segment.forwarders().filter((one) => one.pid !== 0);
    const vips = this.#claims.states();
    return {generation: segment.generation, counters: segment.counters(), vips, interfaces, forwarders};
  }

  async close(): Promise<void> {
    const {exec, log, dataPlane} = this.#deps;
    this.#watch.close();
    this.#claims.close();
    this.#gateway?.close();
    const rest = new CleanupStack(log);
    rest.add('data plane', () => dataPlane.stop());
    rest.add('nftables table', () => removeTable(exec));
    rest.add('neighbors', () => this.#neighbors.close());
    await rest.run();
  }

  /** Once, until the reason is another. */
  #complain(reason: string): void {
    if (reason !== this.#complaint) this.#deps.log.warn({error: reason}, 'cannot probe endpoints');
    this.#complaint = reason;
  }

  /** As they are now: external first, the router's own host last. */
  get #interfaces(): readonly ForwarderInterface[] {
    return [...this.#watch.interfaces, this.#deps.dataPlane.hostVeth.interface];
  }

  /** Hosts that know us by another MAC must hear of it: of the VIPs, and of the router's own address. */
  #changed(own: Interface, what: string): void {
    const {events} = this.#deps;
    events.onInterface(own.name, what, false);
    events.onChange();
    this.#claims.announceInterface(own.name);
  }

  #nextHopTo(address: string): NextHop | null {
    const mac = this.#neighbors.get(address)?.mac ?? null;
    return mac === null ? null : {mac, egress: this.#egressTo(address)};
  }

  /** The interface whose network holds the address; the gateway is external, even if its address tells nothing. */
  #egressTo(address: string): number {
    if (address === this.#gateway?.address) return 0;
    return this.#interfaces.findIndex((one) => inNetwork(address, one.network));
  }

  #withGateway(addresses: readonly string[]): readonly string[] {
    const gateway = this.#gateway?.address ?? null;
    return gateway === null ? addresses : [...addresses, gateway];
  }
}
