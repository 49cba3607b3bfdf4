// IPv4 addresses and networks as text, compared as numbers; MAC addresses; "ADDRESS:PORT".

import ipaddr from 'ipaddr.js';

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

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function maskOf(prefix: number): number {
  return 2 ** 32 - 2 ** (32 - prefix);
}

/** Bit-wise "and" of unsigned 32-bit numbers. */
function and(a: number, b: number): number {
  return (a & b) >>> 0;
}

/** Does the network that `network.address` lies in also hold `address`? */
export function inNetwork(address: string, network: Network): boolean {
  const mask = maskOf(network.prefix);
  return and(toNumber(address), mask) === and(toNumber(network.address), mask);
}

/** "10.88.0.1/24" → "10.88.0.0/24" */
export function networkOf({address, prefix}: Network): string {
  return ipaddr.IPv4.networkAddressFromCIDR(`${address}/${prefix}`).toString() + `/${prefix}`;
}

/** The network's own or broadcast address, which no host can have (networks of /31 and /32 have none). */
export function isEdgeOf(address: string, network: Network): boolean {
  if (network.prefix > 30 || !inNetwork(address, network)) return false;
  const host = toNumber(address) - and(toNumber(address), maskOf(network.prefix));
  return host === 0 || host === 2 ** (32 - network.prefix) - 1;
}

/** What kind of address it is if no single host can have it ("loopback", "multicast" …), else null. */
export function unusableKind(address: string): string | null {
  const range = ipaddr.IPv4.parse(address).range();
  const unusable = ['unspecified', 'broadcast', 'multicast', 'linkLocal', 'loopback', 'reserved'];
  const documentation = /^(192\.0\.2|198\.51\.100|203\.0\.113)\./;
  return unusable.includes(range) && !documentation.test(address) ? range : null;
}

export function isMac(text: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text);
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
