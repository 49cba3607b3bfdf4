// A burst: packets of one flow that come one after the other. Only the first is looked up in the flow table while
// the others change nothing; but each must come to what it would have come to alone.

import test from 'ava';
import fc from 'fast-check';
import type {Policy} from '../../addon/router.ts';
import type {Packet} from '../support/packet-builder.ts';
import {createMemoryRouter} from '../support/memory-router.ts';
import {BLOCK, NAT} from './nat-world.ts';
import {outcome} from './outcome.ts';
import {CLIENT, POLICY, QUIET, TIMEOUTS, VIP, fromClient, icmp, tcp, udp} from './world.ts';

// Flows of which each differs from the first in one thing alone: a burst ends where any of them changes.
const NEIGHBOR = '10.77.0.3';
const FLOWS: ((flags: string) => Packet)[] = [
  (flags) => tcp(flags),
  (flags) => tcp(flags, {from: 40001}),
  (flags) => tcp(flags, {to: 81}),
  (flags) => fromClient.ipv4({from: NEIGHBOR, to: VIP}).tcp({from: 40000, to: 80, flags}),
  (flags) => fromClient.ipv4({from: CLIENT, to: QUIET}).tcp({from: 40000, to: 80, flags}),
  () => udp({to: 80}),
];
/** What comes between: no flow of the table, or not of one that is known. */
const OTHERS = [
  icmp({type: 8}),
  tcp('A', {to: BLOCK.node1 + 2}),
  tcp('A', {from: 50_000}),
  udp({to: 69}),
  // The Ethernet header and the flow of those around it, in another VLAN and in one of ours.
  tcp('A').tagged(8),
  tcp('A').vlan(8),
  tcp('A').tagged(7),
];

const services = [
  {vip: VIP, protocol: 'tcp', port: 80},
  {vip: VIP, protocol: 'tcp', port: 81},
  {vip: QUIET, protocol: 'tcp', port: 80},
  {vip: VIP, protocol: 'udp', port: 80},
] as const;
const serving = (policy: Policy): Policy => ({
  ...policy,
  services: services.map((one, slot) => ({slot, timeouts: TIMEOUTS, ring: [0, 1], ...one})),
});
const POLICIES = [serving(POLICY), {...serving(NAT), blocks: NAT.blocks!}];

type Becomes = 'open' | 'closed' | 'opens-only' | 'gone';
/** What becomes of the endpoint in slot 1 before the burst comes. */
function after(policy: Policy, becomes: Becomes): Policy {
  const endpoints = policy.endpoints.flatMap((one) => {
    if (one.slot !== 1 || becomes === 'open') return [one];
    if (becomes === 'gone') return [];
    return [becomes === 'closed' ? {...one, open: false} : {...one, outboundOnly: true}];
  });
  const rest = becomes === 'open' ? [0, 1] : [0];
  return {...policy, endpoints, services: policy.services.map((one) => ({...one, ring: rest}))};
}

const flow = fc.nat(FLOWS.length - 1);
const opening = fc.array(flow, {maxLength: 8});
const burst = fc.tuple(
  flow,
  fc.array(fc.constantFrom('S', 'A', 'A', 'A', 'PA', 'FA', 'R', 'SA'), {minLength: 1}),
);
const other = fc.constantFrom(...OTHERS);

interface Play {
  policy: Policy;
  becomes: Becomes;
  opened: number[];
  packets: Packet[];
}
const play: fc.Arbitrary<Play> = fc.record({
  policy: fc.constantFrom(...POLICIES),
  becomes: fc.constantFrom<Becomes[]>('open', 'closed', 'opens-only', 'gone'),
  opened: opening,
  packets: fc
    .array(fc.oneof({weight: 6, arbitrary: burst}, {weight: 1, arbitrary: other}), {
      minLength: 1,
      maxLength: 12,
    })
    .map((parts) =>
      parts.flatMap((part) =>
        Array.isArray(part) ? part[1].map((flags) => FLOWS[part[0]]!(flags)) : [part],
      ),
    ),
});

/** What the packets come to, all at once or one by one, in a router that knows the flows that were opened. */
function meet({policy, becomes, opened, packets}: Play, together: boolean) {
  const router = createMemoryRouter();
  router.publish(policy);
  for (const which of opened)
    for (const flags of ['S', 'A']) router.receive(0, [FLOWS[which]!(flags).frame()]);
  router.publish(after(policy, becomes));
  const frames = packets.map((one) => one.frame());
  return outcome(router, 0, together ? [frames] : frames.map((frame) => [frame]));
}

test('packets in bursts come to what they come to one by one', (t) => {
  let forwarded = 0;
  fc.assert(
    fc.property(play, (given) => {
      const together = meet(given, true);
      t.deepEqual(together, meet(given, false));
      forwarded += together.counters['forwarded_frames']!;
    }),
    {numRuns: 1500},
  );
  t.true(forwarded > 10_000, `${forwarded} packets were forwarded`);
});
