// Asks nodes for an echo (ICMP), by the npm package raw-socket. It is optional: where it cannot be loaded, the log
// says so once, and only TCP endpoints and ARP tell whether nodes answer.

import {createRequire} from 'node:module';
import {z} from 'zod';
import {messageOf} from '../base/error.ts';
import type {Logger} from '../base/logger.ts';

const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;
const HEADER = 8;
const IPV4_HEADER = 20;
const PACKAGE = 'raw-socket';

/** Asks nodes for echoes. */
export interface EchoSource {
  /**
   * The addresses that answer in time, as soon as all have or the time is over; null: echoes cannot be asked for.
   * One call at a time.
   */
  ask(addresses: readonly string[], timeoutMs: number): Promise<ReadonlySet<string> | null>;
  close(): void;
}

/** What we use of a socket of raw-socket. */
export interface RawSocket {
  on(event: 'message', listener: (packet: Buffer, source: string) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  send(
    packet: Buffer,
    offset: number,
    length: number,
    address: string,
    done: (error: Error | null) => void,
  ): unknown;
  close(): unknown;
}

type CreateSocket = (options: {protocol: number}) => RawSocket;

const packageSchema = z.object({
  createSocket: z.custom<CreateSocket>((value) => typeof value === 'function'),
  Protocol: z.object({ICMP: z.number()}),
});

/** Opens a raw socket for ICMP. Throws if the package or the socket cannot be had. */
export type OpenRawSocket = () => RawSocket;

export const openRawSocket: OpenRawSocket = () => {
  const loaded: unknown = createRequire(import.meta.url)(PACKAGE);
  const {createSocket, Protocol} = packageSchema.parse(loaded);
  return createSocket({protocol: Protocol.ICMP});
};

export class Echo implements EchoSource {
  readonly #log: Logger;
  readonly #open: OpenRawSocket;
  readonly #id = process.pid & 0xffff;
  #socket: RawSocket | null = null;
  /** The package cannot be had: said once, not tried again. */
  #given = false;
  #round = 0;
  #awaited = new Set<string>();
  #onAnswer: (address: string) => void = () => {};

  constructor(log: Logger, open: OpenRawSocket = openRawSocket) {
    this.#log = log;
    this.#open = open;
  }

  async ask(addresses: readonly string[], timeoutMs: number): Promise<ReadonlySet<string> | null> {
    const socket = this.#usable();
    if (!socket) return null;
    this.#round = (this.#round + 1) & 0xffff;
    this.#awaited = new Set(addresses);
    const answered = new Set<string>();
    const request = echoRequest(this.#id, this.#round);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      const settle = () => {
        if (this.#awaited.size > 0) return;
        clearTimeout(timer);
        resolve();
      };
      this.#onAnswer = (address) => {
        if (this.#awaited.delete(address)) answered.add(address);
        settle();
      };
      // An address that cannot be sent to does not answer.
      for (const address of addresses) socket.send(request, 0, request.length, address, () => {});
      settle();
    });
    this.#onAnswer = () => {};
    return answered;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
    this.#given = true;
  }

  #usable(): RawSocket | null {
    if (this.#socket || this.#given) return this.#socket;
    try {
      this.#socket = this.#listen(this.#open());
    } catch (error) {
      this.#given = true;
      const hint = `npm install ${PACKAGE} adds it; "probes: {echo: false}" in the configuration silences this`;
      const reason = messageOf(error).split('\n')[0];
      this.#log.warn({reason, hint}, 'nodes are not asked for echoes (ICMP): raw-socket cannot be used');
    }
    return this.#socket;
  }

  #listen(socket: RawSocket): RawSocket {
    socket.on('message', (packet, source) => {
      if (isReply(packet, this.#id, this.#round)) this.#onAnswer(source);
    });
    // It closes itself then; the next round opens another.
    socket.on('error', (error) => {
      this.#log.warn({error: messageOf(error)}, 'the socket for echoes failed; another is opened');
      if (this.#socket === socket) this.#socket = null;
    });
    return socket;
  }
}

/** RFC 792. */
export function echoRequest(id: number, sequence: number): Buffer {
  const packet = Buffer.alloc(HEADER);
  packet.writeUInt8(ECHO_REQUEST, 0);
  packet.writeUInt16BE(id, 4);
  packet.writeUInt16BE(sequence, 6);
  let sum = 0;
  for (let at = 0; at < HEADER; at += 2) sum += packet.readUInt16BE(at);
  packet.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 2);
  return packet;
}

/** `packet` begins with the IP header, as raw sockets give it. */
function isReply(packet: Buffer, id: number, sequence: number): boolean {
  if (packet.length < IPV4_HEADER + HEADER) return false;
  const at = (packet.readUInt8(0) & 15) * 4;
  if (packet.length < at + HEADER || packet.readUInt8(at) !== ECHO_REPLY) return false;
  return packet.readUInt16BE(at + 4) === id && packet.readUInt16BE(at + 6) === sequence;
}
