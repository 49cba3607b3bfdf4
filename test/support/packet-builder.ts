// Frames for tests: a chain of headers from the outside in, then what befalls the whole. Each call gives a new
// packet, so that tables can share beginnings:
//
//   const knock = packet(CLIENT, ROUTER).ipv4({from: '10.77.0.2', to: VIP}).tcp({from: 40000, to: 80, flags: 'S'});
//   knock.vlan(7)   knock.tagged(7)   knock.cut(30)   knock.pad(60)   knock.patch(14, '46')   knock.unfinished()

import type {FrameIn, Tag, Vnet} from './memory-router.ts';
import {addressBytes, arp, bytesOf, be16, finish, icmp, ipv4, macBytes, tcp, udp} from './packet-headers.ts';
import type {
  ArpFields,
  IcmpFields,
  Ipv4Fields,
  Mac,
  Payload,
  TcpFields,
  Transport,
  UdpFields,
} from './packet-headers.ts';

/** A finished frame. */
export const NO_VNET: Vnet = {flags: 0, gsoType: 0, hdrLen: 0, gsoSize: 0, csumStart: 0, csumOffset: 0};
const NEEDS_CHECKSUM = 1;

type Edit = (bytes: Buffer) => Buffer;

interface State {
  from: Mac;
  to: Mac;
  tags: Buffer[];
  ethertype: number;
  ip?: Ipv4Fields;
  transport?: Transport;
  /** What follows the last header. */
  payload: Buffer;
  edits: Edit[];
  tag?: Tag;
  unfinished: boolean;
  gso?: {type: number; size: number};
}

export class Packet {
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  #with(change: Partial<State>): Packet {
    return new Packet({...this.#state, ...change});
  }

  // Headers.

  /** The same frame between two other stations. */
  link(from: Mac, to: Mac): Packet {
    return this.#with({from, to});
  }
  /** An 802.1Q tag in the frame; a second call puts another inside it. */
  vlan(tci: number, tpid = 0x8100): Packet {
    return this.#with({tags: [...this.#state.tags, be16(tpid, tci)]});
  }
  /** Any ethertype, or a length as in IEEE 802.3. */
  ethertype(ethertype: number, payload: Payload = ''): Packet {
    return this.#with({ethertype, payload: bytesOf(payload)});
  }
  arp(fields: ArpFields): Packet {
    return this.ethertype(0x0806, arp(fields));
  }
  ipv4(fields: Ipv4Fields, payload: Payload = ''): Packet {
    return this.#with({ethertype: 0x0800, ip: fields, payload: bytesOf(payload)});
  }
  tcp(fields: TcpFields): Packet {
    return this.#with({transport: tcp(fields)});
  }
  udp(fields: UdpFields): Packet {
    return this.#with({transport: udp(fields)});
  }
  icmp(fields: IcmpFields): Packet {
    return this.#with({transport: icmp(fields)});
  }

  // What befalls the whole.

  #edit(edit: Edit): Packet {
    return this.#with({edits: [...this.#state.edits, edit]});
  }
  /** Only the first `length` bytes of the frame arrive. */
  cut(length: number): Packet {
    return this.#edit((bytes) => bytes.subarray(0, length));
  }
  /** Zeros up to `length`, as a card pads short frames. */
  pad(length: number): Packet {
    return this.#edit((bytes) => Buffer.concat([bytes, Buffer.alloc(Math.max(0, length - bytes.length))]));
  }
  /** Other bytes (hex) at an offset of the frame; checksums stay. */
  patch(offset: number, hex: string): Packet {
    return this.#edit((bytes) => {
      const copy = Buffer.from(bytes);
      copy.write(hex, offset, 'hex');
      return copy;
    });
  }
  /** A tag that the kernel took out of the frame. */
  tagged(tci: number, tpid = 0x8100): Packet {
    return this.#with({tag: {tpid, tci}});
  }
  /** As a sender hands it to its card: the checksum only begun (CHECKSUM_PARTIAL). */
  unfinished(): Packet {
    return this.#with({unfinished: true});
  }
  /** Not yet cut into segments of `size` bytes of payload. Type 1: TCPv4, 5: UDP (linux/virtio_net.h). */
  gso(size: number, type = 1): Packet {
    return this.#with({unfinished: true, gso: {type, size}});
  }

  // Results.

  /** The network packet alone, as an ICMP error would quote it. */
  network(): Buffer {
    const {ip, transport, payload, unfinished} = this.#state;
    if (ip === undefined) return payload;
    const ends = [addressBytes(ip.from), addressBytes(ip.to)] as const;
    const inner = transport === undefined ? payload : finish(transport, ...ends, unfinished);
    return Buffer.concat([ipv4(ip, transport?.protocol ?? 0, inner.length), inner]);
  }

  bytes(): Buffer {
    const {from, to, tags, ethertype, edits} = this.#state;
    const whole = Buffer.concat([macBytes(to), macBytes(from), ...tags, be16(ethertype), this.network()]);
    return edits.reduce<Buffer>((bytes, edit) => edit(bytes), whole);
  }

  vnet(): Vnet {
    const {tags, ip, transport, unfinished, gso} = this.#state;
    if (!unfinished || ip === undefined || transport === undefined) return NO_VNET;
    const start = 14 + 4 * tags.length + 20 + (ip.options?.length ?? 0);
    return {
      flags: NEEDS_CHECKSUM,
      gsoType: gso?.type ?? 0,
      hdrLen: gso === undefined ? 0 : start + transport.headerBytes,
      gsoSize: gso?.size ?? 0,
      csumStart: start,
      csumOffset: transport.checksumAt,
    };
  }

  frame(): FrameIn {
    const {tag} = this.#state;
    return {bytes: this.bytes(), vnet: this.vnet(), ...(tag === undefined ? {} : {tag})};
  }
}

export function packet(from: Mac, to: Mac): Packet {
  const none = Buffer.alloc(0);
  return new Packet({from, to, tags: [], ethertype: 0, payload: none, edits: [], unfinished: false});
}
