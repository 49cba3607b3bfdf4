// The desired state: routes (a virtual service and the endpoints that serve it) and blocks of ports. Policy computes it
// of the registry, a provider realises it.

import type {FlowTimeouts, PolicyAffinity} from '../../addon/router.ts';
import type {Protocol} from '../protocol/messages.ts';

export interface RouteEndpoint {
  slot: number;
  generation: number;
  /** The node's address: where its packets go. */
  address: string;
  /** NAT: the port on that address that the service's is translated to. */
  nodePort?: number | undefined;
  /** Share of new flows relative to the others; 0 = none. */
  weight: number;
  /** false: its socket or its node is gone. */
  open: boolean;
  /** It takes no connections, but opens them. */
  outboundOnly?: boolean;
  /** It gets no new clients, but those with an affinity to it come back. */
  affinityMember?: boolean;
  /** Its node's id, the same for all of its endpoints; undefined: it has none. */
  node?: number | undefined;
}

/** Routes with one group share a client's choice. */
export type RouteAffinity = Omit<PolicyAffinity, 'members'>;

/** Ports of a VIP whose packets go to one node: it opens connections from them. */
export interface BlockRoute {
  vip: string;
  first: number;
  last: number;
  /** The node's address. */
  address: string;
}

/** Everything that a provider realises. */
export interface DesiredState {
  routes: readonly Route[];
  blocks: readonly BlockRoute[];
  /** Nodes are about to report their flows: until then, segments of unknown ones are dropped. */
  awaitImports: boolean;
}

/** A virtual service and the endpoints that serve it. */
export interface Route {
  slot: number;
  vip: string;
  protocol: Protocol;
  port: number;
  timeouts: FlowTimeouts;
  affinity?: RouteAffinity;
  endpoints: RouteEndpoint[];
}
