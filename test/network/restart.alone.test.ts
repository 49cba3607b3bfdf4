// Everything of ours is killed during 50 downloads, and none breaks: first all forwarders, then the supervisor
// with all its children, then the agents. Before these the supervisor hands over, as systemctl restart has it. An agent that is stopped for 10 s costs nothing. In both modes.
//
//   client: 50 downloads ── router            ┌── node1  http_server.py 80, agent ✝
//           of 30 s          supervisor ✝      ├── node2  http_server.py 80, agent ✝
//                            forwarders ✝      └── node3  http_server.py 80, agent ✝

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {LEASE_MS} from '../../router/protocol/messages.ts';
import {inOneOfThree} from '../support/attempts.ts';
import {downloadsOf, endLoop, startDownloads} from '../support/clients.ts';
import {MODES} from '../support/modes.ts';
import type {ModeCase} from '../support/modes.ts';
import {run} from '../support/command.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Running} from '../support/command.ts';

const DOWNLOADS = 50;
const FORWARDERS = 2;
const BACK_MS = 2000;
const RATE = 100_000;
const SIZE = 30 * RATE;
const SUPERVISOR = /router\/main\.js --mode/;
const FORWARDER = /forwarder-main\.js/;
const AGENT = /main\.js agent/;

/** Client address and port → node, of every established flow. */
async function endpointsOfFlows(bed: Testbed): Promise<Record<string, string>> {
  const flows = (await bed.flows()).filter((flow) => flow.state === 'established');
  return Object.fromEntries(flows.map((flow) => [flow.client, flow.node]));
}

async function killAndSee(
  t: ExecutionContext,
  bed: Testbed,
  downloads: Running,
  what: string,
  pids: number[],
  signal: NodeJS.Signals,
  back: (killed: number) => Promise<boolean>,
): Promise<void> {
  const before = await endpointsOfFlows(bed);
  t.is(Object.keys(before).length, DOWNLOADS);
  const began = Date.now();
  for (const pid of pids) process.kill(pid, signal);
  await waitUntil(`${what} are back`, 10_000, async () => back(began).catch(() => false));
  const took = Date.now() - began;
  t.log(`${what} (${pids.length} processes): back after ${took} ms`);
  t.true(took <= BACK_MS, `${what} were back after ${took} ms`);
  t.deepEqual(await endpointsOfFlows(bed), before, `${what}: a flow changed its endpoint`);
  t.is(downloads.child.exitCode, null, 'the downloads are still in progress');
}

async function allNodesUp(bed: Testbed): Promise<boolean> {
  const nodes = await bed.nodes();
  const endpoints = await bed.endpoints();
  return (
    nodes.length === 3 &&
    nodes.every((node) => node.state === 'up') &&
    endpoints.length === 3 &&
    endpoints.every((endpoint) => endpoint.state === 'up')
  );
}

/** Has every agent talked to the router after that time (milliseconds since the epoch)? */
async function renewedSince(bed: Testbed, time: number): Promise<boolean> {
  const nodes = await bed.nodes();
  return nodes.every((node) => Date.now() - (LEASE_MS - node.leaseRemainingMs) > time);
}

/** All of `count` processes that fit run, and none of them is one of `old`. */
async function replaced(
  bed: Testbed,
  host: string,
  pattern: RegExp,
  old: number[],
  count: number,
): Promise<boolean> {
  const now = await bed.pids(host, pattern);
  return now.length === count && !now.some((pid) => old.includes(pid));
}

async function killInTurn(t: ExecutionContext, {mode}: ModeCase): Promise<void> {
  const bed = await Testbed.up({mode, nodes: 3, forwarders: FORWARDERS});
  t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
  await bed.serveHttp(3);
  const url = `http://${VIP}/bytes/${SIZE}?rate=${RATE}&step=100`;
  const downloads = await startDownloads(bed, 'client', url, DOWNLOADS);

  const forwarders = await bed.pids('router', FORWARDER);
  t.is(forwarders.length, FORWARDERS);
  await killAndSee(t, bed, downloads, 'forwarders', forwarders, 'SIGKILL', () =>
    replaced(bed, 'router', FORWARDER, forwarders, FORWARDERS),
  );

  const supervisor = await bed.pids('router', SUPERVISOR);
  t.is(supervisor.length, 1);
  const children = await bed.pids('router', FORWARDER);
  const all = [...supervisor, ...children];
  await killAndSee(t, bed, downloads, 'supervisor and forwarders', all, 'SIGKILL', async () => {
    return (await allNodesUp(bed)) && replaced(bed, 'router', FORWARDER, children, FORWARDERS);
  });

  const restarted = await bed.pids('router', SUPERVISOR);
  const theirs = await bed.pids('router', FORWARDER);
  await killAndSee(t, bed, downloads, 'a supervisor that hands over', restarted, 'SIGUSR2', async () => {
    if (!(await replaced(bed, 'router', SUPERVISOR, restarted, 1))) return false;
    return (await allNodesUp(bed)) && replaced(bed, 'router', FORWARDER, theirs, FORWARDERS);
  });

  const agents = (await Promise.all(['node1', 'node2', 'node3'].map((node) => bed.pids(node, AGENT)))).flat();
  t.is(agents.length, 3);
  await killAndSee(t, bed, downloads, 'agents', agents, 'SIGKILL', async (killed) => {
    if (!(await allNodesUp(bed)) || !(await renewedSince(bed, killed))) return false;
    for (const node of ['node1', 'node2', 'node3'])
      if (!(await replaced(bed, node, AGENT, agents, 1))) return false;
    return true;
  });

  const results = await downloadsOf(downloads);
  t.is(results.length, DOWNLOADS);
  t.deepEqual(
    results.filter((one) => one.error !== null || one.bytes !== SIZE),
    [],
  );
  t.is(new Set(results.map((one) => one.sha256)).size, 1);
  t.true(results.every((one) => one.seconds >= 20));
  t.log(`longest pause of a download: ${Math.round(Math.max(...results.map((one) => one.gapMs)))} ms`);
}

async function stopAgent(t: ExecutionContext, {mode}: ModeCase): Promise<void> {
  t.timeout(120_000);
  const bed = await Testbed.up({mode, nodes: 3, forwarders: 1});
  t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
  await bed.serveHttp(3);
  const [agent = 0] = await bed.pids('node1', AGENT);
  const loop = bed.start('client', tool('request_loop', `http://${VIP}/`));
  process.kill(agent, 'SIGSTOP');
  const stopped = Date.now();
  await waitUntil('the node is suspect', 6000, async () =>
    (await bed.nodes()).some((node) => node.name === 'node1' && node.state === 'suspect'),
  );
  while (Date.now() - stopped < 10_000) {
    const endpoint = (await bed.endpoints()).find((one) => one.node === 'node1');
    t.true(endpoint?.state === 'up' || endpoint?.state === 'suspect', `the endpoint is ${endpoint?.state}`);
    await run(['sleep', '0.5']);
  }
  process.kill(agent, 'SIGCONT');
  await waitUntil('the node is up again', 5000, () => allNodesUp(bed));
  const result = await endLoop(loop);
  t.log(JSON.stringify(result.answers));
  t.deepEqual(result.failures, []);
  const total = Object.values(result.answers).reduce((sum, one) => sum + one, 0);
  t.true((result.answers['node1'] ?? 0) > total * 0.3, 'node1 kept its share');
}

for (const one of MODES) {
  test.serial(
    `${one.mode}: forwarders, supervisor (killed, and handing over) and agents killed in turn: no download breaks or moves`,
    (t) => {
      t.timeout(240_000);
      return inOneOfThree(t, (attempt) => killInTurn(attempt, one));
    },
  );
  test.serial(`${one.mode}: an agent stopped for 10 s: its endpoint is probed, stays and serves`, (t) =>
    stopAgent(t, one),
  );
}
