// Port blocks: ports of a VIP from which the instances on one node open connections. What comes back to them goes
// to that node, without a flow, whether services are translated or not.

import type {Policy} from '../../addon/router.ts';
import {packet} from '../support/packet-builder.ts';
import type {Packet} from '../support/packet-builder.ts';
import type {PacketCase} from './case.ts';
import {BLOCK, NAT, PORT_BLOCKS} from './nat-world.ts';
import {CLIENT, MAC, POLICY, QUIET, VIP, fromClient, icmp, tcp, toClient, udp} from './world.ts';

const DSR: Policy = {...POLICY, blocks: PORT_BLOCKS};
const own = {block_frames: 1};
const found = {icmp_errors_forwarded: 1};

/** An error about what an instance sent. */
const error = (about: Packet) =>
  packet(MAC.gateway, MAC.external)
    .ipv4({from: '10.99.0.1', to: VIP})
    .icmp({type: 3, code: 4, rest: [0, 1280], payload: about.network()});
const sent = (from: number) => toClient.ipv4({from: VIP, to: CLIENT}).tcp({from, to: 443, flags: 'A'});
const sentUdp = (from: number) => toClient.ipv4({from: VIP, to: CLIENT}).udp({from, to: 53});
/** Its first bytes could be taken for a port of node1's block: 0xc380. */
const noPorts = toClient.ipv4({from: VIP, to: CLIENT, protocol: 47}, Buffer.from('c380c38000000000', 'hex'));
const laterFragment = toClient.ipv4(
  {from: VIP, to: CLIENT, protocol: 17, fragmentOffset: 1480},
  Buffer.from('c380c38000000000', 'hex'),
);

const common = (name: string, policy: Policy): PacketCase[] => [
  {
    description: `${name}, the first port of a block`,
    policy,
    input: tcp('SA', {from: 443, to: BLOCK.node1}),
    verdict: {forward: 'node1'},
    also: own,
    flows: [],
  },
  {
    description: `${name}, the last port of a block`,
    policy,
    input: tcp('A', {from: 443, to: BLOCK.node1 + 63}),
    verdict: {forward: 'node1'},
    also: own,
    flows: [],
  },
  {
    description: `${name}, the next port is the next node’s`,
    policy,
    input: tcp('A', {from: 443, to: BLOCK.node2}),
    verdict: {forward: 'node2'},
    also: own,
  },
  {
    description: `${name}, UDP`,
    policy,
    input: udp({from: 53, to: BLOCK.node2 + 5}),
    verdict: {forward: 'node2'},
    also: own,
    flows: [],
  },
  {
    description: `${name}, a SYN to a block: its node says what is to be said`,
    policy,
    input: tcp('S', {to: BLOCK.node2 + 5}),
    verdict: {forward: 'node2'},
    also: own,
    flows: [],
  },
  {
    description: `${name}, a hop is not counted`,
    policy,
    input: fromClient.ipv4({from: CLIENT, to: VIP, ttl: 1}).udp({from: 53, to: BLOCK.node1}),
    verdict: {forward: 'node1'},
    also: own,
  },
  {
    description: `${name}, from another node’s interface`,
    policy,
    by: 1,
    input: udp({from: BLOCK.node1, to: BLOCK.node2}).link(MAC.node1, MAC.internal),
    verdict: {forward: 'node2'},
    also: own,
  },
  {
    description: `${name}, the port below all blocks`,
    policy,
    input: tcp('SA', {from: 443, to: BLOCK.node1 - 1, ack: 99}),
    verdict: {reply: 'tcp_resets'},
    output: toClient
      .ipv4({from: VIP, to: CLIENT, id: 0, dontFragment: true})
      .tcp({from: BLOCK.node1 - 1, to: 443, flags: 'R', seq: 99, window: 0}),
  },
  {
    description: `${name}, the port above all blocks`,
    policy,
    input: udp({from: 53, to: BLOCK.node2 + 64}),
    verdict: {reply: 'port_unreachables'},
    output: toClient
      .ipv4({from: VIP, to: CLIENT, id: 0, dontFragment: true})
      .icmp({type: 3, code: 3, payload: udp({from: 53, to: BLOCK.node2 + 64}).network()}),
  },
  {
    description: `${name}, the same port of another VIP`,
    policy,
    input: tcp('R', {from: 443, to: BLOCK.node1}).ipv4({from: CLIENT, to: QUIET}),
    verdict: {drop: 'no_service'},
  },
  {
    description: `${name}, an error about TCP from a block`,
    policy,
    input: error(sent(BLOCK.node1 + 9)),
    verdict: {forward: 'node1'},
    also: found,
  },
  {
    description: `${name}, an error about UDP from a block`,
    policy,
    input: error(sentUdp(BLOCK.node2 + 9)),
    verdict: {forward: 'node2'},
    also: found,
  },
  {
    description: `${name}, an error about a port outside all blocks`,
    policy,
    input: error(sent(BLOCK.node2 + 64)),
    verdict: {drop: 'icmp_unmatched'},
  },
  {
    description: `${name}, an error about a packet that has no ports`,
    policy,
    input: error(noPorts),
    verdict: {drop: 'icmp_unmatched'},
  },
  {
    description: `${name}, an error about a later fragment, which has no ports`,
    policy,
    input: error(laterFragment),
    verdict: {drop: 'icmp_unmatched'},
  },
  {
    description: `${name}, an error about a packet of another VIP`,
    policy,
    input: icmp({
      type: 3,
      code: 1,
      payload: sent(BLOCK.node1).ipv4({from: QUIET, to: CLIENT}).network(),
    }),
    verdict: {drop: 'icmp_unmatched'},
  },
];

const block = (first: number, change: object = {}) => ({
  ...PORT_BLOCKS[0]!,
  first,
  last: first + 63,
  ...change,
});

export const BLOCKS: PacketCase[] = [
  ...common('DSR', DSR),
  ...common('NAT', NAT),
  {
    description: 'a block without any service',
    policy: {...DSR, services: [], endpoints: []},
    input: tcp('SA', {from: 443, to: BLOCK.node1}),
    verdict: {forward: 'node1'},
    also: own,
  },
  {
    description: 'a block on the interface where the packet came in (one arm)',
    policy: {...DSR, blocks: [block(1024, {mac: MAC.outside, egress: 0})]},
    input: tcp('SA', {from: 443, to: 1024}),
    verdict: {forward: 'outside'},
    also: own,
  },
  {
    description: 'a block of many 64s, in its middle',
    policy: {...DSR, blocks: [block(1024, {last: 2047})]},
    input: tcp('SA', {from: 443, to: 1500}),
    verdict: {forward: 'node1'},
    also: own,
  },
  {
    description: 'the last block of all',
    policy: {...DSR, blocks: [block(65472)]},
    input: tcp('SA', {from: 443, to: 65535}),
    verdict: {forward: 'node1'},
    also: own,
  },
];
