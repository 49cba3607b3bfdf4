// Ethernet and 802.1Q (IEEE 802.3, 802.1Q): which frames are for us, which are nobody's business of ours.

import {packet} from '../support/packet-builder.ts';
import type {Policy} from '../../addon/router.ts';
import type {PacketCase} from './case.ts';
import {receive} from './case.ts';
import {CLIENT, MAC, POLICY, VIP, fromClient, tcp} from './world.ts';

const knock = tcp('S');
const created = {flows_created: 1};
const UNTAGGED: Policy = {
  ...POLICY,
  interfaces: POLICY.interfaces.map(({vlans: _, ...one}) => one),
};
/** As many as an interface may have. */
const MANY = Array.from({length: 16}, (_, n) => 4094 - 15 + n);

export const ETHERNET: PacketCase[] = [
  {
    description: 'before the first policy everything is left to the host',
    policy: null,
    input: knock,
    verdict: 'pass',
  },
  {
    description: 'before the first policy a runt too',
    policy: null,
    input: knock.cut(5),
    verdict: 'pass',
  },
  {description: 'an empty frame', input: knock.cut(0), verdict: {drop: 'frame_short'}},
  {description: 'one byte too short for Ethernet', input: knock.cut(13), verdict: {drop: 'frame_short'}},
  {description: 'just an Ethernet header', input: knock.cut(14), verdict: {drop: 'ip_header'}},
  {
    description: 'shorter than 60 bytes, not padded',
    input: knock,
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'padded to 60 bytes: the padding goes along',
    input: knock.pad(60),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'padding of rubbish behind the IP packet',
    input: knock.pad(80).patch(54, 'deadbeef'.repeat(6)),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'in full: a SYN of which every byte is written down',
    input: packet('02:77:00:00:00:02', '02:77:00:00:00:01').ethertype(
      0x0800,
      Buffer.from(
        '4500002800010000400665d00a4d00020a4d0064' + '9c4000500000000100000000' + '5002faf003610000',
        'hex',
      ),
    ),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'to another station (promiscuous interface)',
    input: knock.link(MAC.client, MAC.node1),
    verdict: 'pass',
  },
  {
    description: 'to the MAC of our other interface',
    input: knock.link(MAC.client, MAC.internal),
    verdict: 'pass',
  },
  {
    description: 'to the internal interface, from a node that is a client itself',
    input: knock.link(MAC.node2, MAC.internal),
    by: 1,
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'IPv4 for a VIP to the broadcast MAC',
    input: knock.link(MAC.client, MAC.broadcast),
    verdict: {drop: 'link_broadcast'},
  },
  {
    description: 'IPv4 for a VIP to a multicast MAC',
    input: knock.link(MAC.client, '01:00:5e:00:00:01'),
    verdict: {drop: 'link_broadcast'},
  },
  {
    description: 'IPv4 for another address to the broadcast MAC',
    input: fromClient
      .link(MAC.client, MAC.broadcast)
      .ipv4({from: CLIENT, to: '10.77.0.255'})
      .udp({from: 1, to: 2}),
    verdict: 'pass',
  },
  {
    description: 'from a multicast MAC',
    input: knock.link('03:00:00:00:00:01', MAC.external),
    verdict: {drop: 'source_mac'},
  },
  {
    description: 'from the broadcast MAC',
    input: knock.link(MAC.broadcast, MAC.external),
    verdict: {drop: 'source_mac'},
  },
  {
    description: 'from the zero MAC',
    input: knock.link(MAC.none, MAC.external),
    verdict: {drop: 'source_mac'},
  },
  {
    description: 'from our own MAC: a loop',
    input: knock.link(MAC.external, MAC.external),
    verdict: {drop: 'own_frame'},
  },
  {
    description: 'from the MAC of our other interface: a loop through the switch',
    input: knock.link(MAC.internal, MAC.external),
    verdict: {drop: 'own_frame'},
  },
  {
    description: 'a foreign MAC of one interface is not looked for when there is one interface only',
    policy: {...POLICY, interfaces: [POLICY.interfaces[0]!], endpoints: [], services: []},
    input: fromClient
      .link(MAC.internal, MAC.external)
      .ipv4({from: CLIENT, to: '10.77.0.1'})
      .udp({from: 1, to: 2}),
    verdict: 'pass',
  },
  {description: 'IPv6', input: fromClient.ethertype(0x86dd, Buffer.alloc(40)), verdict: 'pass'},
  {description: 'an unknown ethertype', input: fromClient.ethertype(0x88b5, 'x'), verdict: 'pass'},
  {
    description: 'an unknown ethertype from a multicast MAC is the host’s, too',
    input: packet('03:00:00:00:00:01', MAC.external).ethertype(0x88b5, 'x'),
    verdict: 'pass',
  },
  {
    description: 'IEEE 802.3 with a length (LLC, spanning tree)',
    input: fromClient.ethertype(0x0026, Buffer.alloc(38)),
    verdict: 'pass',
  },
  {
    description: 'a tag in the frame',
    input: knock.vlan(7),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'a priority tag (VLAN 0) in the frame',
    input: knock.vlan(0xe000),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'a service tag in the frame',
    input: knock.vlan(7, 0x88a8),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'a tag that the kernel took out leaves with the frame',
    input: knock.tagged(0x6007),
    verdict: {forward: 'node1'},
    also: created,
  },
  {description: 'a tag, cut in the middle', input: knock.vlan(7).cut(17), verdict: {drop: 'frame_short'}},
  {description: 'a tag and nothing behind it', input: knock.vlan(7).cut(18), verdict: {drop: 'ip_header'}},
  {
    description: 'two tags in the frame',
    input: knock.vlan(7, 0x88a8).vlan(8),
    verdict: {drop: 'vlan_nested'},
  },
  {
    description: 'one tag taken out, one in the frame',
    input: knock.vlan(8).tagged(7, 0x88a8),
    verdict: {drop: 'vlan_nested'},
  },
  {
    description: 'of a VLAN that the interface has not: another network, of which a host knows nothing',
    input: knock.vlan(8),
    verdict: {pass: 'other_vlan'},
  },
  {
    description: '… its tag taken out by the kernel',
    input: knock.tagged(8),
    verdict: {pass: 'other_vlan'},
  },
  {
    description: '… with a priority',
    input: knock.vlan(0xe008),
    verdict: {pass: 'other_vlan'},
  },
  {
    description: '… with a service tag',
    input: knock.vlan(8, 0x88a8),
    verdict: {pass: 'other_vlan'},
  },
  {
    description: '… and with a tag of ours in it',
    input: knock.vlan(8, 0x88a8).vlan(7),
    verdict: {pass: 'other_vlan'},
  },
  {
    description: '… of a flow that is known without a tag',
    given: [receive(knock)],
    input: tcp('A').tagged(8),
    verdict: {pass: 'other_vlan'},
    flows: ['tcp 10.77.0.2:40000 10.77.0.100:80 syn node1 30'],
  },
  {
    description: 'of a VLAN that only the other interface has',
    input: knock.vlan(11),
    verdict: {pass: 'other_vlan'},
  },
  {
    description: '… which is the interface that it came by',
    input: knock.link(MAC.node2, MAC.internal).vlan(11),
    by: 1,
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'where no VLAN is configured, a tag is never ours',
    policy: UNTAGGED,
    input: knock.vlan(7),
    verdict: {pass: 'other_vlan'},
  },
  {
    description: '… but a tag that holds a priority alone',
    policy: UNTAGGED,
    input: knock.tagged(0xe000),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'the last VLAN that there is',
    policy: {...UNTAGGED, interfaces: UNTAGGED.interfaces.map((one) => ({...one, vlans: MANY}))},
    input: knock.vlan(4094),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'an unknown ethertype behind a tag',
    input: fromClient.vlan(7).ethertype(0x88b5, 'x'),
    verdict: 'pass',
  },
  {
    description: 'another VIP’s frame to another station is not counted as ours',
    input: tcp('S').link(MAC.client, MAC.gateway).ipv4({from: CLIENT, to: VIP}),
    verdict: 'pass',
  },
];
