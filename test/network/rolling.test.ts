// A rolling restart of all nodes (drain, wait, stop server and agent, start, undrain) under load: no request fails,
// and no transfer breaks. Then a server that closes its socket and serves on what it has. In both modes.
//
//   client: request loop,          ┌── node1  http_server.py 80  ⟳
//           downloads of 2 s ─ router├── node2  http_server.py 80  ⟳
//                                  └── node3  http_server.py 80  ⟳

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {z} from 'zod';
import {downloadsOf, endLoop, endTransfers, loopSchema, startDownloads} from '../support/clients.ts';
import {MODES} from '../support/modes.ts';
import type {ModeCase} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Running} from '../support/command.ts';

const NAMES = ['node1', 'node2', 'node3'];
const AGENT = /main\.js agent/;
const drainSchema = z.array(z.object({target: z.string(), state: z.string(), flows: z.number()}));

/** Its agent is ended, and is back. */
async function restartAgent(bed: Testbed, node: string): Promise<void> {
  const old = await bed.pids(node, AGENT);
  for (const pid of old) process.kill(pid, 'SIGTERM');
  await waitUntil(`the agent of ${node} is back`, 15_000, async () => {
    const now = await bed.pids(node, AGENT);
    const up = (await bed.nodes()).some((one) => one.name === node && one.state === 'up');
    return up && now.length > 0 && !now.some((pid) => old.includes(pid));
  });
}

async function restart(t: ExecutionContext, bed: Testbed, node: string, server: Running): Promise<Running> {
  const began = Date.now();
  const order = ['coscanet', 'drain', node, '--wait', '--timeout', '60s', '--json'];
  const views = await bed.json(drainSchema, 'router', order, 90_000);
  t.log(`${node} drained within ${Date.now() - began} ms`);
  t.like(views[0], {target: node, state: 'drained', flows: 0});
  t.deepEqual(
    (await bed.flows()).filter((flow) => flow.node === node && flow.state === 'established'),
    [],
  );
  await bed.stop(server);
  await restartAgent(bed, node);
  const next = bed.startInstance(node, 'web', tool('http_server', 80, node));
  await waitUntil(`${node} is there, out of service`, 10_000, async () =>
    (await bed.endpoints()).some((one) => one.node === node && one.state === 'drained'),
  );
  await bed.in('router', ['coscanet', 'undrain', node]);
  await waitUntil(`${node} serves again`, 5000, async () =>
    (await bed.endpoints()).some((one) => one.node === node && one.state === 'up' && one.weight > 0),
  );
  return next;
}

async function roll(t: ExecutionContext, {mode}: ModeCase): Promise<void> {
  const bed = await Testbed.up({mode, nodes: 3, forwarders: 2});
  t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
  const servers = await bed.serveHttp(3);
  const transfers = bed.start('client', tool('transfers', `http://${VIP}/bytes/400000?rate=200000`, 12));
  await waitUntil('transfers are in progress', 10_000, () => transfers.stdout.includes('started'));
  const loop = bed.start('client', tool('request_loop', `http://${VIP}/`));

  for (const [index, node] of NAMES.entries()) servers[index] = await restart(t, bed, node, servers[index]!);

  const [requests, long] = await Promise.all([endLoop(loop), endTransfers(transfers)]);
  t.log(`requests ${JSON.stringify(requests.answers)}, transfers ${JSON.stringify(long.done)}`);
  t.deepEqual(requests.failures, []);
  t.deepEqual(long.failures, []);
  for (const name of NAMES) {
    t.true((requests.answers[name] ?? 0) > 100);
    t.true((long.done[name] ?? 0) > 3);
  }
  const events = await bed.events();
  for (const event of ['drain', 'drained', 'undrain'] as const)
    t.is(events.filter((one) => one.event === event).length, 3, event);
  await closeListener(t, bed, servers[0]!);
}

/** A server that closes its socket and serves on what it has. */
async function closeListener(t: ExecutionContext, bed: Testbed, server: Running): Promise<void> {
  const downloads = await startDownloads(bed, 'client', `http://${VIP}/bytes/1500000?rate=500000`, 9);
  // With NAT the one that was restarted may still be listed, at a port of its own.
  const serving = (await bed.endpoints()).find((one) => one.node === 'node1' && one.state === 'up');
  process.kill(server.pid, 'SIGUSR1');
  const closed = async () =>
    (await bed.endpoints()).find(
      (one) => one.node === 'node1' && one.nodePort === serving?.nodePort && one.reason !== undefined,
    );
  const view = await waitUntil('its endpoint is closed', 5000, closed);
  t.like(view, {state: 'closed', weight: 0, reason: 'its socket is closed; running connections go on'});
  const requests = await bed.json(loopSchema, 'client', tool('request_loop', `http://${VIP}/`, 60));
  t.deepEqual(requests.failures, []);
  t.is(requests.answers['node1'], undefined);
  const results = await downloadsOf(downloads);
  t.true(results.some((one) => one.node === 'node1'));
  t.deepEqual(
    results.filter((one) => one.error !== null),
    [],
  );
  t.is((await server.ended).status, 0);
}

for (const mode of MODES)
  test.serial(`${mode.mode}: all nodes are restarted in turn, and nothing fails`, (t) => {
    t.timeout(180_000);
    return roll(t, mode);
  });
