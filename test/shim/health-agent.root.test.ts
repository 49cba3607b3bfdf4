// Health checks on the node with real programs, in both modes: each way to fail is found, named, and forgotten
// when it is over. The drawing is at Bed in support.ts.

import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {healthSchema} from '../../router/protocol/health.ts';
import type {NodeState} from '../../router/protocol/messages.ts';
import {deaf, forking, moody, server} from './programs.ts';
import {Bed, VIP, nodeConfigFor, web} from './support.ts';
import type {Running} from './support.ts';
import {waitUntil} from '../support/wait.ts';

/** The promise for stopped programs; and what a machine that others use may take on top. */
const LEAVES_MS = 3000;
const SLACK_MS = 2000;

const health = healthSchema.parse({
  interval: 0.5,
  timeout: 2,
  queue: 1,
  http: [{ports: ['8080/tcp'], path: '/healthz', status: 200}],
  tcp: [{ports: ['8081/tcp']}],
  command: [{ports: ['8082/tcp'], run: ['ask', 'ready']}],
});

const failingOn = (state: NodeState, port: number) =>
  state.endpoints.filter((one) => one.port === port).map(({failing}) => failing ?? 'healthy');

function define(mode: 'dsr' | 'nat'): void {
  const bed = new Bed();
  const checks = path.join(bed.folder, 'checks');
  const mood = path.join(bed.folder, 'mood');
  const title = (text: string) => `${mode}: ${text}`;

  async function started(command: string[]): Promise<Running> {
    const program = bed.start(command);
    await waitUntil(`output of a program: ${program.stderr}`, 5000, () => program.stdout.includes('\n'));
    return program;
  }

  const scopeOf = (pid: number) => {
    const cgroup = fs.readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('0::')[1]?.trim() ?? '';
    return path.join(bed.cgroupFolder, path.relative(bed.cgroupRoot, cgroup));
  };

  /** The time at which the endpoint on `port` is told to be `what` (its beginning), since `since`. */
  async function told(port: number, what: string, since: number, ms = 10_000): Promise<number> {
    const fits = (state: NodeState) => failingOn(state, port).some((one) => one.startsWith(what));
    return (await bed.waitForPut(`port ${port} ${what}`, fits, since, ms)).time;
  }

  /** Finds the endpoint failing as `reason` within the promised time, and healthy again after `cure`. */
  async function falls(
    t: import('ava').ExecutionContext,
    reason: string,
    harm: () => void,
    cure: () => void,
  ) {
    const since = Date.now();
    harm();
    const took = (await told(80, reason, since)) - since;
    t.log(`told after ${took} ms`);
    t.true(took < LEAVES_MS + SLACK_MS, `${took} ms`);
    const cured = Date.now();
    cure();
    await told(80, 'healthy', cured);
  }

  test.before(async () => {
    fs.mkdirSync(checks);
    fs.writeFileSync(
      path.join(checks, 'ask'),
      `#!/bin/sh
test "$1" = ready && test "$COSCANET_VIP" = ${VIP} && test "$COSCANET_VIP_PORT" = 8082 || exit 9
${mode === 'dsr' ? 'test "$COSCANET_SOURCE" = 127.0.0.1' : 'test -z "$COSCANET_SOURCE"'} || exit 8
curl -fs \${COSCANET_SOURCE:+--interface} $COSCANET_SOURCE "http://$COSCANET_ADDRESS:$COSCANET_PORT/" && exit
echo it is not
exit 3
`,
      {mode: 0o755},
    );
    await bed.up(nodeConfigFor([{...web, health}], mode));
    await bed.startAgent('--checks-dir', checks);
  });

  test.after.always(() => bed.down());

  test.serial(title('SIGSTOP, and SIGCONT'), async (t) => {
    const program = await started(server(80));
    await told(80, 'healthy', 0);
    const {pid} = program;
    await falls(
      t,
      `stopped (SIGSTOP): process ${pid}`,
      () => process.kill(pid, 'SIGSTOP'),
      () => process.kill(pid, 'SIGCONT'),
    );
    t.true(bed.agent?.stderr.includes('is failing: stopped (SIGSTOP)'));
    await program.kill();
  });

  test.serial(title('one of two instances'), async (t) => {
    const since = Date.now();
    const programs = [await started(server(80)), await started(server(80))];
    const [first] = programs;
    process.kill(first?.pid ?? 0, 'SIGSTOP');
    // In DSR the kernel goes on spreading connections over both; in NAT the other is an endpoint of its own.
    const reason = `stopped (SIGSTOP): process ${first?.pid}`;
    const wanted = mode === 'dsr' ? [`1 of 2 sockets ${reason}`] : ['healthy', reason];
    const fits = (state: NodeState) => failingOn(state, 80).toSorted().join() === wanted.join();
    await bed.waitForPut(wanted.join(), fits, since, 10_000);
    for (const program of programs) await program.kill();
    t.pass();
  });

  test.serial(title('a frozen cgroup'), async (t) => {
    const program = await started(server(80));
    const freeze = path.join(scopeOf(program.pid), 'cgroup.freeze');
    await falls(
      t,
      'frozen: its cgroup',
      () => fs.writeFileSync(freeze, '1'),
      () => fs.writeFileSync(freeze, '0'),
    );
    await program.kill();
  });

  test.serial(title('one of two processes that hold the socket is enough'), async (t) => {
    const program = await started(forking(80));
    const since = Date.now();
    await told(80, 'healthy', since);
    process.kill(program.pid, 'SIGSTOP');
    // Several rounds of checks have passed when the renewals of three seconds all said "well".
    await bed.waitForPut('three seconds later', () => true, since + 3000);
    t.false(
      bed
        .readPuts()
        .some((put) => put.time >= since && failingOn(put.state, 80).some((one) => one !== 'healthy')),
    );
    fs.writeFileSync(path.join(scopeOf(program.pid), 'cgroup.kill'), '1');
    await program.end();
  });

  test.serial(title('an accept queue that does not move'), async (t) => {
    const program = await started(deaf(80));
    const port = (await bed.waitForPut('endpoint', ({endpoints}) => endpoints.length === 1, Date.now() - 100))
      .state.endpoints[0]?.nodePort;
    const where = port === undefined ? [VIP, '80'] : ['10.88.0.11', String(port)];
    const since = Date.now();
    const clients = [1, 2].map(() => bed.spawnInRouter('socat', ['-u', `TCP:${where.join(':')}`, '-']));
    await told(80, 'accept queue does not move for 1 s (2 connections wait)', since);
    const cured = Date.now();
    // It takes what waits when it is told to.
    process.kill(program.pid, 'SIGUSR1');
    await told(80, 'healthy', cured);
    for (const client of clients) await client.kill();
    await program.kill();
    t.pass();
  });

  test.serial(title('http: not before the first good answer, not with a bad one'), async (t) => {
    fs.writeFileSync(mood, '503');
    const since = Date.now();
    const program = await started(moody(8080, mood));
    await told(8080, 'not checked yet', since);
    await told(8080, 'http /healthz: answered 503', since);
    t.false(
      bed.readPuts().some((put) => put.time >= since && failingOn(put.state, 8080).includes('healthy')),
    );
    fs.writeFileSync(mood, '200');
    await told(8080, 'healthy', since);
    fs.writeFileSync(mood, '500');
    await told(8080, 'http /healthz: answered 500', since);
    fs.writeFileSync(mood, '200');
    const cured = Date.now();
    await told(8080, 'healthy', cured);
    await program.kill();
  });

  test.serial(title('an agent that starts again takes nothing out of service'), async (t) => {
    fs.writeFileSync(mood, '200');
    const program = await started(moody(8080, mood));
    await told(8080, 'healthy', Date.now() - 50);
    await bed.agent?.kill();
    const since = Date.now();
    await bed.startAgent('--checks-dir', checks);
    await bed.waitForPut('a while later', () => true, since + 2000);
    const states = bed
      .readPuts()
      .filter((put) => put.time >= since)
      .map((put) => failingOn(put.state, 8080).join());
    t.deepEqual([...new Set(states)], ['healthy']);
    await program.kill();
  });

  test.serial(title('tcp and command'), async (t) => {
    const since = Date.now();
    const plain = await started(server(8081));
    await told(8081, 'healthy', since);
    fs.writeFileSync(mood, '200');
    const program = await started(moody(8082, mood));
    await told(8082, 'healthy', since);
    fs.writeFileSync(mood, '500');
    await told(8082, 'command ask: status 3: it is not', since);
    fs.renameSync(path.join(checks, 'ask'), path.join(checks, 'task'));
    await told(8082, `command ask: not in ${checks}`, since);
    await plain.kill();
    await program.kill();
    t.pass();
  });
}

define('dsr');
define('nat');
