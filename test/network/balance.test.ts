// New connections are shared equally, payloads arrive whole in both directions with the default offloads, the
// servers see the clients' own addresses, and answers take the way of the mode: straight from node to client in
// DSR, through the router in NAT.
//
//   remote ── gateway ──┐                  ┌── node1  http_server.py 80
//             client ───┤ bridge ── router ├── node2  http_server.py 80     request: client → router → node
//                       └──────────────────┴── node3  http_server.py 80     answer:  node → client (DSR)
//                                                                                    node → router → client (NAT)
//
// Each case builds its own testbed: four forwarders, and (DSR) the router one-armed, all on one bridge. With one
// forwarder the sockets of clients of a UDP service are spread over the nodes too, each stays with its node, and
// answers come from the virtual IP (in NAT mode the server's socket has another address).
//
//   client, 31 sockets, and remote ── router ── node1 … node3  udp_echo.py 53

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {z} from 'zod';
import {loopSchema, socketsSchema} from '../support/clients.ts';
import type {Running} from '../support/command.ts';
import {inEachMode} from '../support/each-mode.ts';
import {inModes} from '../support/modes.ts';
import type {ModeCase} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {counters, download, upload} from '../support/transfers.ts';

const TEST_MS = 180_000;
const REQUESTS = 300;
const SIZE = 100_000_000;
// No multiple of three: a schedule that forgets flows would otherwise come round to the same nodes.
const SOCKETS = 31;
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

/** With three HTTP servers that nobody has asked anything yet. */
async function whole(
  t: ExecutionContext,
  bed: Testbed,
  servers: readonly Running[],
  {answersPassRouter}: ModeCase,
  tolerance: number,
): Promise<void> {
  t.timeout(TEST_MS);
  for (const host of ['client', 'remote']) await shares(t, bed, host, tolerance);
  for (const host of ['client', 'remote']) await payloads(t, bed, host, answersPassRouter);
  const lines = servers.flatMap((server) => server.stdout.split('\n'));
  await clientAddresses(t, bed, new Set(lines.filter(Boolean).map((line) => line.split(' ')[0] ?? '')));
}

async function datagrams(t: ExecutionContext, bed: Testbed): Promise<void> {
  const names = ['node1', 'node2', 'node3'];
  await Promise.all(names.map((name) => bed.serve(name, 'web', 53, tool('udp_echo', 53, name))));
  const addresses = {client: '10.77.0.2', remote: '10.99.0.2'};
  for (const [host, address] of Object.entries(addresses)) {
    const sockets = await bed.json(socketsSchema, host, tool('udp_clients', VIP, 53, SOCKETS, 20));
    t.is(sockets.length, SOCKETS);
    for (const socket of sockets) {
      t.is(socket.lost, 0);
      t.is(socket.nodes.length, 1, 'one node answers one socket');
      t.deepEqual(socket.seen, [address], 'the server sees the client itself');
      t.deepEqual(socket.from, [`${VIP}:53`], 'the answer comes from the virtual IP');
    }
    for (const name of names) {
      const share = sockets.filter((socket) => socket.nodes[0] === name).length;
      t.true(Math.abs(share - SOCKETS / 3) <= 1, `${host}: ${name} has ${share} of ${SOCKETS} sockets`);
    }
  }
}

const title = ({answersPassRouter}: ModeCase) =>
  `equal shares, whole payloads, answers ${answersPassRouter ? 'through' : 'beside'} the router`;

const eachMode = inEachMode({nodes: 3, forwarders: 1}, (bed) => bed.serveHttp(3));
eachMode(
  (mode) => `one forwarder: ${title(mode)}`,
  (t, bed, mode, servers) => whole(t, bed, servers, mode, 1),
);
eachMode('each client socket stays with one node, and all nodes take part', datagrams);

const cases = inModes([
  {title: 'four forwarders', options: {forwarders: 4}, tolerance: 10},
  {title: 'one-armed', options: {forwarders: 1, oneArm: true}, tolerance: 1},
]);

for (const one of cases)
  test.serial(`${one.title}: ${title(one)}`, async (t) => {
    const bed = await Testbed.up({nodes: 3, ...one.options});
    t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
    await whole(t, bed, await bed.serveHttp(3), one, one.tolerance);
  });
