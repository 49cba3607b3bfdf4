// NAT, towards the endpoint: destination address and port become the node's own, a hop is counted, and the
// checksums stay right (RFC 1624), or as unfinished as they were.

import type {Packet} from '../support/packet-builder.ts';
import type {Ipv4Fields} from '../support/packet-headers.ts';
import type {PacketCase} from './case.ts';
import {publish, receive} from './case.ts';
import {ADDRESS, NAT, atNode, natWithMtu} from './nat-world.ts';
import {CLIENT, VIP, fromClient, tcp, toClient, toVip, udp} from './world.ts';

const policy = NAT;
const created = {flows_created: 1};
const given = [receive(tcp('S')), receive(tcp('A'))];
const web = {from: 40000, to: 8080};
const dns = {from: 40000, to: 5353};

/** The client's packet and what node1 gets of it, alike but for what is translated. */
const tcpOf = (ip: Partial<Ipv4Fields>, bytes: number): [Packet, Packet] => {
  const {ttl = 64, ...rest} = ip;
  const segment = {flags: 'PA', payload: 'x'.repeat(bytes)};
  return [
    toVip.ipv4({from: CLIENT, to: VIP, ttl, ...rest}).tcp({...segment, from: 40000, to: 80}),
    atNode('node1', {ttl: ttl - 1, ...rest}).tcp({...segment, ...web}),
  ];
};
const [plain, plainOut] = tcpOf({}, 5);
const [optional, optionalOut] = tcpOf({options: Buffer.from('0707040000000000', 'hex')}, 5);
const [lastHop] = tcpOf({ttl: 1}, 5);
const [hopBefore, hopBeforeOut] = tcpOf({ttl: 2}, 5);
const [long, longOut] = tcpOf({dontFragment: true}, 60000);
const [full, fullOut] = tcpOf({dontFragment: true}, 1460);
const [tooLong] = tcpOf({dontFragment: true}, 1361);
const [fits, fitsOut] = tcpOf({dontFragment: true}, 1360);
const [mayFragment] = tcpOf({}, 1361);

/** Two bytes of payload that make the checksum of the datagram zero, which is written 0xffff. */
const zeroSum = (ofPayload: (payload: Buffer) => Packet) =>
  ofPayload(Buffer.alloc(2)).bytes().subarray(40, 42);
const toZero = zeroSum((payload) => atNode('node1').udp({...dns, payload}));
const fromZero = zeroSum((payload) => udp({payload}));

const complaint = (type: number, code: number, about: Packet, mtu = 0) =>
  toClient
    .ipv4({from: VIP, to: CLIENT, id: 0, dontFragment: true})
    .icmp({type, code, rest: [0, mtu], payload: about.network().subarray(0, 548)});
const narrow = natWithMtu(1500, 1400);

export const NAT_IN: PacketCase[] = [
  {
    description: 'a SYN, in full',
    policy,
    input: fromClient.ethertype(
      0x0800,
      Buffer.from('4500002800010000400665d00a4d00020a4d00649c40005000000001000000005002faf003610000', 'hex'),
    ),
    verdict: {forward: 'node1'},
    output: `028800000011 028800000001 0800
      4500 0028 0001 0000 3f06 671e 0a4d0002 0a58000b
      9c40 1f90 00000001 00000000 5002 faf0 e46e 0000`,
    also: created,
    flows: ['tcp 10.77.0.2:40000 10.77.0.100:80 syn node1 30'],
  },
  {
    description: 'to a node that serves on the same port',
    policy,
    given: [receive(tcp('S', {from: 40001}))],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    output: atNode('node2').tcp({from: 40000, to: 80, flags: 'S'}),
    also: created,
  },
  {
    description: 'data of a flow',
    policy,
    given,
    input: plain,
    verdict: {forward: 'node1'},
    output: plainOut,
    flows: ['tcp 10.77.0.2:40000 10.77.0.100:80 established node1 8100'],
  },
  {
    description: 'an endpoint that is not translated: VIP and hop stay',
    policy,
    input: tcp('S', {to: 25}),
    verdict: {forward: 'outside'},
    also: created,
  },
  {
    description: 'a flow whose endpoint has moved to another port',
    policy,
    given: [
      ...given,
      publish({
        ...NAT,
        endpoints: NAT.endpoints.map((one) =>
          one.slot === 0 ? {...one, nat: {...one.nat!, nodePort: 9090}} : one,
        ),
      }),
    ],
    input: plain,
    verdict: {forward: 'node1'},
    output: atNode('node1').tcp({from: 40000, to: 9090, flags: 'PA', payload: 'xxxxx'}),
  },
  {
    description: 'UDP',
    policy,
    input: udp(),
    verdict: {forward: 'node1'},
    output: atNode('node1').udp({...dns, payload: 'question'}),
    also: created,
  },
  {
    description: 'UDP, an odd number of bytes',
    policy,
    input: udp({payload: 'odd'}),
    verdict: {forward: 'node1'},
    output: atNode('node1').udp({...dns, payload: 'odd'}),
    also: created,
  },
  {
    description: 'UDP without a checksum stays without',
    policy,
    input: udp({checksum: 0}),
    verdict: {forward: 'node1'},
    output: atNode('node1').udp({...dns, payload: 'question', checksum: 0}),
    also: created,
  },
  {
    description: 'a UDP checksum that becomes zero is written 0xffff',
    policy,
    input: udp({payload: toZero}),
    verdict: {forward: 'node1'},
    output: atNode('node1').udp({...dns, payload: toZero, checksum: 0xffff}),
    also: created,
  },
  {
    description: 'a UDP checksum of 0xffff is a checksum',
    policy,
    input: udp({payload: fromZero, checksum: 0xffff}),
    verdict: {forward: 'node1'},
    output: atNode('node1').udp({...dns, payload: fromZero}),
    also: created,
  },
  {
    description: 'IPv4 options',
    policy,
    given,
    input: optional,
    verdict: {forward: 'node1'},
    output: optionalOut,
  },
  {
    description: 'a tag in the frame, and padding',
    policy,
    given,
    input: plain.vlan(7).pad(80),
    verdict: {forward: 'node1'},
    output: plainOut.vlan(7).pad(80),
  },
  {
    description: 'a tag that the kernel took out',
    policy,
    given,
    input: plain.tagged(7),
    verdict: {forward: 'node1'},
    output: plainOut,
  },

  // Unfinished checksums.
  {
    description: 'an unfinished checksum of TCP',
    policy,
    given,
    input: plain.unfinished(),
    verdict: {forward: 'node1'},
    output: plainOut.unfinished(),
  },
  {
    description: 'an unfinished checksum of UDP',
    policy,
    input: udp().unfinished(),
    verdict: {forward: 'node1'},
    output: atNode('node1')
      .udp({...dns, payload: 'question'})
      .unfinished(),
    also: created,
  },
  {
    description: '60 kB of TCP in one frame',
    policy,
    given,
    input: long.gso(1460),
    verdict: {forward: 'node1'},
    output: longOut.gso(1460),
  },
  {
    description: 'many datagrams in one frame',
    policy,
    input: udp({payload: 'x'.repeat(14720)}).gso(1472, 5),
    verdict: {forward: 'node1'},
    output: atNode('node1')
      .udp({...dns, payload: 'x'.repeat(14720)})
      .gso(1472, 5),
    also: created,
  },

  // Time to live.
  {
    description: 'the last hop but one',
    policy,
    given,
    input: hopBefore,
    verdict: {forward: 'node1'},
    output: hopBeforeOut,
  },
  {
    description: 'the last hop ends here, and the sender is told',
    policy,
    given,
    input: lastHop,
    verdict: {reply: 'time_exceeded_errors'},
    output: complaint(11, 0, lastHop),
  },
  {
    description: 'that too at most 1000 times in a second',
    policy,
    given: [...given, receive(lastHop, 1000)],
    input: lastHop,
    verdict: {drop: 'reply_limited'},
  },
  {
    description: 'the last hop to an endpoint that is not translated is none',
    policy,
    input: toVip.ipv4({from: CLIENT, to: VIP, ttl: 1}).tcp({from: 40000, to: 25, flags: 'S'}),
    verdict: {forward: 'outside'},
    also: created,
  },

  // MTU.
  {
    description: 'a full frame',
    policy,
    given,
    input: full,
    verdict: {forward: 'node1'},
    output: fullOut,
  },
  {
    description: 'as long as the node’s interface takes',
    policy: narrow,
    given,
    input: fits,
    verdict: {forward: 'node1'},
    output: fitsOut,
  },
  {
    description: 'one byte more: the error quotes what the client sent',
    policy: narrow,
    given,
    input: tooLong,
    verdict: {reply: 'too_big_errors'},
    output: complaint(3, 4, tooLong, 1400),
  },
  {
    description: 'one byte more, and it may be fragmented: we do not',
    policy: narrow,
    given,
    input: mayFragment,
    verdict: {drop: 'too_big'},
  },
  {
    description: 'segments too long for the node’s interface',
    policy: narrow,
    given,
    input: long.gso(1460),
    verdict: {reply: 'too_big_errors'},
    output: complaint(3, 4, long.gso(1460), 1400),
  },

  // What the router says itself is as without translation.
  {
    description: 'a closed TCP port',
    policy,
    input: tcp('S', {to: 8080, seq: 7}),
    verdict: {reply: 'tcp_resets'},
    output: toClient
      .ipv4({from: VIP, to: CLIENT, id: 0, dontFragment: true})
      .tcp({from: 8080, to: 40000, flags: 'RA', seq: 0, ack: 8, window: 0}),
    flows: [],
  },
  {
    description: 'a closed UDP port',
    policy,
    input: udp({to: 69}),
    verdict: {reply: 'port_unreachables'},
    output: complaint(3, 3, udp({to: 69})),
  },
  {
    description: 'ping',
    policy,
    input: toVip.icmp({type: 8}),
    verdict: {reply: 'echo_replies'},
    output: toClient.ipv4({from: VIP, to: CLIENT}).icmp({type: 0}),
  },
  {
    description: 'a node’s own address asked from outside is not ours',
    policy,
    input: fromClient.ipv4({from: CLIENT, to: ADDRESS.node1}).tcp({...web, flags: 'S'}),
    verdict: 'pass',
  },
];
