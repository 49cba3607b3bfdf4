// Connections and conversations that instances open: outside they come from the virtual IP, each from a port of its
// own, and the answers come back to the node. In both modes.
//
//   client:  http_server.py 8000, udp_echo.py 7000, dnsmasq 53 ──┐                  ┌── node1  curl, dig, downloads.py
//   remote:  the same ── gateway ────────────────────────────────┤ bridge ── router ├── node2  …
//                                                                └──────────────────┴── node3  …
//
// Names that an instance looks up by its libc: what that sends no library sees, so it comes from the node's own
// address. A resolver on the node, or on the router's internal network, serves instances all the same.
//
//   router: dnsmasq 10.88.0.1 ── node1: dnsmasq 127.0.0.1, getent as an instance

import type {ExecutionContext} from 'ava';
import {z} from 'zod';
import {parseDownloads, socketsSchema} from '../support/clients.ts';
import {inEachMode} from '../support/each-mode.ts';
import {VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Running} from '../support/command.ts';
import type {Testbed} from '../support/testbed.ts';
import {counters} from '../support/transfers.ts';

const OTHER_VIP = '10.77.0.101';
const CONFIG = `block-ports: 64
applications:
  - {name: web, vips: [${VIP}], ports: [80/tcp, 8000/tcp, 5000/udp]}
  - {name: other, vips: [${OTHER_VIP}], ports: [80/tcp]}
  - {name: few, vips: [10.77.0.102], ports: [80/tcp]}
`;
const NODES = ['node1', 'node2', 'node3'];
const HOSTS = {client: '10.77.0.2', remote: '10.99.0.2'};

/** Who resolves names for instances of node1, and where. */
const RESOLVERS = {router: '10.88.0.1', node1: '127.0.0.1'};

interface Servers {
  /** What the HTTP servers of client and remote say: a line per request, the client's address first. */
  web: Record<string, Running>;
  names: Record<string, Running>;
}

const DNSMASQ = [
  'dnsmasq',
  '--keep-in-foreground',
  '--no-resolv',
  '--no-hosts',
  '--conf-file=/dev/null',
  '--pid-file',
  '--user=root',
];

async function startResolvers(bed: Testbed): Promise<void> {
  for (const [host, address] of Object.entries(RESOLVERS)) {
    const only = [`--listen-address=${address}`, '--bind-interfaces', '--address=/a.test/192.0.2.1'];
    await bed.startServer(host, 53, [...DNSMASQ, ...only]);
    bed.file(`${host}.conf`, `nameserver ${address}\noptions timeout:2 attempts:1\n`);
  }
}

const eachMode = inEachMode({nodes: 3, forwarders: 2, config: CONFIG}, async (bed) => {
  // Blocks lie in the kernel's own range: on node3 there are two to have.
  await bed.in('node3', ['sysctl', '-qw', 'net.ipv4.ip_local_port_range=40000 40127']);
  const servers: Servers = {web: {}, names: {}};
  const log = ['--log-queries', '--log-facility=-', '--address=/a.test/192.0.2.1'];
  for (const host of Object.keys(HOSTS)) {
    servers.web[host] = await bed.startServer(host, 8000, tool('http_server', 8000, host));
    await bed.startServer(host, 7000, tool('udp_echo', 7000, host));
    servers.names[host] = await bed.startServer(host, 53, [...DNSMASQ, ...log]);
  }
  await startResolvers(bed);
  return servers;
});

async function succeeds(
  t: ExecutionContext,
  bed: Testbed,
  node: string,
  application: string,
  command: string[],
) {
  const result = await bed.instance(node, application, command, {COSCANET_VERBOSE: '1'});
  t.is(result.status, 0, `${node}: ${command.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** The addresses in the lines that a server wrote while `body` ran. */
async function seenBy(server: Running, pattern: RegExp, body: () => Promise<void>): Promise<string[]> {
  const before = server.stdout.length + server.stderr.length;
  await body();
  await waitUntil(
    'the server wrote something',
    3000,
    () => server.stdout.length + server.stderr.length > before,
  );
  const lines = server.stdout + server.stderr;
  return [...lines.slice(before).matchAll(pattern)].map((match) => match[1] ?? '');
}

eachMode('curl as an instance comes from the virtual IP', async (t, bed, _, {web}) => {
  for (const [host, address] of Object.entries(HOSTS)) {
    const seen = await seenBy(web[host]!, /^(\S+) GET/gm, async () => {
      for (const node of NODES) {
        const url = `http://${address}:8000/`;
        t.is(await succeeds(t, bed, node, 'web', ['curl', '-sS', '-m', '5', url]), host);
        t.is(await succeeds(t, bed, node, 'other', ['curl', '-sS', '-m', '5', url]), host);
      }
    });
    t.deepEqual(seen, [VIP, OTHER_VIP, VIP, OTHER_VIP, VIP, OTHER_VIP], host);
  }
});

eachMode('dig as an instance, over UDP and TCP', async (t, bed, _, {names}) => {
  for (const [host, address] of Object.entries(HOSTS))
    for (const way of ['+notcp', '+tcp']) {
      const seen = await seenBy(names[host]!, /query\[A\] a\.test from (\S+)/g, async () => {
        for (const node of NODES) {
          const dig = ['dig', `@${address}`, '+short', '+tries=1', '+timeout=3', way, 'a.test'];
          t.is(await succeeds(t, bed, node, 'web', dig), '192.0.2.1\n');
        }
      });
      t.deepEqual(seen, [VIP, VIP, VIP], `${host} ${way}`);
    }
});

eachMode('many at once from all nodes: each from a port of its own', async (t, bed) => {
  // All of them last two seconds: a port of one that has ended may be another's.
  const size = 20_000;
  const count = 100;
  const runs = NODES.map((node) =>
    succeeds(
      t,
      bed,
      node,
      'web',
      tool('downloads', `http://10.77.0.2:8000/bytes/${size}?rate=${size / 2}`, count),
    ),
  );
  const texts = await Promise.all(runs);
  const all = texts.flatMap(parseDownloads);
  t.is(all.length, 3 * count);
  t.deepEqual(all.filter((one) => one.error !== null || one.bytes !== size).slice(0, 3), []);
  const names = new Set(all.map((one) => one.client));
  t.is(names.size, all.length);
  t.true(
    all.every((one) => one.client.startsWith(`${VIP}:`)),
    'the program itself sees the virtual IP',
  );
  t.true((await counters(bed))('block_frames') > 3 * count);
});

eachMode('datagrams of many sockets, connected and not', async (t, bed) => {
  for (const [host, address] of Object.entries(HOSTS))
    for (const how of [[], ['connected']]) {
      const command = tool('udp_clients', address, 7000, 20, 3, ...how);
      const texts = await Promise.all(NODES.map((node) => succeeds(t, bed, node, 'web', command)));
      const sockets = texts.flatMap((text) => socketsSchema.parse(JSON.parse(text)));
      t.is(sockets.length, 60);
      for (const socket of sockets)
        t.deepEqual(socket, {nodes: [host], seen: [VIP], from: [`${address}:7000`], lost: 0});
    }
});

eachMode('loopback and the internal network stay as they are', async (t, bed) => {
  const onNode = await bed.startServer('node1', 8001, tool('http_server', 8001, 'node1'));
  const onRouter = await bed.startServer('router', 8001, tool('http_server', 8001, 'router'));
  const loopback = await seenBy(onNode, /^(\S+) GET/gm, async () => {
    t.is(
      await succeeds(t, bed, 'node1', 'web', ['curl', '-sS', '-m', '5', 'http://127.0.0.1:8001/']),
      'node1',
    );
  });
  t.deepEqual(loopback, ['127.0.0.1']);
  const internal = await seenBy(onRouter, /^(\S+) GET/gm, async () => {
    t.is(
      await succeeds(t, bed, 'node1', 'web', ['curl', '-sS', '-m', '5', 'http://10.88.0.1:8001/']),
      'router',
    );
  });
  t.deepEqual(internal, ['10.88.0.11']);
  for (const one of [onNode, onRouter]) await bed.stop(one);
});

eachMode('a listener or datagram socket on port 0 is reached from outside', async (t, bed) => {
  const servers = NODES.map((node) => bed.startInstance(node, 'web', tool('port_zero', node)));
  for (const [i, server] of servers.entries()) {
    await waitUntil('it says where it listens', 5000, () => server.stdout.includes('\n'));
    const name = z
      .object({address: z.string(), tcp: z.number(), udp: z.number()})
      .parse(JSON.parse(server.stdout));
    t.is(name.address, VIP);
    for (const host of Object.keys(HOSTS)) {
      t.is(await bed.in(host, ['curl', '-sS', '-m', '5', `http://${VIP}:${name.tcp}/`]), `${NODES[i]}\n`);
      const [socket] = await bed.json(socketsSchema, host, tool('udp_clients', VIP, name.udp, 1, 2));
      t.deepEqual(socket?.nodes, [NODES[i]]);
    }
  }
  t.deepEqual(await bed.endpoints(), [], 'they are no endpoints that others could join');
  for (const server of servers) await bed.stop(server, 'SIGKILL');
});

const exhaustedSchema = z.record(
  z.string(),
  z.object({opened: z.number(), errno: z.string().nullable(), again: z.boolean()}),
);

eachMode('ports that are used up: EADDRNOTAVAIL, and a line that says why', async (t, bed) => {
  const command = tool('exhaust', '10.77.0.2', 8000, 7000);
  const result = await bed.instance('node3', 'few', command, {COSCANET_VERBOSE: '1'});
  t.is(result.status, 0, result.stderr);
  const {tcp, udp} = exhaustedSchema.parse(JSON.parse(result.stdout));
  for (const one of [tcp, udp]) {
    t.true(one !== undefined && one.opened > 64, 'a second block is taken when the first one is full');
    t.true(one !== undefined && one.opened <= 128, 'and then no more');
    t.like(one, {errno: 'EADDRNOTAVAIL', again: true});
  }
  t.regex(result.stderr, /no ports of 10\.77\.0\.102/);
});

for (const host of Object.keys(RESOLVERS))
  eachMode(`a resolver on ${host} serves instances`, async (t, bed) => {
    const look = `mount --bind ${bed.folder}/${host}.conf /etc/resolv.conf && exec getent ahostsv4 a.test`;
    const {stdout, stderr} = await bed.instance('node1', 'web', ['unshare', '--mount', 'sh', '-c', look]);
    t.regex(stdout, /^192\.0\.2\.1 +STREAM a\.test\n/, stderr);
  });
