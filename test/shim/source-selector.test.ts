// A program that may not talk is told why, and so is the log: at once, then as one line for all in ten seconds.

import os from 'node:os';
import test from 'ava';
import type {ShimRequest} from '../../addon/agent.ts';
import {silentLogger} from '../../router/base/logger.ts';
import type {Fields} from '../../router/base/logger.ts';
import {refusal} from '../../shim/agent/bind-rules.ts';
import {SourceSelector} from '../../shim/agent/outbound/source-selector.ts';
import type {SourceSelectorDeps} from '../../shim/agent/outbound/source-selector.ts';
import {FakeClock} from '../router/fake-clock.ts';
import {FakeHost} from './bind-modes.ts';
import {request} from './request.ts';
import {VIP, nodeConfigFor, web} from './support.ts';
import {unbound} from './unbound-socket.ts';

const {EADDRNOTAVAIL} = os.constants.errno;
const reason = `from ${VIP}:80 to 192.0.2.1:7/tcp: the router holds it already`;
const noPorts = `no ports of ${VIP} for this node`;

const remote = Buffer.from('02000007c00002010000000000000000', 'hex'); // 192.0.2.1:7
const connect = (pid: number): ShimRequest => request({kind: 'connect', address: remote, pid});

function sourceSelector(localPort: number) {
  const lines: [Fields, string][] = [];
  const clock = new FakeClock();
  const deps: SourceSelectorDeps = {
    native: {
      socketFacts: () => (localPort === 0 ? unbound : {...unbound, localAddress: VIP, localPort}),
      bindInBlock: () => 0,
    },
    awaitConfig: () => Promise.resolve(nodeConfigFor([web])),
    instanceOf: () => ({application: 'web', folder: '/web/1'}),
    ensureVip: () => Promise.resolve(),
    blocks: {
      acquire: () => Promise.resolve(refusal(EADDRNOTAVAIL, noPorts)),
      exhausted: () => {},
      containing: () => null,
    },
    destinations: {kindOf: () => 'outside'},
    flowReports: {reportOpening: () => Promise.resolve(refusal(EADDRNOTAVAIL, reason))},
    activeOpens: {add: () => {}},
    modes: new FakeHost().modes,
    portRange: () => ({first: 32_768, last: 60_999}),
    clock,
    log: {...silentLogger, warn: (fields, message) => lines.push([fields, message])},
  };
  return {selector: new SourceSelector(deps), clock, lines};
}

test('the first refusal is told at once, the others once in ten seconds', async (t) => {
  const {selector: tested, clock, lines} = sourceSelector(80);
  for (const pid of [1, 2, 3]) t.deepEqual(await tested.select(connect(pid)), refusal(EADDRNOTAVAIL, reason));
  const first = [{program: 1, errno: EADDRNOTAVAIL, refused: 1}, `connect refused: ${reason}`];
  t.deepEqual(lines, [first]);
  await clock.advance(10_000);
  await tested.select({...connect(4), kind: 'send'});
  t.deepEqual(lines, [first, [{program: 4, errno: EADDRNOTAVAIL, refused: 4}, `send refused: ${reason}`]]);
});

test('a program that gets no port is told of like any other', async (t) => {
  const {selector: tested, lines} = sourceSelector(0);
  await tested.select(connect(1));
  t.deepEqual(lines, [[{program: 1, errno: EADDRNOTAVAIL, refused: 1}, `connect refused: ${noPorts}`]]);
});

test("what the kernel refuses by itself is the program's to tell", async (t) => {
  const {selector: tested, lines} = sourceSelector(0);
  const exhausted = {...connect(1), exhausted: true, address: Buffer.alloc(2)};
  t.deepEqual(await tested.select(exhausted), refusal(EADDRNOTAVAIL, ''));
  t.deepEqual(lines, []);
});
