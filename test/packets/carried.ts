// What real networks put around a packet – IPv4 options, VLAN tags, jumbo frames, data in a SYN – on each way through
// the router and in both modes: it is carried along, and only what is translated changes.

import type {Policy} from '../../addon/router.ts';
import {packet} from '../support/packet-builder.ts';
import type {Packet} from '../support/packet-builder.ts';
import type {Ipv4Fields} from '../support/packet-headers.ts';
import type {PacketCase} from './case.ts';
import {receive} from './case.ts';
import {ADDRESS, BLOCK, NAT, PORT_BLOCKS, atClient, atGateway, atNode, fromNode} from './nat-world.ts';
import {CLIENT, MAC, POLICY, VIP, fromClient, tcp, udp} from './world.ts';
import type {Station} from './world.ts';

type Change = Partial<Ipv4Fields>;
type Dressed = (ip: Change, payload: string) => Packet;

/** A way: what comes in, and what goes out where it is not the same. */
interface Way {
  name: string;
  policy: Policy;
  by: 0 | 1;
  given: PacketCase['given'];
  input: Dressed;
  to: Station;
  output?: Dressed;
  also?: Record<string, number>;
}

const DSR: Policy = {...POLICY, blocks: PORT_BLOCKS};
const heard = [receive(tcp('S')), receive(tcp('A'))];
const data = (from: number, to: number, payload: string) => ({from, to, flags: 'PA', payload});
const left = {outbound_frames: 1};
const inside = (ip: Change) => packet(MAC.node2, MAC.internal).ipv4({from: ADDRESS.node2, to: VIP, ...ip});
const asked = [{receive: inside({}).tcp({from: 41000, to: 80, flags: 'S'}), by: 1} as const];
const fromInstance = (ip: Change) => fromNode('node1', {from: VIP, to: CLIENT, ...ip});

const WAYS: Way[] = [
  {
    name: 'dsr, from a client',
    policy: DSR,
    by: 0,
    given: heard,
    input: (ip, payload) => fromClient.ipv4({from: CLIENT, to: VIP, ...ip}).tcp(data(40000, 80, payload)),
    to: 'node1',
  },
  {
    name: 'dsr, from a node',
    policy: DSR,
    by: 1,
    given: asked,
    input: (ip, payload) => inside(ip).tcp(data(41000, 80, payload)),
    to: 'node1',
  },
  {
    name: 'dsr, to an instance that asked',
    policy: DSR,
    by: 0,
    given: [],
    input: (ip, payload) =>
      fromClient.ipv4({from: CLIENT, to: VIP, ...ip}).tcp(data(443, BLOCK.node2, payload)),
    to: 'node2',
    also: {block_frames: 1},
  },
  {
    name: 'nat, from a client',
    policy: NAT,
    by: 0,
    given: heard,
    input: (ip, payload) => fromClient.ipv4({from: CLIENT, to: VIP, ...ip}).tcp(data(40000, 80, payload)),
    to: 'node1',
    output: (ip, payload) => atNode('node1', ip).tcp(data(40000, 8080, payload)),
  },
  {
    name: 'nat, to a client',
    policy: NAT,
    by: 1,
    given: heard,
    input: (ip, payload) => fromNode('node1', ip).tcp(data(8080, 40000, payload)),
    to: 'client',
    output: (ip, payload) => atClient(ip).tcp(data(80, 40000, payload)),
    also: left,
  },
  {
    name: 'nat, UDP to a client',
    policy: NAT,
    by: 1,
    given: heard,
    input: (ip, payload) => fromNode('node1', ip).udp({from: 5353, to: 40000, payload}),
    to: 'client',
    output: (ip, payload) => atClient(ip).udp({from: 53, to: 40000, payload}),
    also: left,
  },
  {
    name: 'nat, from a node',
    policy: NAT,
    by: 1,
    given: asked,
    input: (ip, payload) => inside(ip).tcp(data(41000, 80, payload)),
    to: 'node1',
    output: (ip, payload) => atNode('node1', {from: ADDRESS.node2, ...ip}).tcp(data(41000, 8080, payload)),
  },
  {
    name: 'nat, from an instance that asks',
    policy: NAT,
    by: 1,
    given: [],
    input: (ip, payload) => fromInstance(ip).tcp(data(BLOCK.node1, 443, payload)),
    to: 'gateway',
    output: (ip, payload) => atGateway(ip).tcp(data(BLOCK.node1, 443, payload)),
    also: left,
  },
  {
    name: 'nat, to an instance that asked',
    policy: NAT,
    by: 0,
    given: [],
    input: (ip, payload) =>
      fromClient.ipv4({from: CLIENT, to: VIP, ...ip}).tcp(data(443, BLOCK.node2, payload)),
    to: 'node2',
    also: {block_frames: 1},
  },
];

/** Record route, then the end of the options and what is behind it. */
const ROUTE = Buffer.from('070704000000000000ffffff', 'hex');
const LONGEST = Buffer.alloc(40, 1);
const same = (one: Packet) => one;

interface Dress {
  name: string;
  ip?: Change;
  payload?: string;
  frame?: (one: Packet) => Packet;
  mtu?: number;
}
const DRESSES: Dress[] = [
  {name: 'IPv4 options', ip: {options: ROUTE}},
  {name: 'the longest IPv4 options', ip: {options: LONGEST}},
  {name: 'a tag in the frame', frame: (one) => one.vlan(0xa007)},
  {name: 'a service tag in the frame', frame: (one) => one.vlan(7, 0x88a8)},
  {name: 'a tag that the kernel took out', frame: (one) => one.tagged(0xa007)},
  {name: 'options and a tag', ip: {options: ROUTE}, frame: (one) => one.vlan(7)},
  {
    name: 'options and a tag, the checksum unfinished',
    ip: {options: ROUTE},
    frame: (one) => one.vlan(7).unfinished(),
  },
  {name: 'a jumbo frame', payload: 'x'.repeat(8000), mtu: 9000},
  {name: 'a jumbo frame with options and a tag', ip: {options: ROUTE}, payload: 'x'.repeat(8000), mtu: 9000},
];

const wide = (policy: Policy, mtu: number): Policy => ({
  ...policy,
  interfaces: policy.interfaces.map((one) => ({...one, mtu})),
});

function carried(way: Way, dress: Dress): PacketCase {
  const {name, policy, by, given, input, to, output, also} = way;
  const {ip = {}, payload = 'hello', frame = same, mtu = 1500} = dress;
  return {
    description: `${name}: ${dress.name}`,
    policy: wide(policy, mtu),
    by,
    given: given ?? [],
    input: frame(input(ip, payload)),
    verdict: {forward: to},
    ...(output === undefined ? {} : {output: frame(output(ip, payload))}),
    ...(also === undefined ? {} : {also}),
  };
}

// Data in a SYN (fast open), in one frame or in segments that are yet to be made.

const FAST_OPEN = Buffer.from('220a0102030405060708'.padEnd(24, '01'), 'hex');
const opening = (from: number, to: number, bytes: number) => ({
  from,
  to,
  flags: 'S',
  options: FAST_OPEN,
  payload: 'x'.repeat(bytes),
});
const created = {flows_created: 1};
const closing = [receive(tcp('S')), receive(tcp('FA'))];

const syn = (bytes: number) =>
  fromClient.ipv4({from: CLIENT, to: VIP, dontFragment: true}).tcp(opening(40000, 80, bytes));
const synAtNode = (node: 'node1' | 'node2', bytes: number) =>
  atNode(node, {dontFragment: true}).tcp(opening(40000, node === 'node1' ? 8080 : 80, bytes));

const FAST: PacketCase[] = [
  {description: 'dsr: a SYN with data', input: syn(5), verdict: {forward: 'node1'}, also: created},
  {
    description: 'dsr: a SYN with data in segments to be made',
    input: syn(3000).gso(1428),
    verdict: {forward: 'node1'},
    also: created,
    flows: ['tcp 10.77.0.2:40000 10.77.0.100:80 syn node1 30'],
  },
  {
    description: 'dsr: a SYN with data on a closing flow',
    given: closing,
    input: syn(5),
    verdict: {forward: 'node2'},
    also: {flows_rescheduled: 1},
  },
  {
    description: 'nat: a SYN with data',
    policy: NAT,
    input: syn(5),
    verdict: {forward: 'node1'},
    output: synAtNode('node1', 5),
    also: created,
  },
  {
    description: 'nat: a SYN with data in segments to be made',
    policy: NAT,
    input: syn(3000).gso(1428),
    verdict: {forward: 'node1'},
    output: synAtNode('node1', 3000).gso(1428),
    also: created,
  },
  {
    description: 'nat: a SYN with data on a closing flow goes to the other node’s port',
    policy: NAT,
    given: closing,
    input: syn(5),
    verdict: {forward: 'node2'},
    output: synAtNode('node2', 5),
    also: {flows_rescheduled: 1},
  },
  {
    description: 'nat: a SYN whose node is gone',
    policy: NAT,
    given: [
      ...heard,
      {
        publish: {
          ...NAT,
          endpoints: NAT.endpoints.slice(1),
          services: NAT.services.map((one) => (one.slot === 0 ? {...one, ring: [1]} : one)),
        },
      },
    ],
    input: syn(5),
    verdict: {forward: 'node2'},
    output: synAtNode('node2', 5),
    also: {flows_rescheduled: 1},
  },
  {
    description: 'nat: a datagram whose endpoint is closed moves at once',
    policy: NAT,
    given: [
      receive(udp()),
      {publish: {...NAT, endpoints: NAT.endpoints.map((one) => ({...one, open: one.slot !== 3}))}},
    ],
    input: udp(),
    verdict: {forward: 'node2'},
    output: atNode('node2').udp({from: 40000, to: 53, payload: 'question'}),
    also: {flows_rescheduled: 1},
  },
  {
    description: 'nat: the answer to a half-open connection',
    policy: NAT,
    by: 1,
    given: [receive(tcp('S'))],
    input: fromNode('node1').tcp({from: 8080, to: 40000, flags: 'SA'}),
    verdict: {forward: 'client'},
    output: atClient().tcp({from: 80, to: 40000, flags: 'SA'}),
    also: left,
  },
  {
    description: 'nat: the reset of a half-open connection by its client',
    policy: NAT,
    given: [receive(tcp('S'))],
    input: tcp('R'),
    verdict: {forward: 'node1'},
    output: atNode('node1').tcp({from: 40000, to: 8080, flags: 'R'}),
    flows: ['tcp 10.77.0.2:40000 10.77.0.100:80 closing node1 60'],
  },
];

export const CARRIED: PacketCase[] = [
  ...WAYS.flatMap((way) => DRESSES.map((dress) => carried(way, dress))),
  ...FAST,
];
