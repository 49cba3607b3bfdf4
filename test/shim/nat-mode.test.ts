// NAT mode with the kernel faked: what it asks for, and what a program is told when nothing can be done.

import os from 'node:os';
import test from 'ava';
import type {AgentNative, ShimRequest, SocketFacts, SocketInfo} from '../../addon/agent.ts';
import {systemClock} from '../../router/base/clock.ts';
import {silentLogger} from '../../router/base/logger.ts';
import {NatMode} from '../../shim/agent/mode/nat.ts';
import {VirtualAddresses} from '../../shim/agent/virtual-addresses.ts';
import {request} from './request.ts';
import {VIP} from './support.ts';
import {unbound} from './unbound-socket.ts';

const {EADDRINUSE, EADDRNOTAVAIL, EINVAL} = os.constants.errno;
const NODE = '10.88.0.11';
const target = {
  vip: VIP,
  port: 80,
  protocol: 'tcp' as const,
  instance: {application: 'web', folder: '/web/1'},
};
const bound: SocketFacts = {
  ...unbound,
  localAddress: NODE,
  localPort: 40_000,
  virtualAddress: {vip: VIP, port: 80},
};

/** NAT mode on a kernel that answers binds to a port with `answers`, in turn; it notes dumps of bound sockets. */
function natMode(...answers: number[]) {
  const done: string[] = [];
  const dumps: SocketInfo[][] = [];
  const bindNat: AgentNative['bindNat'] = (_, address, port, name, sharing) => {
    done.push(`${address}:${port} for ${name.vip}:${name.port} ${sharing}`);
    return {errno: answers.shift() ?? 0, port: port || 40_000, tagged: true};
  };
  const none = () => [];
  const boundSockets = () => {
    const all = dumps.at(-1) ?? [];
    dumps.push(all);
    return all;
  };
  const tables = {listeners: none, boundSockets, datagramSockets: none, connectedDatagramSockets: none};
  const virtualAddresses = new VirtualAddresses({virtualAddressIn: () => null}, systemClock);
  const tested = new NatMode({
    native: {...tables, bindSocket: () => EINVAL, bindNat},
    ofCgroup: () => target.instance,
    virtualAddresses,
    address: () => NODE,
    ensureVip: () => Promise.resolve(),
    log: silentLogger,
  });
  return {tested, done, virtualAddresses, dumps};
}

test('the same port, alone; where it is taken, one that the kernel chooses', async (t) => {
  const free = natMode(0);
  t.is(await free.tested.bind(request(), unbound, target), null);
  t.deepEqual(free.done, [`${NODE}:80 for ${VIP}:80 alone`]);
  const taken = natMode(EADDRINUSE, 0);
  t.is(await taken.tested.bind(request(), unbound, target), null);
  t.deepEqual(taken.done, [`${NODE}:80 for ${VIP}:80 alone`, `${NODE}:0 for ${VIP}:80 alone`]);
});

test('only the same name may come after itself beside old connections', async (t) => {
  const {tested, done} = natMode();
  const reusing = {...unbound, reuseAddress: true};
  await tested.bind(request(), reusing, target);
  await tested.bind(request(), {...reusing, cookie: 2n}, target);
  await tested.bind(request(), {...reusing, cookie: 3n}, {...target, vip: '10.77.0.101'});
  t.deepEqual(
    done.map((line) => line.split(' ').at(-1)),
    ['alone', 'successor', 'alone'],
  );
});

test('all bound sockets are read once, and again only while one may stand for the same', async (t) => {
  const {tested, virtualAddresses, dumps} = natMode();
  await tested.bind(request(), unbound, target);
  await tested.bind(request(), {...unbound, cookie: 2n}, {...target, port: 81});
  t.is(dumps.length, 1);
  await tested.bind(request(), {...unbound, cookie: 3n}, target);
  t.is(dumps.length, 2);
  virtualAddresses.forget(unbound.cookie);
  virtualAddresses.forget(3n);
  await tested.bind(request(), {...unbound, cookie: 4n}, target);
  t.is(dumps.length, 2);
});

test('what an earlier agent bound is found, and shared as its program asks', async (t) => {
  const {tested, done, virtualAddresses, dumps} = natMode();
  const {cookie: _, ...facts} = bound;
  virtualAddresses.add({...facts, cookie: 7n});
  const earlier: SocketInfo = {
    cookie: 7n,
    family: 4,
    protocol: 'tcp',
    address: NODE,
    port: 40_000,
    uid: 0,
    inode: 1,
    cgroup: 1n,
    receiveQueue: 0,
  };
  dumps.push([earlier]);
  await tested.bind(request(), unbound, target);
  t.deepEqual(done, [`${NODE}:40000 for ${VIP}:80 as-asked`]);
});

test('what a program is told', async (t) => {
  const answer = async (answers: number[], facts = unbound, change: Partial<ShimRequest> = {}) =>
    natMode(...answers).tested.bind(request(change), facts, target);
  t.deepEqual(await answer([EADDRNOTAVAIL]), {
    errno: EADDRNOTAVAIL,
    reason: `${NODE}, which the agent was started with, is not an address of this node`,
  });
  t.deepEqual(await answer([EADDRINUSE, EADDRINUSE]), {
    errno: EADDRINUSE,
    reason: `no port is free on ${NODE} to stand for 80/tcp`,
  });
  t.is((await answer([], unbound, {gone: () => true}))?.errno, EADDRNOTAVAIL);
  t.deepEqual(await answer([], bound), {errno: EINVAL, reason: ''});
});

test('a bind that was done before its answer was lost is known by its tag', (t) => {
  const {tested} = natMode();
  t.true(tested.isBound(bound, target));
  t.false(tested.isBound(bound, {...target, port: 81}));
  t.false(tested.isBound({...bound, virtualAddress: null}, target));
  t.false(tested.isBound(unbound, target));
});
