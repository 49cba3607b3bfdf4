// SourceSelector: who an instance talks to sees it come from its VIP, with a port of the node's block; in both modes.
//
//   namespace …-router                              namespace …-node
//   the world: mirrors on 198.51.100.1 and .2 ──veth── 10.88.0.11, agent, programs; default route 10.88.0.1
//   (route: VIP via 10.88.0.11; the fake router leases blocks of 64 ports)

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import type {NodeConfig, NodeState} from '../../router/protocol/messages.ts';
import type {Part} from './play.ts';
import {Bed, VIP, library, nodeConfigFor, web} from './support.ts';
import type {Running} from './support.ts';
import {keeps, local, mirror, narrow, opens, passive, talks} from './talkers.ts';
import type {Talk} from './talkers.ts';
import {waitUntil} from '../support/wait.ts';

const {EADDRNOTAVAIL} = os.constants.errno;
const FIRST = 40_000;
const SIZE = 64;
const part: Part = {blocks: {first: FIRST, size: SIZE, most: 2}};
const WORLD = '198.51.100.1';
const OTHER = '198.51.100.2';
const DIRECT = '10.88.0.1';

interface Mode {
  mode: NodeConfig['mode'];
  bed: Bed;
}

const modes: Mode[] = (['dsr', 'nat'] as const).map((mode) => ({mode, bed: new Bed()}));
const config = (mode: NodeConfig['mode']) => ({
  ...nodeConfigFor([{...web, vips: [VIP, '10.77.0.101']}], mode),
  direct: ['10.88.0.0/24'],
});

for (const {mode, bed} of modes) {
  let before = '';

  test.before(async () => {
    await bed.up(config(mode), part);
    await bed.inRouter(
      'sh',
      '-c',
      `for a in ${WORLD} ${OTHER}; do ip address add $a/32 dev lo; done; ip route add 10.77.0.101 via 10.88.0.11`,
    );
    await bed.inNode('ip', 'route', 'add', 'default', 'via', '10.88.0.1');
    // Ports of connections that have ended would be counted, else.
    await bed.inNode('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets');
    for (const address of [WORLD, OTHER, DIRECT]) {
      const [command = '', ...args] = mirror(address, 7);
      const program = bed.spawnInRouter(command, args);
      await waitUntil(`mirror ${program.stderr}`, 5000, () => program.stdout.includes('up'));
    }
    before = await bed.hostState();
    await bed.startAgent();
  });

  // What a failed test left open must not fail the next.
  test.serial.afterEach.always(() => bed.endInstances());
  test.after.always(() => bed.down());

  const talk = async (...all: Talk[]): Promise<{program: Running; lines: string[]}> => {
    const program = bed.start(talks(...all));
    await waitUntil(`talks: ${program.stderr}`, 20_000, () => program.stdout.includes('done'));
    return {program, lines: program.stdout.trim().split('\n').slice(0, -1)};
  };
  const outbound = (state: NodeState, vip = VIP) => state.outbound?.find((one) => one.vip === vip);

  const blocksOf = (state: NodeState) => (outbound(state)?.held ?? []).toSorted((a, b) => a.first - b.first);

  const isOwn = (line: string, vip = VIP, mapped = '') => {
    const [, port] = /^seen [^ ]+ (\d+)/.exec(line) ?? [];
    const inBlock = Number(port) >= FIRST && Number(port) < FIRST + 4 * SIZE;
    return inBlock && line === `seen ${vip} ${port} own ${mapped}${vip} ${port}`;
  };

  test.serial(`${mode}: connect, send and bind without a port come from VIP:block port`, async (t) => {
    const since = Date.now();
    const {program, lines} = await talk(
      ['tcp', WORLD, 7],
      ['tcp', WORLD, 7, '', 0],
      ['tcp', WORLD, 7, VIP, 0],
      ['udp', WORLD, 7],
      ['connected', WORLD, 7],
      ['message', WORLD, 7],
      ['udp', WORLD, 7, '0.0.0.0', 0],
    );
    for (const line of lines) t.true(isOwn(line), line);
    t.is(lines.length, 7);
    const put = await bed.waitForPut('blocks', (state) => outbound(state)?.held.length === 1, since);
    t.deepEqual(outbound(put.state), {
      vip: VIP,
      wanted: 1,
      held: [{vip: VIP, first: FIRST, last: FIRST + SIZE - 1}],
    });
    t.deepEqual(put.state.endpoints, [], 'sockets of a block are no endpoints');
    await program.kill();
  });

  test.serial(`${mode}: mapped addresses of IPv6 sockets, and a VIP that the program chose`, async (t) => {
    const {program, lines} = await talk(
      ['tcp6', `::ffff:${WORLD}`, 7],
      ['udp6', `::ffff:${WORLD}`, 7],
      ['tcp6', `::ffff:${WORLD}`, 7, '::', 0],
      ['tcp', WORLD, 7, '10.77.0.101', 0],
    );
    for (const line of lines.slice(0, 3)) t.true(isOwn(line.replaceAll('::ffff:', '')), line);
    t.true(isOwn(lines[3] ?? '', '10.77.0.101'), lines[3]);
    await program.kill();
  });

  test.serial(`${mode}: the node itself and direct networks stay as they are`, async (t) => {
    const {program, lines} = await talk(
      ['tcp', DIRECT, 7],
      ['udp', DIRECT, 7],
      ['tcp', DIRECT, 7, '10.88.0.11', 0],
      ['udp', WORLD, 7, '10.88.0.11', 0],
    );
    for (const line of lines)
      t.regex(
        line,
        /^seen 10\.88\.0\.11 (\d+) own 10\.88\.0\.11 \1|^seen 10\.88\.0\.11 (\d+) own 0\.0\.0\.0 \2$/,
        line,
      );
    await program.kill();
  });

  test.serial(
    `${mode}: many share a port to different remotes; exhausted, a second block, then EADDRNOTAVAIL`,
    async (t) => {
      const since = Date.now();
      const first = bed.start(opens(SIZE * 2 + 3, WORLD, 7));
      await waitUntil(`opened ${first.stderr}`, 20_000, () => first.stdout.endsWith('\n'));
      t.is(first.stdout, `opened ${SIZE * 2} ports ${SIZE * 2} errno ${EADDRNOTAVAIL}\n`);
      t.regex(
        first.stderr,
        /coscanet: connect 198\.51\.100\.1:7\/tcp: Cannot assign requested address: no ports of 10\.77\.0\.100/,
      );
      const other = bed.start(opens(SIZE * 2, OTHER, 7));
      await waitUntil('opened', 20_000, () => other.stdout.endsWith('\n'));
      t.is(other.stdout, `opened ${SIZE * 2} ports ${SIZE * 2} errno 0\n`);
      await bed.waitForPut('two blocks', (state) => outbound(state)?.held.length === 2, since);
      await waitUntil('log', 5000, () => bed.agent?.stderr.includes('connect refused: no ports of') ?? false);
      await first.kill();
      await other.kill();
    },
  );

  test.serial(
    `${mode}: who listens on any port gets one of the block, is reached there, and is no endpoint`,
    async (t) => {
      const program = bed.start(passive());
      const port = await waitUntil('port', 5000, () => Number(program.stdout) || null);
      t.true(port >= FIRST && port < FIRST + 2 * SIZE);
      t.is(await bed.inRouter('socat', '-u', `TCP:${VIP}:${port}`, '-'), `${VIP}:${port}`);
      const put = await bed.waitForPut('a renewal', () => true, Date.now());
      t.deepEqual(put.state.endpoints, []);
      t.notRegex(bed.agent?.stderr ?? '', new RegExp(`${port}/tcp is not registered`));
      await program.kill();
    },
  );

  test.serial(`${mode}: a socket of a VIP reaches a server on loopback`, async (t) => {
    const program = bed.start(local());
    t.is(await program.end(), 0, program.stderr);
    t.is(program.stdout, `hello from ${VIP}\n`);
  });

  test.serial(`${mode}: where the kernel's own ports are used up, it says so itself`, async (t) => {
    const used = `errno 0\nerrno ${EADDRNOTAVAIL}\n`;
    const direct = bed.start(narrow(DIRECT, 7));
    t.is(await direct.end(), 0, direct.stderr);
    t.is(direct.stdout, used);
    const [command = '', ...args] = narrow(WORLD, 7);
    const program = bed.spawnInNode(command, args, {LD_PRELOAD: library});
    t.is(await program.end(), 0, program.stderr);
    t.is(program.stdout, used);
  });

  test.serial(`${mode}: who belongs to no application talks as ever`, async (t) => {
    const [command = '', ...args] = talks(['tcp', WORLD, 7], ['udp', WORLD, 7, '', 0]);
    const program = bed.spawnInNode(command, args, {LD_PRELOAD: library});
    await waitUntil('talks', 5000, () => program.stdout.includes('done'));
    t.regex(
      program.stdout,
      /^seen 10\.88\.0\.11 (\d+) own 10\.88\.0\.11 \1\nseen 10\.88\.0\.11 (\d+) own 0\.0\.0\.0 \2\n/,
    );
    await program.kill();
  });

  test.serial(
    `${mode}: an agent that is killed and started again keeps its blocks, a router that forgot hears of them`,
    async (t) => {
      const flag = path.join(bed.folder, 'go');
      const program = bed.start(keeps(WORLD, 7, flag));
      const listener = bed.start(passive());
      const line = await waitUntil('first line', 5000, () =>
        /^tcp (\d+) udp 10\.77\.0\.100 (\d+)\n$/.exec(program.stdout),
      );
      await waitUntil('port', 5000, () => Number(listener.stdout) || null);
      const known = blocksOf(bed.readPuts().at(-1)!.state);
      await bed.agent?.kill();
      await bed.startRouter(config(mode), 0, {blocks: {...part.blocks!, first: 50_048}});
      const since = Date.now();
      await bed.startAgent();
      const put = await bed.waitForPut('first', () => true, since);
      t.deepEqual(blocksOf(put.state), known);
      t.is(outbound(put.state)?.wanted, known.length);
      t.deepEqual(put.state.endpoints, [], 'not for a moment');
      fs.writeFileSync(flag, '');
      await waitUntil('second line', 5000, () => program.stdout === `${line[0]}${line[0]}`);
      const {program: next, lines} = await talk(['tcp', WORLD, 7]);
      t.true(isOwn(lines[0] ?? ''), lines[0]);
      for (const one of [program, listener, next]) await one.kill();
    },
  );

  test.serial(
    `${mode}: where the kernel cannot choose, the agent does, and connections to different remotes share ports`,
    async (t) => {
      await bed.inNode('sh', '-c', 'echo 50000 60999 > /proc/sys/net/ipv4/ip_local_port_range');
      const since = Date.now();
      const first = bed.start(opens(SIZE * 2 + 1, WORLD, 7));
      await waitUntil(`opened ${first.stderr}`, 20_000, () => first.stdout.endsWith('\n'));
      t.is(first.stdout, `opened ${SIZE * 2} ports ${SIZE * 2} errno ${EADDRNOTAVAIL}\n`);
      const {program, lines} = await talk(['tcp', OTHER, 7], ['tcp6', `::ffff:${OTHER}`, 7]);
      for (const line of lines) t.true(isOwn(line.replaceAll('::ffff:', '')), line);
      await first.kill();
      const {program: others, lines: more} = await talk(
        ['udp', WORLD, 7],
        ['udp', WORLD, 7, '', 0],
        ['tcp', WORLD, 7, '', 0],
      );
      for (const line of more) t.true(isOwn(line), line);
      const put = await bed.waitForPut('range', ({portRange}) => portRange?.first === 50_000, since);
      t.deepEqual(put.state.portRange, {first: 50_000, last: 60_999});
      await program.kill();
      await others.kill();
      await bed.inNode('sh', '-c', 'echo 32768 60999 > /proc/sys/net/ipv4/ip_local_port_range');
    },
  );

  test.serial(`${mode}: a router that leases none: EADDRNOTAVAIL and why`, async (t) => {
    await waitUntil('blocks given back', 30_000, () => bed.readPuts().at(-1)?.state.outbound?.length === 0);
    await bed.startRouter(config(mode));
    const {program, lines} = await talk(['tcp', WORLD, 7], ['udp', WORLD, 7], ['udp', WORLD, 7, '', 0]);
    t.deepEqual(lines, Array(3).fill(`errno ${EADDRNOTAVAIL}`));
    t.true(
      program.stderr.includes('no ports of 10.77.0.100 for this node: the play has 0 for each'),
      program.stderr,
    );
    await program.kill();
  });

  test.serial(
    `${mode}: after the last socket blocks are given back, the VIP goes and the host is as it was`,
    async (t) => {
      await waitUntil('no VIP on lo', 30_000, async () => !(await bed.hostState()).includes('lo:coscanet'));
      if (mode === 'nat')
        await waitUntil('the host as it was', 30_000, async () => (await bed.hostState()) === before);
      t.is(await bed.agent?.kill('SIGTERM'), 0);
      t.is(await bed.hostState(), before);
    },
  );
}
