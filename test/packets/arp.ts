// ARP (RFC 826, RFC 5227): the router answers for its active virtual IPs, learns nothing, and notices who else
// claims them.

import type {ArpFields} from '../support/packet-headers.ts';
import type {PacketCase} from './case.ts';
import {CLIENT, INACTIVE, MAC, VIP, fromClient, toClient} from './world.ts';

const who = (fields: Partial<ArpFields> = {}) =>
  fromClient
    .link(MAC.client, MAC.broadcast)
    .arp({operation: 'request', sender: CLIENT, senderMac: MAC.client, target: VIP, ...fields});
const answer = (fields: Partial<ArpFields> = {}) =>
  toClient.arp({
    operation: 'reply',
    sender: VIP,
    senderMac: MAC.external,
    target: CLIENT,
    targetMac: MAC.client,
    ...fields,
  });

export const ARP: PacketCase[] = [
  {
    description: 'who has the VIP? In full',
    input: who(),
    verdict: {reply: 'arp_replies'},
    output: '027700000002 027700000001 0806 0001 0800 06 04 0002 027700000001 0a4d0064 027700000002 0a4d0002',
  },
  {
    description: 'the question came padded: so does the answer',
    input: who().pad(60),
    verdict: {reply: 'arp_replies'},
    output: answer().pad(60),
  },
  {
    description: 'the question came to our own MAC (a neighbor makes sure)',
    input: who().link(MAC.client, MAC.external),
    verdict: {reply: 'arp_replies'},
    output: answer(),
  },
  {
    description: 'on the internal interface the answer names the MAC of that interface',
    by: 1,
    input: who({sender: '10.88.0.11', senderMac: MAC.node1}).link(MAC.node1, MAC.broadcast),
    verdict: {reply: 'arp_replies'},
    output: answer({senderMac: MAC.internal, target: '10.88.0.11', targetMac: MAC.node1}).link(
      MAC.internal,
      MAC.node1,
    ),
  },
  {
    description: 'a probe (sender 0.0.0.0) is answered: the address is taken',
    input: who({sender: '0.0.0.0'}),
    verdict: {reply: 'arp_replies'},
    output: answer({target: '0.0.0.0'}),
  },
  {
    description: 'the link header’s sender gets the answer, the ARP header’s sender is named in it',
    input: who({senderMac: MAC.gateway}),
    verdict: {reply: 'arp_replies'},
    output: answer({targetMac: MAC.gateway}),
  },
  {
    description: 'with a tag in the frame',
    input: who().vlan(7),
    verdict: {reply: 'arp_replies'},
    output: answer().vlan(7),
  },
  {
    description: 'with a tag that the kernel took out',
    input: who().tagged(7),
    verdict: {reply: 'arp_replies'},
    output: answer(),
  },
  {
    description: 'who has the VIP in a VLAN that is not ours?',
    input: who().vlan(8),
    verdict: {pass: 'other_vlan'},
  },
  {
    description: '… its tag taken out by the kernel',
    input: who().tagged(8),
    verdict: {pass: 'other_vlan'},
  },
  {
    description: 'another host claims the VIP in a VLAN that is not ours: it may have it there',
    input: who({sender: VIP}).tagged(8),
    verdict: {pass: 'other_vlan'},
  },
  {description: 'who has an inactive VIP?', input: who({target: INACTIVE}), verdict: {drop: 'vip_inactive'}},
  {
    description: 'who has the router’s own address? The host answers',
    input: who({target: '10.77.0.1'}),
    verdict: 'pass',
  },
  {
    description: 'an answer to the host',
    input: who({operation: 'reply', target: '10.77.0.1'}),
    verdict: 'pass',
  },
  {
    description: 'an answer that names a VIP as its receiver',
    input: who({operation: 'reply'}),
    verdict: 'pass',
  },
  {description: 'an unknown operation (RARP) that names a VIP', input: who({operation: 3}), verdict: 'pass'},
  {
    description: 'an answer by which another host claims a VIP',
    input: who({operation: 'reply', sender: VIP, target: CLIENT}),
    verdict: {drop: 'arp_conflict'},
  },
  {
    description: 'an announcement (sender and target alike) by which another host claims a VIP',
    input: who({sender: VIP}),
    verdict: {drop: 'arp_conflict'},
  },
  {
    description: 'a claim of an inactive VIP',
    input: who({sender: INACTIVE, target: INACTIVE}),
    verdict: {drop: 'arp_conflict'},
  },
  {
    description:
      'a question for another address that names a VIP as its sender (a node without arp_announce)',
    input: who({sender: VIP, target: '10.77.0.1'}),
    verdict: {drop: 'arp_conflict'},
  },
  {
    description: 'our own announcement, come back',
    input: who({sender: VIP}).link(MAC.external, MAC.broadcast),
    verdict: {drop: 'own_frame'},
  },
  {description: 'to another station', input: who().link(MAC.client, MAC.node1), verdict: 'pass'},
  {description: 'one byte short', input: who().cut(14 + 27), verdict: {drop: 'arp_malformed'}},
  {
    description: 'one byte short behind a tag',
    input: who()
      .vlan(7)
      .cut(18 + 27),
    verdict: {drop: 'arp_malformed'},
  },
  {description: 'not Ethernet hardware', input: who({hardware: 6}), verdict: {drop: 'arp_malformed'}},
  {description: 'not for IPv4', input: who({protocol: 0x86dd}), verdict: {drop: 'arp_malformed'}},
  {
    description: 'hardware addresses of 8 bytes',
    input: who({hardwareLength: 8}),
    verdict: {drop: 'arp_malformed'},
  },
  {
    description: 'protocol addresses of 16 bytes',
    input: who({protocolLength: 16}),
    verdict: {drop: 'arp_malformed'},
  },
];
