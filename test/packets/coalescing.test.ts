// Coalescing: what leaves as one frame must be, cut again, what came. `cut` is segmentation as the kernel does it
// (inet_gso_segment, tcp_gso_segment), written once more from its rules.
//
//   frames ── router ──► as they are   =   cut( router ──► coalesced )

import test from 'ava';
import fc from 'fast-check';
import {foldedSum, internetChecksum, isChecksumRight, pseudoHeader} from '../support/checksum.ts';
import {createMemoryRouter} from '../support/memory-router.ts';
import type {FrameIn, FrameOut} from '../support/memory-router.ts';
import {NO_VNET} from '../support/packet-builder.ts';
import type {Packet} from '../support/packet-builder.ts';
import type {Ipv4Fields, TcpFields} from '../support/packet-headers.ts';
import {ADDRESS, NAT, fromNode} from './nat-world.ts';
import {CLIENT, POLICY, VIP, fromClient} from './world.ts';

const IP = 14;
const TCP = 34;
const MOST = 8;
const SIZE = 1448;
const FIN_PSH = 9;

/** With the checksum of TCP done, and zero for the identification where it means nothing (RFC 6864 §4.1). */
function finished({bytes, vnet}: FrameOut): string {
  const whole = Buffer.from(bytes);
  if (vnet.flags !== 0) {
    whole.writeUInt16BE(0, TCP + 16);
    const ends = [whole.subarray(IP + 12, IP + 16), whole.subarray(IP + 16, IP + 20)] as const;
    const pseudo = pseudoHeader(...ends, 6, whole.length - TCP);
    whole.writeUInt16BE(internetChecksum(pseudo, whole.subarray(TCP)), TCP + 16);
  }
  if ((whole[IP + 6]! & 0x40) !== 0) writeIp(whole, IP + 4, 0);
  return whole.toString('hex');
}

function writeIp(frame: Buffer, at: number, word: number): void {
  frame.writeUInt16BE(word, at);
  frame.writeUInt16BE(0, IP + 10);
  frame.writeUInt16BE(internetChecksum(frame.subarray(IP, TCP)), IP + 10);
}

function cut(frame: FrameOut): FrameOut[] {
  const {bytes, vnet} = frame;
  if (vnet.gsoType === 0) return [frame];
  const [headers, payload] = [bytes.subarray(0, vnet.hdrLen), bytes.subarray(vnet.hdrLen)];
  const count = Math.ceil(payload.length / vnet.gsoSize);
  return Array.from({length: count}, (_, n) => {
    const part = payload.subarray(n * vnet.gsoSize, (n + 1) * vnet.gsoSize);
    const segment = Buffer.concat([headers, part]);
    writeIp(segment, IP + 2, segment.length - IP);
    writeIp(segment, IP + 4, (bytes.readUInt16BE(IP + 4) + n) & 0xffff);
    segment.writeUInt32BE((bytes.readUInt32BE(TCP + 4) + n * vnet.gsoSize) >>> 0, TCP + 4);
    if (n < count - 1) segment[TCP + 13]! &= ~FIN_PSH;
    return {...frame, bytes: segment};
  });
}

interface Segment {
  ip?: Partial<Ipv4Fields>;
  tcp?: Partial<TcpFields>;
  /** The client's port. */
  client?: number;
  /** Bytes of payload; SIZE if absent. */
  size?: number;
  dress?: (packet: Packet) => Packet;
  frame?: Partial<FrameIn>;
}

const START = {id: 700, seq: 0xffffe000};

/** A row of segments as a client of the VIP sends it, or a node that is translated; each with its differences. */
function segments(from: 'client' | 'node1', differences: readonly Segment[]): FrameIn[] {
  let seq = START.seq;
  return differences.map((one, n) => {
    const {size = SIZE, client = 40000} = one;
    const [base, ends, ports] =
      from === 'client'
        ? [fromClient, {from: CLIENT, to: VIP}, {from: client, to: 80}]
        : [fromNode('node1'), {from: ADDRESS.node1, to: CLIENT}, {from: 8080, to: client}];
    const options = Buffer.from('0101080a0000000100000002', 'hex');
    const payload = Buffer.alloc(size, n + 1);
    const ip = {...ends, id: (START.id + n) & 0xffff, ...one.ip};
    const inside = base.ipv4(ip).tcp({...ports, flags: 'A', seq, ack: 7, options, payload, ...one.tcp});
    seq = (seq + size) >>> 0;
    const dressed = (one.dress ?? ((packet) => packet.unfinished()))(inside);
    return {...dressed.frame(), ...one.frame};
  });
}

function sent(from: 'client' | 'node1', frames: readonly FrameIn[], coalesces: boolean): FrameOut[] {
  const router = createMemoryRouter();
  router.publish(from === 'client' ? POLICY : NAT);
  return router.receive(from === 'client' ? 0 : 1, frames, coalesces);
}

const PLAIN: Segment = {};
const times = (count: number, one: Segment): Segment[] => Array.from({length: count}, () => one);
const as = (change: Segment): Segment[] => [PLAIN, PLAIN, change, PLAIN, PLAIN];
const finishedWhole = (packet: Packet) => packet;

/** What leaves, as the number of segments in each frame. */
const ROWS: [string, Segment[], number[]][] = [
  ['alike', as({}), [5]],
  ['more than one frame takes', times(2 * MOST + 1, PLAIN), [MOST, MOST, 1]],
  ['a shorter one ends it', as({size: 700}), [3, 2]],
  [
    'a longer one does not belong to it',
    [...times(2, {size: 1000}), {size: 1400}, {size: 1000}, PLAIN],
    [2, 2, 1],
  ],
  ['too short to be worth it', times(3, {size: 400}), [1, 1, 1]],
  ['pushed: the end', as({tcp: {flags: 'PA'}}), [3, 2]],
  ['the last, with FIN', [PLAIN, PLAIN, {tcp: {flags: 'FA'}}], [3]],
  ['a gap', as({tcp: {seq: 5}}), [2, 1, 2]],
  ['another acknowledgment', as({tcp: {ack: 8}}), [2, 1, 2]],
  ['another window', as({tcp: {window: 1}}), [2, 1, 2]],
  ['other options', as({tcp: {options: Buffer.from('0101080a0000000100000003', 'hex')}}), [2, 1, 2]],
  ['more options', as({tcp: {options: Buffer.alloc(16, 1)}, size: SIZE - 4}), [2, 1, 2]],
  ['urgent', as({tcp: {flags: 'AU'}}), [2, 1, 2]],
  ['congestion experienced', as({dress: (packet) => packet.unfinished().patch(TCP + 13, '50')}), [2, 1, 2]],
  ['another connection', as({client: 40001}), [2, 1, 2]],
  ['another hop limit', as({ip: {ttl: 63}}), [2, 1, 2]],
  ['another identification', as({ip: {id: 9}}), [2, 1, 2]],
  ['… that means nothing', times(3, {ip: {id: 9, dontFragment: true}}), [3]],
  ['options of IP', times(3, {ip: {options: Buffer.alloc(4, 1)}, size: SIZE - 4}), [1, 1, 1]],
  ['coalesced already', as({size: 4 * SIZE, dress: (packet) => packet.gso(SIZE)}), [2, 4, 2]],
  ['a tag', as({dress: (packet) => packet.unfinished().tagged(7)}), [2, 1, 2]],
  ['checksums that nobody has looked at', times(3, {dress: finishedWhole}), [1, 1, 1]],
  ['checksums that are right', times(3, {dress: finishedWhole, frame: {checksumRight: true}}), [3]],
];

for (const from of ['client', 'node1'] as const)
  for (const [title, differences, expected] of ROWS)
    test(`from ${from}: ${title}`, (t) => {
      const frames = segments(from, differences);
      const whole = sent(from, frames, false);
      t.is(whole.length, frames.length, 'all are forwarded');
      const coalesced = sent(from, frames, true);
      t.deepEqual(
        coalesced.map((one) => cut(one).length),
        expected,
      );
      t.deepEqual(coalesced.flatMap(cut).map(finished), whole.flatMap(cut).map(finished));
    });

test('a coalesced frame has the header that a sender of segments would give it', (t) => {
  const [coalesced] = sent('client', segments('client', [PLAIN, PLAIN, {size: 700}]), true);
  const options = 32;
  t.deepEqual(coalesced?.vnet, {
    ...NO_VNET,
    flags: 1,
    gsoType: 1,
    hdrLen: TCP + options,
    gsoSize: SIZE,
    csumStart: TCP,
    csumOffset: 16,
  });
  const bytes = coalesced?.bytes ?? Buffer.alloc(0);
  const segment = options + 2 * SIZE + 700;
  t.is(bytes.readUInt16BE(IP + 2), 20 + segment);
  t.true(isChecksumRight(bytes.subarray(IP, TCP)));
  const pseudo = pseudoHeader(bytes.subarray(IP + 12, IP + 16), bytes.subarray(IP + 16, TCP), 6, segment);
  t.is(bytes.readUInt16BE(TCP + 16), foldedSum(pseudo), 'of its checksum, the pseudo-header is summed');
});

const difference: fc.Arbitrary<Segment> = fc.oneof(
  {weight: 6, arbitrary: fc.constant(PLAIN)},
  {weight: 1, arbitrary: fc.constantFrom(...ROWS.flatMap(([, row]) => row))},
  {weight: 1, arbitrary: fc.record({size: fc.integer({min: 1, max: SIZE})})},
);

test('whatever comes: segmented again, a coalesced frame is what came', (t) => {
  let joined = 0;
  fc.assert(
    fc.property(
      fc.constantFrom('client', 'node1' as const),
      fc.array(difference, {minLength: 1, maxLength: 40}),
      (from, differences) => {
        const frames = segments(from, differences);
        const [whole, coalesced] = [sent(from, frames, false), sent(from, frames, true)];
        joined += whole.length - coalesced.length;
        t.deepEqual(coalesced.flatMap(cut).map(finished), whole.flatMap(cut).map(finished));
      },
    ),
    {numRuns: 300},
  );
  t.true(joined > 1000, `${joined} segments were coalesced`);
});
