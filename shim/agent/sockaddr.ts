// The sockaddr bytes that a program gave to bind.

import os from 'node:os';
import ipaddr from 'ipaddr.js';

export interface SocketName {
  /** "10.77.0.100", "0.0.0.0", "::": an IPv4-mapped IPv6 address is given as IPv4. */
  address: string;
  port: number;
}

const AF_INET = 2;
const AF_INET6 = 10;

/** The address, or null if the bytes are no IPv4 or IPv6 address. */
export function parseSockaddr(bytes: Buffer): SocketName | null {
  if (bytes.length < 8) return null;
  const family = os.endianness() === 'LE' ? bytes.readUInt16LE(0) : bytes.readUInt16BE(0);
  const port = bytes.readUInt16BE(2);
  if (family === AF_INET) return {address: [...bytes.subarray(4, 8)].join('.'), port};
  if (family !== AF_INET6 || bytes.length < 24) return null;
  const address = ipaddr.fromByteArray([...bytes.subarray(8, 24)]) as ipaddr.IPv6;
  return {
    address: address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toString(),
    port,
  };
}
