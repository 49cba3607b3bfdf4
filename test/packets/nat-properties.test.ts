// What holds for all packets that are translated: what goes out is what a full computation gives, the answer of a
// node is seen by the client as the answer of whom it asked, and a broken packet is not repaired on its way.

import test from 'ava';
import fc from 'fast-check';
import type {Policy} from '../../addon/router.ts';
import {isChecksumRight, pseudoHeader} from '../support/checksum.ts';
import {createMemoryRouter} from '../support/memory-router.ts';
import type {FrameIn, FrameOut, MemoryRouter} from '../support/memory-router.ts';
import type {Packet} from '../support/packet-builder.ts';
import {macBytes} from '../support/packet-headers.ts';
import type {Ipv4Fields} from '../support/packet-headers.ts';
import {ADDRESS, NAT, atNode, fromNode} from './nat-world.ts';
import type {Translated} from './nat-world.ts';
import {MAC, VIP, fromClient} from './world.ts';

const PORTS = {tcp: {vip: 80, node1: 8080, node2: 80}, udp: {vip: 53, node1: 5353, node2: 53}} as const;
const IP = 14;

const random = fc.record({
  protocol: fc.constantFrom('tcp', 'udp' as const),
  client: fc.tuple(fc.integer({min: 11, max: 126}), fc.nat(255), fc.nat(255), fc.nat(255)),
  port: fc.integer({min: 1, max: 65535}),
  ttl: fc.integer({min: 3, max: 255}),
  id: fc.nat(65535),
  numbers: fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(65535)),
  words: fc.nat(10),
  payload: fc.uint8Array({maxLength: 1400}),
  kind: fc.constantFrom('finished', 'unfinished', 'segments', 'without' as const),
});
type Random = typeof random extends fc.Arbitrary<infer T> ? T : never;

/** The packet between the client and the other end, from Ethernet to the state of its checksum. */
function dress(base: Packet, ip: Ipv4Fields, port: number, one: Random): Packet {
  const options = Buffer.alloc(4 * one.words, 1);
  const [seq, ack, window] = one.numbers;
  const inside = base.ipv4({...ip, id: one.id, options});
  const ports = {from: one.port, to: port, payload: one.payload};
  const without = one.kind === 'without' ? {checksum: 0} : {};
  const whole =
    one.protocol === 'tcp'
      ? inside.tcp({...ports, flags: 'A', seq, ack, window})
      : inside.udp({...ports, ...without});
  if (one.kind === 'unfinished') return whole.unfinished();
  return one.kind === 'segments' ? whole.gso(500, one.protocol === 'tcp' ? 1 : 5) : whole;
}

const asked = (one: Random, ttl = one.ttl) =>
  dress(fromClient, {from: one.client.join('.'), to: VIP, ttl}, PORTS[one.protocol].vip, one);
const given = (one: Random, node: Translated) =>
  dress(
    atNode(node),
    {from: one.client.join('.'), to: ADDRESS[node], ttl: one.ttl - 1},
    PORTS[one.protocol][node],
    one,
  );

/** The same with both ends in each other's place, as an answer would have them. No checksum changes by that. */
function turned({bytes, vnet}: FrameOut): FrameIn {
  const swapped = Buffer.from(bytes);
  const l4 = IP + (bytes[IP]! & 15) * 4;
  for (const [at, length] of [
    [0, 6],
    [IP + 12, 4],
    [l4, 2],
  ] as const) {
    bytes.copy(swapped, at, at + length, at + 2 * length);
    bytes.copy(swapped, at + length, at, at + length);
  }
  return {bytes: swapped, vnet};
}

function nodeOf({bytes}: FrameOut): Translated {
  return bytes.subarray(0, 6).equals(macBytes(MAC.node1)) ? 'node1' : 'node2';
}

function natRouter(): MemoryRouter {
  const router = createMemoryRouter();
  router.publish(NAT);
  return router;
}

const shown = ({bytes, vnet}: FrameIn) => ({bytes: bytes.toString('hex'), vnet});

test('to the node and back again is the identity, but for two hops', (t) => {
  const seen = {node1: 0, node2: 0};
  fc.assert(
    fc.property(fc.array(random, {minLength: 1, maxLength: 8}), (packets) => {
      const router = natRouter();
      for (const one of packets) {
        const [there] = router.receive(0, [asked(one).frame()]);
        t.truthy(there);
        const node = nodeOf(there!);
        seen[node] += 1;
        const {tag: _, ...expected} = given(one, node).frame();
        t.deepEqual(shown(there!), shown(expected), 'incremental equals full');
        const [back] = router.receive(1, [turned(there!)]);
        t.is(back?.egress, 0);
        t.deepEqual(shown(turned(back!)), shown(asked(one, one.ttl - 2).frame()), 'round trip');
      }
    }),
    {numRuns: 500},
  );
  t.true(Math.min(seen.node1, seen.node2) > 200, JSON.stringify(seen));
});

test('a thousand hosts on the link: each gets its own answer, whoever asked in between', (t) => {
  const router = natRouter();
  const addresses = Array.from({length: 1000}, (_, i) => `10.77.${4 + (i >> 8)}.${i & 255}`);
  const macs = addresses.map((_, i) => Buffer.from([2, 0, 0, 1, i >> 8, i & 255]));
  const ports = {from: 40000, to: 80, flags: 'S'};
  const arrived = addresses.map((from, i) => {
    const frame = fromClient.ipv4({from, to: VIP}).tcp(ports).frame();
    macs[i]!.copy(frame.bytes, 6);
    return router.receive(0, [frame])[0]!;
  });
  const hops = arrived.map((one) => router.receive(1, [turned(one)])[0]!.bytes.subarray(0, 6));
  t.deepEqual(hops, macs);
});

/** node1 serves all. */
const ALONE: Policy = {
  ...NAT,
  services: NAT.services.map((one) => ({...one, ring: one.ring.slice(0, 1)})),
};

test('of a node to itself and back again, too', (t) => {
  fc.assert(
    fc.property(random, (one) => {
      fc.pre(one.port !== PORTS[one.protocol].node1); // what comes from there comes from its service
      const asks = (ttl: number) =>
        dress(fromNode('node1'), {from: ADDRESS.node1, to: VIP, ttl}, PORTS[one.protocol].vip, one);
      const arrives = dress(
        atNode('node1'),
        {from: '192.0.0.8', to: ADDRESS.node1, ttl: one.ttl - 1},
        PORTS[one.protocol].node1,
        one,
      );
      const router = createMemoryRouter();
      router.publish(ALONE);
      const [there] = router.receive(1, [asks(one.ttl).frame()]);
      t.deepEqual(shown(there!), shown(arrives.frame()), 'incremental equals full');
      const [back] = router.receive(1, [turned(there!)]);
      t.deepEqual(shown(turned(back!)), shown(asks(one.ttl - 2).frame()), 'round trip');
    }),
    {numRuns: 200},
  );
});

test('a wrong checksum stays wrong', (t) => {
  const wrong = fc.record({one: random, by: fc.integer({min: 1, max: 0xfffe})});
  fc.assert(
    fc.property(wrong, ({one, by}) => {
      const finished: Random = {...one, kind: 'finished'};
      const frame = asked(finished).frame();
      const l4 = IP + 20 + 4 * one.words;
      const at = l4 + (one.protocol === 'tcp' ? 16 : 6);
      // Never 0 nor 0xffff from another: those two are one and the same sum.
      const value = (frame.bytes.readUInt16BE(at) + by) % 0xffff;
      fc.pre(value !== 0);
      frame.bytes.writeUInt16BE(value, at);
      const [there] = natRouter().receive(0, [frame]);
      const ip = there!.bytes.subarray(IP, l4);
      const rest = there!.bytes.subarray(l4);
      t.true(isChecksumRight(ip));
      const pseudo = pseudoHeader(ip.subarray(12, 16), ip.subarray(16, 20), ip[9]!, rest.length);
      t.false(isChecksumRight(pseudo, rest));
    }),
    {numRuns: 300},
  );
});
