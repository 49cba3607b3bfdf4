// NAT, a program on a node that asks a service which that node serves itself: it would not take a packet from its own
// address, so it sees itself as 192.0.0.8. And hops are learnt on the right interface only: a node's packets are for it.

import {packet} from '../support/packet-builder.ts';
import type {PacketCase} from './case.ts';
import {receive} from './case.ts';
import {ADDRESS, NAT, atClient, atNode, fromNode} from './nat-world.ts';
import {complaint} from './nat-out.ts';
import {CLIENT, MAC, VIP, fromClient, udp} from './world.ts';

const policy = NAT;
const by = 1;
const SELF = '192.0.0.8';
const left = {outbound_frames: 1};
const created = {flows_created: 1};
const options = Buffer.from('0707040000000000', 'hex');
const long = 'x'.repeat(60000);

// What the program sends, what its own service gets, what that answers, and what the program gets.
const asks = (change = {}) => fromNode('node1', {to: VIP, ...change});
const atService = (change = {}) => atNode('node1', {from: SELF, ...change});
const answers = (change = {}) => fromNode('node1', {to: SELF, ...change});
const atProgram = (change = {}) => atNode('node1', {from: VIP, ...change});
const ports = {ask: {from: 40000, to: 80}, asked: {from: 40000, to: 8080}} as const;
const back = {answer: {from: 8080, to: 40000}, answered: {from: 80, to: 40000}} as const;
const syn = asks().tcp({...ports.ask, flags: 'S'});
const page = {flags: 'PA', payload: 'hello'};
const lastHop = answers({ttl: 1}).tcp({...back.answer, ...page});
const stranger = answers().tcp({from: 8081, to: 40000, flags: 'R'});

const question = {from: 40000, to: 53, payload: 'question'};
const questioned = {...question, to: 5353};
const exchange = [{receive: asks().udp(question), by} as const];
const CLOSED = {type: 3, code: 3};
const quote = (about: ReturnType<typeof asks>) => about.network().subarray(0, 28);

/** An outsider who says that he is node2, and whom node1's web server answers. */
const pretends = receive(
  fromClient.ipv4({from: ADDRESS.node2, to: VIP}).tcp({from: 40000, to: 25, flags: 'S'}),
);
const toNode2 = fromNode('node1', {to: ADDRESS.node2}).tcp({...back.answer, ...page});
/** A node that says that it is the client. */
const asClient = fromNode('node2', {from: CLIENT, to: VIP}).tcp({from: 40000, to: 25, flags: 'S'});

export const NAT_SELF: PacketCase[] = [
  {
    description: 'a SYN, in full',
    policy,
    by,
    input: syn,
    verdict: {forward: 'node1'},
    output: `028800000011 028800000001 0800
      4500 0028 1234 0000 3f06 9f31 c0000008 0a58000b
      9c40 1f90 000003e8 00000000 5002 faf0 2ace 0000`,
    also: created,
    flows: ['tcp 10.88.0.11:40000 10.77.0.100:80 syn node1 30'],
  },
  {
    description: 'the answer goes back to the program',
    policy,
    by,
    given: [{receive: syn, by}],
    input: answers().tcp({...back.answer, flags: 'SA', ack: 1001}),
    verdict: {forward: 'node1'},
    output: atProgram().tcp({...back.answered, flags: 'SA', ack: 1001}),
    also: left,
  },
  {
    description: 'it needs no memory of the flow',
    policy,
    by,
    input: answers().tcp({...back.answer, ...page}),
    verdict: {forward: 'node1'},
    output: atProgram().tcp({...back.answered, ...page}),
    also: left,
  },
  {
    description: 'data of the flow, with IPv4 options',
    policy,
    by,
    given: [{receive: syn, by}],
    input: asks({options}).tcp({...ports.ask, ...page}),
    verdict: {forward: 'node1'},
    output: atService({options}).tcp({...ports.asked, ...page}),
  },
  {
    description: '60 kB in one frame, tagged',
    policy,
    by,
    given: [{receive: syn, by}],
    input: asks()
      .tcp({...ports.ask, flags: 'A', payload: long})
      .gso(1460)
      .tagged(9),
    verdict: {forward: 'node1'},
    output: atService()
      .tcp({...ports.asked, flags: 'A', payload: long})
      .gso(1460),
  },
  {
    description: 'and back',
    policy,
    by,
    input: answers()
      .tcp({...back.answer, flags: 'A', payload: long})
      .gso(1460),
    verdict: {forward: 'node1'},
    output: atProgram()
      .tcp({...back.answered, flags: 'A', payload: long})
      .gso(1460),
    also: left,
  },
  {
    description: 'UDP',
    policy,
    by,
    input: asks().udp(question),
    verdict: {forward: 'node1'},
    output: atService().udp(questioned),
    also: created,
  },
  {
    description: 'UDP, without a checksum, and back',
    policy,
    by,
    given: exchange,
    input: answers().udp({from: 5353, to: 40000, payload: 'answer', checksum: 0}),
    verdict: {forward: 'node1'},
    output: atProgram().udp({from: 53, to: 40000, payload: 'answer', checksum: 0}),
    also: left,
  },
  {
    description: 'a service on another node sees the node’s address',
    policy,
    by,
    given: [{receive: asks().tcp({...ports.ask, from: 40001, flags: 'S'}), by}],
    input: syn,
    verdict: {forward: 'node2'},
    output: atNode('node2', {from: ADDRESS.node1}).tcp({...ports.ask, flags: 'S'}),
    also: created,
  },
  {
    description: 'the last hop of the answer',
    policy,
    by,
    input: lastHop,
    verdict: {reply: 'time_exceeded_errors'},
    output: complaint(11, 0, lastHop),
  },
  {
    description: 'the node says that the service is closed: the program is told',
    policy,
    by,
    given: exchange,
    input: answers().icmp({...CLOSED, payload: quote(atService({ttl: 62}).udp(questioned))}),
    verdict: {forward: 'node1'},
    output: atProgram().icmp({...CLOSED, payload: quote(asks({ttl: 62}).udp(question))}),
    also: {...left, icmp_errors_forwarded: 1},
  },
  {
    description: 'the node says that the program is gone: the service is told',
    policy,
    by,
    given: exchange,
    input: asks().icmp({
      ...CLOSED,
      payload: quote(atProgram().udp({from: 53, to: 40000, payload: 'answer'})),
    }),
    verdict: {forward: 'node1'},
    output: atService().icmp({
      ...CLOSED,
      payload: quote(answers({ttl: 63}).udp({from: 5353, to: 40000, payload: 'answer'})),
    }),
    also: {icmp_errors_forwarded: 1},
  },
  {
    description: 'what is no endpoint’s has nobody to go to',
    policy,
    by,
    input: stranger,
    verdict: {reply: 'prohibited_errors'},
    output: complaint(3, 13, stranger),
  },
  {
    description: 'from outside nobody has that address',
    policy,
    input: udp().ipv4({from: SELF, to: VIP}),
    verdict: {drop: 'ip_source'},
  },
  {
    description: 'where nothing is translated it is an address like others',
    input: udp().ipv4({from: SELF, to: VIP}),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'a node’s address from outside stands for nobody else',
    policy,
    input: fromClient.ipv4({from: ADDRESS.node1, to: VIP}).tcp({...ports.ask, flags: 'S'}),
    verdict: {forward: 'node1'},
    output: atNode('node1', {from: ADDRESS.node1}).tcp({...ports.asked, flags: 'S'}),
    also: created,
  },

  // Next hops.
  {
    description: 'an outsider with a node’s address gets none of its packets',
    policy,
    by,
    given: [pretends],
    input: toNode2,
    verdict: {drop: 'no_next_hop'},
  },
  {
    description: 'not even after the node was heard',
    policy,
    by,
    given: [{receive: fromNode('node2', {to: VIP}).tcp({from: 40000, to: 80, flags: 'S'}), by}, pretends],
    input: toNode2,
    verdict: {forward: 'node2'},
    output: atNode('node2', {from: VIP}).tcp({...back.answered, ...page}),
    also: left,
  },
  {
    description: 'a node with the address of a host outside gets none of its packets',
    policy,
    by,
    given: [{receive: asClient, by}],
    input: fromNode('node1').tcp({...back.answer, ...page}),
    verdict: {forward: 'gateway'},
    output: atClient()
      .link(MAC.external, MAC.gateway)
      .tcp({...back.answered, ...page}),
    also: left,
  },
  {
    description: 'where one network holds the other, the smaller one knows better',
    policy: {
      ...NAT,
      interfaces: NAT.interfaces.map((one, index) => (index === 0 ? {...one, prefix: 8} : one)),
    },
    by,
    given: [pretends],
    input: toNode2,
    verdict: {drop: 'no_next_hop'},
  },
  {
    description: 'a node with an address of no network of ours is heard',
    policy,
    by,
    given: [
      {receive: fromNode('node2', {from: '172.17.0.2', to: VIP}).tcp({from: 1, to: 80, flags: 'S'}), by},
    ],
    input: fromNode('node1', {to: '172.17.0.2'}).tcp({...back.answer, ...page}),
    verdict: {forward: 'node2'},
    output: packet(MAC.internal, MAC.node2)
      .ipv4({from: VIP, to: '172.17.0.2', ttl: 63})
      .tcp({...back.answered, ...page}),
    also: left,
  },
];
