// What the router says in the name of a VIP where nobody serves: resets (RFC 9293 §3.5.2) and port unreachable
// (RFC 792), at most 1000 in a second.

import {packet} from '../support/packet-builder.ts';
import type {IcmpFields, TcpFields} from '../support/packet-headers.ts';
import type {PacketCase} from './case.ts';
import {publish, receive, seconds} from './case.ts';
import {CLIENT, MAC, POLICY, QUIET, VIP, fromClient, tcp, toClient, toVip, udp, withRing} from './world.ts';

const said = toClient.ipv4({from: VIP, to: CLIENT, id: 0, dontFragment: true});
const reset = (fields: Partial<TcpFields>) =>
  said.tcp({from: 8080, to: 40000, flags: 'R', seq: 0, window: 0, ...fields});
const knock = (flags: string, fields: Partial<TcpFields> = {}) => tcp(flags, {to: 8080, ...fields});
const unreachable = (quoted: Buffer, change: Partial<IcmpFields> = {}) =>
  said.icmp({type: 3, code: 3, payload: quoted, ...change});
const ask = (payload = 'question') => udp({to: 69, payload});
const resets = {reply: 'tcp_resets'} as const;
const unreachables = {reply: 'port_unreachables'} as const;
const long = ask('x'.repeat(1400));

export const REPLY: PacketCase[] = [
  {
    description: 'SYN to a port without a service, in full',
    input: tcp('S', {to: 81, seq: 0x01020304}),
    verdict: resets,
    output: `027700000002 027700000001 0800
      4500 0028 0000 4000 4006 25d1 0a4d0064 0a4d0002
      0051 9c40 00000000 01020305 5014 0000 fa38 0000`,
  },
  {
    description: 'SYN to a service without endpoints',
    input: knock('S', {seq: 7}),
    verdict: resets,
    output: reset({flags: 'RA', ack: 8}),
  },
  {
    description: 'SYN with data is acknowledged with the data',
    input: knock('S', {seq: 7, payload: 'hello'}),
    verdict: resets,
    output: reset({flags: 'RA', ack: 13}),
  },
  {
    description: 'SYN with options: only data counts',
    input: knock('S', {seq: 7, options: Buffer.alloc(12, 1)}),
    verdict: resets,
    output: reset({flags: 'RA', ack: 8}),
  },
  {
    description: 'padding of the frame is no data',
    input: knock('S', {seq: 7}).pad(60),
    verdict: resets,
    output: reset({flags: 'RA', ack: 8}),
  },
  {
    description: 'the sequence number begins anew',
    input: knock('S', {seq: 0xffffffff}),
    verdict: resets,
    output: reset({flags: 'RA', ack: 0}),
  },
  {
    description: 'FIN without ACK counts too',
    input: knock('F', {seq: 7, payload: 'bye'}),
    verdict: resets,
    output: reset({flags: 'RA', ack: 11}),
  },
  {
    description: 'an ACK is answered with the number that it waits for',
    input: knock('A', {seq: 7, ack: 99}),
    verdict: resets,
    output: reset({seq: 99}),
  },
  {
    description: 'data with an ACK likewise',
    input: knock('PA', {seq: 7, ack: 99, payload: 'data'}),
    verdict: resets,
    output: reset({seq: 99}),
  },
  {
    description: 'SYN-ACK likewise',
    input: knock('SA', {seq: 7, ack: 99}),
    verdict: resets,
    output: reset({seq: 99}),
  },
  {description: 'a RST is never answered', input: knock('R'), verdict: {drop: 'no_service'}},
  {description: 'a RST with ACK neither', input: knock('RA'), verdict: {drop: 'no_service'}},
  {
    description: 'on a VIP without services',
    input: fromClient.ipv4({from: CLIENT, to: QUIET}).tcp({from: 40000, to: 80, flags: 'S', seq: 0}),
    verdict: resets,
    output: toClient
      .ipv4({from: QUIET, to: CLIENT, id: 0, dontFragment: true})
      .tcp({from: 80, to: 40000, flags: 'RA', seq: 0, ack: 1, window: 0}),
  },
  {
    description: 'with a tag in the frame',
    input: knock('S', {seq: 7}).vlan(5),
    verdict: resets,
    output: reset({flags: 'RA', ack: 8}).vlan(5),
  },
  {
    description: 'with a tag that the kernel took out',
    input: knock('S', {seq: 7}).tagged(5),
    verdict: resets,
    output: reset({flags: 'RA', ack: 8}),
  },
  {
    description: 'on the internal interface',
    by: 1,
    input: knock('S', {seq: 7}).link(MAC.node2, MAC.internal),
    verdict: resets,
    output: reset({flags: 'RA', ack: 8}).link(MAC.internal, MAC.node2),
  },
  {
    description: 'the question’s options are not repeated',
    input: toVip
      .ipv4({from: CLIENT, to: VIP, options: Buffer.alloc(4, 1)})
      .tcp({from: 40000, to: 8080, flags: 'S', seq: 7}),
    verdict: resets,
    output: reset({flags: 'RA', ack: 8}),
  },
  {
    description: 'an unfinished question gets a finished answer',
    input: knock('S', {seq: 7}).unfinished(),
    verdict: resets,
    output: reset({flags: 'RA', ack: 8}),
  },
  {
    description: 'a SYN of a flow whose service lost its last endpoint',
    given: [receive(tcp('S')), receive(tcp('FA')), publish(withRing([]))],
    input: tcp('S', {seq: 7}),
    verdict: resets,
    output: reset({from: 80, flags: 'RA', ack: 8}),
  },
  {
    description: 'data of a flow whose service and node are gone',
    given: [receive(tcp('S')), publish({...POLICY, endpoints: [], services: []})],
    input: tcp('A', {ack: 99}),
    verdict: resets,
    output: reset({from: 80, seq: 99}),
  },

  {
    description: 'UDP to a service without endpoints',
    input: ask(),
    verdict: unreachables,
    output: unreachable(ask().network()),
  },
  {
    description: 'UDP to a port without a service, in full',
    input: udp({to: 54, payload: ''}),
    verdict: unreachables,
    output: `027700000002 027700000001 0800
      4500 0038 0000 4000 4001 25c6 0a4d0064 0a4d0002
      0303 1216 00000000
      4500 001c 1234 0000 4011 539e 0a4d0002 0a4d0064 9c40 0036 0008 4e68`,
  },
  {
    description: 'a long question is quoted up to 576 bytes in all',
    input: long,
    verdict: unreachables,
    output: unreachable(long.network().subarray(0, 548)),
  },
  {
    description: 'a question of exactly that size is quoted whole',
    input: ask('x'.repeat(520)),
    verdict: unreachables,
    output: unreachable(ask('x'.repeat(520)).network()),
  },
  {
    description: 'one byte more is cut',
    input: ask('x'.repeat(521)),
    verdict: unreachables,
    output: unreachable(ask('x'.repeat(521)).network().subarray(0, 548)),
  },
  {
    description: 'the longest quote behind a tag in the frame',
    input: long.vlan(5),
    verdict: unreachables,
    output: unreachable(long.network().subarray(0, 548)).vlan(5),
  },
  {
    description: 'an odd number of quoted bytes',
    input: ask('odd'),
    verdict: unreachables,
    output: unreachable(ask('odd').network()),
  },
  {
    description: 'padding is not quoted',
    input: ask('').pad(60),
    verdict: unreachables,
    output: unreachable(ask('').network()),
  },
  {
    description: 'UDP with a tag that the kernel took out',
    input: ask().tagged(5),
    verdict: unreachables,
    output: unreachable(ask().network()),
  },
  {
    description: 'UDP from the internal interface',
    by: 1,
    input: ask().link(MAC.node2, MAC.internal),
    verdict: unreachables,
    output: unreachable(ask().network()).link(MAC.internal, MAC.node2),
  },

  {
    description: 'the thousandth answer in a second',
    given: [receive(knock('S'), 999)],
    input: knock('S', {seq: 7}),
    verdict: resets,
    output: reset({flags: 'RA', ack: 8}),
  },
  {
    description: 'one more is not said',
    given: [receive(knock('S'), 1000)],
    input: knock('S'),
    verdict: {drop: 'reply_limited'},
  },
  {
    description: 'resets and port unreachables are counted together',
    given: [receive(ask(), 1000)],
    input: knock('S'),
    verdict: {drop: 'reply_limited'},
  },
  {
    description: 'nor a port unreachable',
    given: [receive(knock('S'), 1000)],
    input: ask(),
    verdict: {drop: 'reply_limited'},
  },
  {
    description: 'ping is not limited',
    given: [receive(knock('S'), 1000)],
    input: toVip.icmp({type: 8}),
    verdict: {reply: 'echo_replies'},
    output: toClient.ipv4({from: VIP, to: CLIENT}).icmp({type: 0}),
  },
  {
    description: 'a second later it is said again',
    given: [receive(knock('S'), 1000), seconds(1)],
    input: knock('S', {seq: 7}),
    verdict: resets,
    output: reset({flags: 'RA', ack: 8}),
  },
  {
    description: 'a rest of an hour does not save up more than 1000',
    given: [receive(knock('S'), 1000), seconds(3600), receive(knock('S'), 1000)],
    input: knock('S'),
    verdict: {drop: 'reply_limited'},
  },
  {
    description: 'a millisecond later one more is said',
    given: [receive(knock('S'), 1000), seconds(0.001)],
    input: knock('S', {seq: 7}),
    verdict: resets,
    output: reset({flags: 'RA', ack: 8}),
  },
  {
    description: 'and only one',
    given: [receive(knock('S'), 1000), seconds(0.001), receive(knock('S'))],
    input: knock('S', {seq: 7}),
    verdict: {drop: 'reply_limited'},
  },
  {
    description: 'a refusal makes no flow',
    input: packet(MAC.client, MAC.external)
      .ipv4({from: CLIENT, to: VIP})
      .tcp({from: 1, to: 2, flags: 'S', seq: 0}),
    verdict: resets,
    output: reset({from: 2, to: 1, flags: 'RA', ack: 1}),
    flows: [],
  },
];
