// What holds for all packets, not only for those of the tables: each frame has one fate, forwarding changes 12
// bytes, replies are well formed, a flow stays, and shares are as the ring has them.

import test from 'ava';
import type {ExecutionContext} from 'ava';
import fc from 'fast-check';
import {compileRing} from '../../router/policy/schedule.ts';
import type {Policy} from '../../addon/router.ts';
import {internetChecksum} from '../support/checksum.ts';
import {wrongNetwork, wrongReply} from '../support/frame-check.ts';
import {createMemoryRouter} from '../support/memory-router.ts';
import type {Counters, FrameIn, FrameOut, MemoryRouter} from '../support/memory-router.ts';
import {macBytes} from '../support/packet-headers.ts';
import {NAT} from './nat-world.ts';
import {outcome} from './outcome.ts';
import {TABLES} from './tables.ts';
import {MAC, NODES, POLICY, TIMEOUTS, endpoint, tcp, udp} from './world.ts';

const REPLIES = [
  'arp_replies',
  'echo_replies',
  'tcp_resets',
  'port_unreachables',
  'too_big_errors',
  'time_exceeded_errors',
  'prohibited_errors',
];
const hex = (mac: string) => macBytes(mac).toString('hex');
const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
const replies = (counters: Counters) => sum(REPLIES.map((name) => counters[name]!));

/** Left to the host, or at an end that is no loss. */
const ENDS = ['passed', 'other_vlan', 'probe_resets'];

/** Frames whose fate is counted: passed, forwarded, answered or dropped. */
function fates(counters: Counters): number {
  const drops = Object.entries(counters).filter(([name]) => name.startsWith('drop_'));
  return (
    sum(ENDS.map((name) => counters[name]!)) +
    counters['forwarded_frames']! +
    replies(counters) +
    sum(drops.map(([, n]) => n))
  );
}

// Frames that are almost right: those of the tables, damaged, and often with the checksums put right again, so
// that the damage is looked at by more than the first check.

const bases: FrameIn[] = Object.values(TABLES).flatMap((table) => table.map((one) => one.input.frame()));

function repair(bytes: Buffer): Buffer {
  const header = bytes.length >= 34 ? (bytes[14]! & 15) * 4 : 0;
  if (header < 20 || bytes.length < 14 + header) return bytes;
  bytes.writeUInt16BE(0, 24);
  bytes.writeUInt16BE(internetChecksum(bytes.subarray(14, 14 + header)), 24);
  const icmp = bytes.subarray(14 + header, 14 + bytes.readUInt16BE(16));
  if (bytes[23] === 1 && icmp.length >= 8) {
    icmp.writeUInt16BE(0, 2);
    icmp.writeUInt16BE(internetChecksum(icmp), 2);
  }
  return bytes;
}

const damaged = fc
  .record({
    base: fc.nat(bases.length - 1).map((index) => bases[index]!),
    changes: fc.array(fc.tuple(fc.nat(79), fc.nat(255)), {maxLength: 4}),
    length: fc.option(fc.nat(120)),
    repaired: fc.boolean(),
    vnet: fc.boolean(),
  })
  .map(({base, changes, length, repaired, vnet}): FrameIn => {
    const bytes = Buffer.alloc(length ?? base.bytes.length);
    base.bytes.copy(bytes);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    const {vnet: header, ...rest} = base;
    return {
      ...rest,
      bytes: repaired ? repair(bytes) : bytes,
      ...(vnet && header !== undefined ? {vnet: header} : {}),
    };
  });
const rubbish = fc.uint8Array({maxLength: 200}).map((bytes): FrameIn => ({bytes: Buffer.from(bytes)}));
const frames = fc.array(fc.oneof({weight: 9, arbitrary: damaged}, {weight: 1, arbitrary: rubbish}), {
  minLength: 1,
  maxLength: 100,
});

/** An answer is known by its source: the VIP's MAC is that of the interface where the question came in. */
function unchangedBehindLink(sent: FrameOut, inputs: Set<string>): boolean {
  return inputs.has(sent.bytes.subarray(12).toString('hex'));
}

/** What a world makes of the frames: each has one fate, and what went out is what was counted. */
function meet(t: ExecutionContext, policy: Policy, ingress: number, given: FrameIn[]) {
  const router = createMemoryRouter();
  router.publish(policy);
  for (const one of [tcp('S'), tcp('A'), udp()]) router.receive(0, [one.frame()]);
  const before = router.counters();
  const sent = router.receive(ingress, given);
  const after = router.counters();
  t.is(after['rx_frames']! - before['rx_frames']!, given.length);
  t.is(fates(after) - fates(before), given.length);
  const answered = replies(after) - replies(before);
  t.is(sent.length, after['forwarded_frames']! - before['forwarded_frames']! + answered);
  return {sent, answered};
}

const faults = (wrong: (string | null)[]) => wrong.filter((one) => one !== null);

test('a batch comes to what its frames come to one by one', (t) => {
  fc.assert(
    fc.property(frames, fc.nat(1), fc.constantFrom(POLICY, NAT), (given, ingress, policy) => {
      const alone = given.map((frame) => [frame]);
      const meeting = (batches: FrameIn[][]) => {
        const router = createMemoryRouter();
        router.publish(policy);
        return outcome(router, ingress, batches);
      };
      t.deepEqual(meeting([given]), meeting(alone));
    }),
    {numRuns: 300},
  );
});

test('each frame has exactly one fate; what is sent is a whole frame with its first 12 bytes changed, or a right answer', (t) => {
  fc.assert(
    fc.property(frames, fc.nat(1), (given, ingress) => {
      const {sent, answered} = meet(t, POLICY, ingress, given);
      const inputs = new Set(given.map(({bytes}) => bytes.subarray(12).toString('hex')));
      const rest = sent.filter((frame) => !unchangedBehindLink(frame, inputs));
      t.true(rest.length <= answered, 'a forwarded frame was changed');
      t.deepEqual(faults(rest.map(wrongReply)), []);
    }),
    {numRuns: 300},
  );
});

test('where packets are translated, too, each frame has exactly one fate, and none is sent with a wrong header', (t) => {
  fc.assert(
    fc.property(frames, fc.nat(1), (given, ingress) => {
      const {sent} = meet(t, NAT, ingress, given);
      t.deepEqual(faults(sent.map(wrongNetwork)), []);
      const own = new Set(sent.map(({bytes, egress}) => `${egress} ${bytes.toString('hex', 6, 12)}`));
      for (const source of own) t.true([`0 ${hex(MAC.external)}`, `1 ${hex(MAC.internal)}`].includes(source));
    }),
    {numRuns: 300},
  );
});

// Flows.

const SOURCES = 6;
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      packet: fc.constantFrom('syn', 'data', 'ask' as const),
      source: fc.nat(SOURCES - 1),
    }),
  },
  {weight: 1, arbitrary: fc.record({ring: fc.array(fc.nat(NODES.length - 1), {maxLength: 4})})},
  {
    weight: 1,
    arbitrary: fc.record({
      slot: fc.nat(NODES.length - 1),
      becomes: fc.constantFrom('open', 'closed', 'gone'),
    }),
  },
  {weight: 1, arbitrary: fc.record({seconds: fc.nat(20)})},
);

/** What the world is like, by simple means: who exists in which generation, and who has which flow. */
class Model {
  readonly state = NODES.map(() => 'open');
  readonly generation = NODES.map(() => 1);
  ring: number[] = [0, 1];
  readonly owner = new Map<string, {slot: number; generation: number}>();

  policy(): Policy {
    const known = NODES.map((_, slot) => slot).filter((slot) => this.state[slot] !== 'gone');
    const ring = this.ring.filter((slot) => this.state[slot] === 'open');
    const timeouts = {...TIMEOUTS, syn: 100000, udp: 100000};
    return {
      ...POLICY,
      endpoints: known.map((slot) =>
        endpoint(NODES[slot]!, {generation: this.generation[slot]!, open: this.state[slot] === 'open'}),
      ),
      services: POLICY.services.slice(0, 2).map((one) => ({...one, ring, timeouts})),
    };
  }
  become(slot: number, state: string): void {
    if (this.state[slot] === 'gone' && state !== 'gone') this.generation[slot]! += 1;
    this.state[slot] = state;
  }
  /** The slot where the packet must go, or null if any of the ring may get it. */
  due(flow: string, packet: string): number | null {
    const owner = this.owner.get(flow);
    if (owner === undefined || this.generation[owner.slot] !== owner.generation) return null;
    const state = this.state[owner.slot];
    return state === 'open' || (state === 'closed' && packet === 'data') ? owner.slot : null;
  }
  learn(flow: string, packet: string, slot: number): void {
    if (packet !== 'data') this.owner.set(flow, {slot, generation: this.generation[slot]!});
  }
}

function slotOf(sent: FrameOut[]): number | null {
  const mac = sent[0]?.bytes.subarray(0, 6).toString('hex');
  const slot = NODES.findIndex((node) => macBytes(MAC[node]).toString('hex') === mac);
  return slot < 0 ? null : slot;
}

function send(router: MemoryRouter, packet: string, source: number): number | null {
  const from = 30000 + source;
  const one = packet === 'ask' ? udp({from}) : tcp(packet === 'syn' ? 'S' : 'A', {from});
  return slotOf(router.receive(0, [one.frame()]));
}

test('a flow stays with its endpoint while that exists, whatever else happens', (t) => {
  let kept = 0;
  fc.assert(
    fc.property(fc.array(step, {minLength: 20, maxLength: 120}), (steps) => {
      const model = new Model();
      const router = createMemoryRouter();
      router.publish(model.policy());
      for (const one of steps) {
        if ('seconds' in one) router.advance(one.seconds * 1000);
        else if ('packet' in one) {
          const flow = `${one.packet === 'ask' ? 'udp' : 'tcp'} ${one.source}`;
          const due = model.due(flow, one.packet);
          const slot = send(router, one.packet, one.source);
          const ring = model.ring.filter((member) => model.state[member] === 'open');
          if (due !== null) t.is(slot, due, flow);
          else if (ring.length === 0) t.is(slot, null, 'nobody to give it to');
          else t.true(slot !== null && ring.includes(slot), 'goes to one of the ring');
          if (due !== null) kept += 1;
          else if (slot !== null) model.learn(flow, one.packet, slot);
        } else {
          if ('ring' in one) model.ring = one.ring;
          else model.become(one.slot, one.becomes);
          router.publish(model.policy());
        }
      }
    }),
    {numRuns: 200},
  );
  t.true(kept > 1000, `the property was put to the test ${kept} times`);
});

test('of 100,000 flows each endpoint gets its share to within 1 %', (t) => {
  const FLOWS = 100_000;
  const knocks = [MAC.client, MAC.gateway].map((_, half) =>
    udp()
      .ipv4({from: `10.77.0.${half + 2}`, to: '10.77.0.100'})
      .udp({from: 1, to: 53, checksum: 0})
      .frame(),
  );
  const given = Array.from({length: FLOWS}, (_, index): FrameIn => {
    const bytes = Buffer.from(knocks[index % 2]!.bytes);
    bytes.writeUInt16BE(1 + (index >> 1), 34);
    return {bytes};
  });
  const weights = fc.array(fc.integer({min: 1, max: 100}), {minLength: 2, maxLength: 3});
  fc.assert(
    fc.property(weights, (wanted) => {
      // So many places that all find room, under any hash.
      const router = createMemoryRouter({flows: 1 << 20});
      const services = POLICY.services.map((one) => ({...one, ring: compileRing(wanted)}));
      router.publish({...POLICY, services});
      const got = NODES.map(() => 0);
      for (let at = 0; at < FLOWS; at += 5000)
        for (const frame of router.receive(0, given.slice(at, at + 5000))) got[slotOf([frame])!]! += 1;
      t.is(router.counters()['flows_created'], FLOWS);
      t.is(sum(got), FLOWS);
      for (const [slot, weight] of wanted.entries()) {
        const share = got[slot]! / FLOWS;
        t.true(Math.abs(share - weight / sum(wanted)) <= 0.01, `${weight} of ${sum(wanted)}: ${share}`);
      }
    }),
    {numRuns: 8},
  );
});
