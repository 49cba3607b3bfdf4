// A routing provider realises routes: only it knows how packets move, and what that takes on this host or elsewhere. The
// supervisor tells it all that is wanted whenever anything changes (level-triggered, idempotent), and hears when that
// is in force; what the provider finds out by itself (a node's MAC, another host that uses a VIP) it reports through
// `ProviderEvents`. Every provider passes test/contract/provider.contract.ts.

import type {
  EndedFlow,
  Flow,
  FlowImport,
  ImportResult,
  ForwarderInfo,
  SilentFlow,
} from '../../addon/router.ts';
export type {EndedFlow, Flow, FlowImport, ImportResult, SilentFlow} from '../../addon/router.ts';
import type {Protocol} from '../protocol/terms.ts';
import type {ProbeResult} from '../model/liveness.ts';
import type {ForwardingMethod} from '../model/method.ts';
import type {Interface} from '../model/interface.ts';
import type {DesiredState} from '../policy/desired-state.ts';

/** What is in force: the state that was applied, or a newer one. */
export interface Applied {
  /** Of the policy; grows. */
  generation: number;
  /** Slots of the endpoints that now get new flows. */
  scheduled: ReadonlySet<number>;
  /** VIPs that packets can be forwarded for: to an endpoint that is open, or to a block. */
  served: ReadonlySet<string>;
}

export interface ProbeTarget {
  vip: string;
  protocol: Protocol;
  port: number;
  /** The node's address. */
  address: string;
  /** NAT: its port there. */
  nodePort?: number | undefined;
  /** 0: it takes no connections. */
  instances: number;
}

export type VipState = 'active' | 'inactive' | 'conflict';
export type NeighborState = {mac: string | null; reachable: boolean};

/** How much a provider has room for. */
export interface ProviderLimits {
  endpoints: number;
  services: number;
  vips: number;
  /** Of ports leased to nodes, in 64s. */
  blocks: number;
}

/** A process that moves packets turns at least each 100 ms; one that has not for so long is stuck. */
export const STUCK_MS = 2000;

/** Why an interface cannot do its work, and since when (Clock.now). */
export interface InterfaceTrouble {
  what: string;
  since: number;
}

export interface ProviderStats {
  generation: number;
  counters: Record<string, number>;
  /** `rival`: MAC of another host that uses it, heard within the last minute. */
  vips: {address: string; state: VipState; rival?: string}[];
  /** As they are now. */
  interfaces: readonly (Interface & {trouble: InterfaceTrouble | null})[];
  /** Processes that move packets; none if something else does. */
  forwarders: readonly Pick<ForwarderInfo, 'index' | 'pid' | 'heartbeatAgeMs'>[];
}

/**
 * What a provider knows of single flows, answered at once out of memory: one that would have to ask another machine
 * lacks the capability. An endpoint's key is "slot:generation".
 */
export interface FlowCapability {
  /** How many flows it has room for. */
  readonly capacity: number;
  /** Live flows, newest state; a copy. */
  list(): Flow[];
  /** Writes flows that nodes know of their own endpoints; one result for each. */
  import(flows: readonly FlowImport[]): ImportResult[];
  /**
   * Established TCP flows that expire within `seconds`; at most `limit`, of the next part of the table, going on where
   * the last call stopped.
   */
  expiring(seconds: number, limit: number): Flow[];
  /** So many calls of `expiring`, or of `silent` without slots, look at the whole table. */
  readonly expiringParts: number;
  /**
   * TCP flows that have been silent for `seconds`; at most `limit`, going on where the last call stopped: established
   * ones of the next part of the table, or established and closing ones of the endpoints in `slots`.
   */
  silent(seconds: number, limit: number, slots?: readonly number[]): SilentFlow[];
  /** Forgets flows that have ended, unless a packet has come since they were seen. Returns how many. */
  end(flows: readonly EndedFlow[]): number;
  /**
   * Live flows by endpoint; with `quietSeconds` without those TCP flows that have been silent so long and are no
   * connections (any more).
   */
  countByEndpoint(quietSeconds?: number): Readonly<Record<string, number>>;
  /** New flows so far by service slot (wraps at 2^32). */
  newByService(): Readonly<Record<number, number>>;
}

export interface ProviderEvents {
  /** Something that routes depend on has changed: apply them again. */
  onChange(): void;
  /** One of the router's interfaces has changed, or cannot do its work. */
  onInterface(name: string, what: string, trouble: boolean): void;
  /** The host has changed so that the provider has to be started anew to go on. */
  onOutdated(reason: string): void;
  onVip(event: 'vip-claimed' | 'vip-released' | 'vip-conflict', vip: string, detail?: string): void;
  /** A process that moves packets. */
  onForwarder(event: 'forwarder-started' | 'forwarder-stuck' | 'forwarder-died', detail: string): void;
}

export interface RoutingProvider {
  readonly name: string;
  /** How it reaches endpoints, and what that asks of nodes. */
  readonly method: ForwardingMethod;
  readonly limits: ProviderLimits;
  /** null: it knows nothing of single flows; what follows for users is said in router/README.md. */
  readonly flows: FlowCapability | null;
  /** The VIPs that may ever be assigned. Rejects with a UserError naming those that another host uses. */
  reserve(vips: readonly string[]): Promise<void>;
  /** Owns the address from now on: packets to it come to the provider. At once, if it was reserved. */
  assignAddress(vip: string): void;
  releaseAddress(vip: string): void;
  /** The nodes whose paths must be known. */
  reach(addresses: readonly string[]): void;
  /** What the neighbor table knows of a node. */
  neighbor(address: string): NeighborState;
  /** Do endpoints answer, on the way that their flows take? One result for each. */
  probe(targets: readonly ProbeTarget[], timeoutMs: number): Promise<ProbeResult[]>;
  /**
   * Replaces all that was realised before, atomically; resolves when that is in force, not earlier. Applies may overlap:
   * the newest wins, and those before it resolve with it or sooner. Rejects if the state cannot be realised: what was in
   * force stays. It settles in any case; who waits for others bounds that. `checkpoint` is kept with the state, so that
   * both outlive a crash of the router, or neither: the next provider hands it to the next supervisor.
   */
  apply(desired: DesiredState, checkpoint: Uint8Array): Promise<Applied>;
  stats(): ProviderStats;
  /** Undoes everything on this host. */
  close(): Promise<void>;
}
