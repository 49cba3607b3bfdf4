// NAT, from the endpoint: it speaks in the name of its VIP, whoever asked, and its packets go back the way the
// other interface's came, else to the gateway.

import {packet} from '../support/packet-builder.ts';
import type {Packet} from '../support/packet-builder.ts';
import type {PacketCase} from './case.ts';
import type {Policy} from '../../addon/router.ts';
import {importFlow, publish, receive} from './case.ts';
import {IMPORTED} from './flow-imports.ts';
import {ADDRESS, BLOCK, NAT, ROUTER, atClient, atGateway, atNode, fromNode, natWithMtu} from './nat-world.ts';
import {CLIENT, INACTIVE, MAC, VIP, endpoint, tcp, udp} from './world.ts';

const policy = NAT;
const {gateway: _, ...noGateway} = NAT;
const by = 1;
const left = {outbound_frames: 1};
const heard = [receive(tcp('S'))];
const web = {from: 8080, to: 40000};
const dns = {from: 5353, to: 40000};
const page = {flags: 'PA', payload: 'hello'};

const answer = fromNode('node1').tcp({...web, ...page});
const answered = atClient().tcp({from: 80, to: 40000, ...page});
const byGateway = atGateway().tcp({from: 80, to: 40000, ...page});
const said = (ttl: number) => fromNode('node1', {ttl}).tcp({...web, ...page});
/** An answer of `length` bytes, and the error that its node gets. */
const sized = (length: number, dontFragment = true) =>
  fromNode('node1', {dontFragment}).tcp({...web, flags: 'A', payload: 'x'.repeat(length - 40)});
export const complaint = (
  type: number,
  code: number,
  about: Packet,
  mtu = 0,
  node: 'node1' | 'node2' = 'node1',
) =>
  packet(MAC.internal, MAC[node])
    .ipv4({from: ROUTER.internal, to: ADDRESS[node], id: 0, dontFragment: true})
    .icmp({type, code, rest: [0, mtu], payload: about.network().subarray(0, 548)});
const narrow = natWithMtu(1400, 1500);
/** Two bytes of payload that make the checksum of the answer zero. */
const zero = atClient()
  .udp({from: 53, to: 40000, payload: Buffer.alloc(2)})
  .bytes()
  .subarray(40, 42);

/** 69/udp is node2's, too; node1's 53/udp asks it. */
const asking: Policy = {
  ...NAT,
  endpoints: [
    ...NAT.endpoints,
    endpoint('node2', {
      slot: 5,
      nat: {protocol: 'udp', node: ADDRESS.node2, nodePort: 6969, vip: VIP, vipPort: 69},
    }),
  ],
  services: NAT.services.map((one) => (one.port === 69 ? {...one, ring: [5]} : one)),
};
const question = (ttl: number) =>
  fromNode('node1', {to: VIP, ttl}).udp({from: 5353, to: 69, payload: 'forward'});

/** An instance on node2, client of the VIP from its own port block. */
const instance = {from: VIP, to: VIP};

export const NAT_OUT: PacketCase[] = [
  {
    description: 'an answer to a client that was heard, in full',
    policy,
    by,
    given: heard,
    input: packet(MAC.node1, MAC.internal)
      .ipv4({from: ADDRESS.node1, to: CLIENT})
      .tcp({...web, flags: 'SA', seq: 1, ack: 1001}),
    verdict: {forward: 'client'},
    output: `027700000002 027700000001 0800
      4500 0028 1234 0000 3f06 549d 0a4d0064 0a4d0002
      0050 9c40 00000001 000003e9 5012 faf0 ff67 0000`,
    also: left,
  },
  {
    description: 'it needs no flow',
    policy,
    by,
    given: [receive(udp())],
    input: answer,
    verdict: {forward: 'client'},
    output: answered,
    also: left,
  },
  {
    description: 'to a client that was never heard: by the gateway',
    policy,
    by,
    input: answer,
    verdict: {forward: 'gateway'},
    output: byGateway,
    also: left,
  },
  {
    description: 'to a client that was heard by way of the gateway',
    policy: noGateway,
    by,
    given: [receive(tcp('S').link(MAC.gateway, MAC.external))],
    input: answer,
    verdict: {forward: 'gateway'},
    output: byGateway,
    also: left,
  },
  {
    description: 'without a gateway to a client that was never heard',
    policy: noGateway,
    by,
    given: [receive(tcp('S').ipv4({from: '10.77.0.3', to: VIP}))],
    input: answer,
    verdict: {drop: 'no_next_hop'},
  },
  {
    description: 'what was refused taught the way, too',
    policy: noGateway,
    by,
    given: [receive(tcp('S', {to: 81}))],
    input: answer,
    verdict: {forward: 'client'},
    output: answered,
    also: left,
  },
  {
    description: 'the client has moved to another MAC',
    policy,
    by,
    given: [receive(tcp('S').link(MAC.outside, MAC.external)), receive(tcp('A'))],
    input: answer,
    verdict: {forward: 'client'},
    output: answered,
    also: left,
  },
  {
    description: 'the client has moved behind the gateway',
    policy,
    by,
    given: [...heard, receive(tcp('A').link(MAC.gateway, MAC.external))],
    input: answer,
    verdict: {forward: 'gateway'},
    output: byGateway,
    also: left,
  },
  {
    description: 'a closed endpoint still ends what it began',
    policy,
    by,
    given: [...heard, publish({...NAT, endpoints: NAT.endpoints.map((one) => ({...one, open: false}))})],
    input: answer,
    verdict: {forward: 'client'},
    output: answered,
    also: left,
  },
  {
    description: 'UDP',
    policy,
    by,
    given: heard,
    input: fromNode('node1').udp({...dns, payload: 'answer'}),
    verdict: {forward: 'client'},
    output: atClient().udp({from: 53, to: 40000, payload: 'answer'}),
    also: left,
  },
  {
    description: 'UDP without a checksum',
    policy,
    by,
    given: heard,
    input: fromNode('node1').udp({...dns, payload: 'answer', checksum: 0}),
    verdict: {forward: 'client'},
    output: atClient().udp({from: 53, to: 40000, payload: 'answer', checksum: 0}),
    also: left,
  },
  {
    description: 'a UDP checksum that becomes zero is written 0xffff',
    policy,
    by,
    given: heard,
    input: fromNode('node1').udp({...dns, payload: zero}),
    verdict: {forward: 'client'},
    output: atClient().udp({from: 53, to: 40000, payload: zero, checksum: 0xffff}),
    also: left,
  },
  {
    description: 'an unfinished checksum',
    policy,
    by,
    given: heard,
    input: answer.unfinished(),
    verdict: {forward: 'client'},
    output: answered.unfinished(),
    also: left,
  },
  {
    description: '60 kB of TCP in one frame, tagged',
    policy,
    by,
    given: heard,
    input: sized(60000).gso(1460).tagged(9),
    verdict: {forward: 'client'},
    output: atClient({dontFragment: true})
      .tcp({from: 80, to: 40000, flags: 'A', payload: 'x'.repeat(59960)})
      .gso(1460),
    also: left,
  },
  {
    description: 'IPv4 options',
    policy,
    by,
    given: heard,
    input: fromNode('node1', {options: Buffer.alloc(4, 1)}).tcp({...web, ...page}),
    verdict: {forward: 'client'},
    output: atClient({options: Buffer.alloc(4, 1)}).tcp({from: 80, to: 40000, ...page}),
    also: left,
  },

  // Time to live and MTU: the router complains with its own address.
  {
    description: 'the last hop but one',
    policy,
    by,
    given: heard,
    input: said(2),
    verdict: {forward: 'client'},
    output: atClient({ttl: 1}).tcp({from: 80, to: 40000, ...page}),
    also: left,
  },
  {
    description: 'the last hop',
    policy,
    by,
    given: heard,
    input: said(1),
    verdict: {reply: 'time_exceeded_errors'},
    output: complaint(11, 0, said(1)),
  },
  {
    description: 'as long as the world takes',
    policy: narrow,
    by,
    given: heard,
    input: sized(1400),
    verdict: {forward: 'client'},
    output: atClient({dontFragment: true}).tcp({
      from: 80,
      to: 40000,
      flags: 'A',
      payload: 'x'.repeat(1360),
    }),
    also: left,
  },
  {
    description: 'one byte more',
    policy: narrow,
    by,
    given: heard,
    input: sized(1401),
    verdict: {reply: 'too_big_errors'},
    output: complaint(3, 4, sized(1401), 1400),
  },
  {
    description: 'one byte more, and it may be fragmented: we do not',
    policy: narrow,
    by,
    given: heard,
    input: sized(1401, false),
    verdict: {drop: 'too_big'},
  },

  // From an endpoint to nodes and to VIPs.
  {
    description: 'to a client that is a node',
    policy,
    by,
    given: [{receive: fromNode('node2', {to: VIP}).tcp({from: 40000, to: 80, flags: 'S'}), by}],
    input: fromNode('node1', {to: ADDRESS.node2}).tcp({...web, ...page}),
    verdict: {forward: 'node2'},
    output: atNode('node2', {from: VIP}).tcp({from: 80, to: 40000, ...page}),
    also: left,
  },
  {
    description: 'to an instance on another node, which asked from its port block',
    policy,
    by,
    input: fromNode('node1', {to: VIP}).tcp({from: 8080, to: BLOCK.node2, ...page}),
    verdict: {forward: 'node2'},
    output: atNode('node2', {from: VIP, to: VIP}).tcp({from: 80, to: BLOCK.node2, ...page}),
    also: {block_frames: 1},
  },
  {
    description: 'an endpoint that asks another service: both ends are translated',
    policy: asking,
    by,
    input: question(64),
    verdict: {forward: 'node2'},
    output: atNode('node2', {from: VIP}).udp({from: 53, to: 6969, payload: 'forward'}),
    also: {flows_created: 1},
  },
  {
    description: 'and with its last hop',
    policy: asking,
    by,
    input: question(1),
    verdict: {reply: 'time_exceeded_errors'},
    output: packet(MAC.internal, MAC.node1)
      .ipv4({from: VIP, to: ADDRESS.node1, id: 0, dontFragment: true})
      .icmp({type: 11, payload: question(1).network()}),
    also: {flows_created: 1},
  },
  {
    description: 'the answer goes to the endpoint that said to whom it would speak, not to one of the ring',
    policy: asking,
    by,
    given: [
      importFlow({...IMPORTED, protocol: 'udp', client: VIP, clientPort: 69, port: 53, endpointSlot: 3}),
    ],
    input: fromNode('node2', {to: VIP}).udp({from: 6969, to: 53, payload: 'answer'}),
    verdict: {forward: 'node1'},
    output: atNode('node1', {from: VIP}).udp({from: 69, to: 5353, payload: 'answer'}),
  },
  {
    description: 'an endpoint that asks its own service would talk to itself for ever',
    policy,
    by,
    input: fromNode('node1', {to: VIP}).udp({from: 5353, to: 53, payload: 'forward'}),
    verdict: {drop: 'ip_source'},
  },
  {
    description: 'to an inactive VIP',
    policy,
    by,
    input: fromNode('node1', {to: INACTIVE}).tcp({...web, ...page}),
    verdict: {drop: 'vip_inactive'},
  },
  {
    description: 'an instance opens a connection into the world: one hop, nothing else',
    policy,
    by,
    input: packet(MAC.node1, MAC.internal)
      .ipv4({from: VIP, to: '10.99.0.2'})
      .tcp({from: BLOCK.node1, to: 443, flags: 'S'}),
    verdict: {forward: 'gateway'},
    output: atGateway({to: '10.99.0.2'}).tcp({from: BLOCK.node1, to: 443, flags: 'S'}),
    also: left,
  },
  {
    description: 'an instance is client of its own VIP',
    policy,
    by,
    input: packet(MAC.node2, MAC.internal).ipv4(instance).tcp({from: BLOCK.node2, to: 80, flags: 'S'}),
    verdict: {forward: 'node1'},
    output: atNode('node1', {from: VIP}).tcp({from: BLOCK.node2, to: 8080, flags: 'S'}),
    also: {flows_created: 1},
  },
];
