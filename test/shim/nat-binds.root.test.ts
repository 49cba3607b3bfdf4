// NAT mode: what binds of one instance answer, and what getsockname says then, alone and where another instance has
// the port already. The tables are Linux's own rules, but for the address.

import os from 'node:os';
import test from 'ava';
import {binds} from './programs.ts';
import {Bed, VIP, nodeConfigFor, web} from './support.ts';
import type {Running} from './support.ts';
import {waitUntil} from '../support/wait.ts';

const {EADDRINUSE, EINVAL} = os.constants.errno;
const bed = new Bed();

/** The node ports that stand for `port`, once there are `count`. */
async function nodePorts(port: number, count: number, since: number): Promise<number[]> {
  const put = await bed.waitForPut(
    `${count} endpoints on ${port}`,
    (state) => state.endpoints.filter((endpoint) => endpoint.port === port).length === count,
    since,
  );
  return put.state.endpoints.flatMap((one) => (one.port === port ? [one.nodePort ?? 0] : []));
}

async function bindAll(...attempts: Parameters<typeof binds>): Promise<{program: Running; lines: string[]}> {
  const program = bed.start(binds(...attempts));
  await waitUntil(`binds: ${program.stderr}`, 5000, () => program.stdout.includes('done'));
  return {program, lines: program.stdout.trim().split('\n').slice(0, -1)};
}

test.before(async () => {
  await bed.up(nodeConfigFor([{...web, vips: [VIP, '10.77.0.101']}], 'nat'));
  await bed.startAgent();
});

test.after.always(() => bed.down());

const stream = (port: number, ...options: string[]) => ['STREAM', '', port, ...options] as const;
type Attempt = Parameters<typeof binds>[0];
const tables: [title: string, attempts: Attempt[], lines: string[]][] = [
  ['twice', [[...stream(8100)], [...stream(8100)]], [`ok ${VIP} 8100`, `${EADDRINUSE}`]],
  [
    'SO_REUSEPORT twice',
    [[...stream(8101, 'REUSEPORT')], [...stream(8101, 'REUSEPORT')]],
    [`ok ${VIP} 8101`, `ok ${VIP} 8101`],
  ],
  [
    'SO_REUSEPORT after none',
    [[...stream(8102)], [...stream(8102, 'REUSEPORT')]],
    [`ok ${VIP} 8102`, `${EADDRINUSE}`],
  ],
  [
    'SO_REUSEADDR: the second that listens',
    [[...stream(8103, 'REUSEADDR', 'bound')], [...stream(8103, 'REUSEADDR')], [...stream(8103, 'REUSEADDR')]],
    [`ok ${VIP} 8103`, `ok ${VIP} 8103`, `${EADDRINUSE}`],
  ],
  [
    'UDP with SO_REUSEADDR',
    [
      ['DGRAM', '', 53, 'REUSEADDR'],
      ['DGRAM', '', 53, 'REUSEADDR'],
      ['DGRAM', '', 53],
    ],
    [`ok ${VIP} 53`, `ok ${VIP} 53`, `${EADDRINUSE}`],
  ],
  [
    'UDP after a connected one',
    [
      ['DGRAM', VIP, 53, 'REUSEPORT'],
      ['DGRAM', '10.77.0.101', 53, 'connect'],
      ['DGRAM', '10.77.0.101', 53],
    ],
    [`ok ${VIP} 53`, 'ok 10.77.0.101 53', `${EADDRINUSE}`],
  ],
  ['SO_REUSEPORT with a program that chooses', [[...stream(8109, 'REUSEPORT', 'cbpf')]], [`ok ${VIP} 8109`]],
  [
    'two VIPs, one port',
    [
      ['STREAM', VIP, 8104],
      ['STREAM', '10.77.0.101', 8104],
    ],
    [`ok ${VIP} 8104`, 'ok 10.77.0.101 8104'],
  ],
  [
    'both families apart',
    [
      ['STREAM', '0.0.0.0', 8105],
      ['STREAM', '::', 8105, 'V6ONLY'],
    ],
    [`ok ${VIP} 8105`, 'ok ::1 8105'],
  ],
  [
    'dual stack, then IPv4',
    [
      ['STREAM', '::', 8106],
      ['STREAM', '0.0.0.0', 8106],
    ],
    [`ok ::ffff:${VIP} 8106`, `${EADDRINUSE}`],
  ],
  ['again on the same socket', [[...stream(8107, 'again')]], [`ok ${VIP} 8107 then ${EINVAL}`]],
  ['no port wanted before connect', [['DGRAM', '', 53, 'NOPORT']], [`ok ${VIP} 53`]],
];

for (const [title, attempts, lines] of tables) {
  for (const taken of [false, true]) {
    test.serial(`one instance binds: ${title}${taken ? ', where the port is taken' : ''}`, async (t) => {
      const port = attempts[0]?.[2] ?? 0;
      const isTcp = attempts[0]?.[0] === 'STREAM';
      const since = Date.now();
      const others = taken
        ? await bindAll([isTcp ? 'STREAM' : 'DGRAM', '', port, 'REUSEPORT', 'REUSEADDR'])
        : null;
      const {program, lines: found} = await bindAll(...attempts);
      t.deepEqual(found, lines);
      // Sockets that share a virtual address within an instance share the node port: one endpoint.
      const serves = (line: string, i: number) =>
        /^ok (1|::f)/.test(line) && !attempts[i]?.includes('connect');
      const names = new Set(lines.filter(serves));
      const ports = await nodePorts(port, names.size + (taken ? 1 : 0), since);
      t.is(new Set(ports).size, ports.length);
      t.true(ports.includes(port));
      await program.kill();
      await others?.program.kill();
    });
  }
}
