// Takes apart what the router sent and says what is wrong with it. Independent of the product.

import {isChecksumRight, pseudoHeader} from './checksum.ts';
import type {FrameOut} from './memory-router.ts';

const TAGS = new Set([0x8100, 0x88a8]);

function wrongTransport(ip: Buffer, packet: Buffer): string | null {
  const protocol = ip[9];
  if (protocol === 1) return isChecksumRight(packet) ? null : 'ICMP checksum';
  if (protocol !== 6) return `protocol ${protocol}`;
  const pseudo = pseudoHeader(ip.subarray(12, 16), ip.subarray(16, 20), 6, packet.length);
  return isChecksumRight(pseudo, packet) ? null : 'TCP checksum';
}

/** What is wrong with a frame that the router made itself (ARP, ICMP, TCP reset), or null. */
export function wrongReply({bytes, vnet}: FrameOut): string | null {
  const l3 = TAGS.has(bytes.readUInt16BE(12)) ? 18 : 14;
  const ethertype = bytes.readUInt16BE(l3 - 2);
  if (ethertype === 0x0806) return bytes.length >= l3 + 28 ? null : 'ARP length';
  if (ethertype !== 0x0800) return `ethertype ${ethertype.toString(16)}`;
  const ip = bytes.subarray(l3);
  const header = (ip[0]! & 15) * 4;
  const length = ip.readUInt16BE(2);
  if (length > ip.length) return 'IPv4 length';
  if (!isChecksumRight(ip.subarray(0, header))) return 'IPv4 checksum';
  // An echo whose checksum was still to be done: the reply's is, too.
  return vnet.flags === 0 ? wrongTransport(ip, ip.subarray(header, length)) : null;
}
