// The router's own host as client and as node, by interface 2: with translation it has an address for that, without it
// uses its own.

import type {Policy} from '../../addon/router.ts';
import {packet} from '../support/packet-builder.ts';
import type {Ipv4Fields} from '../support/packet-headers.ts';
import type {PacketCase} from './case.ts';
import {receive} from './case.ts';
import {ADDRESS, NAT, ROUTER, atClient, atNode, fromNode} from './nat-world.ts';
import {CLIENT, MAC, POLICY, VIP, endpoint, tcp} from './world.ts';

const by = 2;
const HOST = '192.0.0.7';
const left = {outbound_frames: 1};
const place = {slot: 5, mac: MAC.host, egress: by};

/** 80/tcp is the host's alone. */
function servedByHost(policy: Policy): Policy {
  const nat = {protocol: 'tcp', node: HOST, nodePort: 8080, vip: VIP, vipPort: 80} as const;
  const host = endpoint('node1', policy.routes === true ? {...place, nat} : place);
  const services = policy.services.map((one) => (one.slot === 0 ? {...one, ring: [host.slot]} : one));
  return {...policy, endpoints: [...policy.endpoints, host], services};
}

const [external, , local] = POLICY.interfaces;
const ONE_ARMED: Policy = {...POLICY, interfaces: [external!, local!], endpoints: []};

/** As the router publishes it: with its own addresses. */
const ADDRESSED: Policy = {
  ...POLICY,
  interfaces: POLICY.interfaces.map((one, index) => ({
    ...one,
    address: Object.values(ROUTER)[index]!,
    prefix: 24,
  })),
};

const fromHost = (from: string, change: Partial<Ipv4Fields> = {}) =>
  packet(MAC.host, MAC.local).ipv4({from, to: VIP, ...change});
const atHost = (from: string) => packet(MAC.local, MAC.host).ipv4({from, to: HOST, ttl: 63});
const ask = {from: 40000, to: 80, flags: 'S'};
const asked = {from: 40000, to: 8080, flags: 'S'};
const answer = {from: 8080, to: 40000, flags: 'SA', seq: 1, ack: 1001};
const answered = {...answer, from: 80};
const asker = {senderMac: MAC.host, sender: ROUTER.internal, target: VIP};
const replier = {senderMac: MAC.local, sender: VIP, targetMac: MAC.host, target: ROUTER.internal};
const stranger = fromHost(HOST, {to: CLIENT}).tcp({...answer, from: 8081});

export const LOCAL: PacketCase[] = [
  {
    description: 'the host asks who has a VIP',
    by,
    input: packet(MAC.host, MAC.broadcast).arp({operation: 'request', ...asker}),
    verdict: {reply: 'arp_replies'},
    output: packet(MAC.local, MAC.host).arp({operation: 'reply', ...replier}),
  },
  {
    description: 'from the host to an endpoint of a node',
    by,
    input: fromHost(ROUTER.internal).tcp(ask),
    verdict: {forward: 'node1'},
    also: {flows_created: 1},
  },
  {
    description: 'from the host to an endpoint of its own',
    policy: servedByHost(POLICY),
    by,
    input: fromHost(ROUTER.internal).tcp(ask),
    verdict: {forward: 'host'},
    also: {flows_created: 1},
  },
  {
    description: 'from a client to an endpoint of the host',
    policy: servedByHost(POLICY),
    input: tcp('S'),
    verdict: {forward: 'host'},
    also: {flows_created: 1},
  },
  {
    description: 'the host resets a connection',
    by,
    given: [{receive: fromHost(ROUTER.internal).tcp(ask), by}],
    input: fromHost(ROUTER.internal).tcp({...ask, flags: 'R'}),
    verdict: {forward: 'node1'},
  },
  {
    description: 'the host resets what it knows nothing of: the answer to a probe of the router',
    by,
    policy: ADDRESSED,
    input: fromHost(ROUTER.external).tcp({...ask, from: 1024, flags: 'R'}),
    verdict: {end: 'probe_resets'},
  },
  {
    description: '… its last port',
    by,
    policy: ADDRESSED,
    input: fromHost(ROUTER.external).tcp({...ask, from: 32767, flags: 'RA'}),
    verdict: {end: 'probe_resets'},
  },
  {
    description: 'what it knows nothing of otherwise: from a port that no probe has',
    by,
    policy: ADDRESSED,
    input: fromHost(ROUTER.external).tcp({...ask, from: 32768, flags: 'R'}),
    verdict: {drop: 'stray_reset'},
  },
  {
    description: '… from an address that no probe has',
    by,
    policy: ADDRESSED,
    input: fromHost('10.77.0.9').tcp({...ask, from: 1024, flags: 'R'}),
    verdict: {drop: 'stray_reset'},
  },
  {
    description: '… also with one arm, where the host is the second interface',
    policy: {...ONE_ARMED, services: []},
    by: 1,
    input: fromHost(ROUTER.external).tcp({...ask, flags: 'R'}),
    verdict: {drop: 'stray_reset'},
  },
  {
    description: 'what the host sends elsewhere is not ours',
    by,
    input: fromHost(ROUTER.internal, {to: CLIENT}).tcp(ask),
    verdict: 'pass',
  },
  {
    description: 'nat: from the host to an endpoint of a node',
    policy: NAT,
    by,
    input: fromHost(HOST).tcp(ask),
    verdict: {forward: 'node1'},
    output: atNode('node1', {from: HOST}).tcp(asked),
    also: {flows_created: 1},
  },
  {
    description: 'nat: the answer of a node to the host',
    policy: NAT,
    by: 1,
    given: [{receive: fromHost(HOST).tcp(ask), by}],
    input: fromNode('node1', {to: HOST}).tcp(answer),
    verdict: {forward: 'host'},
    output: atHost(VIP).tcp(answered),
    also: left,
  },
  {
    description: 'nat: from a client to an endpoint of the host',
    policy: servedByHost(NAT),
    input: tcp('S'),
    verdict: {forward: 'host'},
    output: atHost(CLIENT).tcp(asked),
    also: {flows_created: 1},
  },
  {
    description: "nat: the answer of the host's endpoint to a client",
    policy: servedByHost(NAT),
    by,
    given: [receive(tcp('S'))],
    input: fromHost(HOST, {to: CLIENT}).tcp(answer),
    verdict: {forward: 'client'},
    output: atClient().tcp(answered),
    also: left,
  },
  {
    description: "nat: the answer of the host's endpoint to a node",
    policy: servedByHost(NAT),
    by,
    given: [{receive: fromNode('node1', {to: VIP}).tcp(ask), by: 1}],
    input: fromHost(HOST, {to: ADDRESS.node1}).tcp(answer),
    verdict: {forward: 'node1'},
    output: atNode('node1', {from: VIP}).tcp(answered),
    also: left,
  },
  {
    description: 'nat: from the host, but no endpoint',
    policy: servedByHost(NAT),
    by,
    input: stranger,
    verdict: {reply: 'prohibited_errors'},
    output: packet(MAC.local, MAC.host)
      .ipv4({from: ROUTER.local, to: HOST, id: 0, dontFragment: true})
      .icmp({type: 3, code: 13, payload: stranger.network().subarray(0, 548)}),
  },
];
