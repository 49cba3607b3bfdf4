// What libcoscanet.so makes of connect, sendto, sendmsg, sendmmsg and their counterparts, against an agent that
// answers by a script, under glibc and under musl.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {must} from '../support/command.ts';
import {runScripted, sourceFile} from './support.ts';
import type {Answer, Script} from './support.ts';

const {EACCES, EADDRNOTAVAIL, EALREADY, ECONNREFUSED, EINPROGRESS} = os.constants.errno;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coscanet-talk-'));
const program = (libc: string) => path.join(folder, libc);
const done: Answer = {errno: 0, reason: ''};
const refused: Answer = {errno: EACCES, reason: 'because'};

test.before(async () => {
  for (const libc of ['glibc', 'musl']) {
    const compiler = libc === 'musl' ? 'musl-gcc' : 'gcc';
    const kernel =
      libc === 'musl' ? ['-idirafter', '/usr/include', '-idirafter', '/usr/include/x86_64-linux-gnu'] : [];
    const options = ['-Wall', '-Werror', '-pthread', '-rdynamic', ...kernel];
    await must([compiler, ...options, '-o', program(libc), sourceFile('talk.c')]);
  }
});

test.after.always(() => fs.rmSync(folder, {recursive: true, force: true}));

for (const libc of ['glibc', 'musl']) {
  const talk = async (which: string, answers: Answer[] = [done], more: Partial<Script> = {}) => {
    const outcome = await runScripted({command: [program(libc), which], answers, ...more});
    return {...outcome, lines: outcome.stdout.trim().split('\n')};
  };

  test(`${libc}: what is malformed or does not go out gets the kernel's own answer, unasked`, async (t) => {
    const plain = await talk('kernel', [done], {env: {}});
    const outcome = await talk('kernel', [refused]);
    t.deepEqual(outcome.lines, plain.lines);
    t.true(outcome.lines.length > 40);
    t.deepEqual(outcome.requests, []);
  });

  test(`${libc}: the agent is asked before a connect, and its errno is the program's`, async (t) => {
    const outcome = await talk('connect', [refused]);
    t.deepEqual(outcome.lines, [`connect: -1 ${EACCES}`]);
    t.is(outcome.stderr, 'coscanet: connect 198.51.100.1:9/udp: Permission denied: because\n');
    t.like(outcome.requests, [{kind: 'connect', address: '02000009c63364010000000000000000'}]);
    const mapped = await talk('mapped');
    t.deepEqual(mapped.lines, ['connect: 0 77']);
    t.like(mapped.requests, [
      {kind: 'connect', address: /^0a000009.*ffffc6336401/.exec(mapped.requests[0]?.address ?? '')?.input},
    ]);
  });

  test(`${libc}: a connect that does not block`, async (t) => {
    const {lines, requests} = await talk('nonblocking');
    t.deepEqual(lines, [`first: -1 ${EINPROGRESS}`, `second: -1 ${EALREADY}`]);
    t.is(requests.length, 2);
  });

  test(`${libc}: when no port is left, the agent is asked for others`, async (t) => {
    const {lines, requests} = await talk('taken', [
      done,
      done,
      done,
      done,
      {errno: EADDRNOTAVAIL, reason: 'none left'},
    ]);
    t.deepEqual(lines, ['one: 0 77', `other: -1 ${EADDRNOTAVAIL}`]);
    const exhausted = requests.filter(({kind}) => kind === 'connect').map((request) => request.exhausted);
    t.deepEqual(exhausted, [false, false, true, true]);
  });

  test(`${libc}: to an address that it was asked about, the process connects from the same source`, async (t) => {
    const block = {vip: '198.51.100.9', first: 50_000, last: 50_063};
    const {lines, requests} = await talk('again', [{...done, block, scope: 'socket'}]);
    const [connected, pending] = ['0 77 198.51.100.9 block', `-1 ${EINPROGRESS} 198.51.100.9 block`];
    t.deepEqual(lines, [
      `first: ${connected}`,
      `again: ${connected}`,
      `other port: -1 ${ECONNREFUSED} 198.51.100.9 block`,
      `other address: ${pending}`,
      `its port: ${pending}`,
      'bound: 0 77 198.51.100.9 other',
      `child: ${connected}`,
      `later: ${connected}`,
      `address gone: -1 ${EINPROGRESS} 0.0.0.0 other`,
    ]);
    // Asked for: first, other address, bound, child, later, address gone.
    t.is(requests.filter(({kind}) => kind === 'connect').length, 6);
    const refusing = await talk('again', [done, {...done, block}, refused]);
    t.is(refusing.lines[1], `again: ${connected}`);
    t.is(refusing.lines[3], `other address: -1 ${EACCES} 0.0.0.0 other`);
  });

  test(`${libc}: datagrams, one by one and together`, async (t) => {
    const sent = await talk('each');
    t.deepEqual(sent.lines, ['sendto: 1 77', 'sendmsg: 1 77', 'sendmmsg: 2 77']);
    t.deepEqual(
      sent.requests.map(({kind}) => kind),
      ['send', 'send', 'send', 'send'],
    );
    const none = await talk('each', [refused]);
    t.deepEqual(none.lines, [`sendto: -1 ${EACCES}`, `sendmsg: -1 ${EACCES}`, `sendmmsg: -1 ${EACCES}`]);
    t.true(none.stderr.startsWith('coscanet: send 198.51.100.1:9/udp: Permission denied: because\n'));
    const some = await talk('some', [done, refused]);
    t.deepEqual(some.lines, ['two: 1 77', `the second: -1 ${EACCES}`]);
  });

  test(`${libc}: an answer holds for the remote or for the socket, for a while`, async (t) => {
    const asked = async (answer: Answer, more: Partial<Script> = {}) => {
      const {lines, requests} = await talk('remember', [answer], more);
      t.deepEqual(
        lines.filter((line) => !line.endsWith(': 1 77')),
        [],
      );
      return requests.map(
        ({address}) => parseInt(address.slice(14, 16), 16) * 100 + parseInt(address.slice(4, 8), 16),
      );
    };
    // Each number: last byte of the address, port.
    t.deepEqual(await asked(done), [109, 109, 110, 209, 109, 109]);
    t.deepEqual(await asked({...done, scope: 'remote'}), [109, 110, 209, 109, 109]);
    t.deepEqual(await asked({...done, scope: 'socket'}), [109, 109, 109]);
  });

  test(`${libc}: what was known once goes on without an agent; what was not does not`, async (t) => {
    const remote: Answer = {...done, scope: 'remote'};
    const lost = {...done, lose: true};
    const answers: Answer[] = [remote, remote, remote, remote, lost];
    const {lines, ms} = await talk('remember', answers);
    t.is(lines.at(-1), 'later: 1 77');
    t.true(ms < 3000, `${ms} ms`);
    const silent = await talk('connect', [done], {delayMs: -1});
    t.deepEqual(silent.lines, [`connect: -1 ${EADDRNOTAVAIL}`]);
    t.true(silent.ms > 4500 && silent.ms < 6500, `${silent.ms} ms`);
  });

  test(`${libc}: who spoke first is answered unasked`, async (t) => {
    for (const how of [0, 1, 2]) {
      const {lines, requests} = await talk(`answer${how}`, [refused]);
      t.deepEqual(lines, [how === 2 ? 'received: 1 77' : 'received: 5 77', 'answered: 1 77']);
      t.deepEqual(requests, []);
    }
  });

  test(`${libc}: an agent that hangs holds up a conversation under way once, not each datagram`, async (t) => {
    const known: Answer = {...done, scope: 'remote'};
    const {lines, requests} = await talk('talk', [known, {...known, waitMs: 60_000}]);
    t.deepEqual(lines, ['first: 1 77', ...Array.from({length: 20}, () => 'later: 1 77')]);
    t.true(requests.length >= 2 && requests.length <= 4, `${requests.length} questions`);
  });

  test(`${libc}: an error that a socket is told is no word of its remote`, async (t) => {
    const {lines, requests} = await talk('failure');
    t.deepEqual(lines, ['sent: 1 77', 'failed: 1 77', 'again: 1 77']);
    t.is(requests.length, 2);
  });

  test(`${libc}: a datagram to what the kernel takes for an IPv4 address is asked about`, async (t) => {
    const {lines, requests} = await talk('unspecified', [refused]);
    t.deepEqual(lines, [`sendto: -1 ${EACCES}`]);
    t.like(requests, [{kind: 'send', address: '02000009c63364010000000000000000'}]);
  });

  test(`${libc}: TCP Fast Open connects; a thread that waits can be cancelled`, async (t) => {
    const fast = await talk('fast-open', [refused]);
    t.deepEqual(fast.lines, [`fast open: -1 ${EACCES}`]);
    t.like(fast.requests, [{kind: 'connect'}]);
    t.deepEqual((await talk('cancel')).lines, ['cancelled']);
  });
}
