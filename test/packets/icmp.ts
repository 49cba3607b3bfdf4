// ICMP (RFC 792, RFC 1191): ping is answered, errors about a flow go where the flow goes, nothing else is ours.

import {packet} from '../support/packet-builder.ts';
import type {Packet} from '../support/packet-builder.ts';
import type {Ipv4Fields, TcpFields} from '../support/packet-headers.ts';
import type {PacketCase} from './case.ts';
import {publish, receive, seconds} from './case.ts';
import {
  CLIENT,
  INACTIVE,
  MAC,
  QUIET,
  VIP,
  fromClient,
  icmp,
  tcp,
  toClient,
  toVip,
  udp,
  withEndpoints,
} from './world.ts';

const echo = (change = {}) => icmp({type: 8, rest: [0x4242, 1], payload: 'abcdefgh', ...change});
const pong = (change = {}) =>
  toClient.ipv4({from: VIP, to: CLIENT}).icmp({type: 0, rest: [0x4242, 1], payload: 'abcdefgh', ...change});

/** What the endpoint had sent to the client when the error came about. */
const answered = (fields: Partial<TcpFields> = {}, ip: Partial<Ipv4Fields> = {}) =>
  packet(MAC.node1, MAC.gateway)
    .ipv4({from: VIP, to: CLIENT, dontFragment: true, ...ip})
    .tcp({from: 80, to: 40000, flags: 'A', payload: 'x'.repeat(40), ...fields});

/** An error from a router on the way, by the gateway. */
function error(
  type: number,
  code: number,
  about: Packet,
  change: {quote?: number; mtu?: number} = {},
): Packet {
  const payload = about.network().subarray(0, change.quote);
  return packet(MAC.gateway, MAC.external)
    .ipv4({from: '10.99.0.1', to: VIP})
    .icmp({type, code, rest: [0, change.mtu ?? 0], payload});
}

const flow = [receive(tcp('S', {from: 40001})), receive(tcp('S')), receive(tcp('A'))];
const found = {icmp_errors_forwarded: 1};
const withOptions = answered({}, {options: Buffer.from('01010101', 'hex')});
const unmatched = {drop: 'icmp_unmatched'};

export const ICMP: PacketCase[] = [
  {
    description: 'ping, in full',
    input: echo(),
    verdict: {reply: 'echo_replies'},
    output: `027700000002 027700000001 0800
      4500 0024 1234 0000 4001 53a6 0a4d0064 0a4d0002
      0000 2c27 4242 0001 6162636465666768`,
  },
  {
    description: 'ping of a VIP without services',
    input: fromClient.ipv4({from: CLIENT, to: QUIET}).icmp({type: 8}),
    verdict: {reply: 'echo_replies'},
    output: toClient.ipv4({from: QUIET, to: CLIENT}).icmp({type: 0}),
  },
  {
    description: 'ping of an inactive VIP',
    input: fromClient.ipv4({from: CLIENT, to: INACTIVE}).icmp({type: 8}),
    verdict: {drop: 'vip_inactive'},
  },
  {
    description: 'ping of the router itself',
    input: fromClient.ipv4({from: CLIENT, to: '10.77.0.1'}).icmp({type: 8}),
    verdict: 'pass',
  },
  {
    description: 'ping from the internal interface',
    by: 1,
    input: echo().link(MAC.node1, MAC.internal),
    verdict: {reply: 'echo_replies'},
    output: pong().link(MAC.internal, MAC.node1),
  },
  {
    description: 'ping with a single odd byte',
    input: echo({payload: 'x'}),
    verdict: {reply: 'echo_replies'},
    output: pong({payload: 'x'}),
  },
  {
    description: 'ping of full size',
    input: echo({payload: 'x'.repeat(1472)}),
    verdict: {reply: 'echo_replies'},
    output: pong({payload: 'x'.repeat(1472)}),
  },
  {
    description: 'ping, the time to live is set anew',
    input: toVip.ipv4({from: CLIENT, to: VIP, ttl: 1}).icmp({type: 8}),
    verdict: {reply: 'echo_replies'},
    output: toClient.ipv4({from: VIP, to: CLIENT}).icmp({type: 0}),
  },
  {
    description: 'ping keeps options and padding',
    input: toVip
      .ipv4({from: CLIENT, to: VIP, options: Buffer.from('0707040000000000', 'hex')})
      .icmp({type: 8})
      .pad(64),
    verdict: {reply: 'echo_replies'},
    output: toClient
      .ipv4({from: VIP, to: CLIENT, options: Buffer.from('0707040000000000', 'hex')})
      .icmp({type: 0})
      .pad(64),
  },
  {
    description: 'ping with a tag in the frame',
    input: echo().vlan(7),
    verdict: {reply: 'echo_replies'},
    output: pong().vlan(7),
  },
  {
    description: 'ping with a tag that the kernel took out',
    input: echo().tagged(7),
    verdict: {reply: 'echo_replies'},
    output: pong(),
  },
  {
    description: 'ping whose checksum is still to be done',
    input: echo().unfinished(),
    verdict: {reply: 'echo_replies'},
    output: pong().unfinished(),
  },
  {
    description: 'ping from the VIP itself',
    input: toVip.ipv4({from: VIP, to: VIP}).icmp({type: 8}),
    verdict: {reply: 'echo_replies'},
    output: toClient.ipv4({from: VIP, to: VIP}).icmp({type: 0}),
  },

  {
    description: 'one byte short of a header',
    input: toVip.ipv4({from: CLIENT, to: VIP, protocol: 1}, Buffer.alloc(7)),
    verdict: {drop: 'icmp_header'},
  },
  {description: 'a wrong checksum', input: echo({checksum: 0x1234}), verdict: {drop: 'icmp_checksum'}},
  {
    description: 'an error with a wrong checksum is not steered',
    given: flow,
    input: error(3, 4, answered(), {mtu: 1400}).patch(50, 'ff'),
    verdict: {drop: 'icmp_checksum'},
  },
  {description: 'an echo reply (the VIP pings nobody)', input: icmp({type: 0}), verdict: {drop: 'icmp_type'}},
  {
    description: 'a redirect',
    given: flow,
    input: icmp({type: 5, code: 1, payload: answered().network()}),
    verdict: {drop: 'icmp_type'},
  },
  {
    description: 'a source quench',
    given: flow,
    input: icmp({type: 4, payload: answered().network()}),
    verdict: {drop: 'icmp_type'},
  },
  {
    description: 'a timestamp request',
    input: icmp({type: 13, payload: Buffer.alloc(12)}),
    verdict: {drop: 'icmp_type'},
  },
  {description: 'a router solicitation', input: icmp({type: 10}), verdict: {drop: 'icmp_type'}},

  {
    description: 'fragmentation needed, about a flow',
    given: flow,
    input: error(3, 4, answered(), {mtu: 1400}),
    verdict: {forward: 'node2'},
    also: found,
  },
  {
    description: 'host unreachable',
    given: flow,
    input: error(3, 1, answered()),
    verdict: {forward: 'node2'},
    also: found,
  },
  {
    description: 'time exceeded',
    given: flow,
    input: error(11, 0, answered()),
    verdict: {forward: 'node2'},
    also: found,
  },
  {
    description: 'parameter problem',
    given: flow,
    input: error(12, 0, answered()),
    verdict: {forward: 'node2'},
    also: found,
  },
  {
    description: 'with 8 bytes of the quoted transport, as RFC 792 has it',
    given: flow,
    input: error(3, 4, answered(), {quote: 28}),
    verdict: {forward: 'node2'},
    also: found,
  },
  {
    description: 'with just the ports',
    given: flow,
    input: error(3, 4, answered(), {quote: 24}),
    verdict: {forward: 'node2'},
    also: found,
  },
  {
    description: 'with half the ports',
    given: flow,
    input: error(3, 4, answered(), {quote: 23}),
    verdict: unmatched,
  },
  {
    description: 'with less than an IPv4 header',
    given: flow,
    input: error(3, 4, answered(), {quote: 19}),
    verdict: unmatched,
  },
  {
    description: 'without a quote',
    given: flow,
    input: error(3, 4, answered(), {quote: 0}),
    verdict: unmatched,
  },
  {
    description: 'the quoted packet has options',
    given: flow,
    input: error(3, 4, withOptions),
    verdict: {forward: 'node2'},
    also: found,
  },
  {
    description: 'the quoted packet has options and ends within them',
    given: flow,
    input: error(3, 4, withOptions, {quote: 24}),
    verdict: unmatched,
  },
  {
    description: 'the quoted header is too short to be one',
    given: flow,
    input: error(3, 4, answered({}, {headerWords: 4})),
    verdict: unmatched,
  },
  {
    description: 'the quoted header claims more than there is',
    given: flow,
    input: error(3, 4, answered({}, {headerWords: 15}), {quote: 28}),
    verdict: unmatched,
  },
  {
    description: 'the quoted packet was not from this VIP',
    given: flow,
    input: error(3, 4, answered({}, {from: QUIET})),
    verdict: unmatched,
  },
  {
    description: 'the quoted packet was of another flow',
    given: flow,
    input: error(3, 4, answered({to: 40009})),
    verdict: unmatched,
  },
  {
    description: 'the quoted packet was the client’s',
    given: flow,
    input: error(3, 4, tcp('A')),
    verdict: unmatched,
  },
  {
    description: 'a flow that has been forgotten',
    given: [...flow, seconds(8100)],
    input: error(3, 4, answered()),
    verdict: unmatched,
  },
  {
    description: 'a flow whose node is gone',
    given: [...flow, publish(withEndpoints({node2: null}))],
    input: error(3, 4, answered()),
    verdict: unmatched,
  },
  {
    description: 'a flow whose socket is closed: its kernel still sends',
    given: [...flow, publish(withEndpoints({node2: {open: false}}))],
    input: error(3, 4, answered()),
    verdict: {forward: 'node2'},
    also: found,
  },
  {
    description: 'about a UDP flow',
    given: [receive(udp())],
    input: error(
      3,
      3,
      packet(MAC.node1, MAC.gateway)
        .ipv4({from: VIP, to: CLIENT})
        .udp({from: 53, to: 40000, payload: 'answer'}),
    ),
    verdict: {forward: 'node1'},
    also: found,
    flows: ['udp 10.77.0.2:40000 10.77.0.100:53 udp node1 180'],
  },
  {
    description: 'an error does not renew a flow',
    given: [...flow, seconds(100)],
    input: error(3, 4, answered()),
    verdict: {forward: 'node2'},
    also: found,
    flows: ['tcp 10.77.0.2:40000 10.77.0.100:80 established node2 8000'],
  },
];
