// Binds that are refused: the errno, and the line that says why.

import os from 'node:os';
import test from 'ava';
import {binds, foreignSocket} from './programs.ts';
import {Bed, VIP, library, nodeConfigFor, web} from './support.ts';
import type {Running} from './support.ts';
import {waitUntil} from '../support/wait.ts';

const {EACCES, EADDRINUSE, EADDRNOTAVAIL} = os.constants.errno;
const bed = new Bed();
const kept = new Set<Running>();

type Attempt = Parameters<typeof binds>[number];

/** One instance that makes these binds in turn; its answers, one each. */
async function attempt(...attempts: Attempt[]): Promise<{answers: string[]; lines: string[]}> {
  const program = bed.start(binds(...attempts));
  kept.add(program);
  await waitUntil(`binds: ${program.stderr}`, 10_000, () => program.stdout.includes('done'));
  return {
    answers: program.stdout.trim().split('\n').slice(0, -1),
    lines: program.stderr.trim().split('\n'),
  };
}

test.before(async () => {
  const shop = {
    ...web,
    name: 'shop',
    vips: ['10.77.0.200'],
    ports: [{protocol: 'tcp', first: 1, last: 65_535}],
  } as const;
  await bed.up(nodeConfigFor([web, {...shop, vips: [...shop.vips], ports: [...shop.ports]}]));
  await bed.startAgent();
});

test.afterEach.always(async () => {
  for (const program of kept) await program.kill();
  kept.clear();
});

test.after.always(() => bed.down());

test.serial('outside the rules: another address, a forbidden port', async (t) => {
  const {answers, lines} = await attempt(
    ['STREAM', '10.88.0.11', 80],
    ['STREAM', VIP, 99],
    ['STREAM', VIP, 80],
  );
  t.deepEqual(answers, [String(EADDRNOTAVAIL), String(EACCES), `ok ${VIP} 80`]);
  t.deepEqual(lines, [
    'coscanet: bind 10.88.0.11:80/tcp: Cannot assign requested address: ' +
      `10.88.0.11 is not an address of application web (${VIP})`,
    `coscanet: bind ${VIP}:99/tcp: Permission denied: ` +
      'port 99/tcp is not among the ports of application web (80/tcp, 8000-8999/tcp, 53/udp)',
  ]);
});

test.serial('one instance cannot bind a port twice, unless it says so itself', async (t) => {
  const plain = await attempt(['STREAM', '', 80], ['STREAM', VIP, 80], ['DGRAM', '', 53], ['DGRAM', '', 53]);
  t.deepEqual(plain.answers, [`ok ${VIP} 80`, String(EADDRINUSE), `ok ${VIP} 53`, String(EADDRINUSE)]);
  t.regex(
    plain.lines[0] ?? '',
    /Address already in use: this instance has 80\/tcp already: python3.* \(pid \d+\)$/,
  );
  const shared = await attempt(['STREAM', '', 8000, 'REUSEPORT'], ['STREAM', '', 8000, 'REUSEPORT']);
  t.deepEqual(shared.answers, [`ok ${VIP} 8000`, `ok ${VIP} 8000`]);
});

test.serial('after a dual-stack socket, IPv4 is taken; IPv6 alone is bound to loopback', async (t) => {
  const {answers} = await attempt(
    ['STREAM', '::', 80],
    ['STREAM', '0.0.0.0', 80],
    ['STREAM', '::', 8000, 'V6ONLY'],
  );
  t.deepEqual(answers, [`ok ::ffff:${VIP} 80`, String(EADDRINUSE), 'ok ::1 8000']);
});

test.serial(
  'servers that bind both families apart start for two applications and twice for one',
  async (t) => {
    const first = await attempt(['STREAM', '0.0.0.0', 80], ['STREAM', '::', 80, 'V6ONLY']);
    const second = await attempt(['STREAM', '0.0.0.0', 80], ['STREAM', '::', 80, 'V6ONLY']);
    t.deepEqual(first.answers, [`ok ${VIP} 80`, 'ok ::1 80']);
    t.deepEqual(second.answers, first.answers);
    const shop = bed.start(binds(['STREAM', '0.0.0.0', 80], ['STREAM', '::', 80, 'V6ONLY']), 'shop');
    kept.add(shop);
    await waitUntil('shop', 5000, () => shop.stdout.includes('done'));
    t.regex(shop.stdout, /^ok 10\.77\.0\.200 80\nok ::1 (?!80\n)\d+\n/);
  },
);

test.serial('a listener of the host is named', async (t) => {
  const [command = '', ...args] = binds(['STREAM', '0.0.0.0', 8080]);
  const host = bed.spawnInNode(command, args);
  await waitUntil('listener of the host', 5000, () => host.stdout.includes('done'));
  const {answers, lines} = await attempt(['STREAM', '', 8080]);
  t.deepEqual(answers, [String(EADDRINUSE)]);
  const holder = `port 8080/tcp is held by python3 \\(pid ${host.pid}\\) on 0\\.0\\.0\\.0:8080`;
  t.regex(
    lines[0] ?? '',
    new RegExp(`^coscanet: bind 0\\.0\\.0\\.0:8080/tcp: Address already in use: ${holder}$`),
  );
  await host.kill();
});

test.serial('an application that the router does not know', async (t) => {
  const program = bed.start(binds(['STREAM', '', 80]), 'blog');
  await waitUntil('answer', 5000, () => program.stdout.includes('done'));
  t.true(program.stdout.startsWith(`${EADDRNOTAVAIL}\n`));
  t.regex(program.stderr, /the router knows no application blog \(it has: web, shop\)/);
  await program.kill();
});

test.serial('a process outside of every application', async (t) => {
  const [command = '', ...args] = binds(['STREAM', '', 80]);
  const program = bed.spawnInNode(command, args, {LD_PRELOAD: library, COSCANET_VERBOSE: '1'});
  await waitUntil('answer', 5000, () => program.stdout.includes('done'));
  t.true(program.stdout.startsWith(`${EADDRNOTAVAIL}\n`));
  t.regex(
    program.stderr,
    /process \d+ belongs to no application \(its cgroup is .*\): start it with coscanet-node run/,
  );
  await program.kill();
});

test.serial('a socket of another network namespace', async (t) => {
  const program = bed.start(foreignSocket(`/run/netns/${bed.name}-router`));
  await program.end();
  t.is(program.stdout, `${EADDRNOTAVAIL}\n`);
  t.regex(program.stderr, /the socket lies in another network namespace than this node's agent/);
});
