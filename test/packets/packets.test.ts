// Runs the packet tables through the real path over memory devices. For each row: the verdict, every byte and
// all metadata that went out, and exactly which counters moved. At the end: no counter of the core was missed.

import test from 'ava';
import type {ExecutionContext} from 'ava';
import type {Policy} from '../../addon/router.ts';
import {createMemoryRouter} from '../support/memory-router.ts';
import type {Counters, FrameIn, FrameOut, MemoryRouter} from '../support/memory-router.ts';
import {NO_VNET} from '../support/packet-builder.ts';
import {macBytes} from '../support/packet-headers.ts';
import type {Given, PacketCase} from './case.ts';
import {TABLES} from './tables.ts';
import {MAC, NODES, POLICY, endpoint} from './world.ts';
import type {Station} from './world.ts';

/** Moved by a device, not by the core. */
const OF_DEVICES = new Set([
  'tx_waits',
  'tx_coalesced',
  'drop_rx_truncated',
  'drop_rx_unpaired',
  'drop_tx_full',
  'drop_tx_error',
]);
const OWN_MACS = [MAC.external, MAC.internal, MAC.local];

const moved: Counters = {};

function play(router: MemoryRouter, step: Given): void {
  if ('pass' in step) router.advance(step.pass * 1000);
  else if ('publish' in step) router.publish(step.publish);
  else if ('importFlow' in step) router.importFlows([step.importFlow]);
  else
    router.receive(
      step.by ?? 0,
      Array.from({length: step.times ?? 1}, () => step.receive.frame()),
    );
}

function difference(before: Counters, after: Counters): Counters {
  return Object.fromEntries(
    Object.entries(after)
      .map(([name, value]): [string, number] => [name, value - (before[name] ?? 0)])
      .filter(([, value]) => value !== 0),
  );
}

function expectedCounters(one: PacketCase, bytes: number): Counters {
  const counters: Counters = {rx_frames: 1, rx_bytes: bytes, ...one.also};
  if (one.verdict === 'pass') counters['passed'] = 1;
  else if ('pass' in one.verdict) counters[one.verdict.pass] = 1;
  else if ('drop' in one.verdict) counters[`drop_${one.verdict.drop}`] = 1;
  else if ('end' in one.verdict) counters[one.verdict.end] = 1;
  else if ('reply' in one.verdict) counters[one.verdict.reply] = 1;
  else Object.assign(counters, {forwarded_frames: 1, forwarded_bytes: bytes});
  return Object.fromEntries(Object.entries(counters).filter(([, value]) => value !== 0));
}

function sideOf(station: Station): number {
  if (station === 'host') return 2;
  return station === 'client' || station === 'gateway' ? 0 : endpoint(station).egress;
}

/** What must go out, as text that a failure shows well. */
function expectedFrames(one: PacketCase, input: FrameIn): object[] {
  const {verdict, output} = one;
  if (verdict === 'pass' || 'pass' in verdict || 'drop' in verdict || 'end' in verdict) return [];
  const tag = input.tag === undefined ? {} : {tag: input.tag};
  const egress = 'forward' in verdict ? sideOf(verdict.forward) : (one.by ?? 0);
  if (output !== undefined) {
    const bytes = typeof output === 'string' ? output.replaceAll(/\s/g, '') : output.bytes().toString('hex');
    const vnet = typeof output === 'string' ? NO_VNET : output.vnet();
    return [{egress, bytes, vnet, ...tag}];
  }
  if (!('forward' in verdict)) throw new Error(`a reply needs its output: ${one.description}`);
  const link = Buffer.concat([macBytes(MAC[verdict.forward]), macBytes(OWN_MACS[egress]!)]);
  const bytes = Buffer.concat([link, input.bytes.subarray(12)]);
  return [{egress, bytes: bytes.toString('hex'), vnet: input.vnet, ...tag}];
}

const shown = (frame: FrameOut): object => ({...frame, bytes: frame.bytes.toString('hex')});

function flowsText(router: MemoryRouter, {endpoints}: Policy): string[] {
  const nodeOf = (slot: number) => {
    const mac = endpoints.find((one) => one.slot === slot)?.mac;
    return NODES.find((node) => MAC[node] === mac);
  };
  return router
    .flows()
    .map((f) => {
      const ends = `${f.client}:${f.clientPort} ${f.vip}:${f.port}`;
      return `${f.protocol} ${ends} ${f.state} ${nodeOf(f.endpointSlot)} ${f.expiresInSeconds}`;
    })
    .sort();
}

function run(t: ExecutionContext, one: PacketCase): void {
  const router = createMemoryRouter(one.limits);
  if (one.policy !== null) router.publish(one.policy ?? POLICY);
  for (const step of one.given ?? []) play(router, step);

  const before = router.counters();
  const input = one.input.frame();
  const sent = router.receive(one.by ?? 0, [input]);
  const change = difference(before, router.counters());
  const wanted = expectedFrames(one, input);
  t.deepEqual(sent.map(shown), wanted, 'frames sent');
  t.deepEqual(change, expectedCounters(one, input.bytes.length), 'counters');
  if (one.flows !== undefined)
    t.deepEqual(flowsText(router, one.policy ?? POLICY), one.flows.toSorted(), 'flows');
  for (const [name, value] of Object.entries(change)) moved[name] = (moved[name] ?? 0) + value;
}

for (const [name, table] of Object.entries(TABLES))
  for (const one of table) test.serial(`${name}: ${one.description}`, run, one);

test.serial('the tables move every counter of the core', (t) => {
  const all = Object.keys(createMemoryRouter().counters());
  const missed = all.filter((name) => !OF_DEVICES.has(name) && moved[name] === undefined);
  t.true(all.length > OF_DEVICES.size);
  t.deepEqual(missed, []);
});
