// A row of a packet table: what was before, what comes in, what becomes of it. packets.test.ts runs them all.

import type {FlowImport, Policy} from '../../addon/router.ts';
import type {Packet} from '../support/packet-builder.ts';
import type {InterfaceIndex, Station} from './world.ts';

/** What happened before, in order. */
export type Given =
  | {receive: Packet; by?: InterfaceIndex; times?: number}
  | {pass: number}
  | {publish: Policy}
  | {importFlow: FlowImport};

/** Seconds, for `given`. */
export const seconds = (pass: number): Given => ({pass});
export const receive = (one: Packet, times = 1): Given => ({receive: one, times});
export const publish = (policy: Policy): Given => ({publish: policy});
export const importFlow = (one: FlowImport): Given => ({importFlow: one});

/**
 * pass: left to the host, under that counter if it has its own. drop: the counter without drop_. forward: by the station's interface, to its MAC, nothing
 * else changed unless `output` says so. reply: the counter of the answer, which goes out where the question came in.
 * end: it goes no further, and that is no loss; the counter.
 */
export type Verdict =
  'pass' | {pass: string} | {drop: string} | {end: string} | {forward: Station} | {reply: string};

export interface PacketCase {
  description: string;
  /** Instead of the world's POLICY; null: nothing published yet. */
  policy?: Policy | null;
  limits?: {flows: number; affinities?: number};
  given?: Given[];
  input: Packet;
  /** Index of the interface by which it comes in; 0 unless said. */
  by?: InterfaceIndex;
  verdict: Verdict;
  /** The whole answer, or the whole frame as it was translated: of a packet or in hex. */
  output?: Packet | string;
  /** Counters that move besides those that the verdict names. */
  also?: Record<string, number>;
  /** Live flows afterwards, as "protocol client:port vip:port state node seconds-to-live". */
  flows?: string[];
}
