// New connections are shared equally, payloads arrive whole in both directions with the default offloads, the
// servers see the clients' own addresses, and answers take the way of the mode: straight from node to client in
// DSR, through the router in NAT.
//
//   remote ── gateway ──┐                  ┌── node1  http_server.py 80
//             client ───┤ bridge ── router ├── node2  http_server.py 80     request: client → router → node
//                       └──────────────────┴── node3  http_server.py 80     answer:  node → client (DSR)
//                                                                                    node → router → client (NAT)
//
// Each case builds its own testbed: one forwarder, four, and (DSR) the router one-armed, all on one bridge.

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {z} from 'zod';
import {loopSchema} from '../support/clients.ts';
import {inModes} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {counters, download, upload} from '../support/transfers.ts';

const REQUESTS = 300;
const SIZE = 100_000_000;
const linksSchema = z.array(
  z.object({
    ifname: z.string(),
    stats64: z.object({rx: z.object({bytes: z.number()}), tx: z.object({bytes: z.number()})}),
  }),
);

/** Bytes that the router's interfaces have received and sent so far. */
async function routerBytes(bed: Testbed): Promise<{received: number; sent: number}> {
  const links = await bed.json(linksSchema, 'router', ['ip', '-s', '-j', 'link', 'show']);
  const wires = links.filter((link) => link.ifname.startsWith('eth'));
  const sum = (side: 'rx' | 'tx') => wires.reduce((total, link) => total + link.stats64[side].bytes, 0);
  return {received: sum('rx'), sent: sum('tx')};
}

async function shares(t: ExecutionContext, bed: Testbed, host: string, tolerance: number): Promise<void> {
  const loop = await bed.json(loopSchema, host, tool('request_loop', `http://${VIP}/`, REQUESTS));
  t.log(`${host}: ${JSON.stringify(loop.answers)}`);
  t.deepEqual(loop.failures, []);
  for (const node of ['node1', 'node2', 'node3'])
    t.true(Math.abs((loop.answers[node] ?? 0) - REQUESTS / 3) <= tolerance, `${host}: ${node}'s share`);
}

async function payloads(
  t: ExecutionContext,
  bed: Testbed,
  host: string,
  answersPassRouter: boolean,
): Promise<void> {
  const before = await routerBytes(bed);
  const leftBefore = (await counters(bed))('outbound_frames');
  await download(t, bed, host, SIZE);
  const after = await routerBytes(bed);
  // Answers that forwarders have brought from nodes into the world, GSO frames counted as one.
  const left = (await counters(bed))('outbound_frames') - leftBefore;
  for (const side of ['received', 'sent'] as const) {
    const bytes = after[side] - before[side];
    // In DSR only the acknowledgements pass: a few per cent of the payload.
    t.true(answersPassRouter ? bytes > SIZE : bytes < SIZE / 20, `${bytes} bytes of a download ${side}`);
  }
  t.true(answersPassRouter ? left > SIZE / 65536 : left === 0, `${left} frames left`);

  await upload(t, bed, host, SIZE);
  const uploaded = await routerBytes(bed);
  t.true(uploaded.received - after.received > SIZE, 'an upload passes the router: the counters do count');
}

async function clientAddresses(t: ExecutionContext, bed: Testbed, seen: Set<string>): Promise<void> {
  t.deepEqual([...seen].sort(), ['10.77.0.2', '10.99.0.2'], 'the servers see the clients themselves');
  t.is((await bed.endpoints()).length, 3);
}

const cases = inModes([
  {title: 'one forwarder', options: {forwarders: 1}, tolerance: 1},
  {title: 'four forwarders', options: {forwarders: 4}, tolerance: 10},
  {title: 'one-armed', options: {forwarders: 1, oneArm: true}, tolerance: 1},
]);

for (const {title, options, tolerance, answersPassRouter} of cases) {
  const way = answersPassRouter ? 'through' : 'beside';
  test.serial(`${title}: equal shares, whole payloads, answers ${way} the router`, async (t) => {
    t.timeout(180_000);
    const bed = await Testbed.up({nodes: 3, ...options});
    t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
    const servers = await bed.serveHttp(3);
    for (const host of ['client', 'remote']) await shares(t, bed, host, tolerance);
    for (const host of ['client', 'remote']) await payloads(t, bed, host, answersPassRouter);
    const lines = servers.flatMap((server) => server.stdout.split('\n'));
    await clientAddresses(t, bed, new Set(lines.filter(Boolean).map((line) => line.split(' ')[0] ?? '')));
  });
}
