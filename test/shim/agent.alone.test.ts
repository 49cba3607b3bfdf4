// The agent with real programs: what it registers, and when it takes it back. The drawing is at Bed in support.ts.

import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type {NodeState} from '../../router/protocol/messages.ts';
import {
  binds,
  closing,
  forked,
  inherited,
  lastConnection,
  server,
  synFlood,
  timedListen,
} from './programs.ts';
import {Bed, VIP, library, nodeCommand, nodeConfigFor, web} from './support.ts';
import type {Running} from './support.ts';
import {waitUntil} from '../support/wait.ts';

const bed = new Bed();
const GONE_MS = 100;
const NAMES_VIP = '10.77.0.200';
const config = nodeConfigFor([web, {...web, name: 'names', vips: [NAMES_VIP]}]);

const instancesOf = (state: NodeState, port: number, protocol = 'tcp'): number =>
  state.endpoints.find((endpoint) => endpoint.port === port && endpoint.protocol === protocol)?.instances ??
  0;

async function serving(port = 80, before = ''): Promise<{program: Running; listened: number}> {
  const program = bed.start(server(port, before));
  await waitUntil(`server on ${port}: ${program.stderr}`, 5000, () => program.stdout.includes('\n'));
  return {program, listened: Number(program.stdout)};
}

const registered = (port: number, count: number, since = 0) =>
  bed.waitForPut(`${port} with ${count} instances`, (state) => instancesOf(state, port) === count, since);

const fetchVip = () => bed.inRouter('curl', '-s', '-m', '2', `http://${VIP}/`);

test.before(async () => {
  await bed.up(config);
  await bed.startAgent();
});

test.after.always(() => bed.down());

test.serial('a listener is registered when listen returns, and gone at once after kill -9', async (t) => {
  const {program, listened} = await serving();
  const put = await registered(80, 1);
  t.true(put.time <= listened + 10, `registered ${put.time - listened} ms after listen returned`);
  t.deepEqual(put.state.endpoints, [{application: 'web', vip: VIP, protocol: 'tcp', port: 80, instances: 1}]);
  t.deepEqual(put.state.vips, [VIP]);
  t.is((await fetchVip()).trim(), String(program.pid));
  const killed = Date.now();
  await program.kill();
  const gone = await registered(80, 0, killed);
  t.true(gone.time - killed <= GONE_MS, `gone after ${gone.time - killed} ms`);
});

test.serial('100 half-open requests do not hold a dead listener in the ring', async (t) => {
  const {program} = await serving();
  const [command = '', ...args] = synFlood(VIP, 80, 100);
  await bed.inRouter(command, ...args);
  const halfOpen = await waitUntil('100 half-open requests', 5000, async () => {
    const lines = (await bed.inNode('ss', '-Htn', 'state', 'syn-recv')).split('\n').length - 1;
    return lines >= 100 ? lines : null;
  });
  t.is(halfOpen, 100);
  const killed = Date.now();
  await program.kill();
  const gone = await registered(80, 0, killed);
  t.true(gone.time - killed <= GONE_MS, `gone after ${gone.time - killed} ms`);
});

test.serial('nor one that was closed while its process lives', async (t) => {
  const flag = path.join(bed.folder, 'close');
  const program = bed.start(closing(8005, flag));
  await registered(8005, 1);
  const [command = '', ...args] = synFlood(VIP, 8005, 100);
  await bed.inRouter(command, ...args);
  fs.writeFileSync(flag, '');
  const gone = await registered(8005, 0, Date.now());
  const closed = Number(program.stdout.trim().split('\n').at(-1));
  t.true(gone.time - closed <= GONE_MS, `gone after ${gone.time - closed} ms`);
  await program.kill();
});

test.serial('any cgroup below the slice is an instance, without the launcher', async (t) => {
  const since = Date.now();
  const slice = path.join(bed.cgroupFolder, 'coscanet.slice/coscanet-web.slice');
  const inner = path.join(slice, 'demo.service/inner');
  fs.mkdirSync(inner, {recursive: true});
  const shell = ['-c', 'echo $$ > "$0/cgroup.procs"; export LD_PRELOAD="$1"; shift; exec "$@"'];
  const unit = bed.spawnInNode('sh', [...shell, inner, library, ...server(80)]);
  const other = await serving();
  await registered(80, 2, since);
  await unit.kill();
  await other.program.kill();
  await registered(80, 0, Date.now());
  t.true(fs.existsSync(inner), 'cgroups of others are theirs to remove');
});

test.serial('a socket from outside is bound, not registered, and the log says so', async (t) => {
  const launch = [nodeCommand, 'run', '--app', 'web', '--cgroup-root', bed.cgroupRoot, '--'];
  const [command = '', ...args] = inherited(launch, 8006);
  const program = bed.spawnInNode(command, args);
  await waitUntil(`listener: ${program.stderr}`, 5000, () => program.stdout.includes('ok'));
  await waitUntil(
    'warning',
    5000,
    () => bed.agent?.stdout.concat(bed.agent.stderr).includes(`${VIP}:8006/tcp is not registered`) ?? false,
  );
  t.is(instancesOf(bed.readPuts().at(-1)!.state, 8006), 0);
  await program.kill();
});

test.serial(
  'instances of one application share a port, also as different users, and are counted',
  async (t) => {
    const since = Date.now();
    const first = await serving(80, 'os.setuid(1000)');
    const second = await serving(80, 'os.setuid(1001)');
    await registered(80, 2, since);
    const answers = new Set<string>();
    await waitUntil('answers of both', 5000, async () => answers.add((await fetchVip()).trim()).size === 2);
    t.deepEqual([...answers].toSorted(), [first, second].map(({program}) => String(program.pid)).toSorted());
    const killed = Date.now();
    await first.program.kill();
    const less = await registered(80, 1, killed);
    t.true(less.time - killed <= GONE_MS);
    t.is((await fetchVip()).trim(), String(second.program.pid));
    await second.program.kill();
    await registered(80, 0, killed);
  },
);

test.serial('a forked child keeps the endpoint after its parent', async (t) => {
  const since = Date.now();
  const parent = bed.start(forked(8000));
  const child = await waitUntil('child', 5000, () => Number(parent.stdout) || null);
  await registered(8000, 1, since);
  await parent.kill();
  await bed.waitForPut('a renewal', (state) => instancesOf(state, 8000) === 1, Date.now());
  const killed = Date.now();
  process.kill(child, 'SIGKILL');
  const gone = await registered(8000, 0, killed);
  t.true(gone.time - killed <= GONE_MS);
});

test.serial('UDP is registered at bind, a connected socket is a client', async (t) => {
  const since = Date.now();
  const program = bed.start(binds(['DGRAM', '0.0.0.0', 53]));
  await bed.waitForPut('53/udp', (state) => instancesOf(state, 53, 'udp') === 1, since);
  const killed = Date.now();
  await program.kill();
  const gone = await bed.waitForPut('no 53/udp', (state) => instancesOf(state, 53, 'udp') === 0, killed);
  t.true(gone.time - killed <= GONE_MS);
  const client = bed.start(binds(['DGRAM', '0.0.0.0', 53, 'connect']));
  await waitUntil('client', 5000, () => client.stdout.includes('done'));
  await bed.waitForPut('nothing on 53/udp', (state) => instancesOf(state, 53, 'udp') === 0, Date.now() + 50);
  await client.kill();
});

test.serial('a dual-stack server of Node serves the VIP and sees mapped addresses', async (t) => {
  const script = `require('node:http').createServer((q, r) => r.end(q.socket.remoteAddress)).listen(80, function () {
    console.log(this.address().address) })`;
  const program = bed.start(['node', '-e', script]);
  await waitUntil(`node: ${program.stderr}`, 5000, () => program.stdout.includes('\n'));
  t.is(program.stdout, `::ffff:${VIP}\n`);
  t.is(await fetchVip(), '::ffff:10.88.0.1');
  t.is(await program.kill('SIGTERM'), 'SIGTERM');
});

test.serial('socat serves an upload and a download over the VIP', async (t) => {
  const program = bed.start(['socat', 'TCP-LISTEN:8001,fork,reuseaddr', 'EXEC:cat']);
  await registered(8001, 1);
  const echoed = await bed.inRouter('sh', '-c', `seq 200000 | socat -t 5 - TCP:${VIP}:8001 | md5sum`);
  t.is(echoed, await bed.inRouter('sh', '-c', 'seq 200000 | md5sum'));
  await program.kill();
});

test.serial('the node itself reaches a VIP by the router, not on its own lo', async (t) => {
  const {program} = await serving();
  t.regex(await bed.inNode('ip', 'route', 'get', VIP), /via 10\.88\.0\.1 dev eth1/);
  await program.kill();
});

test.serial('an agent that is killed and started again finds its endpoints', async (t) => {
  const {program} = await serving();
  const before = await registered(80, 1, Date.now());
  await bed.agent?.kill();
  t.is((await fetchVip()).trim(), String(program.pid));
  // This bind finds no agent, and waits for the next.
  const late = bed.start(server(8002));
  const since = Date.now();
  await bed.startAgent();
  const first = bed.readPuts().find((put) => put.time >= since);
  t.is(instancesOf(first?.state ?? before.state, 80), 1);
  t.true((first?.state.epoch ?? 0) > before.state.epoch);
  await registered(8002, 1, since);
  const killed = Date.now();
  await program.kill();
  await late.kill();
  const gone = await bed.waitForPut('nothing', (state) => state.endpoints.length === 0, killed);
  t.true(gone.time - killed <= 2 * GONE_MS);
});

test.serial('listen waits until the router knows, and hardly when it does not answer', async (t) => {
  const took = async (): Promise<number> => {
    const program = bed.start(timedListen(8004));
    t.is(await program.end(), 0);
    return Number(program.stdout);
  };
  await bed.startRouter(config, 400);
  const since = Date.now();
  const puts = () => bed.readPuts().filter((put) => put.time >= since).length;
  await waitUntil('the router has answered once', 5000, () => puts() >= 2);
  const slow = await took();
  t.true(slow >= 350 && slow <= 1200, `${slow} ms with a router that takes 400 ms`);
  await bed.startRouter(config, 60_000);
  const silent = await took();
  t.true(silent <= 200, `${silent} ms with a router that does not answer`);
  await bed.startRouter(config);
});

test.serial('a VIP leaves lo when no socket uses it; a connection without its listener does', async (t) => {
  const last = bed.start(lastConnection(8003));
  await registered(8003, 1);
  const client = bed.spawnInRouter('socat', ['-u', `TCP:${VIP}:8003`, '-']);
  await registered(8003, 0, Date.now());
  const names = bed.start(binds(['DGRAM', '0.0.0.0', 53]), 'names');
  await waitUntil('bound', 5000, () => names.stdout.includes(`ok ${NAMES_VIP} 53`));
  await names.kill();
  const onLo = () => bed.inNode('ip', 'address', 'show', 'dev', 'lo');
  await waitUntil('unused VIP gone from lo', 12_000, async () => !(await onLo()).includes(NAMES_VIP));
  t.true((await onLo()).includes(VIP));
  const sent = client.stdout.length;
  await waitUntil('more from the connection', 5000, () => client.stdout.length > sent);
  await last.kill();
});
