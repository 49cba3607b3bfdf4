// The forwarding method: how packets reach an endpoint, and what follows from that for nodes and router. Pure.
//
//   dsr  the frame goes to the node's MAC as it is; the node carries the VIP and answers the client itself
//   nat  the packet is translated to an address and port of the endpoint's own; what it answers passes the router

import type {Network} from '../base/address.ts';
import type {Mode, NodeEndpoint, NodeConfig} from '../protocol/messages.ts';

export interface ForwardingMethod {
  readonly name: Mode;
  /** How a VIP is configured on a node. */
  readonly vipPlacement: NodeConfig['vipPlacement'];
  /** What nodes send to the world passes the router. */
  readonly routes: boolean;
  /** Of the router's networks (external first, its own host last), those on which nodes are found. */
  nodeNetworks(networks: readonly Network[]): readonly Network[];
  /** Why an endpoint cannot be reached this way, or null. */
  refusal(endpoint: Pick<NodeEndpoint, 'nodePort'>): string | null;
}

export const methods: Readonly<Record<Mode, ForwardingMethod>> = {
  dsr: {
    name: 'dsr',
    vipPlacement: 'loopback-noarp',
    routes: false,
    nodeNetworks: (networks) => networks,
    refusal: ({nodePort}) =>
      nodePort === undefined
        ? null
        : 'it has a port of the node, but the router does not translate (mode dsr)',
  },
  nat: {
    name: 'nat',
    vipPlacement: 'none',
    routes: true,
    nodeNetworks: (networks) => networks.slice(1),
    refusal: ({nodePort}) =>
      nodePort === undefined ? 'it has no port of the node to translate to (mode nat)' : null,
  },
};
