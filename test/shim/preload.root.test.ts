// libcoscanet.so against an agent that answers by a script, under glibc and under musl.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {must} from '../support/command.ts';
import {library, runScripted, sourceFile} from './support.ts';
import type {Answer} from './support.ts';

const {EACCES, EADDRINUSE, EADDRNOTAVAIL, EFAULT, EINVAL} = os.constants.errno;
const libraries = ['glibc', 'musl'] as const;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coscanet-probe-'));
const probe = (libc: string) => path.join(folder, libc);
const done: Answer = {errno: 0, reason: ''};

test.before(async () => {
  for (const libc of libraries) {
    const compiler = libc === 'musl' ? 'musl-gcc' : 'gcc';
    await must([compiler, '-Wall', '-Werror', '-pthread', '-o', probe(libc), sourceFile('probe.c')]);
  }
});

test.after.always(() => fs.rmSync(folder, {recursive: true, force: true}));

test('the library needs nothing and exports what it intercepts', async (t) => {
  const {stdout: dynamic} = await must(['readelf', '-d', library]);
  t.notRegex(dynamic, /NEEDED/);
  const {stdout: symbols} = await must(['nm', '-D', library]);
  const names = symbols
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).slice(-2).join(' '));
  const intercepted = 'bind connect getsockname listen recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto';
  const expected = ['__recvfrom_chk', ...intercepted.split(' ')].map((name) => `T ${name}`);
  t.deepEqual(names.toSorted(), [
    ...expected,
    'U __errno_location',
    'U environ',
    'w clock_gettime',
    'w dlsym',
    'w inet_ntop',
  ]);
});

for (const libc of libraries) {
  const answers: {title: string; errno: number; text: string}[] = [
    {title: 'EACCES', errno: EACCES, text: 'Permission denied'},
    {title: 'EADDRINUSE', errno: EADDRINUSE, text: 'Address already in use'},
    {title: 'EADDRNOTAVAIL', errno: EADDRNOTAVAIL, text: 'Cannot assign requested address'},
  ];
  for (const {title, errno, text} of answers) {
    test(`${libc}: the agent's ${title} is the program's errno, with one line`, async (t) => {
      const command = [probe(libc), 'bind', '4', 'tcp', '10.77.0.100', '99'];
      const outcome = await runScripted({command, answers: [{errno, reason: 'because'}]});
      t.is(outcome.stdout, `-1 ${errno}\n`);
      t.is(outcome.stderr, `coscanet: bind 10.77.0.100:99/tcp: ${text}: because\n`);
      t.is(outcome.requests[0]?.address, '020000630a4d00640000000000000000');
    });
  }

  test(`${libc}: success leaves errno alone and says nothing`, async (t) => {
    for (const [family, address] of [
      ['4', '0.0.0.0'],
      ['6', '::'],
    ] as const) {
      const outcome = await runScripted({
        command: [probe(libc), 'bind', family, 'udp', address, '53'],
        answers: [done],
      });
      t.is(outcome.stdout, '0 77\n');
      t.is(outcome.stderr, '');
      t.is(outcome.requests.length, 1);
    }
  });

  test(`${libc}: without COSCANET_VERBOSE, and no terminal, a refusal is silent`, async (t) => {
    const command = [probe(libc), 'bind', '4', 'tcp', '10.0.0.1', '99'];
    const env = {LD_PRELOAD: library};
    const outcome = await runScripted({command, env, answers: [{errno: EACCES, reason: 'because'}]});
    t.is(outcome.stdout, `-1 ${EACCES}\n`);
    t.is(outcome.stderr, '');
  });

  const kernelCases = [
    'bad-pointer null-pointer short zero-length huge negative bad-fd no-socket other-family v4-on-v6 unix',
    'listen-bad-fd listen-unbound name-bad-fd name-no-socket name-bad-address name-bad-length name-negative',
    'name-unbound name-unix',
  ].flatMap((line) => line.split(' '));
  test(`${libc}: what is malformed or not ours gets the kernel's own answer`, async (t) => {
    for (const which of kernelCases) {
      const command = [probe(libc), which];
      const plain = await runScripted({command, env: {}});
      const outcome = await runScripted({command, answers: [{errno: EACCES, reason: 'asked'}]});
      t.is(outcome.stdout, plain.stdout, which);
      t.regex(outcome.stdout, /^(0|-1) \d+\n$/, which);
      t.deepEqual(outcome.requests, [], which);
    }
  });

  const virtual = {vip: '10.77.0.100', port: 80};
  const v4Names = {seen: '10.77.0.100', size: 16, start: '02000050', rest: '0a4d'};
  const v6Names = {seen: '::ffff:10.77.0.100', size: 28, start: '0a000050', rest: '0000'};
  for (const [family, type, wildcard, {seen, size, start, rest}] of [
    ['4', 'tcp', '0.0.0.0', v4Names],
    ['4', 'udp', '0.0.0.0', v4Names],
    ['6', 'tcp', '::', v6Names],
    ['6', 'udp', '::', v6Names],
  ] as const) {
    test(`${libc}: getsockname of a NAT-mode socket, ${type} over IPv${family}`, async (t) => {
      const command = [probe(libc), 'names', family, type, wildcard, '80'];
      const outcome = await runScripted({command, answers: [{...done, virtual}]});
      const name = `0 77 ${seen} 80 of ${size}`;
      const lines = outcome.stdout.trim().split('\n');
      // A filter of its own takes the tag away: the limit that shim/README.md names.
      t.regex(lines.pop() ?? '', /^own filter: 0 77 (::ffff:)?127\.0\.0\.9 \d+ of (16|28)$/);
      t.deepEqual(lines, [
        '0 77',
        `bound: ${name}`,
        `twin: ${name}`,
        ...(type === 'tcp' ? [`accepted: ${name}`] : []),
        'client: 127.0.0.1',
        `child: ${name}`,
        `room 0: 0 77 of ${size} eeeeeeeeeeeeeeee`,
        `room 3: 0 77 of ${size} ${start.slice(0, 6)}eeeeeeeeee`,
        `room 6: 0 77 of ${size} ${start}${rest}eeee`,
        `room -1: -1 ${EINVAL} of -1 eeeeeeeeeeeeeeee`,
        `-1 ${EFAULT}`,
        `-1 ${EFAULT}`,
        '0 77',
        '0 77',
      ]);
    });
  }

  test(`${libc}: loopback never reaches the agent; what it leaves to the kernel, the kernel binds`, async (t) => {
    for (const [family, address, port] of [
      ['4', '127.0.0.1', '8080'],
      ['4', '127.9.9.9', '8080'],
      ['6', '::1', '8080'],
      ['6', '::ffff:127.0.0.1', '8080'],
    ] as const) {
      const outcome = await runScripted({command: [probe(libc), 'bind', family, 'tcp', address, port]});
      t.is(outcome.stdout, '0 77\n', address);
      t.deepEqual(outcome.requests, []);
    }
    const command = [probe(libc), 'bind', '6', 'tcp', '::', '0'];
    const outcome = await runScripted({command, answers: [{...done, scope: 'kernel'}]});
    t.is(outcome.stdout, '0 77\n');
    t.is(outcome.requests.length, 1);
  });

  test(`${libc}: in a vfork child, in threads, under signals, without streams`, async (t) => {
    const slow = {...done, waitMs: 100};
    const lines = async (which: string) =>
      (await runScripted({command: [probe(libc), which], answers: [slow]})).stdout;
    t.is(await lines('vfork'), '0 77\n');
    t.is(await lines('threads'), '0 77\n'.repeat(8));
    const signals = await runScripted({command: [probe(libc), 'signals'], answers: [slow]});
    t.is(signals.stdout, '0 77\n');
    t.is(signals.requests.length, 1);
    t.is(await lines('closed-streams'), '0 77\n');
  });

  test(`${libc}: a stderr without a reader raises no SIGPIPE`, async (t) => {
    const command = [probe(libc), 'broken-stderr'];
    const outcome = await runScripted({command, answers: [{errno: EACCES, reason: 'because'}]});
    t.is(outcome.stdout, `-1 ${EACCES}\n`);
    t.is(outcome.status, 0);
  });

  test(`${libc}: a lost answer is asked for again, marked as such`, async (t) => {
    const command = [probe(libc), 'bind', '4', 'tcp', '10.0.0.1', '80'];
    const outcome = await runScripted({command, answers: [{...done, errno: 1, lose: true}, done]});
    t.is(outcome.stdout, '0 77\n');
    t.deepEqual(
      outcome.requests.map((request) => request.retry),
      [false, true],
    );
  });

  test(`${libc}: an agent that comes within 5 s is waited for`, async (t) => {
    const command = [probe(libc), 'bind', '4', 'tcp', '10.0.0.1', '80'];
    const outcome = await runScripted({command, answers: [done], delayMs: 700});
    t.is(outcome.stdout, '0 77\n');
    t.true(outcome.ms > 600 && outcome.ms < 1500, `${outcome.ms} ms`);
  });

  test(`${libc}: without an agent, EADDRNOTAVAIL after 5 s, and why`, async (t) => {
    const command = [probe(libc), 'bind', '6', 'udp', '2001:db8:0:0:1::5', '53'];
    const outcome = await runScripted({command, delayMs: -1});
    t.is(outcome.stdout, `-1 ${EADDRNOTAVAIL}\n`);
    t.true(outcome.ms > 4500 && outcome.ms < 6000, `${outcome.ms} ms`);
    const reason = 'no coscanet-node agent runs in this network namespace';
    const text = 'Cannot assign requested address';
    t.is(outcome.stderr, `coscanet: bind [2001:db8::1:0:0:5]:53/udp: ${text}: ${reason}\n`);
  });
}

test('an agent of another user is not trusted with sockets', async (t) => {
  // The scripted agent is root's; dropping the program is no test. So the agent runs as a user, the program as root.
  const script = `const n = require(process.argv[1]);
    n.listenShim('coscanet-agent', () => console.log('got a socket'));
    console.log('listening')`;
  const addon = path.join(path.dirname(library), '../coscanet.node');
  const copy = path.join(folder, 'coscanet.node');
  fs.copyFileSync(addon, copy);
  fs.chmodSync(folder, 0o755);
  const command = `ip link set lo up
    setpriv --reuid 65534 --clear-groups node -e "$0" "$1" & agent=$!
    until grep -q @coscanet-agent /proc/net/unix; do sleep 0.01; done
    LD_PRELOAD="$3" COSCANET_VERBOSE=1 "$2" bind 4 tcp 10.0.0.1 80
    kill $agent`;
  const {stdout, stderr} = await must([
    'unshare',
    '--net',
    'sh',
    '-c',
    command,
    script,
    copy,
    probe('glibc'),
    library,
  ]);
  t.is(stdout, `listening\n-1 ${EADDRNOTAVAIL}\n`);
  t.regex(stderr, /pretends to be the coscanet-node agent/);
});
