// ICMP errors where flows are translated: so is what they quote, which must look as the packet did to its sender.
// And who says it: the node from inside, the VIP to the world.

import {packet} from '../support/packet-builder.ts';
import type {Packet} from '../support/packet-builder.ts';
import type {Ipv4Fields} from '../support/packet-headers.ts';
import type {PacketCase} from './case.ts';
import {receive} from './case.ts';
import {ADDRESS, BLOCK, NAT, atClient, atNode, fromNode} from './nat-world.ts';
import {CLIENT, MAC, VIP, tcp, udp} from './world.ts';

const policy = NAT;
const {gateway: _, ...noGateway} = NAT;
const FAR = '10.99.0.1';
const flow = [receive(tcp('S')), receive(tcp('A')), receive(udp())];
const found = {icmp_errors_forwarded: 1};
const leaving = {icmp_errors_forwarded: 1, outbound_frames: 1};
type Error = {type: number; code: number; rest?: [number, number]};
const TOO_BIG: Error = {type: 3, code: 4, rest: [0, 1280]};
const CLOSED: Error = {type: 3, code: 3};

// About what an endpoint sent: as its node sent it, and as it came by.
const page = {to: 40000, flags: 'A', payload: 'x'.repeat(41)};
const sent = (ip: Partial<Ipv4Fields> = {}) =>
  fromNode('node1', {ttl: 60, dontFragment: true, ...ip}).tcp({from: 8080, ...page});
const seen = (ip: Partial<Ipv4Fields> = {}) =>
  atClient({ttl: 60, dontFragment: true, ...ip}).tcp({from: 80, ...page});
const datagram = {to: 40000, payload: 'answer'};
const sentUdp = (change = {}) => fromNode('node1', {ttl: 60}).udp({from: 5353, ...datagram, ...change});
const seenUdp = (change = {}) => atClient({ttl: 60}).udp({from: 53, ...datagram, ...change});

const quote = (about: Packet, bytes = 2000) => about.network().subarray(0, bytes);
const fromWorld = (error: Error, payload: Buffer, ip: Partial<Ipv4Fields> = {}) =>
  packet(MAC.gateway, MAC.external)
    .ipv4({from: FAR, to: VIP, ...ip})
    .icmp({...error, payload});
const told = (error: Error, payload: Buffer) => atNode('node1', {from: FAR}).icmp({...error, payload});

/** A quote of `bytes` about TCP or UDP, translated. */
const inward = (description: string, about: [Packet, Packet], bytes?: number): PacketCase => ({
  description,
  policy,
  given: flow,
  input: fromWorld(TOO_BIG, quote(about[0], bytes)),
  verdict: {forward: 'node1'},
  output: told(TOO_BIG, quote(about[1], bytes)),
  also: found,
});

// About what the client sent: as it came to the node, and as the client had sent it.
const asked = (change = {}, ttl = 62) =>
  packet(MAC.internal, MAC.node1)
    .ipv4({from: CLIENT, to: ADDRESS.node1, ttl})
    .udp({from: 40000, to: 5353, payload: 'question', ...change});
const question = (change = {}, ttl = 62) =>
  packet(MAC.client, MAC.external)
    .ipv4({from: CLIENT, to: VIP, ttl})
    .udp({from: 40000, to: 53, payload: 'question', ...change});
const knocked = packet(MAC.internal, MAC.node1)
  .ipv4({from: CLIENT, to: ADDRESS.node1})
  .tcp({from: 40000, to: 8080, flags: 'S'});
const knock = tcp('S');
const outward = (description: string, about: [Packet, Packet], bytes?: number): PacketCase => ({
  description,
  policy,
  by: 1,
  given: flow,
  input: fromNode('node1').icmp({...CLOSED, payload: quote(about[0], bytes)}),
  verdict: {forward: 'client'},
  output: atClient().icmp({...CLOSED, payload: quote(about[1], bytes)}),
  also: leaving,
});

/** An instance on node2 asks from its port block; node1 says that nobody is there. */
const instanceAsked = fromNode('node1', {from: VIP, to: ADDRESS.node1, ttl: 63}).udp({
  from: BLOCK.node2,
  to: 5353,
});
const instanceSaid = fromNode('node1', {from: VIP, to: VIP, ttl: 63}).udp({from: BLOCK.node2, to: 53});

const fromInstance = fromNode('node1', {from: VIP, to: FAR}).icmp({
  ...CLOSED,
  payload: quote(packet(MAC.none, MAC.none).ipv4({from: FAR, to: VIP}).udp({from: 53, to: BLOCK.node1})),
});

/** Options in the error's own header, and tags. */
function around(
  name: string,
  row: (ip: Partial<Ipv4Fields>, dressed: (one: Packet) => Packet) => PacketCase,
): PacketCase[] {
  const options = Buffer.from('070704000000000000ffffff', 'hex');
  const rows: [string, Partial<Ipv4Fields>, (one: Packet) => Packet][] = [
    ['IPv4 options', {options}, (one) => one],
    ['a tag in the frame', {}, (one) => one.vlan(7)],
    ['a tag that the kernel took out', {}, (one) => one.tagged(7)],
    ['options, tag and padding', {options}, (one) => one.vlan(7).pad(140)],
  ];
  return rows.map(([what, ip, dressed]) => ({...row(ip, dressed), description: `${name}, with ${what}`}));
}

export const NAT_ICMP: PacketCase[] = [
  inward('about TCP, quoted whole', [seen(), sent()]),
  inward('about TCP, 8 bytes', [seen(), sent()], 28),
  inward('about TCP, just the ports', [seen(), sent()], 24),
  inward('about TCP, cut before the checksum', [seen(), sent()], 36),
  {
    description: 'about TCP, cut within the checksum: half of it is left alone',
    policy,
    given: flow,
    input: fromWorld(TOO_BIG, quote(seen(), 37)),
    verdict: {forward: 'node1'},
    output: told(TOO_BIG, Buffer.concat([quote(sent(), 36), quote(seen(), 37).subarray(36)])),
    also: found,
  },
  inward('about TCP, cut behind the checksum', [seen(), sent()], 38),
  inward('about TCP, an odd number of bytes', [seen(), sent()], 49),
  inward('about TCP with IPv4 options', [
    seen({options: Buffer.alloc(8, 1)}),
    sent({options: Buffer.alloc(8, 1)}),
  ]),
  inward(
    'about TCP with IPv4 options, 8 bytes',
    [seen({options: Buffer.alloc(8, 1)}), sent({options: Buffer.alloc(8, 1)})],
    36,
  ),
  ...around('from the world', (ip, dressed) => ({
    description: '',
    policy,
    given: flow,
    input: dressed(fromWorld(TOO_BIG, quote(seen(), 28), ip)),
    verdict: {forward: 'node1'},
    output: dressed(atNode('node1', {from: FAR, ...ip}).icmp({...TOO_BIG, payload: quote(sent(), 28)})),
    also: found,
  })),
  ...around('from a node', (ip, dressed) => ({
    description: '',
    policy,
    by: 1,
    given: flow,
    input: dressed(fromNode('node1', ip).icmp({...CLOSED, payload: quote(asked())})),
    verdict: {forward: 'client'},
    output: dressed(atClient(ip).icmp({...CLOSED, payload: quote(question())})),
    also: leaving,
  })),
  inward('about UDP, quoted whole', [seenUdp(), sentUdp()]),
  inward('about UDP, 8 bytes', [seenUdp(), sentUdp()], 28),
  inward('about UDP, cut before the checksum', [seenUdp(), sentUdp()], 26),
  inward('about UDP without a checksum', [seenUdp({checksum: 0}), sentUdp({checksum: 0})]),
  {
    description: 'time exceeded',
    policy,
    given: flow,
    input: fromWorld({type: 11, code: 0}, quote(seen(), 28)),
    verdict: {forward: 'node1'},
    output: told({type: 11, code: 0}, quote(sent(), 28)),
    also: found,
  },
  {
    description: 'an error whose checksum is still to be done',
    policy,
    given: flow,
    input: fromWorld(TOO_BIG, quote(seen())).unfinished(),
    verdict: {forward: 'node1'},
    output: told(TOO_BIG, quote(sent())).unfinished(),
    also: found,
  },
  {
    description: 'the last hop of an error: never an error about an error',
    policy,
    given: flow,
    input: fromWorld(TOO_BIG, quote(seen()), {ttl: 1}),
    verdict: {drop: 'ip_ttl'},
  },
  {
    description: 'about no flow',
    policy,
    input: fromWorld(TOO_BIG, quote(seen())),
    verdict: {drop: 'icmp_unmatched'},
  },
  {
    description: 'about the node’s own address, which nobody outside has seen',
    policy,
    given: flow,
    input: fromWorld(TOO_BIG, quote(sent())),
    verdict: {drop: 'icmp_unmatched'},
  },
  {
    description: 'from a client that is a node',
    policy,
    by: 1,
    given: [{receive: fromNode('node2', {to: VIP}).udp({from: 40000, to: 53}), by: 1}],
    input: fromNode('node2', {to: VIP}).icmp({
      ...CLOSED,
      payload: quote(seenUdp().ipv4({from: VIP, to: ADDRESS.node2})),
    }),
    verdict: {forward: 'node1'},
    output: atNode('node1', {from: ADDRESS.node2}).icmp({
      ...CLOSED,
      payload: quote(sentUdp().ipv4({from: ADDRESS.node1, to: ADDRESS.node2})),
    }),
    also: found,
  },

  outward('from a node about UDP, quoted whole', [asked(), question()]),
  outward('from a node about UDP, 8 bytes', [asked(), question()], 28),
  outward('from a node about UDP, cut before the checksum', [asked(), question()], 25),
  outward('from a node about UDP without a checksum', [asked({checksum: 0}), question({checksum: 0})]),
  outward('from a node about UDP with IPv4 options', [
    asked().ipv4({from: CLIENT, to: ADDRESS.node1, ttl: 62, options: Buffer.alloc(8, 1)}),
    question().ipv4({from: CLIENT, to: VIP, ttl: 62, options: Buffer.alloc(8, 1)}),
  ]),
  outward('from a node about UDP, just the ports', [asked(), question()], 24),
  outward('from a node about TCP, cut before the checksum', [knocked, knock], 36),
  outward('from a node about TCP, quoted whole', [knocked, knock]),
  outward('from a node about TCP, 8 bytes', [knocked, knock], 28),
  {
    description: 'from a node to a client that was never heard: by the gateway',
    policy,
    by: 1,
    input: fromNode('node1').icmp({...CLOSED, payload: quote(asked())}),
    verdict: {forward: 'gateway'},
    output: atClient()
      .link(MAC.external, MAC.gateway)
      .icmp({...CLOSED, payload: quote(question())}),
    also: leaving,
  },
  {
    description: 'and without a gateway',
    policy: noGateway,
    by: 1,
    input: fromNode('node1').icmp({...CLOSED, payload: quote(asked())}),
    verdict: {drop: 'no_next_hop'},
  },
  {
    description: 'from a node, its checksum still to be done',
    policy,
    by: 1,
    given: flow,
    input: fromNode('node1')
      .icmp({...CLOSED, payload: quote(asked())})
      .unfinished(),
    verdict: {forward: 'client'},
    output: atClient()
      .icmp({...CLOSED, payload: quote(question())})
      .unfinished(),
    also: leaving,
  },
  {
    description: 'from a node with its last hop',
    policy,
    by: 1,
    given: flow,
    input: fromNode('node1', {ttl: 1}).icmp({...CLOSED, payload: quote(asked())}),
    verdict: {drop: 'ip_ttl'},
  },
  {
    description: 'from a node about a port that is no endpoint’s',
    policy,
    by: 1,
    given: flow,
    input: fromNode('node1').icmp({...CLOSED, payload: quote(asked({to: 54}))}),
    verdict: {drop: 'icmp_unmatched'},
  },
  {
    description: 'from a node, too little quoted',
    policy,
    by: 1,
    given: flow,
    input: fromNode('node1').icmp({...CLOSED, payload: quote(asked(), 23)}),
    verdict: {drop: 'icmp_unmatched'},
  },
  {
    description: 'from a node with a wrong checksum',
    policy,
    by: 1,
    given: flow,
    input: fromNode('node1').icmp({...CLOSED, payload: quote(asked()), checksum: 1}),
    verdict: {drop: 'icmp_checksum'},
  },
  {
    description: 'from an instance that opened the connection: in its VIP’s name already',
    policy,
    by: 1,
    input: fromInstance,
    verdict: {forward: 'gateway'},
    output: fromInstance.link(MAC.external, MAC.gateway).ipv4({from: VIP, to: FAR, ttl: 63}),
    also: leaving,
  },
  {
    description: 'from a node to an instance on another, which asked from its port block',
    policy,
    by: 1,
    input: fromNode('node1', {to: VIP}).icmp({...CLOSED, payload: quote(instanceAsked)}),
    verdict: {forward: 'node2'},
    output: atNode('node2', {from: VIP, to: VIP}).icmp({...CLOSED, payload: quote(instanceSaid)}),
    also: found,
  },
];
