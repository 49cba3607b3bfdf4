// TCP (RFC 9293): what is a segment at all. What becomes of its flow is in flow.ts.

import type {PacketCase} from './case.ts';
import {hashChoice} from './hash-choice.ts';
import {QUIET, VIP, fromClient, tcp, toVip} from './world.ts';

const created = {flows_created: 1};
const unknown = {hash_choices: 1};
/** A port of the client whose packets the hash sends to the other node than those of 40000. */
const ELSEWHERE = Array.from({length: 100}, (_, i) => 40001 + i).find(
  (port) => hashChoice(port).forward !== hashChoice().forward,
)!;
const FAST_OPEN = Buffer.from('220a0102030405060708'.padEnd(24, '01'), 'hex');

export const TCP: PacketCase[] = [
  {
    description: 'one byte short of a header',
    input: toVip.ipv4({from: '10.77.0.2', to: VIP, protocol: 6}, Buffer.alloc(19)),
    verdict: {drop: 'tcp_header'},
  },
  {
    description: 'no bytes at all',
    input: toVip.ipv4({from: '10.77.0.2', to: VIP, protocol: 6}),
    verdict: {drop: 'tcp_header'},
  },
  {description: 'a header length of 16', input: tcp('S', {headerWords: 4}), verdict: {drop: 'tcp_header'}},
  {description: 'a header length of 0', input: tcp('S', {headerWords: 0}), verdict: {drop: 'tcp_header'}},
  {
    description: 'a header one word longer than the packet',
    input: tcp('S', {headerWords: 6}),
    verdict: {drop: 'tcp_header'},
  },
  {
    description: 'a header into the padding of the frame',
    input: tcp('S', {headerWords: 6}).pad(80),
    verdict: {drop: 'tcp_header'},
  },
  {
    description: 'a header that fills the packet with options',
    input: tcp('S', {options: Buffer.alloc(40, 1)}),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'a SYN with data (fast open)',
    input: tcp('S', {options: FAST_OPEN, payload: 'GET /'}),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'a SYN that asks for ECN is a SYN',
    input: tcp('S').patch(47, 'c2'),
    verdict: {forward: 'node1'},
    also: created,
  },

  {description: 'no flags', input: tcp(''), verdict: {drop: 'tcp_flags'}},
  {description: 'only PSH and URG', input: tcp('PU'), verdict: {drop: 'tcp_flags'}},
  {description: 'SYN and FIN', input: tcp('SF'), verdict: {drop: 'tcp_flags'}},
  {description: 'SYN and RST', input: tcp('SR'), verdict: {drop: 'tcp_flags'}},
  {description: 'SYN, ACK and FIN', input: tcp('SAF'), verdict: {drop: 'tcp_flags'}},
  {description: 'all flags (a Christmas tree)', input: tcp('FSRPAU'), verdict: {drop: 'tcp_flags'}},

  {description: 'from port 0', input: tcp('S', {from: 0}), verdict: {drop: 'port_zero'}},
  {description: 'to port 0', input: tcp('S', {to: 0}), verdict: {drop: 'port_zero'}},
  {
    description: 'from itself to itself: the land attack',
    input: fromClient.ipv4({from: VIP, to: VIP}).tcp({from: 80, to: 80, flags: 'S'}),
    verdict: {drop: 'ip_source'},
  },
  {
    description: 'from one VIP to another, the ports alike',
    input: fromClient.ipv4({from: QUIET, to: VIP}).tcp({from: 80, to: 80, flags: 'S'}),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'a wrong TCP checksum is the node’s to judge',
    input: tcp('S', {checksum: 0xbad}),
    verdict: {forward: 'node1'},
    also: created,
  },

  // Nothing is remembered of these: the choice is the hash's.
  {
    description: 'data of an unknown flow: the choice of the hash, not remembered',
    input: tcp('PA', {payload: 'data'}),
    verdict: hashChoice(),
    also: unknown,
    flows: [],
  },
  {
    description: 'data of an unknown flow: another time, the same choice',
    given: [{receive: tcp('S', {from: 40001})}],
    input: tcp('PA', {payload: 'data'}),
    verdict: hashChoice(),
    also: unknown,
  },
  {
    description: 'data of another unknown flow',
    input: tcp('PA', {from: ELSEWHERE, payload: 'data'}),
    verdict: hashChoice(ELSEWHERE),
    also: unknown,
    flows: [],
  },
  {
    description: 'SYN-ACK of an unknown flow (a simultaneous open) is no new flow',
    input: tcp('SA'),
    verdict: hashChoice(),
    also: unknown,
    flows: [],
  },
  {
    description: 'RST of an unknown flow',
    input: tcp('R'),
    verdict: hashChoice(),
    also: unknown,
    flows: [],
  },
  {
    description: 'FIN of an unknown flow',
    input: tcp('FA'),
    verdict: hashChoice(),
    also: unknown,
    flows: [],
  },
  {
    description: 'an ACK without more',
    input: tcp('A'),
    verdict: hashChoice(),
    also: unknown,
    flows: [],
  },
];
