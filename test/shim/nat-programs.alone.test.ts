// NAT mode with real programs: node ports, what programs see of them, and what an agent that is killed and
// started again makes of them. The drawing is at Bed in support.ts; clients go to the node port, because the
// fake router moves no packets.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import type {NodeEndpoint, NodeState} from '../../router/protocol/messages.ts';
import {binds, closing, inherited, reporting, server} from './programs.ts';
import {Bed, VIP, nodeCommand, nodeConfigFor, web} from './support.ts';
import type {Running} from './support.ts';
import {waitUntil} from '../support/wait.ts';

const {EADDRINUSE} = os.constants.errno;
const NODE = '10.88.0.11';
const NAMES_VIP = '10.77.0.200';
const GONE_MS = 100;
const applications = [
  {...web, vips: [VIP, '10.77.0.101']},
  {...web, name: 'names', vips: [NAMES_VIP]},
];
const config = nodeConfigFor(applications, 'nat');
const bed = new Bed();
let before = '';

const endpointsOn = (state: NodeState, port: number, protocol = 'tcp'): NodeEndpoint[] =>
  state.endpoints.filter((endpoint) => endpoint.port === port && endpoint.protocol === protocol);

/** The node ports that stand for `port`, once there are `count`. */
async function nodePorts(port: number, count: number, since = 0, protocol = 'tcp'): Promise<number[]> {
  const put = await bed.waitForPut(
    `${count} endpoints on ${port}`,
    (state) => endpointsOn(state, port, protocol).length === count,
    since,
  );
  return endpointsOn(put.state, port, protocol).map((endpoint) => endpoint.nodePort ?? 0);
}

async function started(command: string[], application = 'web'): Promise<Running> {
  const program = bed.start(command, application);
  await waitUntil(`output of ${application}: ${program.stderr}`, 5000, () => program.stdout.includes('\n'));
  return program;
}

async function bindAll(...attempts: Parameters<typeof binds>): Promise<{program: Running; lines: string[]}> {
  const program = bed.start(binds(...attempts));
  await waitUntil(`binds: ${program.stderr}`, 5000, () => program.stdout.includes('done'));
  return {program, lines: program.stdout.trim().split('\n').slice(0, -1)};
}

const logged = (text: string) =>
  waitUntil(`log: ${text}`, 5000, () =>
    (bed.agent?.stdout ?? '').concat(bed.agent?.stderr ?? '').includes(text),
  );
const fetchFrom = async (port: number) =>
  (await bed.inRouter('curl', '-s', '-m', '2', `http://${NODE}:${port}/`)).trim();

test.before(async () => {
  await bed.up(config);
  await bed.inNode('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/eth1/rp_filter');
  before = await bed.hostState();
  await bed.startAgent();
});

test.after.always(() => bed.down());

test.serial('a server gets the same port where it is free, and is gone at once after kill -9', async (t) => {
  const program = await started(server(80));
  const put = await bed.waitForPut('endpoint', (state) => state.endpoints.length === 1);
  t.deepEqual(put.state.endpoints, [
    {application: 'web', vip: VIP, protocol: 'tcp', port: 80, instances: 1, nodePort: 80},
  ]);
  t.true(put.time <= Number(program.stdout) + 10, 'registered when listen returned');
  t.is(await fetchFrom(80), String(program.pid));
  t.deepEqual(put.state.vips, [VIP]);
  t.regex(await bed.hostState(), new RegExp(`inet ${VIP}/32 scope host lo:coscanet`));
  const killed = Date.now();
  await program.kill();
  const gone = await bed.waitForPut('nothing', (state) => state.endpoints.length === 0, killed);
  t.true(gone.time - killed <= GONE_MS, `gone after ${gone.time - killed} ms`);
  await waitUntil('the host as it was', 20_000, async () => (await bed.hostState()) === before);
});

test.serial('an interface has the address that a program is told, as long as it is told', async (t) => {
  const has = async (vip: string) => (await bed.hostState()).includes(` ${vip}/32 `);
  const {program} = await bindAll(['STREAM', '10.77.0.101', 8001, 'bound'], ['DGRAM', '', 53]);
  const since = Date.now();
  t.true((await has(VIP)) && (await has('10.77.0.101')));
  // The grace time is 6 s, for what nobody has; housekeeping looks every 5 s.
  await bed.waitForPut('a later one', () => true, since + 12_000, 15_000);
  t.true((await has(VIP)) && (await has('10.77.0.101')));
  await program.kill();
  await waitUntil('the host as it was', 20_000, async () => (await bed.hostState()) === before);
});

test.serial('each instance has a port of its own, also with SO_REUSEPORT; both see VIP:port', async (t) => {
  const since = Date.now();
  const programs = [await started(reporting(80)), await started(reporting(80))];
  const other = await started(reporting(80), 'names');
  const ports = await nodePorts(80, 3, since);
  t.is(new Set(ports).size, 3, ports.join());
  t.true(ports.includes(80));
  for (const program of programs) t.is(program.stdout, `listener ${VIP}:80\n`);
  t.is(other.stdout, `listener ${NAMES_VIP}:80\n`);
  // The program's answer: local and remote address of the accepted connection, and its pid.
  const answers = await Promise.all(ports.map(fetchFrom));
  const expected = [...programs, other].map((program) => {
    return `accepted ${program === other ? NAMES_VIP : VIP}:80 from 10.88.0.1 by ${program.pid}`;
  });
  t.deepEqual(answers.toSorted(), expected.toSorted());
  for (const program of [...programs, other]) await program.kill();
});

test.serial('python3 -m http.server and a dual-stack Node server see their VIP', async (t) => {
  const since = Date.now();
  const http = bed.start(['/usr/bin/python3', '-u', '-m', 'http.server', '8000']);
  const [port] = await nodePorts(8000, 1, since);
  t.is(port, 8000);
  await bed.inRouter('curl', '-sf', '-m', '2', '-o', '/dev/null', `http://${NODE}:8000/`);
  const script = `require('node:http').createServer((q, r) => r.end(q.socket.localAddress + ' ' + q.socket.localPort))
    .listen(8000, function () { console.log(this.address().address, this.address().port) })`;
  const node = await started(['node', '-e', script]);
  t.is(node.stdout, `::ffff:${VIP} 8000\n`);
  const second = (await nodePorts(8000, 2, since)).find((other) => other !== 8000) ?? 0;
  t.is(await fetchFrom(second), `::ffff:${VIP} 8000`);
  await http.kill();
  await node.kill();
});

test.serial('a UDP server is registered at bind and answers', async (t) => {
  const since = Date.now();
  const echo = `s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 53))\nprint(*s.getsockname())
while True:\n  data, peer = s.recvfrom(100)\n  s.sendto(data, peer)`;
  const program = await started(['/usr/bin/python3', '-u', '-c', `import socket\n${echo}`]);
  t.is(program.stdout, `${VIP} 53\n`);
  const [port] = await nodePorts(53, 1, since, 'udp');
  const answer = await bed.inRouter('sh', '-c', `echo hello | socat -t 1 - UDP:${NODE}:${port}`);
  t.is(answer, 'hello\n');
  const killed = Date.now();
  await program.kill();
  const gone = await bed.waitForPut('nothing', (state) => state.endpoints.length === 0, killed);
  t.true(gone.time - killed <= GONE_MS, `gone after ${gone.time - killed} ms`);
});

const stream = (port: number, ...options: string[]) => ['STREAM', '', port, ...options] as const;
test.serial(
  'a busy port of the host is no obstacle; the refusal in one instance names the holder',
  async (t) => {
    const host = bed.spawnInNode('/usr/bin/python3', [
      '-c',
      'import socket, time; s = socket.socket(); s.bind(("", 8200)); s.listen(); print("up", flush=True); time.sleep(1000)',
    ]);
    await waitUntil('listener of the host', 5000, () => host.stdout.includes('up'));
    const since = Date.now();
    const {program, lines} = await bindAll([...stream(8200)], [...stream(8200)]);
    t.deepEqual(lines, [`ok ${VIP} 8200`, `${EADDRINUSE}`]);
    const [port = 0] = await nodePorts(8200, 1, since);
    t.true(port !== 8200 && port > 1023);
    t.true(
      program.stderr.includes(`this instance has 8200/tcp already: python3 (pid ${program.pid})`),
      program.stderr,
    );
    await program.kill();
    await host.kill();
  },
);

test.serial(
  'a server that is started again gets its port although connections of the old one live',
  async (t) => {
    const since = Date.now();
    const {program} = await bindAll([...stream(8300, 'REUSEADDR', 'accept')]);
    const [port = 0] = await nodePorts(8300, 1, since);
    t.is(port, 8300);
    const client = bed.spawnInRouter('socat', ['-u', `TCP:${NODE}:8300`, '-']);
    await waitUntil('connection', 5000, () => program.stdout.includes('accepted'));
    // The listener has gone, the connection lives. The same name may have the port, another one must not.
    const killed = Date.now();
    await nodePorts(8300, 0, killed);
    const other = await started(server(8300), 'names');
    t.true((await nodePorts(8300, 1, killed))[0] !== 8300);
    const next = await started(server(8300));
    t.true((await nodePorts(8300, 2, killed)).includes(8300));
    for (const one of [client, program, other, next]) await one.kill();
  },
);

test.serial('an agent that is killed and started again knows what each port stands for', async (t) => {
  const since = Date.now();
  const first = await started(server(80));
  const second = await started(server(80));
  // A port that its number does not tell: it stands for another VIP's port.
  const {program: third} = await bindAll(['STREAM', '10.77.0.101', 80], ['DGRAM', '10.77.0.101', 53]);
  const known = await bed.waitForPut('all', (state) => state.endpoints.length === 4, since);
  await bed.agent?.kill();
  const late = bed.start(binds(['STREAM', '', 8002]));
  const again = Date.now();
  await bed.startAgent();
  const put = await bed.waitForPut('the same', () => true, again);
  t.deepEqual(put.state.endpoints, known.state.endpoints);
  await nodePorts(8002, 1, again);
  await waitUntil('the late bind', 5000, () => late.stdout.includes(`ok ${VIP} 8002\n`));
  const files = fs.readdirSync(path.join(bed.folder, 'run'));
  t.deepEqual(files, ['agent-node1.json']);
  t.false(fs.readFileSync(path.join(bed.folder, 'run/agent-node1.json'), 'utf8').includes(VIP));
  for (const program of [first, second, third, late]) await program.kill();
});

test.serial(
  'a program with a filter of its own: served, told in the log, unknown to the next agent',
  async (t) => {
    const since = Date.now();
    const {program, lines} = await bindAll([...stream(8400, 'filter')]);
    t.deepEqual(lines, [`ok ${NODE} 8400`]);
    await nodePorts(8400, 1, since);
    await logged('the program has a socket filter of its own');
    await bed.agent?.kill();
    const again = Date.now();
    await bed.startAgent();
    await nodePorts(8400, 0, again);
    await logged(`${NODE}:8400/tcp is not registered: nothing says which virtual address and port`);
    await program.kill();
  },
);

test.serial('a socket from outside is bound, not registered, and the log says so', async (t) => {
  const launch = [nodeCommand, 'run', '--app', 'web', '--cgroup-root', bed.cgroupRoot, '--'];
  const [command = '', ...args] = inherited(launch, 8006);
  const program = bed.spawnInNode(command, args);
  await waitUntil(`listener: ${program.stderr}`, 5000, () => program.stdout.includes('ok'));
  await logged(`${NODE}:8006/tcp is not registered: it was made outside`);
  t.is(endpointsOn(bed.readPuts().at(-1)!.state, 8006).length, 0);
  await program.kill();
});

test.serial('a listener that is closed while its process lives goes at once', async (t) => {
  const flag = path.join(bed.folder, 'close');
  const program = bed.start(closing(8005, flag));
  await nodePorts(8005, 1);
  fs.writeFileSync(flag, '');
  const since = Date.now();
  const gone = await bed.waitForPut('gone', (state) => endpointsOn(state, 8005).length === 0, since);
  const closed = Number(program.stdout.trim().split('\n').at(-1));
  t.true(gone.time - closed <= GONE_MS, `gone after ${gone.time - closed} ms`);
  await program.kill();
});

test.serial(
  'from DSR to NAT and back: sockets of the other mode stay, unregistered; the host is put back',
  async (t) => {
    await bed.startRouter(nodeConfigFor(applications));
    await logged('the router is in DSR mode now');
    const dsr = Date.now();
    const onVip = await started(server(8500));
    await bed.waitForPut(
      'a VIP',
      (state) => endpointsOn(state, 8500).some(({nodePort}) => nodePort === undefined),
      dsr,
    );
    t.regex(await bed.hostState(), /lo:coscanet/);
    await bed.startRouter(config);
    const nat = Date.now();
    await logged('the router is in NAT mode now: programs have to be started again');
    await nodePorts(8500, 0, nat);
    await logged(`${VIP}:8500/tcp is not registered: it was bound in the other mode`);
    const again = Date.now();
    const second = await started(server(8500));
    t.deepEqual(await nodePorts(8500, 1, again), [8500]);
    await onVip.kill();
    await bed.startRouter(nodeConfigFor(applications));
    await logged(`${NODE}:8500/tcp is not registered: it was bound in the other mode, the router is in DSR`);
    await second.kill();
    await bed.startRouter(config);
    t.is(await bed.agent?.kill('SIGTERM'), 0);
    await waitUntil('the host as it was', 5000, async () => (await bed.hostState()) === before);
  },
);
