// Active-open endpoints: they accept no connections but open them: a socket that is bound to a service's port and connects from
// there (FTP's data connections from port 20), or talks to one remote by UDP. The router knows them with
// `instances: 0`, no new flows, while such a socket or one of its connections lives.

import type {AgentNative, Connection} from '../../../addon/agent.ts';
import type {NodeEndpoint} from '../../../router/protocol/messages.ts';

const READ_AT_ONCE = 2000;

export interface ActiveOpenEndpointsDeps {
  native: Pick<AgentNative, 'portsInUse' | 'readConnections'>;
  /** The node's address, where NAT-mode sockets are (NAT). */
  address: () => string;
  /** Whose endpoint is the local end of a connection? Null: nobody's. */
  endpointOf(connection: Connection): NodeEndpoint | null;
}

const keyOf = ({vip, protocol, port, nodePort}: NodeEndpoint): string =>
  `${vip} ${protocol} ${port} ${nodePort ?? ''}`;

export class ActiveOpenEndpoints {
  readonly #deps: ActiveOpenEndpointsDeps;
  readonly #known = new Map<string, NodeEndpoint>();

  constructor(deps: ActiveOpenEndpointsDeps) {
    this.#deps = deps;
  }

  /** The listening endpoints, and those that only open connections. */
  mergedWith(endpoints: readonly NodeEndpoint[]): NodeEndpoint[] {
    const keys = new Set(endpoints.map(keyOf));
    return [
      ...endpoints,
      ...[...this.#known].flatMap(([key, endpoint]) => (keys.has(key) ? [] : [endpoint])),
    ];
  }

  /** A socket is about to open a flow. */
  add(endpoint: NodeEndpoint): void {
    this.#known.set(keyOf(endpoint), {...endpoint, instances: 0});
  }

  /** Forgets those without a socket. Returns whether there were any. */
  removeUnused(): boolean {
    const before = this.#known.size;
    for (const [key, {vip, protocol, port, nodePort}] of this.#known) {
      const [address, own] = nodePort === undefined ? [vip, port] : [this.#deps.address(), nodePort];
      if (!this.#deps.native.portsInUse(address, own, own, protocol)) this.#known.delete(key);
    }
    return this.#known.size < before;
  }

  /**
   * Recovers those of an earlier agent from the kernel's connections; those of `endpoints` are listening. Reads in
   * parts, for there may be many.
   */
  async recover(addresses: readonly string[], endpoints: readonly NodeEndpoint[]): Promise<void> {
    const next = this.#deps.native.readConnections(addresses);
    const listening = new Set(endpoints.map(keyOf));
    const seen = new Set<string>();
    for (let some = next(READ_AT_ONCE); some.length > 0; some = next(READ_AT_ONCE)) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const connection of some) {
        const end = `${connection.protocol} ${connection.local.address}:${connection.local.port}`;
        if (seen.has(end)) continue;
        seen.add(end);
        const endpoint = this.#deps.endpointOf(connection);
        if (endpoint !== null && !listening.has(keyOf(endpoint))) this.add(endpoint);
      }
    }
  }
}
