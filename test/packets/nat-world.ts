// The world of the tables where packets are translated: nodes have internal addresses only, and the router, which
// is their gateway, takes on what they say in the name of the VIP. node1 serves on ports of its own, node2 on those
// of the VIP. `outside` is not translated.

import type {Policy, PolicyBlock, PolicyEndpoint, Protocol} from '../../addon/router.ts';
import {packet} from '../support/packet-builder.ts';
import type {Ipv4Fields, Payload} from '../support/packet-headers.ts';
import {CLIENT, MAC, POLICY, VIP, endpoint} from './world.ts';

export type Translated = 'node1' | 'node2';
export const ADDRESS = {node1: '10.88.0.11', node2: '10.88.0.12'} as const;
/** The router host's own. */
export const ROUTER = {external: '10.77.0.1', internal: '10.88.0.1', local: '192.0.0.6'} as const;

function translated(slot: number, node: Translated, protocol: Protocol, ports: [number, number]) {
  const [nodePort, vipPort] = ports;
  return endpoint(node, {slot, nat: {protocol, node: ADDRESS[node], nodePort, vip: VIP, vipPort}});
}

const ENDPOINTS: PolicyEndpoint[] = [
  translated(0, 'node1', 'tcp', [8080, 80]),
  translated(1, 'node2', 'tcp', [80, 80]),
  endpoint('outside'),
  translated(3, 'node1', 'udp', [5353, 53]),
  translated(4, 'node2', 'udp', [53, 53]),
];

/** Ports of the VIP from which instances on a node open connections. */
export const BLOCK = {node1: 50048, node2: 50112} as const;
export const PORT_BLOCKS: PolicyBlock[] = (['node1', 'node2'] as const).map((node) => ({
  vip: VIP,
  first: BLOCK[node],
  last: BLOCK[node] + 63,
  mac: MAC[node],
  egress: 1,
}));

/** The policy of the other tables, translated. */
export const NAT: Policy & {gateway: object} = {
  ...POLICY,
  routes: true,
  gateway: {mac: MAC.gateway, egress: 0},
  interfaces: POLICY.interfaces.map((one, index) => ({
    ...one,
    address: Object.values(ROUTER)[index] ?? '',
    prefix: index < 2 ? 24 : 31,
  })),
  endpoints: ENDPOINTS,
  services: POLICY.services.map((one) => (one.port === 53 ? {...one, ring: [3, 4]} : one)),
  blocks: PORT_BLOCKS,
};

/** With other MTUs of the outer and the inner interfaces. */
export function natWithMtu(external: number, internal: number): Policy {
  const interfaces = NAT.interfaces.map((one, index) => ({...one, mtu: index === 0 ? external : internal}));
  return {...NAT, interfaces};
}

// A packet on each of its ways, one hop further behind the router.

type Change = Partial<Ipv4Fields>;
/** What a node gets. */
export const atNode = (node: Translated, change: Change = {}) =>
  packet(MAC.internal, MAC[node]).ipv4({from: CLIENT, to: ADDRESS[node], ttl: 63, ...change});
/** What a node sends, by its gateway. */
export const fromNode = (node: Translated, change: Change = {}, payload: Payload = '') =>
  packet(MAC[node], MAC.internal).ipv4({from: ADDRESS[node], to: CLIENT, ...change}, payload);
/** What the client gets. */
export const atClient = (change: Change = {}) =>
  packet(MAC.external, MAC.client).ipv4({from: VIP, to: CLIENT, ttl: 63, ...change});
/** The same by the gateway. */
export const atGateway = (change: Change = {}) => atClient(change).link(MAC.external, MAC.gateway);
