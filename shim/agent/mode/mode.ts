// The router's mode as the agent sees it: which address a program's socket is bound to, and which virtual address it
// stands for. Nothing outside this folder compares modes (test/check-imports.ts).
//
//   dsr  the socket is bound to the virtual IP itself
//   nat  the socket is bound to the node's address and a node port; its tag says for which virtual address

import type {ShimRequest, SocketFacts, SocketInfo, VirtualAddress} from '../../../addon/agent.ts';
import type {Protocol} from '../../../router/protocol/messages.ts';
import type {Refusal} from '../bind-rules.ts';
import type {Instance} from '../instances.ts';

/** What a program asked for: a virtual IP's port, for its instance. */
export interface BindTarget {
  vip: string;
  port: number;
  protocol: Protocol;
  instance: Instance;
}

/** What a socket stands for; `nodePort` if it is bound to one in its place. */
export interface ServiceAddress extends VirtualAddress {
  nodePort?: number;
}

export interface BindMode {
  /** Makes sure that the node has the VIP, then binds the program's socket. Null, or why not. */
  bind(request: ShimRequest, facts: SocketFacts, target: BindTarget): Promise<Refusal | null>;

  /** What a program's socket is bound for; null if it is not bound in this mode. */
  serviceOf(facts: SocketFacts): ServiceAddress | null;

  /**
   * The same of a socket of `instance` in a dump, whose address is a VIP of this node (`onVip`) or the node's own; or
   * why it is no endpoint in this mode. Null: not managed, a program of its own on the node's address.
   */
  endpointOf(socket: SocketInfo, onVip: boolean, instance: Instance): ServiceAddress | string | null;

  /** Without virtual IPs, are the host's settings restored at once? Otherwise when the agent ends. */
  readonly restoresIdleHost: boolean;
}

export const otherMode = (mode: string): string =>
  `it was bound in the other mode, the router is in ${mode} mode now: start its program again`;
