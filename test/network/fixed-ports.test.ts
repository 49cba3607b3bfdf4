// Sockets that open conversations from a service port (as SIP trunks and game servers do), on three nodes with the
// same virtual port: each answer finds the node that asked. And ports that one instance alone may have. In both modes.
//
//   client, remote:          ┌── node1  trunk.py 5060 ── 10.77.0.2:7000-7009, 10.99.0.2:7000-7009
//     udp_echo.py  ── router ├── node2  trunk.py 5060 ──            7010-7019
//     7000-7029              └── node3  trunk.py 5060 ──            7020-7029

import {z} from 'zod';
import {inEachMode} from '../support/each-mode.ts';
import {VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Running} from '../support/command.ts';
import type {Testbed} from '../support/testbed.ts';

const CONFIG = `applications:
  - name: voice
    vips: [${VIP}]
    ports: [5060/udp, 5061/tcp, 6000-6099/udp, 6000-6099/tcp]
    exclusive: [6000-6099/udp, 6000-6099/tcp]
`;
const NODES = ['node1', 'node2', 'node3'];
const PEERS = 10;

const eachMode = inEachMode({nodes: 3, forwarders: 2, config: CONFIG}, async (bed) => {
  for (const host of ['client', 'remote']) {
    await bed.startServer(host, 7029, tool('udp_echo', '7000-7029', host));
    await bed.startServer(host, 8000, tool('http_server', 8000, host));
  }
});

function peersOf(index: number): string[] {
  const ports = Array.from({length: PEERS}, (_, i) => 7000 + index * PEERS + i);
  return ['10.77.0.2', '10.99.0.2'].flatMap((address) => ports.map((port) => `${address}:${port}`));
}

const trunkSchema = z.array(z.object({peer: z.string(), answers: z.number(), seen: z.array(z.string())}));

for (const how of ['one unconnected socket', 'connected sockets'])
  eachMode(`${how} to 20 peers from VIP:5060, on three nodes at once`, async (t, bed) => {
    const rounds = 3;
    const flag = how === 'connected sockets' ? ['connected'] : [];
    const results = await Promise.all(
      NODES.map(async (node, i) => {
        const command = tool('trunk', 5060, rounds, peersOf(i).join(','), ...flag);
        const result = await bed.instance(node, 'voice', command, {COSCANET_VERBOSE: '1'});
        t.is(result.status, 0, result.stderr);
        return trunkSchema.parse(JSON.parse(result.stdout));
      }),
    );
    for (const result of results) {
      t.is(result.length, 2 * PEERS);
      for (const one of result) t.deepEqual(one, {peer: one.peer, answers: rounds, seen: [VIP]});
    }
  });

eachMode('a TCP connection from VIP:5061, on three nodes at once', async (t, bed) => {
  // Each to another server port: otherwise it would be one connection.
  await Promise.all(
    NODES.map(async (node, i) => {
      const host = i === 2 ? 'remote' : 'client';
      const port = 8000 + (i % 2) * 10;
      if (port !== 8000) await bed.startServer(host, port, tool('http_server', port, host));
      const address = host === 'client' ? '10.77.0.2' : '10.99.0.2';
      const curl = ['curl', '-sS', '-m', '5', '--local-port', '5061', `http://${address}:${port}/`];
      const result = await bed.instance(node, 'voice', curl, {COSCANET_VERBOSE: '1'});
      t.is(result.stdout, host, result.stderr);
    }),
  );
});

const bind = (port: number, kind: string, then = '') => [
  'python3',
  '-c',
  `import errno, socket, sys
s = socket.socket(socket.AF_INET, socket.${kind})
try:
    s.bind(("0.0.0.0", ${port}))
    print("bound", flush=True)
    ${then === '' ? 'pass' : then}
except OSError as error:
    print(errno.errorcode[error.errno])`,
];
const HOLD = 'sys.stdin.read()';

async function holder(bed: Testbed, node: string, port: number, kind: string): Promise<Running> {
  const one = bed.startInstance(node, 'voice', bind(port, kind, HOLD));
  await waitUntil(`${node} has ${port}`, 5000, () => one.stdout.includes('\n'));
  return one;
}

for (const kind of ['SOCK_DGRAM', 'SOCK_STREAM'])
  eachMode(`an exclusive port (${kind}) is the first binder's alone`, async (t, bed) => {
    const first = await holder(bed, 'node1', 6000, kind);
    t.is(first.stdout, 'bound\n');
    const attempt = async (node: string, port: number) =>
      (await bed.instance(node, 'voice', bind(port, kind), {COSCANET_VERBOSE: '1'})).stdout.trim();
    t.is(await attempt('node2', 6000), 'EADDRINUSE');
    t.is(await attempt('node1', 6000), 'EADDRINUSE');
    t.is(await attempt('node2', 6001), 'bound');
    first.child.kill('SIGKILL');
    await first.ended;
    const after = await waitUntil('it is free again', 5000, async () => {
      const said = await attempt('node2', 6000);
      return said !== 'EADDRINUSE' && said;
    });
    t.is(after, 'bound');
  });

eachMode('of many that want the same exclusive port at once one gets it', async (t, bed) => {
  const all = await Promise.all(NODES.map((node) => holder(bed, node, 6010, 'SOCK_DGRAM')));
  t.deepEqual(all.map((one) => one.stdout.trim()).sort(), ['EADDRINUSE', 'EADDRINUSE', 'bound']);
  for (const one of all) await bed.stop(one, 'SIGKILL');
});

eachMode('without the router an exclusive port is refused', async (t, bed) => {
  const supervisors = await bed.pids('router', /router\/main\.js --mode/);
  for (const pid of supervisors) process.kill(pid, 'SIGSTOP');
  const began = Date.now();
  const {stdout} = await bed.instance('node1', 'voice', bind(6020, 'SOCK_DGRAM'), {COSCANET_VERBOSE: '1'});
  for (const pid of supervisors) process.kill(pid, 'SIGCONT');
  t.is(stdout.trim(), 'EADDRNOTAVAIL');
  t.true(Date.now() - began < 15_000);
});
