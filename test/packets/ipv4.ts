// IPv4 (RFC 791, RFC 1122): whole packets for a VIP, from addresses that can be answered.

import type {Ipv4Fields} from '../support/packet-headers.ts';
import type {PacketCase} from './case.ts';
import {CLIENT, INACTIVE, VIP, fromClient} from './world.ts';

const knock = (fields: Partial<Ipv4Fields> = {}) =>
  fromClient.ipv4({from: CLIENT, to: VIP, ...fields}).tcp({from: 40000, to: 80, flags: 'S'});
const raw = (protocol: number, payload = '') => fromClient.ipv4({from: CLIENT, to: VIP, protocol}, payload);
const RECORD_ROUTE = Buffer.from('0707040000000000', 'hex');
const LOOSE_ROUTE = Buffer.from('8307040a4d000100', 'hex');
const LONGEST_OPTIONS = Buffer.alloc(40, 1);
const created = {flows_created: 1};

export const IPV4: PacketCase[] = [
  {description: 'to the router’s own address', input: knock({to: '10.77.0.1'}), verdict: 'pass'},
  {
    description: 'to the router’s own address, broken: the host judges',
    input: knock({to: '10.77.0.1', checksum: 1}),
    verdict: 'pass',
  },
  {description: 'to an inactive VIP', input: knock({to: INACTIVE}), verdict: {drop: 'vip_inactive'}},
  {description: 'to 255.255.255.255', input: knock({to: '255.255.255.255'}), verdict: 'pass'},
  {description: 'to a multicast group', input: knock({to: '224.0.0.1'}), verdict: 'pass'},

  {description: 'one byte short of a header', input: knock().cut(14 + 19), verdict: {drop: 'ip_header'}},
  {description: 'version 6 in an IPv4 frame', input: knock({version: 6}), verdict: {drop: 'ip_header'}},
  {description: 'version 0', input: knock({version: 0}), verdict: {drop: 'ip_header'}},
  {description: 'a header length of 16', input: knock({headerWords: 4}), verdict: {drop: 'ip_header'}},
  {description: 'a header length of 0', input: knock({headerWords: 0}), verdict: {drop: 'ip_header'}},
  {
    description: 'a header longer than the frame',
    input: raw(6).patch(14, '4f'),
    verdict: {drop: 'ip_header'},
  },
  {
    description: 'with record route',
    input: knock({options: RECORD_ROUTE}),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'with a loose source route: the node decides',
    input: knock({options: LOOSE_ROUTE}),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'with the longest options',
    input: knock({options: LONGEST_OPTIONS}),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'options that end within themselves: the port is found by the header length',
    input: knock({options: Buffer.from('00000000', 'hex')}),
    verdict: {forward: 'node1'},
    also: created,
  },

  {
    description: 'a total length below the header',
    input: knock({totalLength: 19}),
    verdict: {drop: 'ip_length'},
  },
  {
    description: 'a total length of 0 (BIG TCP)',
    input: knock({totalLength: 0}),
    verdict: {drop: 'ip_length'},
  },
  {
    description: 'a total length one above the frame',
    input: knock({totalLength: 41}),
    verdict: {drop: 'ip_length'},
  },
  {description: 'the frame is cut by one byte', input: knock().cut(14 + 39), verdict: {drop: 'ip_length'}},
  {
    description: 'a total length that just holds the header',
    input: knock({totalLength: 20}),
    verdict: {drop: 'tcp_header'},
  },

  {description: 'a wrong header checksum', input: knock({checksum: 0x1234}), verdict: {drop: 'ip_checksum'}},
  {description: 'a header checksum of 0', input: knock({checksum: 0}), verdict: {drop: 'ip_checksum'}},
  {
    description: 'an option changed under way',
    input: knock({options: RECORD_ROUTE}).patch(36, '05'),
    verdict: {drop: 'ip_checksum'},
  },
  {
    description: 'a checksum that is right and 0xffff minus nothing',
    input: knock({id: 0x7766}),
    verdict: {forward: 'node1'},
    also: created,
  },

  {description: 'from 0.0.0.0', input: knock({from: '0.0.0.0'}), verdict: {drop: 'ip_source'}},
  {description: 'from this network, 0.1.2.3', input: knock({from: '0.1.2.3'}), verdict: {drop: 'ip_source'}},
  {description: 'from loopback', input: knock({from: '127.0.0.1'}), verdict: {drop: 'ip_source'}},
  {description: 'from a multicast group', input: knock({from: '224.0.0.1'}), verdict: {drop: 'ip_source'}},
  {description: 'from a reserved address', input: knock({from: '240.0.0.1'}), verdict: {drop: 'ip_source'}},
  {
    description: 'from the broadcast address',
    input: knock({from: '255.255.255.255'}),
    verdict: {drop: 'ip_source'},
  },
  {
    description: 'from the highest unicast address',
    input: knock({from: '223.255.255.255'}),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'from the VIP itself (a node calls its own service)',
    input: knock({from: VIP}),
    verdict: {forward: 'node1'},
    also: created,
  },

  {description: 'a first fragment', input: knock({moreFragments: true}), verdict: {drop: 'ip_fragment'}},
  {
    description: 'a middle fragment',
    input: knock({moreFragments: true, fragmentOffset: 1480}),
    verdict: {drop: 'ip_fragment'},
  },
  {description: 'a last fragment', input: knock({fragmentOffset: 2960}), verdict: {drop: 'ip_fragment'}},
  {
    description: 'a tiny overlapping fragment',
    input: fromClient.ipv4({from: CLIENT, to: VIP, protocol: 6, fragmentOffset: 8}, 'x'),
    verdict: {drop: 'ip_fragment'},
  },
  {
    description: 'do not fragment',
    input: knock({dontFragment: true}),
    verdict: {forward: 'node1'},
    also: created,
  },

  {description: 'time to live 0', input: knock({ttl: 0}), verdict: {drop: 'ip_ttl'}},
  {
    description: 'time to live 1: nothing is counted down',
    input: knock({ttl: 1}),
    verdict: {forward: 'node1'},
    also: created,
  },

  {description: 'GRE', input: raw(47, 'x'.repeat(20)), verdict: {drop: 'protocol_unsupported'}},
  {description: 'SCTP', input: raw(132, 'x'.repeat(20)), verdict: {drop: 'protocol_unsupported'}},
  {description: 'IP in IP', input: raw(4, 'x'.repeat(20)), verdict: {drop: 'protocol_unsupported'}},
  {description: 'protocol 0, nothing inside', input: raw(0), verdict: {drop: 'protocol_unsupported'}},
];
