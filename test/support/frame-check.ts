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

const l3Of = (bytes: Buffer) => (TAGS.has(bytes.readUInt16BE(12)) ? 18 : 14);

/** What is wrong with the network header of a frame, ARP or IPv4, or null. */
export function wrongNetwork({bytes}: FrameOut): string | null {
  const l3 = l3Of(bytes);
  const ethertype = bytes.readUInt16BE(l3 - 2);
  if (ethertype === 0x0806) return bytes.length >= l3 + 28 ? null : 'ARP length';
  if (ethertype !== 0x0800) return `ethertype ${ethertype.toString(16)}`;
  const ip = bytes.subarray(l3);
  if (ip.readUInt16BE(2) > ip.length) return 'IPv4 length';
  return isChecksumRight(ip.subarray(0, (ip[0]! & 15) * 4)) ? null : 'IPv4 checksum';
}

/** What is wrong with a frame that the router made itself (ARP, ICMP, TCP reset), or null. */
export function wrongReply(frame: FrameOut): string | null {
  const {bytes, vnet} = frame;
  const wrong = wrongNetwork(frame);
  const l3 = l3Of(bytes);
  if (wrong !== null || bytes.readUInt16BE(l3 - 2) !== 0x0800) return wrong;
  const ip = bytes.subarray(l3);
  // An echo whose checksum was still to be done: the reply's is, too.
  if (vnet.flags !== 0) return null;
  return wrongTransport(ip, ip.subarray((ip[0]! & 15) * 4, ip.readUInt16BE(2)));
}
