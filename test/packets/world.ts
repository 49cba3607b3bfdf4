// The world of the packet tables: one router with three interfaces, three virtual IPs, three nodes, and those who send.
//
//   client 10.77.0.2 ──┐                    ┌── node1 (slot 0)
//                      ├── 0  router  1 ────┤
//   gateway ───────────┘                    └── node2 (slot 1)
//   outside (slot 2), a node reached by interface 0, as with one arm
//   host, the router's own, by interface 2

import type {FlowTimeouts, Policy, PolicyEndpoint, PolicyService} from '../../addon/router.ts';
import {packet} from '../support/packet-builder.ts';
import type {Packet} from '../support/packet-builder.ts';
import type {IcmpFields, TcpFields, UdpFields} from '../support/packet-headers.ts';

export const MAC = {
  client: '02:77:00:00:00:02',
  gateway: '02:77:00:00:00:fe',
  external: '02:77:00:00:00:01',
  internal: '02:88:00:00:00:01',
  node1: '02:88:00:00:00:11',
  node2: '02:88:00:00:00:12',
  outside: '02:77:00:00:00:13',
  local: '02:c0:5c:00:00:01',
  host: '02:c0:5c:00:00:00',
  broadcast: 'ff:ff:ff:ff:ff:ff',
  none: '00:00:00:00:00:00',
} as const;

export const CLIENT = '10.77.0.2';
export const VIP = '10.77.0.100';
/** Configured, but not ours to answer for now. */
export const INACTIVE = '10.77.0.101';
/** Active, but nobody serves there. */
export const QUIET = '10.77.0.102';

export const NODES = ['node1', 'node2', 'outside'] as const;
export type Node = (typeof NODES)[number];
/** Who gets frames. */
export type Station = Node | 'client' | 'gateway' | 'host';
/** Of the router: external, internal, its own host. */
export type InterfaceIndex = 0 | 1 | 2;

export const TIMEOUTS: FlowTimeouts = {syn: 30, established: 8100, closing: 60, udp: 180};

export function endpoint(node: Node, change: Partial<PolicyEndpoint> = {}): PolicyEndpoint {
  const slot = NODES.indexOf(node);
  return {slot, generation: 1, mac: MAC[node], egress: node === 'outside' ? 0 : 1, open: true, ...change};
}

const service = (change: Pick<PolicyService, 'slot' | 'protocol' | 'port' | 'ring'>): PolicyService => ({
  vip: VIP,
  timeouts: TIMEOUTS,
  ...change,
});

/**
 * VLANs 7 and 9 are ours everywhere but at the host, 5 and 11 on one interface.
 * 80/tcp and 53/udp take turns of node1 and node2; 8080/tcp and 69/udp have no endpoint; 25/tcp is outside's.
 */
export const POLICY: Policy = {
  interfaces: [
    {name: 'eth0', role: 'external', mac: MAC.external, mtu: 1500, vlans: [5, 7, 9]},
    {name: 'eth1', role: 'internal', mac: MAC.internal, mtu: 1500, vlans: [7, 9, 11]},
    {name: 'coscanet1', role: 'host', mac: MAC.local, mtu: 1500},
  ],
  vips: [
    {address: VIP, active: true},
    {address: INACTIVE, active: false},
    {address: QUIET, active: true},
  ],
  endpoints: [endpoint('node1'), endpoint('node2'), endpoint('outside')],
  services: [
    service({slot: 0, protocol: 'tcp', port: 80, ring: [0, 1]}),
    service({slot: 1, protocol: 'udp', port: 53, ring: [0, 1]}),
    service({slot: 2, protocol: 'tcp', port: 8080, ring: []}),
    service({slot: 3, protocol: 'udp', port: 69, ring: []}),
    service({slot: 4, protocol: 'tcp', port: 25, ring: [2]}),
  ],
};

/** The policy with some endpoints changed (null: gone). */
export function withEndpoints(change: Partial<Record<Node, Partial<PolicyEndpoint> | null>>): Policy {
  const endpoints = NODES.flatMap((node) => {
    const wanted = change[node];
    return wanted === null ? [] : [endpoint(node, wanted)];
  });
  const known = new Set(endpoints.map(({slot}) => slot));
  const services = POLICY.services.map((one) => ({...one, ring: one.ring.filter((slot) => known.has(slot))}));
  return {...POLICY, endpoints, services};
}

/** The policy with another ring for 80/tcp and 53/udp. */
export function withRing(ring: Node[]): Policy {
  const slots = ring.map((node) => NODES.indexOf(node));
  const services = POLICY.services.map((one) => (one.slot < 2 ? {...one, ring: slots} : one));
  return {...POLICY, services};
}

/** The policy with other MTUs of the outer and the inner interfaces. */
export function withMtu(external: number, internal: number): Policy {
  const interfaces = POLICY.interfaces.map((one, index) => ({
    ...one,
    mtu: index === 0 ? external : internal,
  }));
  return {...POLICY, interfaces};
}

// What the client sends to the virtual IP, unless said otherwise.

export const fromClient: Packet = packet(MAC.client, MAC.external);
export const toVip: Packet = fromClient.ipv4({from: CLIENT, to: VIP});
export const tcp = (flags: string, fields: Partial<TcpFields> = {}) =>
  toVip.tcp({from: 40000, to: 80, flags, ...fields});
export const udp = (fields: Partial<UdpFields> = {}) =>
  toVip.udp({from: 40000, to: 53, payload: 'question', ...fields});
export const icmp = (fields: IcmpFields) => toVip.icmp(fields);

/** What the router answers to the client by interface 0. */
export const toClient: Packet = packet(MAC.external, MAC.client);
