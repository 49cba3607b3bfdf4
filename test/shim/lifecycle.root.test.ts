// The agent's beginning and end: what it refuses to start with, and that nothing is left behind.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {binds, server} from './programs.ts';
import {Bed, VIP, nodeCommand, nodeConfigFor, web} from './support.ts';
import {waitUntil} from '../support/wait.ts';

const {EADDRNOTAVAIL} = os.constants.errno;
const bed = new Bed();
const runFolder = path.join(bed.folder, 'run');
const slice = path.join(bed.cgroupFolder, 'coscanet.slice');
let before = '';

async function serving() {
  const program = bed.start(server(80));
  await waitUntil(`server: ${program.stderr}`, 5000, () => program.stdout.includes('\n'));
  return program;
}

const command = (name: string) => bed.spawnInNode(nodeCommand, [name, ...bed.hostArguments()]);

test.before(async () => {
  await bed.up(nodeConfigFor([web]));
  // One strict interface: the agent must loosen it, and put it back.
  await bed.inNode('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/eth1/rp_filter');
  before = await bed.hostState();
});

test.after.always(() => bed.down());

async function assertClean(t: import('ava').ExecutionContext): Promise<void> {
  t.is(await bed.hostState(), before);
  t.false(fs.existsSync(slice), 'cgroups');
  t.false(fs.existsSync(runFolder), 'run directory');
}

test.serial('SIGTERM without instances leaves nothing, and says so to the router', async (t) => {
  const agent = await bed.startAgent();
  const program = await serving();
  const during = await bed.hostState();
  t.regex(during, /inet 10\.77\.0\.100\/32 scope host lo:coscanet/);
  t.regex(during, /5:\tfrom all to 10\.77\.0\.100 iif lo lookup 7400/);
  t.regex(during, /10\.77\.0\.100 via 10\.88\.0\.1 dev eth1/);
  t.true(during.endsWith('1\n2\n0\n2\n1\n1\n'), during);
  await program.kill();
  t.is(await agent.kill('SIGTERM'), 0);
  const left = await bed.waitForPut('leaving', (state) => state.leaving === true);
  t.deepEqual(left.state.endpoints, []);
  await assertClean(t);
});

test.serial('SIGTERM with instances keeps their service for the next agent', async (t) => {
  const agent = await bed.startAgent();
  const program = await serving();
  const since = Date.now();
  t.is(await agent.kill('SIGTERM'), 0);
  t.is((await bed.inRouter('curl', '-s', '-m', '2', `http://${VIP}/`)).trim(), String(program.pid));
  t.false(bed.readPuts().some((put) => put.time >= since && put.state.leaving === true));
  const next = await bed.startAgent();
  await bed.waitForPut('endpoint', (state) => state.endpoints.length === 1, since);
  await program.kill();
  await next.kill('SIGTERM');
  await assertClean(t);
});

test.serial('after kill -9 of everything, cleanup leaves nothing', async (t) => {
  const agent = await bed.startAgent();
  const program = await serving();
  await agent.kill();
  const early = command('cleanup');
  t.is(await early.end(), 1);
  t.is(early.stderr, 'coscanet-node: instances are running: stop them first\n');
  await program.kill();
  t.is(await command('cleanup').end(), 0);
  await assertClean(t);
  t.is(await command('cleanup').end(), 0);
});

test.serial('leave takes the node out of service while instances run', async (t) => {
  const agent = await bed.startAgent();
  const program = await serving();
  const since = Date.now();
  t.is(await command('leave').end(), 0);
  await bed.waitForPut('leaving', (state) => state.leaving === true && state.endpoints.length === 0, since);
  t.is(await agent.end(), 0);
  t.is((await bed.inRouter('curl', '-s', '-m', '2', `http://${VIP}/`)).trim(), String(program.pid));
  const again = command('leave');
  t.is(await again.end(), 1);
  t.is(again.stderr, 'coscanet-node: no agent of node node1 runs here\n');
  await program.kill();
  t.is(await command('cleanup').end(), 0);
  await assertClean(t);
});

test.serial('a router that is silent: the bind fails in time, with the reason', async (t) => {
  await bed.startRouter(nodeConfigFor([]));
  await bed.inRouter('ip', 'link', 'set', 'v0', 'down');
  const agent = bed.spawnInNode(nodeCommand, ['agent', ...bed.agentArguments()]);
  // Its 4.5 s begin with the request, the program's 5 s with its first try.
  await waitUntil('agent', 5000, () => (agent.stdout + agent.stderr).includes('programs can bind'));
  const program = bed.start(binds(['STREAM', '', 80]));
  await waitUntil('answer', 10_000, () => program.stdout.includes('done'));
  t.true(program.stdout.startsWith(`${EADDRNOTAVAIL}\n`));
  t.regex(program.stderr, /this node's agent has no answer from the router yet|no coscanet-node agent/);
  await bed.inRouter('sh', '-c', `ip link set v0 up; ip route replace ${VIP} via 10.88.0.11`);
  await program.kill();
  await waitUntil(
    'agent reaches the router',
    5000,
    () => agent.stdout.includes('answers') || agent.stderr.includes('answers'),
  );
  await agent.kill('SIGTERM');
  await bed.startRouter(nodeConfigFor([web]));
  await assertClean(t);
});

test.serial('what it refuses to start with', async (t) => {
  const secret = path.join(bed.folder, 'other-secret');
  fs.writeFileSync(secret, 'x'.repeat(32), {mode: 0o600});
  const wrong = bed.spawnInNode(nodeCommand, ['agent', ...bed.agentArguments(secret)]);
  t.is(await wrong.end(), 1);
  t.regex(wrong.stderr, /^coscanet-node: router 10\.88\.0\.1:7400 refused the secret in .*other-secret$/m);
  const missing = bed.spawnInNode(nodeCommand, ['agent', ...bed.agentArguments('/no/such/file')]);
  t.is(await missing.end(), 2);
  t.regex(missing.stderr, /secret file \/no\/such\/file does not exist/);
  const unnamed = bed.spawnInNode(nodeCommand, ['agent', '--router', '10.88.0.1:7400']);
  t.is(await unnamed.end(), 2);
  await assertClean(t);
  const first = await bed.startAgent();
  const second = bed.spawnInNode(nodeCommand, ['agent', ...bed.agentArguments()]);
  t.is(await second.end(), 1);
  t.regex(second.stderr, /another agent serves this network namespace/);
  await first.kill('SIGTERM');
  await assertClean(t);
});
