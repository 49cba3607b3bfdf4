// Affinity: a client's new flows go where its last one went, by service or by group of services, until it has been
// silent for a time. A choice is void when its endpoint is gone or may keep no clients.

import type {Policy, PolicyAffinity, PolicyEndpoint, PolicyService} from '../../addon/router.ts';
import type {PacketCase} from './case.ts';
import {publish, receive, seconds} from './case.ts';
import {clientHash, fromNode, fromRing} from './hash-choice.ts';
import {ADDRESS, NAT, atNode} from './nat-world.ts';
import {CLIENT, POLICY, VIP, endpoint, fromClient, tcp, toClient, udp} from './world.ts';
import type {Node} from './world.ts';

const NODE: Record<Node, number> = {node1: 7, node2: 8, outside: 9};
const place = (node: Node, slot: number, change: Partial<PolicyEndpoint> = {}) =>
  endpoint(node, {slot, node: NODE[node], ...change});
const web = (node: Node, change: Partial<PolicyEndpoint> = {}) =>
  place(node, node === 'node1' ? 0 : 1, change);
const dns = (node: Node, change: Partial<PolicyEndpoint> = {}) =>
  place(node, node === 'node1' ? 3 : 4, change);

/** 80/tcp is slots 0 and 1, 53/udp is 3 and 4, on node1 and node2 each. */
export const BOTH = [web('node1'), web('node2'), place('outside', 2), dns('node1'), dns('node2')];

type Change = Partial<PolicyAffinity> & {ring?: number[]};

/** Clients stay; 80 and 53 are of one group unless `dnsChange` says otherwise. */
export function sticky(webChange: Change = {}, dnsChange: Change = {}, endpoints = BOTH): Policy {
  const services = POLICY.services.map((one): PolicyService => {
    if (one.slot > 1) return one;
    const slots = one.slot === 0 ? [0, 1] : [3, 4];
    const {ring = slots, ...change} = one.slot === 0 ? webChange : dnsChange;
    return {...one, ring, affinity: {group: 5, prefix: 32, timeout: 600, members: slots, ...change}};
  });
  return {...POLICY, endpoints, services};
}
const changed = (...ones: PolicyEndpoint[]) =>
  sticky({}, {}, [...BOTH.filter(({slot}) => ones.every((one) => one.slot !== slot)), ...ones]);

const policy = sticky();
const apart = sticky({}, {group: 6});
/** node1 takes no new clients; it keeps those that it has, or not. */
const draining = sticky({ring: [1]}, {ring: [4]});
const drained = sticky({ring: [1], members: [1]}, {ring: [4], members: [4]});
const onlyKept = sticky({ring: []}, {ring: []});
const only2 = sticky(
  {ring: [1], members: [1]},
  {ring: [4], members: [4]},
  BOTH.filter(({slot}) => slot !== 0 && slot !== 3),
);

const first = receive(tcp('S'));
const next = tcp('S', {from: 40001});
const from = (client: string) =>
  fromClient.ipv4({from: client, to: VIP}).tcp({from: 50000, to: 80, flags: 'S'});
const created = {flows_created: 1};
const stays = {...created, affinity_flows: 1};
const crowd = Array.from({length: 64}, (_, i) => receive(from(`10.1.0.${i + 1}`)));
/** Where the client's hash sends it. */
const BY_CLIENT = fromRing(clientHash(CLIENT, 5), ['node1', 'node2'] as const);
const crowded = {flows: 1024, affinities: 8};

/** In NAT an instance is an endpoint: two of them serve 80 on node1. */
const INSTANCES: Policy = {
  ...sticky({ring: [0, 6, 1], members: [0, 6, 1]}, {}, [
    ...BOTH.filter(({slot}) => slot > 1),
    ...[8080, 8081].map((nodePort, index) =>
      web('node1', {
        slot: index * 6,
        nat: {protocol: 'tcp', node: ADDRESS.node1, nodePort, vip: VIP, vipPort: 80},
      }),
    ),
    web('node2', {nat: {protocol: 'tcp', node: ADDRESS.node2, nodePort: 80, vip: VIP, vipPort: 80}}),
  ]),
  routes: true,
  interfaces: NAT.interfaces,
};
/** Of the instances, whose slots are 0 and 6: the one that the client's hash chooses. */
const CHOSEN = fromNode(clientHash(CLIENT, 5), [0, 6]);
const portOf = (slot: number) => (slot === 0 ? 8080 : 8081);
const toInstance = (nodePort: number) => atNode('node1').tcp({from: 40001, to: nodePort, flags: 'S'});

export const AFFINITY: PacketCase[] = [
  {
    description: 'a client’s next connection goes where its first went',
    policy,
    given: [first],
    input: next,
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'its first takes the next turn',
    policy,
    given: [first],
    input: from('10.77.0.3'),
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'UDP likewise',
    policy,
    given: [receive(udp())],
    input: udp({from: 40001}),
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'all services of a group lead to one node',
    policy,
    given: [receive(udp().ipv4({from: '10.77.0.3', to: VIP})), first],
    input: udp(),
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'another group chooses for itself',
    policy: apart,
    given: [receive(udp().ipv4({from: '10.77.0.3', to: VIP})), first],
    input: udp(),
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'a service that its node does not serve leads elsewhere, always to the same',
    policy: sticky({}, {ring: [4], members: [4]}),
    given: [first, receive(udp())],
    input: udp({from: 40001}),
    verdict: {forward: 'node2'},
    also: stays,
  },
  {
    description: 'and does not change the choice',
    policy: sticky({}, {ring: [4], members: [4]}),
    given: [first, receive(udp())],
    input: next,
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'clients of one prefix are one',
    policy: sticky({prefix: 24}),
    given: [first],
    input: from('10.77.0.255'),
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'of another prefix not',
    policy: sticky({prefix: 24}),
    given: [first],
    input: from('10.77.1.2'),
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'all clients are one',
    policy: sticky({prefix: 0}),
    given: [first],
    input: from('192.168.1.1'),
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'of a SYN on a closing flow, too',
    policy,
    given: [first, receive(tcp('FA'))],
    input: tcp('S'),
    verdict: {forward: 'node1'},
    also: {flows_rescheduled: 1, affinity_flows: 1},
  },
  {
    description: 'a segment of a flow that is not remembered goes where its client is',
    policy,
    given: [receive(tcp('S', {from: 40001}))],
    input: tcp('A'),
    verdict: {forward: 'node1'},
    flows: ['tcp 10.77.0.2:40001 10.77.0.100:80 syn node1 30'],
  },

  // Time.
  {
    description: 'the last second of a silent client',
    policy,
    given: [first, seconds(599)],
    input: next,
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'after that it is a new one',
    policy,
    given: [first, seconds(600)],
    input: next,
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'a new connection renews the choice',
    policy,
    given: [first, seconds(500), receive(tcp('S', {from: 40002})), seconds(500)],
    input: next,
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'so does whatever the client says',
    policy,
    given: [first, receive(tcp('A')), seconds(500), receive(tcp('PA')), seconds(500)],
    input: next,
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'a client that speaks again is where its flow is',
    policy,
    given: [first, receive(tcp('A')), seconds(600), receive(tcp('A'))],
    input: next,
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'affinity for clients that are there already',
    policy: POLICY,
    given: [first, receive(tcp('A')), publish(policy), seconds(1), receive(tcp('A'))],
    input: next,
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'affinity no longer',
    policy,
    given: [first, publish(POLICY)],
    input: next,
    verdict: {forward: 'node2'},
    also: created,
  },

  // The endpoint goes.
  {
    description: 'an endpoint that is gone releases its clients',
    policy,
    given: [first, publish(only2)],
    input: next,
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'who then stay with the next',
    policy,
    given: [
      first,
      publish(only2),
      receive(tcp('S', {from: 40002})),
      publish(changed(web('node1', {generation: 2}))),
      seconds(5),
    ],
    input: next,
    verdict: {forward: 'node2'},
    also: stays,
  },
  {
    description: 'another in its slot is not theirs',
    policy,
    given: [first, publish(changed(web('node1', {generation: 2})))],
    input: next,
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'a closed one releases them',
    policy,
    given: [first, publish({...draining, ...changed(web('node1', {open: false}))})],
    input: next,
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'a draining one keeps them',
    policy,
    given: [first, publish(draining)],
    input: next,
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'and gets no others',
    policy,
    given: [first, publish(draining)],
    input: from('10.77.0.3'),
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'a draining one that keeps none releases them',
    policy,
    given: [first, publish(drained)],
    input: next,
    verdict: {forward: 'node2'},
    also: created,
  },
  {
    description: 'where all drain, a client that is known is served',
    policy,
    given: [first, publish(onlyKept)],
    input: next,
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'and a new one refused',
    policy,
    given: [first, publish(onlyKept)],
    input: fromClient.ipv4({from: '10.77.0.3', to: VIP}).tcp({from: 50000, to: 80, flags: 'S'}),
    verdict: {reply: 'tcp_resets'},
    output: toClient
      .ipv4({from: VIP, to: '10.77.0.3', id: 0, dontFragment: true})
      .tcp({from: 80, to: 50000, flags: 'RA', seq: 0, ack: 1001, window: 0}),
  },

  // Several endpoints on a node.
  {
    description: 'of the instances on a node it is the very same',
    policy: INSTANCES,
    given: [receive(from('10.77.0.3')), receive(tcp('S', {from: 40002}))],
    input: next,
    verdict: {forward: 'node1'},
    output: toInstance(8081),
    also: stays,
  },
  {
    description: 'chosen by another service it is one of those on the node',
    policy: INSTANCES,
    given: [receive(udp())],
    input: next,
    verdict: {forward: 'node1'},
    output: toInstance(portOf(CHOSEN)),
    also: stays,
  },
  {
    description: 'the other, when that is closed',
    policy: INSTANCES,
    given: [
      receive(udp()),
      publish({
        ...INSTANCES,
        endpoints: INSTANCES.endpoints.map((one) => (one.slot === CHOSEN ? {...one, open: false} : one)),
      }),
    ],
    input: next,
    verdict: {forward: 'node1'},
    output: toInstance(portOf(6 - CHOSEN)),
    also: stays,
  },

  // The table is full: a client's hash chooses.
  {
    description: 'a full table',
    policy,
    limits: crowded,
    given: crowd,
    input: tcp('S'),
    verdict: {forward: BY_CLIENT},
    also: {...created, affinity_table_full: 1},
  },
  {
    description: 'a client that found no room goes the same way again',
    policy,
    limits: crowded,
    given: [...crowd, receive(tcp('S', {from: 40002})), receive(from('10.1.1.1'))],
    input: next,
    verdict: {forward: BY_CLIENT},
    also: {...created, affinity_table_full: 1},
  },
  {
    description: 'who was there first stays',
    policy,
    limits: crowded,
    given: [receive(from('10.77.0.3')), first, ...crowd],
    input: next,
    verdict: {forward: 'node2'},
    also: stays,
  },
  {
    description: 'the silent make room',
    policy,
    limits: crowded,
    given: [...crowd, seconds(600), first],
    input: next,
    verdict: {forward: 'node1'},
    also: stays,
  },
  {
    description: 'where flows find no room, the client’s choice still holds',
    policy,
    limits: {flows: 8, affinities: 1024},
    given: [first, ...crowd],
    input: tcp('A', {from: 40009}),
    verdict: {forward: 'node1'},
  },
];
