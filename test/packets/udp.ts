// UDP (RFC 768).

import type {PacketCase} from './case.ts';
import {CLIENT, VIP, fromClient, toVip, udp} from './world.ts';

const created = {flows_created: 1};

export const UDP: PacketCase[] = [
  {
    description: 'a question',
    input: udp(),
    verdict: {forward: 'node1'},
    also: created,
    flows: ['udp 10.77.0.2:40000 10.77.0.100:53 udp node1 180'],
  },
  {description: 'nothing in it', input: udp({payload: ''}), verdict: {forward: 'node1'}, also: created},
  {description: 'without a checksum', input: udp({checksum: 0}), verdict: {forward: 'node1'}, also: created},
  {
    description: 'a wrong checksum is the node’s to judge',
    input: udp({checksum: 0xbad}),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'one byte short of a header',
    input: toVip.ipv4({from: CLIENT, to: VIP, protocol: 17}, Buffer.alloc(7)),
    verdict: {drop: 'udp_header'},
  },
  {description: 'a length of 0', input: udp({length: 0}), verdict: {drop: 'udp_header'}},
  {description: 'a length of 7', input: udp({length: 7}), verdict: {drop: 'udp_header'}},
  {
    description: 'a length of 8: the rest belongs to nobody',
    input: udp({length: 8}),
    verdict: {forward: 'node1'},
    also: created,
  },
  {description: 'a length one above the packet', input: udp({length: 17}), verdict: {drop: 'udp_header'}},
  {
    description: 'a length into the padding of the frame',
    input: udp({length: 17}).pad(80),
    verdict: {drop: 'udp_header'},
  },
  {description: 'from port 0', input: udp({from: 0}), verdict: {drop: 'port_zero'}},
  {description: 'to port 0', input: udp({to: 0}), verdict: {drop: 'port_zero'}},
  {
    description: 'from itself to itself: two echo services that talk for ever',
    input: fromClient.ipv4({from: VIP, to: VIP}).udp({from: 53, to: 53}),
    verdict: {drop: 'ip_source'},
  },
  {
    description: 'the same ports over TCP are another service',
    input: toVip.tcp({from: 40000, to: 53, flags: 'S', seq: 0}),
    verdict: {reply: 'tcp_resets'},
    output:
      '027700000002 027700000001 0800 4500 0028 0000 4000 4006 25d1 0a4d0064 0a4d0002 0035 9c40 00000000 00000001 5014 0000 fe5a 0000',
  },
];
