// What a program may not bind, as a Python program sees it: the errno, and one line that says why. The same in both
// modes but for a port that the node itself uses: in NAT mode that is no hindrance.
//
//   node1: python3 under libcoscanet.so as an instance of web (10.77.0.100: 80, 8000-8999/tcp, 53, 7/udp)

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {MODES} from '../support/modes.ts';
import type {ModeCase} from '../support/modes.ts';
import {Testbed, tool} from '../support/testbed.ts';

const beds = new Map<string, Testbed>();
test.before(async () => {
  for (const {mode} of MODES) beds.set(mode, await Testbed.up({mode, nodes: 1, forwarders: 1}));
});
test.after.always(() => Promise.all([...beds.values()].map((bed) => bed.down())));

function bedOf({mode}: ModeCase): Testbed {
  const bed = beds.get(mode);
  if (bed === undefined) throw new Error(`no testbed for ${mode}`);
  return bed;
}

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
    await bed.serve('node1', 'web', 8001, tool('http_server', 8001, 'instance'));
    t.is(await bed.in('client', ['curl', '-sS', '-m', '5', 'http://10.77.0.100:8001/']), 'instance');
    t.not((await bed.endpoints())[0]?.nodePort, 8001);
  } else {
    const result = await bed.instance('node1', 'web', bind('0.0.0.0', 8001), {COSCANET_VERBOSE: '1'});
    t.is(result.stdout.trim(), 'EADDRINUSE');
    t.regex(result.stderr, new RegExp(`python3|\\b${holder.pid}\\b`), result.stderr);
  }
}

for (const one of MODES) {
  for (const refusal of refusals(one))
    test.serial(`${one.mode}: ${refusal.what}: ${refusal.errno} and a line that says why`, (t) =>
      refused(t, bedOf(one), refusal),
    );

  test.serial(`${one.mode}: an allowed port on the wildcard is bound to the virtual IP`, async (t) => {
    const result = await bedOf(one).instance('node1', 'web', bind('0.0.0.0', 8080));
    t.is(result.stdout.trim(), "bound ('10.77.0.100', 8080)");
  });

  const outcome = one.ownPorts ? 'the instance is given another one' : 'EADDRINUSE, and who holds it';
  test.serial(`${one.mode}: a port that a listener of the node itself holds: ${outcome}`, (t) =>
    portOfTheNode(t, bedOf(one), one),
  );
}
