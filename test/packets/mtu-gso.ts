// Frames as senders on the same host, or cards, hand them over: checksums only begun, many segments in one frame
// (linux/virtio_net.h). They pass as they are. And what is too long for the way to the endpoint (RFC 1191).

import type {PacketCase} from './case.ts';
import {receive, seconds} from './case.ts';
import {CLIENT, POLICY, VIP, fromClient, tcp, toClient, toVip, udp, withMtu} from './world.ts';
import type {Packet} from '../support/packet-builder.ts';

const given = [receive(tcp('S')), receive(tcp('A'))];
/** A segment in an IPv4 packet of `length` bytes. */
const segment = (length: number, dontFragment = true) =>
  toVip
    .ipv4({from: CLIENT, to: VIP, dontFragment})
    .tcp({from: 40000, to: 80, flags: 'A', payload: 'x'.repeat(length - 40)});
const datagram = (payload: number) =>
  toVip
    .ipv4({from: CLIENT, to: VIP, dontFragment: true})
    .udp({from: 40000, to: 53, payload: 'x'.repeat(payload)});
const withOptions = (length: number) =>
  segment(length).tcp({
    from: 40000,
    to: 80,
    flags: 'A',
    payload: 'x'.repeat(length - 52),
    options: Buffer.alloc(12, 1),
  });
const tooBig = (about: Packet, mtu: number) =>
  toClient
    .ipv4({from: VIP, to: CLIENT, id: 0, dontFragment: true})
    .icmp({type: 3, code: 4, rest: [0, mtu], payload: about.network().subarray(0, 548)});
const tooBigErrors = {reply: 'too_big_errors'} as const;
const created = {flows_created: 1};
const narrow = withMtu(1500, 1400);
const wide = withMtu(9000, 9000);

const quoted = (bytes: number) =>
  toVip.ipv4({from: '10.99.0.1', to: VIP, dontFragment: true}).icmp({
    type: 3,
    code: 4,
    payload: toClient
      .ipv4({from: VIP, to: CLIENT})
      .tcp({from: 80, to: 40000, flags: 'A', payload: 'x'.repeat(bytes)})
      .network(),
  });

export const MTU_GSO: PacketCase[] = [
  {
    description: 'a SYN with an unfinished checksum',
    input: tcp('S').unfinished(),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'a datagram with an unfinished checksum',
    input: udp().unfinished(),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'an unfinished checksum and a tag that the kernel took out',
    given,
    input: segment(100).unfinished().tagged(9),
    verdict: {forward: 'node1'},
  },
  {
    description: 'an unfinished checksum behind a tag in the frame',
    given,
    input: segment(100).vlan(9).unfinished(),
    verdict: {forward: 'node1'},
  },
  {
    description: '64 kB of TCP in one frame',
    given,
    input: segment(65535).gso(1448),
    verdict: {forward: 'node1'},
  },
  {
    description: '64 kB of TCP in one frame, tagged',
    given,
    input: segment(65535).gso(1448).tagged(9),
    verdict: {forward: 'node1'},
  },
  {
    description: 'segments that just fit',
    given,
    input: segment(20000).gso(1460),
    verdict: {forward: 'node1'},
  },
  {
    description: 'segments with options that just fit',
    given,
    input: withOptions(20000).gso(1448),
    verdict: {forward: 'node1'},
  },
  {
    description: 'segments one byte too long',
    given,
    input: segment(20000).gso(1461),
    verdict: tooBigErrors,
    output: tooBig(segment(20000).gso(1461), 1500),
  },
  {
    description: 'segments with options one byte too long',
    given,
    input: withOptions(20000).gso(1449),
    verdict: tooBigErrors,
    output: tooBig(withOptions(20000).gso(1449), 1500),
  },
  {
    description: 'many datagrams in one frame',
    given: [receive(udp())],
    input: datagram(14720).gso(1472, 5),
    verdict: {forward: 'node1'},
  },
  {
    description: 'many datagrams in one frame, each too long',
    given: [receive(udp())],
    input: datagram(14730).gso(1473, 5),
    verdict: tooBigErrors,
    output: tooBig(datagram(14730).gso(1473, 5), 1500),
  },
  {
    description: 'IP options count',
    given,
    input: toVip
      .ipv4({from: CLIENT, to: VIP, options: Buffer.alloc(4, 1)})
      .tcp({from: 40000, to: 80, flags: 'A', payload: 'x'.repeat(4000)})
      .gso(1457),
    verdict: {drop: 'too_big'},
  },

  {description: 'a packet of exactly the MTU', given, input: segment(1500), verdict: {forward: 'node1'}},
  {
    description: 'one byte more: the sender is told the MTU',
    given,
    input: segment(1501),
    verdict: tooBigErrors,
    output: tooBig(segment(1501), 1500),
  },
  {
    description: 'one byte more that may be fragmented',
    given,
    input: segment(1501, false),
    verdict: {drop: 'too_big'},
  },
  {
    description: 'padding does not make a packet long',
    given,
    input: segment(1500).pad(1600),
    verdict: {forward: 'node1'},
  },
  {
    description: 'the MTU of the interface that it leaves by',
    policy: narrow,
    given,
    input: segment(1401),
    verdict: tooBigErrors,
    output: tooBig(segment(1401), 1400),
  },
  {
    description: 'not of the interface that it came in by',
    policy: withMtu(1400, 1500),
    given,
    input: segment(1401),
    verdict: {forward: 'node1'},
  },
  {description: 'jumbo frames', policy: wide, given, input: segment(9000), verdict: {forward: 'node1'}},
  {
    description: 'a greater MTU than a packet can have',
    policy: withMtu(100000, 100000),
    given,
    input: segment(65535),
    verdict: {forward: 'node1'},
  },
  {
    description: 'a SYN too long makes a flow all the same',
    policy: narrow,
    input: segment(1401).tcp({from: 40000, to: 80, flags: 'S', payload: 'x'.repeat(1361)}),
    verdict: tooBigErrors,
    output: tooBig(segment(1401).tcp({from: 40000, to: 80, flags: 'S', payload: 'x'.repeat(1361)}), 1400),
    also: created,
  },
  {
    description: 'with a tag that the kernel took out the sender is told by the same tag',
    given,
    input: segment(1501).tagged(9),
    verdict: tooBigErrors,
    output: tooBig(segment(1501), 1500),
  },
  {
    description: 'the sender is told at most 1000 times in a second',
    given: [...given, receive(segment(1501), 1000)],
    input: segment(1501),
    verdict: {drop: 'reply_limited'},
  },
  {
    description: 'and again a second later',
    given: [...given, receive(segment(1501), 1000), seconds(1)],
    input: segment(1501),
    verdict: tooBigErrors,
    output: tooBig(segment(1501), 1500),
  },
  {
    description: 'an ICMP error that is itself too long is not answered by an error (RFC 1122 §3.2.2)',
    policy: narrow,
    given,
    input: quoted(1400),
    verdict: {drop: 'too_big'},
  },
  {
    description: 'an endpoint on the interface with the greater MTU',
    policy: withMtu(1500, 1400),
    input: tcp('S', {to: 25, payload: 'x'.repeat(1460)}),
    verdict: {forward: 'outside'},
    also: created,
  },
  {
    description: 'the policy’s MTU of today, not of the flow’s first day',
    given: [...given, {publish: POLICY}],
    input: fromClient.ipv4({from: CLIENT, to: VIP}).tcp({from: 40000, to: 80, flags: 'A'}),
    verdict: {forward: 'node1'},
  },
];
