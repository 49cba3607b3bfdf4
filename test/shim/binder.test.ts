// The binder with everything around it faked: what a program is told when the agent was restarted in the middle,
// when it did not wait, and when its application is newer than the router's last answer.

import os from 'node:os';
import test from 'ava';
import type {SocketFacts} from '../../addon/agent.ts';
import {silentLogger} from '../../router/base/logger.ts';
import {Binder} from '../../shim/agent/binder.ts';
import type {BinderDeps} from '../../shim/agent/binder.ts';
import {DsrMode} from '../../shim/agent/mode/dsr.ts';
import type {DsrModeDeps} from '../../shim/agent/mode/dsr.ts';
import {applicationUid} from '../../shim/agent/shared-ports.ts';
import {request, wildcard80} from './request.ts';
import {VIP, nodeConfigFor, web} from './support.ts';
import {unbound} from './unbound-socket.ts';

const {EADDRNOTAVAIL, EINVAL} = os.constants.errno;

/** A binder in DSR mode, and what it asked of the kernel and the host. */
function binder(facts: SocketFacts, change: Partial<BinderDeps & Pick<DsrModeDeps, 'ensureVip'>> = {}) {
  const done: string[] = [];
  const native: BinderDeps['native'] = {
    socketFacts: () => facts,
    bindSocket: (fd, address, port, owner) => {
      done.push(`bind ${fd} ${address}:${port} ${owner === applicationUid('web') ? 'shared' : 'alone'}`);
      return facts.localPort === 0 ? 0 : EINVAL;
    },
    listeners: () => [],
    boundSockets: () => [],
    datagramSockets: () => [],
    connectedDatagramSockets: () => [],
  };
  const mode = new DsrMode({
    native,
    ofCgroup: () => null,
    ensureVip: (vip) => {
      done.push(`address ${vip}`);
      return Promise.resolve();
    },
    virtualAddresses: {of: () => null},
    log: silentLogger,
    ...change,
  });
  const deps: BinderDeps = {
    native,
    awaitConfig: () => Promise.resolve(nodeConfigFor([web])),
    refreshConfig: () => Promise.resolve(null),
    instances: {
      ofProcess: () => ({application: 'web', folder: '/web/1'}),
      ofCgroup: () => null,
      cgroupOf: () => '/',
    },
    sources: {bindAnyPort: () => Promise.reject(new Error('a port was chosen'))},
    blocks: {containing: () => null},
    exclusivePorts: {withLease: (_, __, bind) => bind()},
    modes: {of: () => mode},
    onDatagramBound: async () => {
      done.push('registered');
    },
    log: silentLogger,
    ...change,
  };
  return {binder: new Binder(deps), done};
}

test('the address is there before the bind', async (t) => {
  const {binder: tested, done} = binder(unbound);
  t.is(await tested.bind(request()), null);
  t.deepEqual(done, [`address ${VIP}`, `bind 9 ${VIP}:80 shared`]);
});

test('UDP is registered at its bind', async (t) => {
  const {binder: tested, done} = binder({...unbound, protocol: 'udp'});
  const address = Buffer.from(wildcard80);
  address.writeUInt16BE(53, 2);
  t.is(await tested.bind(request({address})), null);
  t.is(done.at(-1), 'registered');
});

test('a bind that was done before its answer was lost is a success; a second bind is the kernel’s EINVAL', async (t) => {
  const bound = {...unbound, localAddress: VIP, localPort: 80};
  const lost = binder(bound);
  t.is(await lost.binder.bind(request({retry: true})), null);
  t.deepEqual(lost.done, []);
  t.deepEqual(await binder(bound).binder.bind(request()), {errno: EINVAL, reason: ''});
});

test('nothing is bound for a program that did not wait', async (t) => {
  const {binder: tested, done} = binder(unbound);
  t.like(await tested.bind(request({gone: () => true})), {errno: EADDRNOTAVAIL});
  t.deepEqual(done, [`address ${VIP}`]);
});

test('an application that is newer than the last answer is asked for', async (t) => {
  const {binder: tested} = binder(unbound, {
    awaitConfig: () => Promise.resolve(nodeConfigFor([])),
    refreshConfig: () => Promise.resolve(nodeConfigFor([web])),
  });
  t.is(await tested.bind(request()), null);
});

test('no answer of the router, or no address: why', async (t) => {
  const silent = binder(unbound, {awaitConfig: () => Promise.resolve(null)});
  const reason = "this node's agent has no answer from the router yet";
  t.deepEqual(await silent.binder.bind(request()), {errno: EADDRNOTAVAIL, reason});
  const broken = binder(unbound, {ensureVip: () => Promise.reject(new Error('no way to the router'))});
  t.deepEqual(await broken.binder.bind(request()), {errno: EADDRNOTAVAIL, reason: 'no way to the router'});
});
