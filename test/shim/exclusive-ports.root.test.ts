// Exclusive ports: leased from the router before the bind, by one instance alone, in both modes.
// The drawing is at Bed in support.ts.

import os from 'node:os';
import test from 'ava';
import type {ExclusivePort, NodeConfig, NodeState} from '../../router/protocol/messages.ts';
import {binds} from './programs.ts';
import {Bed, VIP, nodeConfigFor, web} from './support.ts';
import {waitUntil} from '../support/wait.ts';

const {EADDRINUSE, EADDRNOTAVAIL} = os.constants.errno;
const TAKEN = 8990;
const UNDECIDED = 8991;
const media = {
  ...web,
  exclusive: [
    {protocol: 'tcp' as const, first: 8900, last: 8999},
    {protocol: 'udp' as const, first: 53, last: 53},
  ],
};

for (const mode of ['dsr', 'nat'] as const) {
  const bed = new Bed();
  const config: NodeConfig = nodeConfigFor([media], mode);
  const part = {taken: [TAKEN], undecided: [UNDECIDED]};

  test.before(async () => {
    await bed.up(config, part);
    await bed.startAgent();
  });

  test.serial.afterEach.always(() => bed.endInstances());
  test.after.always(() => bed.down());

  const bindAll = async (...attempts: Parameters<typeof binds>) => {
    const program = bed.start(binds(...attempts));
    await waitUntil(`binds: ${program.stderr}`, 15_000, () => program.stdout.includes('done'));
    return {program, lines: program.stdout.trim().split('\n').slice(0, -1)};
  };
  const port = (protocol: 'tcp' | 'udp', number: number): ExclusivePort => {
    return {application: 'web', vip: VIP, protocol, port: number};
  };
  const held = (state: NodeState) => JSON.stringify(state.exclusive);

  test.serial(`${mode}: the lease comes before the bind, and ends with the socket`, async (t) => {
    const since = Date.now();
    const {program, lines} = await bindAll(['STREAM', '', 8900], ['DGRAM', '', 53], ['STREAM', '', 8000]);
    t.deepEqual(lines, [`ok ${VIP} 8900`, `ok ${VIP} 53`, `ok ${VIP} 8000`]);
    const puts = bed.readPuts().filter((put) => put.time >= since);
    const leased = puts.findIndex(({state}) => held(state) === JSON.stringify([port('tcp', 8900)]));
    const served = puts.findIndex(({state}) => state.endpoints.some((one) => one.port === 8900));
    t.true(leased >= 0 && leased <= served, `leased in message ${leased}, served in ${served}`);
    const both = JSON.stringify([port('tcp', 8900), port('udp', 53)]);
    await bed.waitForPut('both', (state) => held(state) === both, since);
    const killed = Date.now();
    await program.kill();
    await bed.waitForPut('none', (state) => held(state) === '[]', killed);
  });

  test.serial(`${mode}: what another node has, and what nobody decides`, async (t) => {
    const started = performance.now();
    const {program, lines} = await bindAll(['STREAM', '', TAKEN], ['STREAM', '', UNDECIDED]);
    t.deepEqual(lines, [`${EADDRINUSE}`, `${EADDRNOTAVAIL}`]);
    t.true(performance.now() - started > 4000);
    t.true(program.stderr.includes(`${VIP}:${TAKEN}/tcp is exclusive, and node9 has it`), program.stderr);
    t.true(program.stderr.includes('the router has not decided who may have it'), program.stderr);
    await bed.waitForPut('none', (state) => held(state) === '[]', Date.now());
  });

  test.serial(`${mode}: one instance of a node alone, whatever sockets say; within it as ever`, async (t) => {
    const shared = ['STREAM', '', 8901, 'REUSEPORT', 'REUSEADDR'] as const;
    const {program, lines} = await bindAll([...shared], [...shared], ['STREAM', '', 8901]);
    t.deepEqual(lines, [`ok ${VIP} 8901`, `ok ${VIP} 8901`, `${EADDRINUSE}`]);
    const other = await bindAll([...shared]);
    t.deepEqual(other.lines, [`${EADDRINUSE}`]);
    const holder = `another instance on this node has it: python3 (pid ${program.pid})`;
    t.true(other.program.stderr.includes(holder), other.program.stderr);
    await program.kill();
    t.deepEqual((await bindAll([...shared])).lines, [`ok ${VIP} 8901`]);
  });

  test.serial(`${mode}: of many that bind at once one wins`, async (t) => {
    const all = await Promise.all(Array.from({length: 5}, () => bindAll(['DGRAM', '', 53])));
    const lines = all.flatMap((one) => one.lines).toSorted();
    t.deepEqual(lines, [...Array<string>(4).fill(`${EADDRINUSE}`), `ok ${VIP} 53`]);
  });

  test.serial(`${mode}: a new agent holds what is bound; without the router nothing is bound`, async (t) => {
    const {lines} = await bindAll(['STREAM', '', 8902, 'bound']);
    t.deepEqual(lines, [`ok ${VIP} 8902`]);
    await bed.agent?.kill();
    const again = Date.now();
    await bed.startAgent();
    // The first message comes before the router has said which ports are exclusive.
    await bed.waitForPut('held', (state) => held(state) === JSON.stringify([port('tcp', 8902)]), again);
    const told = bed.readPuts().filter((put) => put.time >= again);
    t.deepEqual(
      told.map(({state}) => state.exclusive?.length ?? 1).filter((count) => count !== 1),
      [],
    );
    await bed.startRouter(config, 3_000, part);
    t.deepEqual((await bindAll(['STREAM', '', 8903])).lines, [`${EADDRNOTAVAIL}`]);
    await bed.startRouter(config, 0, part);
  });
}
