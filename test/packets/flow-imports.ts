// Flows that are imported for nodes: what the router forgot, what would expire, and what a node begins from a service's port.
// While imports are awaited, a segment of an unknown connection is neither guessed at nor refused.

import type {FlowImport, Policy} from '../../addon/router.ts';
import type {PacketCase} from './case.ts';
import {importFlow, publish, receive, seconds} from './case.ts';
import {hashChoice} from './hash-choice.ts';
import {BLOCK, NAT, PORT_BLOCKS, atNode} from './nat-world.ts';
import {
  CLIENT,
  POLICY,
  QUIET,
  TIMEOUTS,
  VIP,
  fromClient,
  tcp,
  toClient,
  udp,
  withEndpoints,
} from './world.ts';

/** What node2 knows of the client's connection to 80. */
export const IMPORTED: FlowImport = {
  protocol: 'tcp',
  client: CLIENT,
  clientPort: 40000,
  vip: VIP,
  port: 80,
  endpointSlot: 1,
  endpointGeneration: 1,
  timeout: 600,
};
const imported = (change: Partial<FlowImport> = {}) => importFlow({...IMPORTED, ...change});
const asked = imported({protocol: 'udp', port: 53});

const AWAITING: Policy = {...POLICY, awaitImports: true};
const TEXT = 'tcp 10.77.0.2:40000 10.77.0.100:80';
const created = {flows_created: 1};
const waits = {drop: 'awaiting_import'} as const;

/** node1 opens connections from a service's port that takes none itself, as FTP does from 20. */
const FTP_DATA: Policy = {
  ...POLICY,
  services: [
    ...POLICY.services,
    {slot: 5, vip: VIP, protocol: 'tcp', port: 20, ring: [], timeouts: TIMEOUTS},
  ],
};
const dataFlow = imported({port: 20, endpointSlot: 0, timeout: 30});

export const FLOW_IMPORTS: PacketCase[] = [
  {
    description: 'a segment goes to the endpoint of its imported flow, and renews it',
    given: [imported(), seconds(100)],
    input: tcp('A'),
    verdict: {forward: 'node2'},
    flows: [`${TEXT} established node2 8100`],
  },
  {
    description: 'an import lasts as long as it says',
    given: [imported(), seconds(599)],
    input: tcp('PA'),
    verdict: {forward: 'node2'},
  },
  {
    description: 'and not longer',
    given: [imported({endpointSlot: 0}), seconds(600)],
    input: tcp('PA'),
    verdict: hashChoice(),
    also: {hash_choices: 1},
  },
  {
    description: 'an import of a known flow keeps it',
    given: [receive(tcp('S')), receive(tcp('A')), seconds(8000), imported({endpointSlot: 0}), seconds(599)],
    input: tcp('A'),
    verdict: {forward: 'node1'},
  },
  {
    description: 'and never shortens it',
    given: [receive(tcp('S')), receive(tcp('A')), imported({endpointSlot: 0}), seconds(8099)],
    input: tcp('A'),
    verdict: {forward: 'node1'},
  },
  {
    description: 'a half-open or closing flow that is imported is established',
    given: [receive(tcp('S')), receive(tcp('FA')), imported({endpointSlot: 0})],
    input: tcp('S'),
    verdict: {forward: 'node1'},
    flows: [`${TEXT} established node1 8100`],
  },
  {
    description: 'a flow of another open endpoint is not overwritten',
    given: [receive(tcp('S')), imported()],
    input: tcp('A'),
    verdict: {forward: 'node1'},
  },
  {
    description: 'of a closed one it is',
    given: [receive(tcp('S')), publish(withEndpoints({node1: {open: false}})), imported()],
    input: tcp('A'),
    verdict: {forward: 'node2'},
  },
  {
    description: 'of a lost one, too',
    given: [receive(tcp('S')), publish(withEndpoints({node1: null})), imported()],
    input: tcp('A'),
    verdict: {forward: 'node2'},
  },
  {
    description: 'and when it is over',
    given: [receive(tcp('S')), receive(tcp('R')), imported()],
    input: tcp('A'),
    verdict: {forward: 'node2'},
  },
  {
    description: 'a datagram goes to the endpoint of its imported flow',
    given: [asked],
    input: udp(),
    verdict: {forward: 'node2'},
    flows: ['udp 10.77.0.2:40000 10.77.0.100:53 udp node2 180'],
  },
  {
    description: 'the last import of a UDP flow wins',
    given: [receive(udp()), asked],
    input: udp(),
    verdict: {forward: 'node2'},
  },
  {
    description: 'a connection that a node opened from a service’s port',
    policy: FTP_DATA,
    given: [dataFlow],
    input: tcp('SA', {to: 20}),
    verdict: {forward: 'node1'},
    flows: ['tcp 10.77.0.2:40000 10.77.0.100:20 established node1 8100'],
  },
  {
    description: 'its port takes no other',
    policy: FTP_DATA,
    given: [dataFlow],
    input: tcp('S', {to: 20, from: 40001}),
    verdict: {reply: 'tcp_resets'},
    output: toClient
      .ipv4({from: VIP, to: CLIENT, id: 0, dontFragment: true})
      .tcp({from: 20, to: 40001, flags: 'RA', seq: 0, ack: 1001, window: 0}),
  },
  {
    description: 'an imported flow is translated',
    policy: NAT,
    given: [imported({endpointSlot: 0})],
    input: tcp('A'),
    verdict: {forward: 'node1'},
    output: atNode('node1').tcp({from: 40000, to: 8080, flags: 'A'}),
  },

  // While imports are awaited.
  ...['A', 'PA', 'FA', 'R', 'SA'].map((flags): PacketCase => ({
    description: `imports are awaited: ${flags} of an unknown connection`,
    policy: AWAITING,
    input: tcp(flags),
    verdict: waits,
    flows: [],
  })),
  {
    description: 'imports are awaited: nobody serves the port yet',
    policy: AWAITING,
    input: tcp('A', {to: 81}),
    verdict: waits,
  },
  {
    description: 'imports are awaited: the service has no endpoint yet',
    policy: AWAITING,
    input: tcp('A', {to: 8080}),
    verdict: waits,
  },
  {
    description: 'imports are awaited: the VIP has no service yet',
    policy: AWAITING,
    input: fromClient.ipv4({from: CLIENT, to: QUIET}).tcp({from: 40000, to: 80, flags: 'A'}),
    verdict: waits,
  },
  {
    description: 'imports are awaited: an imported connection goes on',
    policy: AWAITING,
    given: [imported()],
    input: tcp('A'),
    verdict: {forward: 'node2'},
  },
  {
    description: 'imports are awaited: the endpoint of an imported connection is not known yet',
    policy: {...withEndpoints({node2: null}), awaitImports: true},
    given: [imported()],
    input: tcp('A'),
    verdict: waits,
  },
  {
    description: 'imports are awaited: a SYN is scheduled',
    policy: AWAITING,
    input: tcp('S'),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'imports are awaited: and what follows it',
    policy: AWAITING,
    given: [receive(tcp('S'))],
    input: tcp('A'),
    verdict: {forward: 'node1'},
    flows: [`${TEXT} established node1 8100`],
  },
  {
    description: 'imports are awaited: a SYN to a port that nobody serves is refused',
    policy: AWAITING,
    input: tcp('S', {to: 81}),
    verdict: {reply: 'tcp_resets'},
    output: toClient
      .ipv4({from: VIP, to: CLIENT, id: 0, dontFragment: true})
      .tcp({from: 81, to: 40000, flags: 'RA', seq: 0, ack: 1001, window: 0}),
  },
  {
    description: 'imports are awaited: UDP is scheduled',
    policy: AWAITING,
    input: udp(),
    verdict: {forward: 'node1'},
    also: created,
  },
  {
    description: 'imports are awaited: a port block needs none',
    policy: {...AWAITING, blocks: PORT_BLOCKS},
    input: tcp('SA', {from: 443, to: BLOCK.node2}),
    verdict: {forward: 'node2'},
    also: {block_frames: 1},
  },
  {
    description: 'imports are no longer awaited',
    policy: AWAITING,
    given: [receive(tcp('A')), publish(POLICY)],
    input: tcp('A'),
    verdict: hashChoice(),
    also: {hash_choices: 1},
  },
];
