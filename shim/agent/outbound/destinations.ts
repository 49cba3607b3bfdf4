// Classifies destinations: those reached under the node's own address (the node itself, and networks that the
// router names), and the broadcast addresses of the node's networks. The library has excluded loopback, link-local,
// multicast and broadcast addresses before.

import os from 'node:os';
import {inNetwork, isEdgeOf} from '../../../router/base/address.ts';
import type {Network} from '../../../router/base/address.ts';
import type {Clock} from '../../../router/base/clock.ts';

/** Interfaces change rarely; the kernel is asked again after this. */
const FRESH_MS = 1000;

function parseNetwork(text: string): Network {
  const [address = '', prefix = '32'] = text.split('/');
  return {address, prefix: Number(prefix)};
}

/** The IPv4 addresses of all interfaces, with their networks. */
function ownNetworks(): Network[] {
  const all = Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.flatMap(({family, cidr}) => (family === 'IPv4' && cidr !== null ? [parseNetwork(cidr)] : []));
}

/** outside: under the virtual IP. direct: under the node's own address, unless from a service's port. */
export type Destination = 'outside' | 'direct' | 'broadcast';

export class Destinations {
  readonly #clock: Clock;
  /** The virtual IPs that the node carries: those are reached by the router, whoever serves them. */
  readonly #vips: () => readonly string[];
  #own: Network[] = [];
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, vips: () => readonly string[]) {
    this.#clock = clock;
    this.#vips = vips;
  }

  /** `networks`: those that the router names. */
  kindOf(address: string, networks: readonly string[]): Destination {
    if (this.#clock.now() - this.#readAt >= FRESH_MS) {
      this.#own = ownNetworks();
      this.#readAt = this.#clock.now();
    }
    if (this.#own.some((own) => isEdgeOf(address, own))) return 'broadcast';
    if (networks.some((network) => inNetwork(address, parseNetwork(network)))) return 'direct';
    const isOwn = this.#own.some((own) => own.address === address) && !this.#vips().includes(address);
    return isOwn ? 'direct' : 'outside';
  }
}
