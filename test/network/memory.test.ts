// What the router forgets, the nodes tell it again. Its host started anew, with nothing left of the flow table, under
// 50 running downloads: none breaks. And sessions that are silent for longer than a flow is remembered: none breaks,
// and those that have ended are forgotten. In both modes.
//
//   client: 50 downloads ──┐                       ┌── node1  http_server.py 80  line_server.py 143
//           24 sessions    ├ bridge ── router ✝ ── ├── node2  …
//   remote ── gateway ─────┘    segment deleted    └── node3  …

import {rmSync} from 'node:fs';
import type {ExecutionContext} from 'ava';
import {z} from 'zod';
import {downloadsOf, startDownloads} from '../support/clients.ts';
import {inEachMode} from '../support/each-mode.ts';
import {VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Testbed} from '../support/testbed.ts';
import {counters} from '../support/transfers.ts';

const ESTABLISHED = 3;
const CONFIG = `timeouts: {established: ${ESTABLISHED}s, closing: 2s}
applications:
  - {name: web, vips: [${VIP}], ports: [80/tcp], timeouts: {established: 1h}}
  - {name: mail, vips: [${VIP}], ports: [143/tcp]}
`;
const NODES = ['node1', 'node2', 'node3'];
const DOWNLOADS = 50;
const RATE = 100_000;
const SIZE = 12 * RATE;

const eachMode = inEachMode({nodes: 3, forwarders: 2, config: CONFIG}, async (bed) => {
  for (const node of NODES) {
    await bed.serve(node, 'web', 80, tool('http_server', 80, node));
    await bed.serve(node, 'mail', 143, tool('line_server', 143, node));
  }
});

/** As after a reboot: nothing of ours runs, and /run, the packet filter and the neighbors are empty. */
async function loseEverything(bed: Testbed): Promise<void> {
  rmSync(`${bed.runDir}/router`, {recursive: true});
  const pids = await bed.pids('router', /router\/main\.js --mode|forwarder-main\.js/);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await bed.in('router', ['nft', 'flush', 'ruleset']);
  await bed.in('router', ['ip', 'neigh', 'flush', 'all']);
}

/** "10.77.0.2:40000 node1" for each flow of the downloads. */
async function flowsOf(bed: Testbed): Promise<string[]> {
  const flows = (await bed.flows()).filter((flow) => flow.port === 80 && flow.state === 'established');
  return flows.map((flow) => `${flow.client} ${flow.node}`).sort();
}

async function reboot(t: ExecutionContext, bed: Testbed): Promise<void> {
  const url = `http://${VIP}/bytes/${SIZE}?rate=${RATE}&step=100`;
  const runs = await Promise.all(
    ['client', 'remote'].map((host) => startDownloads(bed, host, url, DOWNLOADS / 2)),
  );
  const before = await flowsOf(bed);
  t.is(before.length, DOWNLOADS);
  await loseEverything(bed);
  await waitUntil(
    'the router is back',
    10_000,
    async () => (await bed.endpoints().catch(() => [])).filter((one) => one.state === 'up').length === 6,
  );
  await waitUntil('every connection is known again, at the node that has it', 3000, async () => {
    return (await flowsOf(bed)).join() === before.join();
  });
  t.true(
    runs.every((one) => one.child.exitCode === null),
    'the downloads are still in progress',
  );

  for (const one of runs) {
    const results = await downloadsOf(one);
    t.is(results.length, DOWNLOADS / 2);
    const broken = results.filter(({error, bytes}) => error !== null || bytes !== SIZE);
    t.deepEqual(broken.slice(0, 3), [], `${broken.length} downloads broke`);
    t.is(new Set(results.map(({sha256}) => sha256)).size, 1);
    t.log(`longest pause: ${Math.round(Math.max(...results.map(({gapMs}) => gapMs)))} ms`);
  }
  t.is((await counters(bed))('hash_choices'), 0, 'no connection was guessed');
}

const sessionsSchema = z.array(
  z.object({client: z.string(), before: z.string(), after: z.string(), error: z.string().nullable()}),
);

async function idle(t: ExecutionContext, bed: Testbed): Promise<void> {
  const sessions = bed.start('client', tool('sessions', VIP, 143, 24, 3 * ESTABLISHED));
  const {stdout} = await sessions.ended;
  const results = sessionsSchema.parse(JSON.parse(stdout));
  t.is(results.length, 24);
  for (const one of results) {
    t.is(one.error, null);
    t.is(one.after, one.before, 'it stays with its server');
  }
  t.is(new Set(results.map((one) => one.before)).size, 3);
  const ended = Date.now();
  await waitUntil('flows that have ended are forgotten', 15_000, async () =>
    (await bed.flows()).every((flow) => flow.port !== 143),
  );
  t.log(`forgotten ${Date.now() - ended} ms after their end`);
}

eachMode(`sessions that are silent for ${3 * ESTABLISHED} s, remembered for ${ESTABLISHED} s`, idle);
eachMode(`the router's host starts anew under ${DOWNLOADS} downloads`, reboot);
