// NAT: what an endpoint's own packets say of their flow. An answer renews a conversation, FIN and RST of a server
// end a connection as those of a client do, and all else leaves the flow alone.

import type {PacketCase} from './case.ts';
import {publish, receive, seconds} from './case.ts';
import {ADDRESS, BLOCK, NAT, atClient, atNode, fromNode} from './nat-world.ts';
import {VIP, tcp, udp} from './world.ts';

const policy = NAT;
const by = 1;
const left = {outbound_frames: 1};
const web = {from: 8080, to: 40000};
const seen = {from: 80, to: 40000};
const dns = {from: 5353, to: 40000, payload: 'answer'};
const told = {from: 53, to: 40000, payload: 'answer'};

const FLOW = 'tcp 10.77.0.2:40000 10.77.0.100:80';
const CONVERSATION = 'udp 10.77.0.2:40000 10.77.0.100:53';
const connected = [receive(tcp('S')), receive(tcp('A'))];
const asked = [receive(udp())];
const answer = fromNode('node1').udp(dns);
const reset = fromNode('node1').tcp({...web, flags: 'R'});
const [first, ...others] = NAT.endpoints;
/** The place of node1's web server has been given to another, at the same port. */
const replaced = {...NAT, endpoints: [{...first!, generation: 2}, ...others]};

/** An instance on node2 that asks from its port block. */
const instance = fromNode('node2', {from: VIP, to: VIP}).udp({
  from: BLOCK.node2,
  to: 53,
  payload: 'question',
});
const toInstance = fromNode('node1', {to: VIP}).udp({...dns, to: BLOCK.node2});

/** A program of node1 that asks a service which node1 serves itself. */
const self = fromNode('node1', {to: VIP}).tcp({from: 40000, to: 80, flags: 'S'});
const toSelf = fromNode('node1', {to: '192.0.0.8'}).tcp({...web, flags: 'R'});

export const NAT_REPLY_FLOWS: PacketCase[] = [
  {
    description: 'an answer renews a conversation',
    policy,
    by,
    given: [...asked, seconds(170)],
    input: answer,
    verdict: {forward: 'client'},
    output: atClient().udp(told),
    also: left,
    flows: [`${CONVERSATION} udp node1 180`],
  },
  {
    description: 'a stream of answers alone keeps it, so that the next question stays',
    policy,
    given: [
      ...asked,
      ...[1, 2, 3, 4].flatMap(() => [seconds(100), {receive: answer, by} as const]),
      seconds(100),
    ],
    input: udp(),
    verdict: {forward: 'node1'},
    output: atNode('node1').udp({from: 40000, to: 5353, payload: 'question'}),
    flows: [`${CONVERSATION} udp node1 180`],
  },
  {
    description: 'an answer makes no flow',
    policy,
    by,
    given: [receive(tcp('S'))],
    input: answer,
    verdict: {forward: 'client'},
    output: atClient().udp(told),
    also: left,
    flows: [`${FLOW} syn node1 30`],
  },
  {
    description: "another endpoint's datagram renews nothing",
    policy,
    by,
    given: [...asked, seconds(100)],
    input: fromNode('node2').udp({...dns, from: 53}),
    verdict: {forward: 'client'},
    output: atClient().udp(told),
    also: left,
    flows: [`${CONVERSATION} udp node1 80`],
  },
  {
    description: 'an answer to an instance on another node renews its conversation',
    policy,
    by,
    given: [{receive: instance, by}, seconds(100)],
    input: toInstance,
    verdict: {forward: 'node2'},
    output: atNode('node2', {from: VIP, to: VIP}).udp({...told, to: BLOCK.node2}),
    also: {block_frames: 1},
    flows: [`udp ${VIP}:${BLOCK.node2} ${VIP}:53 udp node1 180`],
  },
  {
    description: "a server's RST ends its connection",
    policy,
    by,
    given: [...connected, seconds(5000)],
    input: reset,
    verdict: {forward: 'client'},
    output: atClient().tcp({...seen, flags: 'R'}),
    also: left,
    flows: [`${FLOW} closing node1 60`],
  },
  {
    description: "a server's FIN too",
    policy,
    by,
    given: connected,
    input: fromNode('node1').tcp({...web, flags: 'FA'}),
    verdict: {forward: 'client'},
    output: atClient().tcp({...seen, flags: 'FA'}),
    also: left,
    flows: [`${FLOW} closing node1 60`],
  },
  {
    description: 'after a RST the port is a new connection, scheduled anew',
    policy,
    given: [...connected, {receive: reset, by}],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    output: atNode('node2').tcp({from: 40000, to: 80, flags: 'S'}),
    also: {flows_rescheduled: 1},
    flows: [`${FLOW} syn node2 30`],
  },
  {
    description: 'other segments of a server leave the flow alone',
    policy,
    by,
    given: [...connected, seconds(100)],
    input: fromNode('node1').tcp({...web, flags: 'PA', payload: 'hello'}),
    verdict: {forward: 'client'},
    output: atClient().tcp({...seen, flags: 'PA', payload: 'hello'}),
    also: left,
    flows: [`${FLOW} established node1 8000`],
  },
  {
    description: "another endpoint's RST ends nothing",
    policy,
    by,
    given: connected,
    input: fromNode('node2').tcp({...seen, flags: 'R'}),
    verdict: {forward: 'client'},
    output: atClient().tcp({...seen, flags: 'R'}),
    also: left,
    flows: [`${FLOW} established node1 8100`],
  },
  {
    description: 'nor does that of who has the place of its endpoint now',
    policy,
    by,
    given: [...connected, publish(replaced)],
    input: reset,
    verdict: {forward: 'client'},
    output: atClient().tcp({...seen, flags: 'R'}),
    also: left,
    flows: [`${FLOW} established node1 8100`],
  },
  {
    description: 'the RST of a node that is its own client',
    policy,
    by,
    given: [{receive: self, by}],
    input: toSelf,
    verdict: {forward: 'node1'},
    output: atNode('node1', {from: VIP, to: ADDRESS.node1}).tcp({...seen, flags: 'R'}),
    also: left,
    flows: [`tcp ${ADDRESS.node1}:40000 ${VIP}:80 closing node1 60`],
  },
];
