// The router's own host is a client like any other, and a node like any other: its share, its end, its crashes, and
// nothing left when it stops being one. In both modes.
//
//   remote ── gateway ──┐                  ┌── node1  http_server.py 80
//             client ───┤ bridge ── router ├── node2  http_server.py 80
//                       └──────────  │  ───┘
//                                    └── on the router's host itself: http_server.py 80, curl, an agent

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {downloadsOf, endLoop, loopSchema, startDownloads, uploadSchema} from '../support/clients.ts';
import {inModes} from '../support/modes.ts';
import type {ModeCase, Variant} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Running} from '../support/command.ts';

const NODES = ['node1', 'node2', 'router'];
const URL = `http://${VIP}/`;
const REQUESTS = 60;
const SIZE = 20_000_000;
const SLOW = `${URL}bytes/3000000?rate=500000&step=20`;
/** Whatever else keeps this machine busy: equal shares. */
const CONFIG = `weights: {low: 1, medium: 1, high: 1}
applications:
  - {name: web, vips: [${VIP}], ports: [80/tcp, 8000-8999/tcp]}
`;
const SUPERVISOR = /router\/main\.js --mode/;
const FORWARDER = /forwarder-main\.js/;
const AGENT = /main\.js agent/;
const KEEPER = /topology\/keep\.sh/;

type Case = ModeCase & Variant;

/** As which the servers see who asks from this host. */
function addressesOf(host: string, {mode, options}: Case): string[] {
  const fixed: Record<string, string> = {client: '10.77.0.2', remote: '10.99.0.2'};
  const network = options.oneArm === true ? '10.77.0' : '10.88.0';
  const address = fixed[host] ?? `${network}.${host === 'router' ? 1 : 10 + Number(host.slice(4))}`;
  if (mode === 'dsr') return [address];
  // What a node sends to itself by the router must come back to the router: from nobody's address (RFC 7600).
  return [host === 'router' ? '192.0.0.7' : address, ...(NODES.includes(host) ? ['192.0.0.8'] : [])];
}

async function shares(t: ExecutionContext, bed: Testbed, servers: Running[], one: Case): Promise<void> {
  for (const host of ['client', 'remote', 'router', 'node1']) {
    const before = servers.map((server) => server.stdout.length);
    const {answers, failures} = await bed.json(loopSchema, host, tool('request_loop', URL, REQUESTS));
    t.deepEqual(failures, [], host);
    const count = REQUESTS / NODES.length;
    t.deepEqual(answers, {node1: count, node2: count, router: count}, host);
    const lines = servers.flatMap((server, n) => server.stdout.slice(before[n]).split('\n'));
    const seen = new Set(lines.filter(Boolean).map((line) => line.split(' ')[0] ?? ''));
    t.deepEqual([...seen].toSorted(), addressesOf(host, one).toSorted(), host);
  }
}

async function payloads(t: ExecutionContext, bed: Testbed): Promise<void> {
  const sums = new Set<string>();
  for (const host of ['client', 'remote', 'router']) {
    const results = await downloadsOf(await startDownloads(bed, host, `${URL}bytes/${SIZE}`, 3));
    t.deepEqual(
      results.map(({error, bytes}) => [error, bytes]),
      results.map(() => [null, SIZE]),
      host,
    );
    t.deepEqual(results.map((one) => one.node).toSorted(), NODES, host);
    for (const {sha256} of results) sums.add(sha256);
    const nodes: string[] = [];
    for (const _ of NODES) {
      const {sent, received, node} = await bed.json(uploadSchema, host, tool('upload', URL, SIZE));
      t.is(received, sent, host);
      nodes.push(node);
    }
    t.deepEqual(nodes.toSorted(), NODES, host);
  }
  t.is(sums.size, 1);
}

/** What an instance on the host opens comes from its virtual IP. */
async function outbound(t: ExecutionContext, bed: Testbed): Promise<void> {
  for (const [host, address] of [
    ['client', '10.77.0.2'],
    ['remote', '10.99.0.2'],
  ] as const) {
    const server = bed.start(host, tool('http_server', 9000, host));
    const listening = ['ss', '-Hltn', 'sport = :9000'];
    await waitUntil('it listens', 10_000, async () => (await bed.in(host, listening)) !== '');
    const url = `http://${address}:9000/bytes/${SIZE}`;
    const {status, stdout, stderr} = await bed.instance('router', 'web', [
      'curl',
      '-sS',
      '-m',
      '20',
      '-o',
      '/dev/null',
      '-w',
      '%{local_ip} %{size_download}',
      url,
    ]);
    t.is(stdout, `${VIP} ${SIZE}`, `${status} ${stderr}`);
    await waitUntil('the log of the server', 5000, () => server.stdout.includes(`${VIP} GET`));
    await bed.stop(server, 'SIGKILL');
  }
}

/** kill -9 of everything of ours on the host, while what it serves goes on. */
async function crash(t: ExecutionContext, bed: Testbed): Promise<void> {
  const downloads = await startDownloads(bed, 'client', SLOW, 3);
  const own = await startDownloads(bed, 'router', SLOW, 3);
  const old = [SUPERVISOR, FORWARDER, AGENT].map((pattern) => bed.pids('router', pattern));
  const killed = (await Promise.all(old)).flat();
  t.is(killed.length, 3);
  for (const pid of killed) process.kill(pid, 'SIGKILL');
  await waitUntil('all are back', 10_000, async () => {
    const now = (await Promise.all([SUPERVISOR, FORWARDER, AGENT].map((p) => bed.pids('router', p)))).flat();
    if (now.length !== 3 || now.some((pid) => killed.includes(pid))) return false;
    const endpoints = await bed.endpoints().catch(() => []);
    return endpoints.length === 3 && endpoints.every((one) => one.state === 'up');
  });
  t.is(downloads.child.exitCode, null, 'the downloads are still in progress');
  for (const results of [await downloadsOf(downloads), await downloadsOf(own)]) {
    t.deepEqual(
      results.map(({error}) => error),
      [null, null, null],
    );
    t.deepEqual(results.map(({node}) => node).toSorted(), NODES);
  }
  const down = (await bed.events()).filter((event) => event.event === 'endpoint-down');
  t.deepEqual(down, []);
}

/** The loop has reached this server a few times more. */
async function asked(server: Running): Promise<void> {
  const before = server.stdout.length;
  const times = () => server.stdout.slice(before).match(/GET \/\n/g)?.length ?? 0;
  await waitUntil('the loop goes on', 10_000, () => times() >= 5);
}

async function killServer(t: ExecutionContext, bed: Testbed, servers: Running[]): Promise<void> {
  const [node1, node2, server] = servers as [Running, Running, Running];
  const downloads = await startDownloads(bed, 'client', SLOW, 3);
  const loop = bed.start('client', tool('request_loop', URL));
  await asked(server);
  const killed = Date.now();
  server.child.kill('SIGKILL');
  const left = await waitUntil('the endpoint leaves the ring', 10_000, async () => {
    const events = await bed.events();
    return events.find((event) => event.event === 'endpoint-down' && event.node === 'router')?.time;
  });
  t.log(`left the ring ${left - killed} ms after SIGKILL`);
  t.true(left - killed <= 100, `left the ring after ${left - killed} ms`);
  await Promise.all([asked(node1), asked(node2)]);
  const result = await endLoop(loop);
  t.deepEqual(
    result.failures.filter((failure) => failure.began > left + 5),
    [],
  );
  for (const {node, error} of await downloadsOf(downloads))
    if (node === 'router') t.not(error, null, 'the host says itself that its server has gone');
    else t.is(error, null);
}

async function nothingLeft(t: ExecutionContext, bed: Testbed): Promise<void> {
  for (const pid of await bed.pids('router', KEEPER)) process.kill(pid, 'SIGTERM');
  await waitUntil('router and agent have ended', 15_000, async () => {
    return (await bed.pids('router', /main\.js/)).length === 0;
  });
  const shown = (...words: string[]) => bed.in('router', words);
  const links = (await shown('ip', '-br', 'link')).split('\n').map((line) => line.split(/[@ ]/)[0]);
  t.deepEqual(
    links.filter((name) => !/^(lo|eth[01])?$/.test(name ?? '')),
    [],
  );
  const rules = (await shown('ip', 'rule')).trim().split('\n');
  t.deepEqual(
    rules.map((line) => line.replace(/\s+/g, ' ')),
    ['0: from all lookup local', '32766: from all lookup main', '32767: from all lookup default'],
  );
  t.notRegex(await shown('ip', 'route', 'show', 'table', 'all'), /proto 74|coscanet|192\.0\.0/);
  t.notRegex(await shown('ip', '-4', 'addr', 'show', 'lo'), /coscanet/);
  t.is(await shown('nft', 'list', 'tables'), '');
  t.notRegex(await shown('ip', 'neigh'), /managed|192\.0\.0/);
  const settings = [
    'conf.all.arp_ignore',
    'conf.all.arp_announce',
    'conf.eth0.accept_local',
    'tcp_migrate_req',
  ];
  const values = await shown('sysctl', '-n', ...settings.map((one) => `net.ipv4.${one}`));
  t.deepEqual(values.trim().split('\n'), ['0', '0', '0', '0']);
}

async function life(t: ExecutionContext, one: Case): Promise<void> {
  t.timeout(180_000);
  const bed = await Testbed.up({nodes: 2, forwarders: 1, routerNode: true, config: CONFIG, ...one.options});
  t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
  const early = await bed.try('router', ['curl', '-sS', '-m', '20', URL]);
  t.is(early.status, 7, `a virtual IP that nobody serves yet: ${early.stderr}`);
  const servers = await Promise.all(
    NODES.map((node) => bed.serve(node, 'web', 80, tool('http_server', 80, node))),
  );
  await shares(t, bed, servers, one);
  const refused = await bed.try('router', ['curl', '-sS', '-m', '20', `http://${VIP}:8001/`]);
  t.is(refused.status, 7, `a port that nobody serves: ${refused.stderr}`);
  await payloads(t, bed);
  await outbound(t, bed);
  await crash(t, bed);
  await shares(t, bed, servers, one);
  await killServer(t, bed, servers);
  for (const server of servers) await bed.stop(server, 'SIGKILL');
  await nothingLeft(t, bed);
}

for (const one of inModes([
  {title: 'two interfaces', options: {}},
  {title: 'one-armed', options: {oneArm: true}},
]))
  test.serial(`${one.title}: the router's host as client and node`, (t) => life(t, one));
