// What the rest of the agent relies on in a mode, the same of both.

import os from 'node:os';
import test from 'ava';
import {FakeHost, NODE, boundFor, instance} from './bind-modes.ts';
import {request} from './request.ts';
import {VIP} from './support.ts';
import {unbound} from './unbound-socket.ts';

const {EADDRINUSE, EADDRNOTAVAIL, EPERM} = os.constants.errno;
const target = {vip: VIP, port: 80, protocol: 'tcp' as const, instance};

for (const mode of ['dsr', 'nat'] as const) {
  const other = mode === 'dsr' ? 'nat' : 'dsr';
  const isOnVip = {dsr: true, nat: false};

  test(`${mode}: the address is there before the one bind`, async (t) => {
    const host = new FakeHost();
    t.is(await host.modes.of(mode).bind(request(), unbound, target), null);
    const [first, bind, ...more] = host.done;
    t.is(first, `address ${VIP}`);
    t.regex(
      bind ?? '',
      mode === 'dsr' ? /^bind 10\.77\.0\.100:80 / : /^bind 10\.88\.0\.11:80 for 10\.77\.0\.100:80 /,
    );
    t.deepEqual(more, []);
  });

  test(`${mode}: nothing is bound without the address, nor for a program that did not wait`, async (t) => {
    const host = new FakeHost();
    host.hasRouter = false;
    await t.throwsAsync(host.modes.of(mode).bind(request(), unbound, target), {message: /no way/});
    t.deepEqual(host.done, []);
    host.hasRouter = true;
    const refused = await host.modes.of(mode).bind(request({gone: () => true}), unbound, target);
    t.is(refused?.errno, EADDRNOTAVAIL);
    t.deepEqual(host.done, [`address ${VIP}`]);
  });

  test(`${mode}: the kernel's refusal is the program's`, async (t) => {
    const host = new FakeHost();
    host.answers.push(EPERM);
    t.deepEqual(await host.modes.of(mode).bind(request(), unbound, target), {errno: EPERM, reason: ''});
  });

  test(`${mode}: an instance does not get a port twice, and is told so`, async (t) => {
    const host = new FakeHost();
    host.holds(boundFor[mode](VIP));
    host.answers.push(EADDRINUSE);
    const refused = await host.modes.of(mode).bind(request(), unbound, target);
    t.is(refused?.errno, EADDRINUSE);
    t.regex(refused?.reason ?? '', /^this instance has 80\/tcp already: /);
  });

  test(`${mode}: a socket and its line in a dump stand for the same service`, (t) => {
    const host = new FakeHost();
    const facts = boundFor[mode](VIP);
    const socket = host.holds(facts);
    const nodePort = mode === 'dsr' ? {} : {nodePort: 40_000};
    t.deepEqual(host.modes.of(mode).serviceOf(facts), {vip: VIP, port: 80, ...nodePort});
    const found = host.modes.of(mode).endpointOf(socket, isOnVip[mode], instance);
    t.deepEqual(found, {vip: VIP, port: 80, ...nodePort});
    t.deepEqual(host.modes.byAddress(isOnVip[mode]).endpointOf(socket, isOnVip[mode], instance), found);
  });

  test(`${mode}: a socket of the other mode is no endpoint, and why`, (t) => {
    const host = new FakeHost();
    const facts = boundFor[other](VIP);
    const socket = host.holds(facts);
    t.notDeepEqual(host.modes.of(mode).serviceOf(facts)?.vip, VIP);
    t.is(
      host.modes.of(mode).endpointOf(socket, isOnVip[other], instance),
      `it was bound in the other mode, the router is in ${mode.toUpperCase()} mode now: start its program again`,
    );
  });

  test(`${mode}: a socket without a tag on the node's own address is no endpoint`, (t) => {
    const host = new FakeHost();
    const facts = {...unbound, cookie: 9n, localAddress: NODE, localPort: 22};
    const found = host.modes.of(mode).endpointOf(host.holds(facts), false, instance);
    t.true(found === null || typeof found === 'string');
    t.not(host.modes.of(mode).serviceOf(facts)?.vip, VIP);
  });
}
