// NAT, from the nodes' interface, but nobody's answer in a VIP's name: left to the host, refused, or dropped.

import type {PacketCase} from './case.ts';
import {publish, receive} from './case.ts';
import {ADDRESS, BLOCK, NAT, ROUTER, fromNode} from './nat-world.ts';
import {complaint} from './nat-out.ts';
import {CLIENT, MAC, VIP, fromClient, tcp} from './world.ts';

const policy = NAT;
const by = 1;
const heard = [receive(tcp('S'))];
const web = {from: 8080, to: 40000};
const page = {flags: 'PA', payload: 'hello'};
const answer = fromNode('node1').tcp({...web, ...page});
const stranger = fromNode('node1').tcp({...web, ...page, from: 8081});
const datagram = fromNode('node1').udp({from: 8080, to: 40000});
const neighbor = fromNode('node2').tcp({...web, ...page});
const tunnelled = fromNode('node1', {protocol: 50}, Buffer.alloc(40, 7));
const tunnelledByInstance = fromNode('node1', {from: VIP, protocol: 47});
const ping = fromNode('node1').icmp({type: 8});
const refused = {reply: 'prohibited_errors'} as const;

export const NAT_HOST: PacketCase[] = [
  {
    description: 'from a node, but no endpoint',
    policy,
    by,
    given: heard,
    input: stranger,
    verdict: refused,
    output: complaint(3, 13, stranger),
  },
  {
    description: 'from the same port over another protocol',
    policy,
    by,
    given: heard,
    input: datagram,
    verdict: refused,
    output: complaint(3, 13, datagram),
  },
  {
    description: 'from the same port of another node',
    policy,
    by,
    given: heard,
    input: neighbor,
    verdict: refused,
    output: complaint(3, 13, neighbor, 0, 'node2'),
  },
  {
    description: 'a protocol that nobody translates',
    policy,
    by,
    input: tunnelled,
    verdict: refused,
    output: complaint(3, 13, tunnelled),
  },
  {
    description: 'from an instance, a protocol that nobody translates',
    policy,
    by,
    input: tunnelledByInstance,
    verdict: refused,
    output: complaint(3, 13, tunnelledByInstance).ipv4({
      from: ROUTER.internal,
      to: VIP,
      id: 0,
      dontFragment: true,
    }),
  },
  {
    description: 'to a VIP, a protocol that nobody translates',
    policy,
    by,
    input: fromNode('node1', {to: VIP, protocol: 50}),
    verdict: {drop: 'protocol_unsupported'},
  },
  {
    description: 'ping',
    policy,
    by,
    input: ping,
    verdict: refused,
    output: complaint(3, 13, ping),
  },
  {
    description: 'to the router host itself, as the answer to a probe',
    policy,
    by,
    input: fromNode('node1', {to: ROUTER.internal}).tcp({...web, flags: 'SA'}),
    verdict: 'pass',
  },
  {
    description: 'to the router host’s address on the other interface',
    policy,
    by,
    input: fromNode('node1', {to: ROUTER.external}).tcp({...web, flags: 'SA'}),
    verdict: 'pass',
  },
  {
    description: 'broadcast',
    policy,
    by,
    input: answer.link(MAC.node1, MAC.broadcast),
    verdict: 'pass',
  },
  {
    description: 'an endpoint’s address on the wrong interface',
    policy,
    by: 0,
    given: heard,
    input: answer.link(MAC.client, MAC.external),
    verdict: 'pass',
  },
  {
    description: 'an endpoint’s address on the wrong interface speaks in nobody’s name',
    policy,
    input: fromClient.ipv4({from: ADDRESS.node1, to: VIP}).tcp({from: 8080, to: BLOCK.node2, ...page}),
    verdict: {forward: 'node2'},
    also: {block_frames: 1},
  },
  ...['224.0.0.251', '255.255.255.255', '127.0.0.1'].map((to): PacketCase => ({
    description: `to ${to}, which is no single host’s`,
    policy,
    by,
    input: fromNode('node1', {to}).udp({from: 5353, to: 5353}),
    verdict: 'pass',
  })),
  {
    description: 'to another station',
    policy,
    by,
    input: answer.link(MAC.node1, MAC.node2),
    verdict: 'pass',
  },
  {
    description: 'where the router does not route',
    policy: {...NAT, routes: false},
    by,
    given: heard,
    input: answer,
    verdict: 'pass',
  },
  {
    description: 'a fragment',
    policy,
    by,
    given: heard,
    input: fromNode('node1', {moreFragments: true}).tcp({...web, ...page}),
    verdict: {drop: 'ip_fragment'},
  },
  {
    description: 'an endpoint that has gone is none',
    policy,
    by,
    given: [...heard, publish({...NAT, endpoints: NAT.endpoints.slice(1), services: []})],
    input: answer,
    verdict: refused,
    output: complaint(3, 13, answer),
  },
  {
    description: 'a client’s packets through the router are none of ours',
    policy,
    input: fromClient.ipv4({from: CLIENT, to: '10.99.0.2'}).tcp({from: 40000, to: 80, flags: 'S'}),
    verdict: 'pass',
  },
];
