// Writes each header from its fields, independently of the product. Whatever is not said is right: lengths,
// checksums, versions. packet-builder.ts chains them.

import {foldedSum, internetChecksum, pseudoHeader} from './checksum.ts';

export type Mac = string;
export type Payload = Uint8Array | string;

export interface Ipv4Fields {
  from: string;
  to: string;
  /** Else that of the header inside. */
  protocol?: number;
  ttl?: number;
  id?: number;
  version?: number;
  /** In words of 4 bytes. */
  headerWords?: number;
  totalLength?: number;
  dontFragment?: boolean;
  moreFragments?: boolean;
  /** In bytes. */
  fragmentOffset?: number;
  checksum?: number;
  options?: Uint8Array;
}

export interface TcpFields {
  from: number;
  to: number;
  /** Letters of FSRPAU. */
  flags: string;
  seq?: number;
  ack?: number;
  window?: number;
  headerWords?: number;
  checksum?: number;
  options?: Uint8Array;
  payload?: Payload;
}

export interface UdpFields {
  from: number;
  to: number;
  length?: number;
  checksum?: number;
  payload?: Payload;
}

export interface IcmpFields {
  type: number;
  code?: number;
  /** The second word of the header: identifier and sequence number, or 0 and the MTU. */
  rest?: [number, number];
  checksum?: number;
  /** Echoed data, or the packet that an error quotes. */
  payload?: Payload;
}

export interface ArpFields {
  operation: 'request' | 'reply' | number;
  sender: string;
  senderMac: Mac;
  target: string;
  targetMac?: Mac;
  hardware?: number;
  protocol?: number;
  hardwareLength?: number;
  protocolLength?: number;
}

/** A header with what follows it, and where in it the checksum stands. */
export interface Transport {
  protocol: number;
  checksumAt: number;
  headerBytes: number;
  /** Summed besides the bytes themselves. */
  pseudo: boolean;
  bytes: Buffer;
  /** A wrong one on purpose. */
  checksum?: number | undefined;
}

export const bytesOf = (data: Payload = ''): Buffer =>
  typeof data === 'string' ? Buffer.from(data) : Buffer.from(data);

export const macBytes = (mac: Mac) => Buffer.from(mac.replaceAll(':', ''), 'hex');
export const addressBytes = (address: string) => Buffer.from(address.split('.').map(Number));
export const be16 = (...words: number[]) =>
  Buffer.from(words.flatMap((word) => [(word >> 8) & 0xff, word & 0xff]));
const be32 = (...words: number[]) => be16(...words.flatMap((word) => [word >>> 16, word & 0xffff]));

export function arp(f: ArpFields): Buffer {
  const operation = typeof f.operation === 'number' ? f.operation : f.operation === 'request' ? 1 : 2;
  return Buffer.concat([
    be16(f.hardware ?? 1, f.protocol ?? 0x0800),
    Buffer.from([f.hardwareLength ?? 6, f.protocolLength ?? 4]),
    be16(operation),
    macBytes(f.senderMac),
    addressBytes(f.sender),
    macBytes(f.targetMac ?? '00:00:00:00:00:00'),
    addressBytes(f.target),
  ]);
}

export function ipv4(f: Ipv4Fields, protocol: number, payloadBytes: number): Buffer {
  const options = bytesOf(f.options);
  const words = f.headerWords ?? 5 + options.length / 4;
  const fragment =
    (f.dontFragment ? 0x4000 : 0) | (f.moreFragments ? 0x2000 : 0) | ((f.fragmentOffset ?? 0) >> 3);
  const header = Buffer.concat([
    Buffer.from([((f.version ?? 4) << 4) | words, 0]),
    be16(f.totalLength ?? 20 + options.length + payloadBytes, f.id ?? 0x1234, fragment),
    Buffer.from([f.ttl ?? 64, f.protocol ?? protocol, 0, 0]),
    addressBytes(f.from),
    addressBytes(f.to),
    options,
  ]);
  header.writeUInt16BE(f.checksum ?? internetChecksum(header), 10);
  return header;
}

export function tcp(f: TcpFields): Transport {
  const flags = [...f.flags].reduce((bits, letter) => bits | (1 << 'FSRPAU'.indexOf(letter)), 0);
  const options = bytesOf(f.options);
  const words = f.headerWords ?? 5 + options.length / 4;
  const bytes = Buffer.concat([
    be16(f.from, f.to),
    be32(f.seq ?? 1000, f.ack ?? 0),
    be16((words << 12) | flags, f.window ?? 64240, 0, 0),
    options,
    bytesOf(f.payload),
  ]);
  return {protocol: 6, checksumAt: 16, headerBytes: words * 4, pseudo: true, bytes, checksum: f.checksum};
}

export function udp(f: UdpFields): Transport {
  const payload = bytesOf(f.payload);
  const bytes = Buffer.concat([be16(f.from, f.to, f.length ?? 8 + payload.length, 0), payload]);
  return {protocol: 17, checksumAt: 6, headerBytes: 8, pseudo: true, bytes, checksum: f.checksum};
}

export function icmp(f: IcmpFields): Transport {
  const bytes = Buffer.concat([
    be16((f.type << 8) | (f.code ?? 0), 0, ...(f.rest ?? [0, 0])),
    bytesOf(f.payload),
  ]);
  return {protocol: 1, checksumAt: 2, headerBytes: 8, pseudo: false, bytes, checksum: f.checksum};
}

/** The bytes with their checksum in place: the right one, a wrong one, or only begun (the rest is the card's). */
export function finish(t: Transport, source: Buffer, destination: Buffer, unfinished: boolean): Buffer {
  const pseudo = t.pseudo ? pseudoHeader(source, destination, t.protocol, t.bytes.length) : Buffer.alloc(0);
  const whole = internetChecksum(pseudo, t.bytes);
  // Zero would mean that UDP has none (RFC 768).
  const finished = t.protocol === 17 && whole === 0 ? 0xffff : whole;
  const right = unfinished ? foldedSum(pseudo) : finished;
  const bytes = Buffer.from(t.bytes);
  bytes.writeUInt16BE(t.checksum ?? right, t.checksumAt);
  return bytes;
}
