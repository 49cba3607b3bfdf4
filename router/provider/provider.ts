// A routing provider realises routes: only it knows how packets move. The supervisor tells it the wanted
// routes whenever anything changes (level-triggered, idempotent); what it finds out by itself (a node's MAC,
// another host that uses a VIP) it reports through `ProviderEvents`.

import type {Protocol} from '../protocol/messages.ts';
import type {ProbeResult} from '../model/liveness.ts';
import type {ForwardingMethod} from '../model/method.ts';
import type {Side} from '../model/side.ts';
import type {Plan} from '../policy/route.ts';

export interface Applied {
  generation: number;
  /** Slots of the endpoints that now get new flows. */
  scheduled: Set<number>;
  /** VIPs that packets can be forwarded for: to an endpoint that is open, or to a block. */
  served: Set<string>;
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
export type NodePath = {mac: string | null; reachable: boolean};

export interface ProviderStats {
  generation: number;
  counters: Record<string, number>;
  vips: {address: string; state: VipState}[];
  /** As they are now. */
  sides: readonly Side[];
}

export interface ProviderEvents {
  /** Something that routes depend on has changed: apply them again. */
  onChange(): void;
  /** One of the router's interfaces has changed, or cannot do its work. */
  onInterface(name: string, what: string, trouble: boolean): void;
  onVip(event: 'vip-claimed' | 'vip-released' | 'vip-conflict', vip: string, detail?: string): void;
}

export interface RoutingProvider {
  readonly name: string;
  /** How it reaches endpoints, and what that asks of nodes. */
  readonly method: ForwardingMethod;
  /** The VIPs that may ever be assigned. Rejects with a UserError naming those that another host uses. */
  reserve(vips: readonly string[]): Promise<void>;
  /** Owns the address from now on: packets to it come to the provider. At once, if it was reserved. */
  assignAddress(vip: string): void;
  releaseAddress(vip: string): void;
  /** The nodes whose paths must be known. */
  reach(addresses: readonly string[]): void;
  /** What is known about the way to a node. */
  path(address: string): NodePath;
  /** Do endpoints answer, on the way that their flows take? One result for each. */
  probe(targets: readonly ProbeTarget[], timeoutMs: number): Promise<ProbeResult[]>;
  /** Replaces all that was realised before, atomically. */
  apply(plan: Plan): Applied;
  /** Changes one endpoint's share and applies. */
  setWeight(slot: number, weight: number): Applied;
  stats(): ProviderStats;
  /** Undoes everything on this host. */
  close(): Promise<void>;
}
