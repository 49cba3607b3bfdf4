// Instances on one node. What a program may not bind, as a Python program sees it: the errno, and one line that says
// why; the same in both modes but for a port that the node itself uses: in NAT mode that is no hindrance. And two
// instances with the same port: both serve. In DSR they share the node's endpoint, with twice the weight; in NAT each is
// an endpoint of its own, on a port of its own.
//
//   node1: python3 under libcoscanet.so as an instance of web (10.77.0.100: 80, 8000-8999/tcp, 53, 7/udp)
//
//   client ── router ── node1  http_server.py 80 "first"
//                              http_server.py 80 "second"

import type {ExecutionContext} from 'ava';
import {loopSchema} from '../support/clients.ts';
import {inEachMode} from '../support/each-mode.ts';
import {MODES} from '../support/modes.ts';
import type {ModeCase} from '../support/modes.ts';
import {VIP, tool} from '../support/testbed.ts';
import type {Testbed} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';

const REQUESTS = 60;

const eachMode = inEachMode({nodes: 1, forwarders: 1}, async () => {});

const bind = (address: string, port: number, kind = 'SOCK_STREAM') => [
  'python3',
  '-c',
  `import errno, socket
s = socket.socket(socket.AF_INET, socket.${kind})
try:
    s.bind((${JSON.stringify(address)}, ${port}))
    print("bound", s.getsockname())
except OSError as error:
    print(errno.errorcode[error.errno])`,
];

interface Refusal {
  what: string;
  address: string;
  port: number;
  kind?: string;
  errno: string;
  why: RegExp;
}

const refusals = ({node1}: ModeCase): Refusal[] => [
  {what: 'another address', address: '10.77.0.101', port: 80, errno: 'EADDRNOTAVAIL', why: /10\.77\.0\.101/},
  {
    what: "the node's own address",
    address: node1,
    port: 80,
    errno: 'EADDRNOTAVAIL',
    why: new RegExp(node1.replaceAll('.', '\\.')),
  },
  {what: 'a forbidden port', address: '0.0.0.0', port: 22, errno: 'EACCES', why: /\b22\b/},
  {what: "another application's port", address: '10.77.0.100', port: 25, errno: 'EACCES', why: /mail|\b25\b/},
  {
    what: 'a UDP port that is allowed for TCP',
    address: '0.0.0.0',
    port: 80,
    kind: 'SOCK_DGRAM',
    errno: 'EACCES',
    why: /udp/i,
  },
];

async function refused(t: ExecutionContext, bed: Testbed, one: Refusal): Promise<void> {
  const command = bind(one.address, one.port, one.kind);
  const result = await bed.instance('node1', 'web', command, {COSCANET_VERBOSE: '1'});
  t.is(result.status, 0, result.stderr);
  t.is(result.stdout.trim(), one.errno);
  const lines = result.stderr.trim().split('\n');
  t.is(lines.length, 1, result.stderr);
  t.regex(lines[0] ?? '', one.why);
  t.deepEqual(await bed.endpoints(), []);
}

async function portOfTheNode(t: ExecutionContext, bed: Testbed, {ownPorts}: ModeCase): Promise<void> {
  const holder = bed.start('node1', tool('http_server', 8001, 'host'));
  await bed.in('node1', ['sh', '-c', 'until ss -Hltn sport = :8001 | grep -q .; do sleep 0.05; done'], 5000);
  if (ownPorts) {
    const instance = await bed.serve('node1', 'web', 8001, tool('http_server', 8001, 'instance'));
    t.is(await bed.in('client', ['curl', '-sS', '-m', '5', 'http://10.77.0.100:8001/']), 'instance');
    t.not((await bed.endpoints())[0]?.nodePort, 8001);
    await bed.stop(instance, 'SIGKILL');
  } else {
    const result = await bed.instance('node1', 'web', bind('0.0.0.0', 8001), {COSCANET_VERBOSE: '1'});
    t.is(result.stdout.trim(), 'EADDRINUSE');
    t.regex(result.stderr, new RegExp(`python3|\\b${holder.pid}\\b`), result.stderr);
  }
}

async function twoInstances(t: ExecutionContext, bed: Testbed, {ownPorts}: ModeCase): Promise<void> {
  const endpoints = async () => (await bed.endpoints()).filter(({port}) => port === 80);
  const first = await bed.serve('node1', 'web', 80, tool('http_server', 80, 'first'));
  const weight = (await endpoints())[0]?.weight ?? 0;
  await bed.serve('node1', 'web', 80, tool('http_server', 80, 'second'));
  const both = await waitUntil('the second instance counts', 5000, async () => {
    const now = await endpoints();
    return now.reduce((sum, one) => sum + one.weight, 0) === 2 * weight && now;
  });
  t.is(both.length, ownPorts ? 2 : 1);
  t.is(new Set(both.map((one) => one.nodePort)).size, both.length);
  t.true(both.every((one) => (one.nodePort !== undefined) === ownPorts && one.address.endsWith('.11')));

  const ask = () => bed.json(loopSchema, 'client', tool('request_loop', `http://${VIP}/`, REQUESTS));
  const {answers, failures} = await ask();
  t.deepEqual(failures, []);
  if (ownPorts) t.deepEqual(answers, {first: REQUESTS / 2, second: REQUESTS / 2});
  // In DSR the node's kernel chooses between the two, by a hash.
  else t.true((answers['first'] ?? 0) > 0 && (answers['second'] ?? 0) > 0, JSON.stringify(answers));

  await bed.stop(first, 'SIGKILL');
  await waitUntil('the first instance has left', 5000, async () => {
    const now = await endpoints();
    return now.reduce((sum, one) => sum + (one.state === 'up' ? one.weight : 0), 0) === weight;
  });
  t.deepEqual(await ask(), {answers: {second: REQUESTS}, failures: []});
}

for (const [i, {what, errno}] of refusals(MODES[0]!).entries())
  eachMode(`${what}: ${errno} and a line that says why`, (t, bed, mode) =>
    refused(t, bed, refusals(mode)[i]!),
  );

eachMode('an allowed port on the wildcard is bound to the virtual IP', async (t, bed) => {
  const result = await bed.instance('node1', 'web', bind('0.0.0.0', 8080));
  t.is(result.stdout.trim(), "bound ('10.77.0.100', 8080)");
});

eachMode(
  ({ownPorts}) =>
    `a port that a listener of the node itself holds: ${ownPorts ? 'the instance is given another one' : 'EADDRINUSE, and who holds it'}`,
  portOfTheNode,
);

eachMode(
  ({ownPorts}) =>
    `two instances on a node are ${ownPorts ? 'two endpoints with ports of their own' : 'one endpoint'}, and the first goes without harm`,
  twoInstances,
);
