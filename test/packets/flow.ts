// Flows: which endpoint a packet goes to, what is remembered and for how long. TCP's state is inferred from the
// client's packets alone.

import type {PacketCase} from './case.ts';
import {publish, receive, seconds} from './case.ts';
import {hashChoice} from './hash-choice.ts';
import {CLIENT, POLICY, VIP, tcp, toClient, udp, withEndpoints, withRing} from './world.ts';

const FLOW_TEXT = 'tcp 10.77.0.2:40000 10.77.0.100:80';
const UDP_TEXT = 'udp 10.77.0.2:40000 10.77.0.100:53';
const syn = receive(tcp('S'));
const ack = receive(tcp('A'));
const fin = receive(tcp('FA'));
const rst = receive(tcp('R'));
const question = receive(udp());
const data = tcp('PA', {payload: 'data'});

const created = {flows_created: 1};
const rescheduled = {flows_rescheduled: 1};

const without1 = withEndpoints({node1: null});
const closed1 = withEndpoints({node1: {open: false}});
/** It opens connections, and takes none any more. */
const {endpoints: withOpener1} = withEndpoints({node1: {outboundOnly: true}});
const opener1 = {...withRing(['node2']), endpoints: withOpener1};
const opener1Alone = {...withRing([]), endpoints: withOpener1};
/** The slot has been given to another endpoint. */
const another1 = withEndpoints({node1: {generation: 2}});
const noWeb = {...POLICY, services: POLICY.services.filter(({port}) => port !== 80)};

export const FLOW: PacketCase[] = [
  // The schedule.
  {
    description: 'a SYN takes the first of the ring',
    input: tcp('S'),
    verdict: {forward: 'node1'},
    also: created,
    flows: [`${FLOW_TEXT} syn node1 30`],
  },
  {
    description: 'the next SYN takes the next',
    given: [receive(tcp('S', {from: 40001}))],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'after the end of the ring comes its beginning',
    given: [receive(tcp('S', {from: 40001})), receive(tcp('S', {from: 40002}))],
    input: tcp('S'),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'each service has a turn of its own',
    given: [receive(udp({from: 40001}))],
    input: tcp('S'),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'a new ring goes on where the old one was',
    given: [receive(tcp('S', {from: 40001})), publish(withRing(['node1', 'node2', 'outside']))],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'an endpoint on the interface where the packet came in (one arm)',
    input: tcp('S', {to: 25}),
    verdict: {forward: 'outside'},
    also: created,
    flows: ['tcp 10.77.0.2:40000 10.77.0.100:25 syn outside 30'],
  },

  // A TCP flow.
  {
    description: 'a repeated SYN stays',
    given: [syn, seconds(3)],
    input: tcp('S'),
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} syn node1 30`],
  },
  {
    description: 'an ACK makes it established',
    given: [syn],
    input: tcp('A'),
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} established node1 8100`],
  },
  {
    description: 'data makes it established',
    given: [syn],
    input: data,
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} established node1 8100`],
  },
  {
    description: 'each packet renews it',
    given: [syn, ack, seconds(5000)],
    input: data,
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} established node1 8100`],
  },
  {
    description: 'a SYN on an established flow stays (a repeated one, an old one)',
    given: [syn, ack],
    input: tcp('S'),
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} established node1 8100`],
  },
  {
    description: 'FIN makes it closing',
    given: [syn, ack],
    input: tcp('FA'),
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} closing node1 60`],
  },
  {
    description: 'RST makes it closing',
    given: [syn, ack],
    input: tcp('R'),
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} closing node1 60`],
  },
  {
    description: 'RST of a half-open one',
    given: [syn],
    input: tcp('R'),
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} closing node1 60`],
  },
  {
    description: 'data on a closing flow (a download after a half-close) keeps it, closing',
    given: [syn, ack, fin, seconds(50)],
    input: tcp('A'),
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} closing node1 60`],
  },
  {
    description: 'a SYN on a closing flow is a new connection: the next of the ring',
    given: [syn, ack, fin],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    also: rescheduled,
    flows: [`${FLOW_TEXT} syn node2 30`],
  },
  {
    description: 'a SYN after a RST likewise',
    given: [syn, ack, rst],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    also: rescheduled,
  },
  {
    description: 'a SYN-ACK on a closing flow is none',
    given: [syn, ack, fin],
    input: tcp('SA'),
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} closing node1 60`],
  },
  {
    description: 'the other ports of the same client are other flows',
    given: [syn, ack],
    input: tcp('S', {from: 40001}),
    verdict: {forward: 'node2'},
    also: created,
  },

  // Time.
  {
    description: 'the last second of a half-open flow',
    given: [syn, seconds(29)],
    input: tcp('A'),
    verdict: {forward: 'node1'},
  },
  {
    description: 'a half-open flow is forgotten after 30 s: a late ACK goes where its hash says',
    given: [syn, seconds(30)],
    input: tcp('A'),
    verdict: hashChoice(),
    also: {hash_choices: 1},
    flows: [],
  },
  {
    description: 'a forgotten flow is made anew by a SYN',
    given: [syn, seconds(30)],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    also: created,
    flows: [`${FLOW_TEXT} syn node2 30`],
  },
  {
    description: 'an established flow lives 2 h 15 min',
    given: [syn, ack, seconds(8099)],
    input: data,
    verdict: {forward: 'node1'},
  },
  {
    description: 'and not longer',
    given: [syn, ack, seconds(8100)],
    input: data,
    verdict: hashChoice(),
    also: {hash_choices: 1},
    flows: [],
  },
  {
    description: 'a closing flow lives 60 s',
    given: [syn, ack, fin, seconds(60)],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'UDP lives 180 s',
    given: [question, seconds(179)],
    input: udp(),
    verdict: {forward: 'node1'},
    flows: [`${UDP_TEXT} udp node1 180`],
  },
  {
    description: 'UDP after 180 s takes the next turn',
    given: [question, seconds(180)],
    input: udp(),
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'the service’s own time-outs',
    policy: {
      ...POLICY,
      services: POLICY.services.map((one) => ({
        ...one,
        timeouts: {syn: 1, established: 2, closing: 3, udp: 4},
      })),
    },
    given: [syn, ack],
    input: tcp('FA'),
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} closing node1 3`],
  },

  // The endpoint goes, or changes.
  {
    description: 'another ring does not move a flow',
    given: [syn, ack, publish(withRing(['node2']))],
    input: data,
    verdict: {forward: 'node1'},
  },
  {
    description: 'an empty ring does not end a flow (drain)',
    given: [syn, ack, publish(withRing([]))],
    input: data,
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} established node1 8100`],
  },
  {
    description: 'nor a UDP flow',
    given: [question, publish(withRing([]))],
    input: udp(),
    verdict: {forward: 'node1'},
  },
  {
    description: 'a closed socket keeps its TCP flows: its kernel answers',
    given: [syn, ack, publish(closed1)],
    input: data,
    verdict: {forward: 'node1'},
  },
  {
    description: 'a closed socket loses its UDP flows',
    given: [question, publish(closed1)],
    input: udp(),
    verdict: {forward: 'node2'},
    also: rescheduled,
    flows: [`${UDP_TEXT} udp node2 180`],
  },
  {
    description: 'a SYN to a closed socket is scheduled anew',
    given: [syn, ack, publish(closed1)],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    also: rescheduled,
    flows: [`${FLOW_TEXT} syn node2 30`],
  },
  {
    description: 'a SYN on a connection that an endpoint opened which takes none is scheduled anew',
    given: [syn, ack, publish(opener1)],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    also: rescheduled,
    flows: [`${FLOW_TEXT} syn node2 30`],
  },
  {
    description: 'that connection itself goes on',
    given: [syn, ack, publish(opener1)],
    input: tcp('SA'),
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} established node1 8100`],
  },
  {
    description: 'and so does a flow of datagrams',
    given: [question, publish(opener1)],
    input: udp(),
    verdict: {forward: 'node1'},
    flows: [`${UDP_TEXT} udp node1 180`],
  },
  {
    description: 'where nobody else takes connections, such a SYN is refused',
    given: [syn, ack, publish(opener1Alone)],
    input: tcp('S', {seq: 7}),
    verdict: {reply: 'tcp_resets'},
    output: toClient
      .ipv4({from: VIP, to: CLIENT, id: 0, dontFragment: true})
      .tcp({from: 80, to: 40000, flags: 'RA', seq: 0, ack: 8, window: 0}),
  },
  {
    description: 'data of a flow whose node is gone goes where its hash says',
    given: [syn, ack, publish(without1)],
    input: data,
    verdict: {forward: 'node2'},
    also: {hash_choices: 1},
  },
  {
    description: 'a SYN of a flow whose node is gone is scheduled anew',
    given: [syn, ack, publish(without1)],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    also: rescheduled,
  },
  {
    description: 'UDP whose node is gone moves',
    given: [question, publish(without1)],
    input: udp(),
    verdict: {forward: 'node2'},
    also: rescheduled,
  },
  {
    description: 'the slot given to another endpoint is not the flow’s endpoint',
    given: [syn, ack, publish(another1)],
    input: tcp('S'),
    verdict: {forward: 'node2'},
    also: rescheduled,
  },
  {
    description: 'a flow whose service is gone but whose node lives goes on, not renewed',
    given: [syn, ack, seconds(100), publish(noWeb)],
    input: data,
    verdict: {forward: 'node1'},
    flows: [`${FLOW_TEXT} established node1 8000`],
  },
  {
    description: 'a new MAC of the same endpoint',
    policy: withEndpoints({node1: {mac: '02:88:00:00:00:99'}}),
    given: [syn, ack, publish(POLICY)],
    input: data,
    verdict: {forward: 'node1'},
  },
  {
    description: 'a moved UDP flow stays where it went',
    given: [question, publish(closed1), question, publish(POLICY)],
    input: udp(),
    verdict: {forward: 'node2'},
  },

  // The table is full: forwarding goes on, by hash.
  {
    description: 'a full table',
    limits: {flows: 8},
    given: Array.from({length: 64}, (_, i) => receive(tcp('S', {from: 1000 + i}))),
    input: tcp('S', {from: 2000}),
    verdict: hashChoice(2000),
    also: {flow_table_full: 1, hash_choices: 1},
  },
  {
    description: 'the next packet of a flow that found no room goes the same way',
    limits: {flows: 8},
    given: Array.from({length: 65}, (_, i) => receive(tcp('S', {from: i < 64 ? 1000 + i : 2000}))),
    input: tcp('A', {from: 2000}),
    verdict: hashChoice(2000),
    also: {hash_choices: 1},
  },
  {
    description: 'flows that were there first stay in a full table',
    limits: {flows: 8},
    given: [syn, ...Array.from({length: 64}, (_, i) => receive(tcp('S', {from: 1000 + i})))],
    input: tcp('A'),
    verdict: {forward: 'node1'},
  },
  {
    description: 'what is over makes room',
    limits: {flows: 8},
    given: [...Array.from({length: 64}, (_, i) => receive(tcp('S', {from: 1000 + i}))), seconds(30)],
    input: tcp('S', {from: 2000}),
    verdict: {forward: 'node1'},
    also: created,
    flows: ['tcp 10.77.0.2:2000 10.77.0.100:80 syn node1 30'],
  },
];
