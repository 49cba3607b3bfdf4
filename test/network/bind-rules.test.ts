// What a program may not bind, as a Python program sees it: the errno, and one line that says why.
//
//   node1: python3 under libcoscanet.so as an instance of web (10.77.0.100: 80, 8000-8999/tcp, 53, 7/udp)

import test from 'ava';
import {Testbed, tool} from '../support/testbed.ts';

let bed: Testbed;
test.before(async () => {
  bed = await Testbed.up({nodes: 1, forwarders: 1});
});
test.after.always(() => bed.down());

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

const cases = [
  {what: 'another address', address: '10.77.0.101', port: 80, errno: 'EADDRNOTAVAIL', why: /10\.77\.0\.101/},
  {
    what: "the node's own address",
    address: '10.77.0.11',
    port: 80,
    errno: 'EADDRNOTAVAIL',
    why: /10\.77\.0\.11/,
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

for (const {what, address, port, kind, errno, why} of cases) {
  test.serial(`${what}: ${errno} and a line that says why`, async (t) => {
    const result = await bed.instance('node1', 'web', bind(address, port, kind), {COSCANET_VERBOSE: '1'});
    t.is(result.status, 0, result.stderr);
    t.is(result.stdout.trim(), errno);
    const lines = result.stderr.trim().split('\n');
    t.is(lines.length, 1, result.stderr);
    t.regex(lines[0] ?? '', why);
    t.deepEqual(await bed.endpoints(), []);
  });
}

test.serial('an allowed port on the wildcard is bound to the virtual IP', async (t) => {
  const result = await bed.instance('node1', 'web', bind('0.0.0.0', 8080));
  t.is(result.stdout.trim(), "bound ('10.77.0.100', 8080)");
});

test.serial('a port that a listener of the node itself holds: EADDRINUSE, and who holds it', async (t) => {
  const holder = bed.start('node1', tool('http_server', 8001, 'host'));
  await bed.in('node1', ['sh', '-c', 'until ss -Hltn sport = :8001 | grep -q .; do sleep 0.05; done'], 5000);
  const result = await bed.instance('node1', 'web', bind('0.0.0.0', 8001), {COSCANET_VERBOSE: '1'});
  t.is(result.stdout.trim(), 'EADDRINUSE');
  t.regex(result.stderr, new RegExp(`python3|\\b${holder.pid}\\b`), result.stderr);
});
