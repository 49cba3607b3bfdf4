// The real daemon in NAT mode, with agents made by hand and servers that nobody has adapted:
//
//   remote 10.99.0.2 ── gateway ──┐ external            internal ┌── node1 10.88.0.11/32  http_server.py 8080
//   client 10.77.0.2 ─────────────┴── router, VIP 10.77.0.100 ───┴── node2 10.88.0.12/32  http_server.py 80,
//                                                                                         udp_echo.py 5300

import test from 'ava';
import {z} from 'zod';
import {statusViewSchema} from '../../router/protocol/views.ts';
import {availableModes} from '../../router/config/schema.ts';
import {Testbed, tool, VIP} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Running} from '../support/command.ts';

const SIZE = 10_000_000;
const SERVERS = [
  {node: 'node1', address: '10.88.0.11', nodePort: 8080},
  {node: 'node2', address: '10.88.0.12', nodePort: 80, names: 5300},
];
const downloadsSchema = z.array(
  z.object({error: z.string().nullable(), bytes: z.number(), sha256: z.string()}),
);
const uploadSchema = z.object({sent: z.string(), received: z.string()});
const datagramsSchema = z.array(
  z.object({nodes: z.array(z.string()), seen: z.array(z.string()), lost: z.number()}),
);
const FORWARDER = /forwarder-main\.js/;
const KEEPER = /topology\/keep\.sh/;
const SUPERVISOR = /router\/main\.js --mode/;

let bed: Testbed;
const servers: Running[] = [];

/** Ends the agents as their units would: their nodes leave. */
async function dismissAgents(): Promise<void> {
  for (const {node} of SERVERS) for (const pid of await bed.pids(node, KEEPER)) process.kill(pid, 'SIGTERM');
  await waitUntil('the nodes have left', 15_000, async () => (await bed.nodes()).length === 0);
}

async function put(server: (typeof SERVERS)[number]): Promise<string> {
  const {node, address, nodePort, names} = server;
  const service = {application: 'web', vip: VIP, instances: 1};
  const endpoints = [
    {...service, protocol: 'tcp', port: 80, nodePort},
    ...(names === undefined ? [] : [{...service, protocol: 'udp', port: 53, nodePort: names}]),
  ];
  const state = JSON.stringify({address, epoch: Date.now(), sequence: 1, endpoints, vips: []});
  const request = 'curl -sSf -X PUT -H "authorization: Bearer $(cat $COSCANET_SECRET_FILE)"';
  const words = `${request} -H content-type:application/json -d "$1" http://$COSCANET_ROUTER/v1/nodes/$2`;
  return await bed.in(node, ['bash', '-c', words, 'bash', state, node]);
}

async function begin(): Promise<void> {
  bed = await Testbed.up({mode: 'nat', nodes: 2, forwarders: 2});
  await dismissAgents();
  for (const {node, address, nodePort} of SERVERS) {
    servers.push(bed.start(node, tool('http_server', nodePort, node)));
    const listens = ['bash', '-c', `: </dev/tcp/${address}/${nodePort}`];
    await waitUntil(`${node} listens`, 10_000, async () => (await bed.try(node, listens)).status === 0);
  }
  bed.start('node2', tool('udp_echo', 5300, 'node2'));
  for (const server of SERVERS) await put(server);
  const up = async () => (await bed.endpoints()).filter((one) => one.state === 'up').length === 3;
  await waitUntil('all are endpoints', 5000, up);
}

const counters = async () =>
  (await bed.json(statusViewSchema, 'router', ['coscanet', 'status', '--json'])).counters;
const curl = (host: string, ...words: string[]) => bed.try(host, ['curl', '-sS', '-m', '10', ...words]);

async function answersOf(host: string, count: number): Promise<string[]> {
  const answers: string[] = [];
  for (let n = 0; n < count; n++) answers.push((await curl(host, `http://${VIP}/`)).stdout);
  return answers.toSorted();
}

/** What a download of SIZE bytes must hash to, from a server itself. */
async function sumOf(host: string, url: string): Promise<string> {
  return await bed.in(host, ['bash', '-c', `set -o pipefail; curl -sSf -m 30 ${url} | sha256sum`]);
}

function natTests(): void {
  test.before(begin);
  test.after.always(() => bed.down());

  for (const host of ['client', 'remote'])
    test.serial(`${host}: answers of both servers, who see its own address`, async (t) => {
      const address = host === 'client' ? '10.77.0.2' : '10.99.0.2';
      const before = servers.map((server) => server.stdout.length);
      t.deepEqual(await answersOf(host, 4), ['node1', 'node1', 'node2', 'node2']);
      servers.forEach((server, n) =>
        t.deepEqual(server.stdout.slice(before[n]).trim().split('\n'), [
          `${address} GET /`,
          `${address} GET /`,
        ]),
      );
    });

  for (const host of ['client', 'remote'])
    test.serial(`${host}: 10 MB arrive intact, both ways, through the router`, async (t) => {
      const before = (await counters())['outbound_frames'] ?? 0;
      const sum = await sumOf('router', `http://10.88.0.11:8080/bytes/${SIZE}`);
      t.is((await counters())['outbound_frames'], before);
      t.is(await sumOf(host, `http://${VIP}/bytes/${SIZE}`), sum);
      const {sent, received} = await bed.json(uploadSchema, host, tool('upload', `http://${VIP}/`, SIZE));
      t.is(received, sent);
      t.true(((await counters())['outbound_frames'] ?? 0) > before);
    });

  test.serial('datagrams', async (t) => {
    const clients = await bed.json(datagramsSchema, 'client', tool('udp_clients', VIP, 53, 5, 4));
    const expected = {nodes: ['node2'], seen: ['10.77.0.2'], lost: 0};
    t.deepEqual(
      clients.map(({nodes, seen, lost}) => ({nodes, seen, lost})),
      clients.map(() => expected),
    );
  });

  test.serial('a port that nobody serves is refused at once', async (t) => {
    const {status, stderr} = await curl('client', `http://${VIP}:8001/`);
    t.is(status, 7, stderr);
  });

  test.serial(
    "the router's kernel forwards nothing for nodes, even where it is told to forward",
    async (t) => {
      const told = async (value: number, word: string) => {
        await bed.in('router', ['sysctl', '-qw', `net.ipv4.ip_forward=${value}`]);
        await bed.in('client', ['ip', 'route', word, '10.88.0.0/24', 'via', '10.77.0.1']);
      };
      await told(1, 'add');
      t.teardown(() => told(0, 'del'));
      // The client would refuse what a kernel that forwards brought it; the router itself says no before.
      const refusals = async () => {
        const lines = (await bed.in('client', ['grep', '^Tcp:', '/proc/net/snmp'])).trim().split('\n');
        const [names = [], values = []] = lines.map((line) => line.split(' '));
        return Number(values[names.indexOf('OutRsts')]);
      };
      const before = await refusals();
      const {status, stderr} = await bed.try('node1', ['curl', '-sS', '-m', '1', 'http://10.77.0.2/']);
      t.is(status, 7, stderr);
      t.is(await refusals(), before);
      t.deepEqual(await answersOf('client', 2), ['node1', 'node2']);
    },
  );

  test.serial('forwarders, then the supervisor too killed under downloads: none breaks', async (t) => {
    const rate = SIZE / 16;
    const downloads = bed.start('client', tool('downloads', `http://${VIP}/bytes/${SIZE}?rate=${rate}`, 10));
    await waitUntil('downloads are in progress', 5000, () => downloads.stdout.includes('started'));
    const flows = async () =>
      (await bed.flows()).map((one) => `${one.client} ${one.node} ${one.nodePort}`).toSorted();
    const before = await flows();
    for (const patterns of [[FORWARDER], [SUPERVISOR, FORWARDER]]) {
      const old: number[] = [];
      for (const pattern of patterns) old.push(...(await bed.pids('router', pattern)));
      for (const pid of old) process.kill(pid, 'SIGKILL');
      await waitUntil('forwarders are back', 10_000, async () => {
        const now = await bed.pids('router', FORWARDER);
        return now.length === 2 && !now.some((pid) => old.includes(pid));
      });
    }
    await waitUntil('the router answers', 5000, () => flows().catch(() => null));
    t.deepEqual(await flows(), before);
    t.is(downloads.child.exitCode, null, 'the downloads are still in progress');
    const {stdout} = await downloads.ended;
    const results = downloadsSchema.parse(JSON.parse(stdout.split('\n')[1] ?? ''));
    t.deepEqual(
      results.map((one) => [one.error, one.bytes]),
      results.map(() => [null, SIZE]),
    );
    const sum = await sumOf('router', `http://10.88.0.11:8080/bytes/${SIZE}`);
    t.deepEqual([...new Set(results.map((one) => `${one.sha256}  -\n`))], [sum]);
  });

  test.serial('silent agents: the router asks address and port of each node itself', async (t) => {
    const states = async () =>
      (await bed.endpoints())
        .filter((one) => one.protocol === 'tcp')
        .map((one) => `${one.node} ${one.nodePort} ${one.state}`);
    await waitUntil('the leases are over', 5000, async () =>
      (await states()).every((s) => s.endsWith('suspect')),
    );
    await bed.stop(servers[0] as Running, 'SIGKILL');
    const expected = ['node1 8080 unreachable', 'node2 80 suspect'];
    await waitUntil('the dead one is found', 5000, async () => (await states()).join() === expected.join());
    t.deepEqual(await answersOf('client', 2), ['node2', 'node2']);
  });

  test.serial('a crashed router is cleaned up after, its gateway too', async (t) => {
    const neighbors = () => bed.in('router', ['ip', 'neigh']);
    t.regex(await neighbors(), /^10\.77\.0\.254 .* managed/m);
    for (const pattern of [KEEPER, SUPERVISOR])
      for (const pid of await bed.pids('router', pattern)) process.kill(pid, 'SIGKILL');
    const gone = async () => (await bed.pids('router', SUPERVISOR)).length === 0;
    await waitUntil('the supervisor is gone', 5000, gone);
    await bed.in('router', ['coscanet-router', 'cleanup']);
    t.is(await bed.in('router', ['nft', 'list', 'tables']), '');
    t.notRegex(await neighbors(), /managed/);
    t.deepEqual(await bed.pids('router', FORWARDER), []);
  });
}

if (availableModes.includes('nat')) natTests();
else test('mode nat is not offered', (t) => t.deepEqual(availableModes, ['dsr']));
