// IPv4 addresses and networks as text; "ADDRESS:PORT".

import ipaddr from 'ipaddr.js';
import {Memo} from './memo.ts';

export interface Network {
  address: string;
  prefix: number;
}

/** Dotted quad, nothing else (no octal, no short forms). */
export function isIpv4(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text);
}

export function isIpv6(text: string): boolean {
  return ipaddr.IPv6.isValid(text);
}

/** Networks are looked at more often than they change. */
const parsed = new Memo<Network, ipaddr.IPv4>();

/** Does the network that `network.address` lies in also hold `address`? */
export function inNetwork(address: string, network: Network): boolean {
  const own = parsed.get(network, () => ipaddr.IPv4.parse(network.address));
  return ipaddr.IPv4.parse(address).match(own, network.prefix);
}

/** "10.88.0.1/24" → "10.88.0.0/24" */
export function networkOf({address, prefix}: Network): string {
  return ipaddr.IPv4.networkAddressFromCIDR(`${address}/${prefix}`).toString() + `/${prefix}`;
}

/** The network's own or broadcast address, which no host can have (networks of /31 and /32 have none). */
export function isEdgeOf(address: string, network: Network): boolean {
  if (network.prefix > 30 || !inNetwork(address, network)) return false;
  const cidr = `${network.address}/${network.prefix}`;
  const edges = [ipaddr.IPv4.networkAddressFromCIDR(cidr), ipaddr.IPv4.broadcastAddressFromCIDR(cidr)];
  return edges.some((edge) => edge.toString() === address);
}

/** What kind of address it is if no single host can have it ("loopback", "multicast" …), else null. */
export function unusableKind(address: string): string | null {
  const range = ipaddr.IPv4.parse(address).range();
  const unusable = ['unspecified', 'broadcast', 'multicast', 'linkLocal', 'loopback', 'reserved'];
  const documentation = /^(192\.0\.2|198\.51\.100|203\.0\.113)\./;
  return unusable.includes(range) && !documentation.test(address) ? range : null;
}

export interface SocketAddress {
  address: string;
  port: number;
}

/** "10.88.0.1:7400" → {address, port}; null if it is not that. */
export function parseSocketAddress(text: string): SocketAddress | null {
  const match = /^([0-9.]+):(\d{1,5})$/.exec(text);
  const address = match?.[1] ?? '';
  const port = Number(match?.[2]);
  return isIpv4(address) && port >= 1 && port <= 65535 ? {address, port} : null;
}
