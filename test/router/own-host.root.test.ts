// The router's own host as client and as node, seen by the host: a pair of interfaces, routes, a rule. What goes
// through it, test/network/router-node.test.ts shows.

import {existsSync} from 'node:fs';
import test from 'ava';
import {nodeState} from './bench.ts';
import {withHostAddress} from '../../router/daemon/own-node.ts';
import {config, useLab} from './lab.ts';
import {waitUntil} from '../support/wait.ts';

const TWO = config.replace('[10.77.0.100]', '[10.77.0.100, 10.77.0.101]');
const NAT = ['--mode', 'nat', '--forwarders', '1'];
const RULE = '7401:\tfrom 192.0.0.7 lookup 7401 proto 74';

const lab = useLab(config);

const shown = (...words: string[]) => lab.in('router', 'ip', ...words).trim();
const routes = () => shown('route', 'show', 'dev', 'coscanet0', 'proto', '74').split('\n').toSorted();
const rules = () => shown('rule').split('\n');

test.serial('dsr: virtual IPs lead to the forwarders, under an address that nodes can answer', async (t) => {
  const router = await lab.router('--forwarders', '1');
  t.deepEqual(routes(), ['10.77.0.100 scope link src 10.88.0.1']);
  t.false(rules().includes(RULE));
  // Never by itself the source of the host's other packets.
  t.regex(shown('-o', 'addr', 'show', 'coscanet0'), /inet 192\.0\.0\.7\/31 scope link/);
  const ofAgent = '10.77.0.100 via 192.0.0.6 dev coscanet0';
  shown('route', 'add', ...ofAgent.split(' '), 'table', '7400', 'proto', '74');
  lab.configure(TWO);
  t.is((await lab.coscanet('reload')).status, 0);
  t.deepEqual(
    routes().map((line) => line.split(' ')[0]),
    ['10.77.0.100', '10.77.0.101'],
  );
  lab.configure(config);
  t.is((await lab.coscanet('reload')).status, 0);
  t.is(routes().length, 1);
  t.is(shown('route', 'show', 'table', '7400'), `${ofAgent} proto 74`);
  router.kill('SIGTERM');
  await router.ended;
  lab.assertNothingLeft(t);
});

test.serial(
  'nat: the host has an address among the nodes, and what comes from it goes to the forwarders',
  async (t) => {
    const router = await lab.router(...NAT);
    t.deepEqual(routes(), ['10.77.0.100 scope link src 192.0.0.7']);
    t.true(rules().includes(RULE));
    const table = () =>
      shown('route', 'show', 'table', '7401')
        .split('\n')
        .map((line) => line.trim());
    const one = [
      'default via 192.0.0.6 dev coscanet0 proto 74',
      '10.77.0.100 dev coscanet0 proto 74 scope link src 192.0.0.7',
    ];
    t.deepEqual(table(), one);
    lab.configure(TWO);
    t.is((await lab.coscanet('reload')).status, 0);
    t.deepEqual(table(), [...one, '10.77.0.101 dev coscanet0 proto 74 scope link src 192.0.0.7']);
    lab.configure(config);
    t.is((await lab.coscanet('reload')).status, 0);
    t.deepEqual(table(), one);
    t.regex(shown('route', 'get', '10.77.0.9', 'from', '192.0.0.7'), /via 192\.0\.0\.6 dev coscanet0/);
    router.kill('SIGTERM');
    await router.ended;
    lab.assertNothingLeft(t);
  },
);

test.serial('after a crash the next router takes the pair over, in the other mode too', async (t) => {
  let router = await lab.router(...NAT);
  const pair = () => shown('-br', 'link', 'show', 'type', 'veth', 'up').match(/coscanet\S+/g);
  const indexes = () => shown('-o', 'link', 'show').match(/^\d+: coscanet\S+/gm);
  const before = indexes();
  t.is(pair()?.length, 2);
  for (const words of [NAT, ['--mode', 'dsr', '--forwarders', '1']]) {
    router.kill('SIGKILL');
    await router.ended;
    router = await lab.router(...words);
    t.notRegex(router.log(), /opening new ones/);
    t.deepEqual(indexes(), before);
    t.is(rules().includes(RULE), words === NAT);
  }
  t.deepEqual(routes(), ['10.77.0.100 scope link src 10.88.0.1']);
});

test.serial('after a crash without a next router, clean-up removes it', async (t) => {
  const router = await lab.router(...NAT);
  router.kill('SIGKILL');
  await router.ended;
  t.is((await lab.start('cleanup', '--run-dir', lab.runDir).ended).status, 0);
  await waitUntil('all processes ended', 15_000, () => lab.processes().length === 0);
  lab.assertNothingLeft(t);
});

test.serial('a pair that somebody removed is made again by the next router', async (t) => {
  const first = await lab.router('--forwarders', '1');
  first.kill('SIGKILL');
  await first.ended;
  lab.in('router', 'ip', 'link', 'del', 'coscanet0');
  const next = await lab.router('--forwarders', '1');
  t.deepEqual(routes(), ['10.77.0.100 scope link src 10.88.0.1']);
  next.kill('SIGTERM');
  await next.ended;
  lab.assertNothingLeft(t);
});

test.serial('a pair that somebody put down and up leads to the forwarders as before', async (t) => {
  const router = await lab.router(...NAT);
  const table = () => shown('route', 'show', 'table', '7401');
  const neighbors = () => shown('neigh', 'show', 'nud', 'permanent').split('\n').toSorted();
  const before = [routes(), table(), neighbors()];
  t.is(neighbors().length, 2);
  for (const name of ['coscanet0', 'coscanet1'])
    for (const state of ['down', 'up']) shown('link', 'set', name, state);
  // As it looks by itself now and then.
  t.is((await lab.coscanet('reload')).status, 0);
  t.deepEqual([routes(), table(), neighbors()], before);
  router.kill('SIGTERM');
  await router.ended;
  lab.assertNothingLeft(t);
});

test.serial('an interface of that name that is not ours is never touched', async (t) => {
  lab.in('router', 'ip', 'link', 'add', 'coscanet1', 'type', 'veth', 'peer', 'name', 'other');
  t.teardown(() => lab.in('router', 'ip', 'link', 'del', 'coscanet1'));
  const {status, stderr} = await lab.start('--forwarders', '1').ended;
  t.is(status, 1);
  t.is(
    stderr.trim(),
    "coscanet-router: interface coscanet1 is there already and not the router's: remove or rename it",
  );
  t.regex(shown('link', 'show', 'coscanet1'), /coscanet1/);
  t.false(existsSync(lab.runDir));
});

test.serial('a strict reverse path filter is named, with its cure', async (t) => {
  lab.in('router', 'sysctl', '-qw', 'net.ipv4.conf.eth1.rp_filter=1');
  t.teardown(() => lab.in('router', 'sysctl', '-qw', 'net.ipv4.conf.eth1.rp_filter=0'));
  const router = await lab.router('--forwarders', '1');
  const warnings = router.log().match(/cannot reach virtual IPs on other nodes[^"]*/g);
  t.is(warnings?.length, 1);
  // Not with dots: those of "eth1.100" would be taken for folders.
  const cure = /sysctl -w net\/ipv4\/conf\/eth1\/rp_filter=2/.exec(warnings?.[0] ?? '')?.[0];
  t.truthy(cure, warnings?.[0]);
  lab.in('router', 'sh', '-c', cure ?? '');
  t.is(lab.in('router', 'sysctl', '-n', 'net.ipv4.conf.eth1.rp_filter').trim(), '2');
  router.kill('SIGTERM');
  await router.ended;
});

test.serial("a virtual IP that this host's own agent carries is no obstacle", async (t) => {
  lab.in(
    'router',
    'ip',
    'addr',
    'add',
    '10.77.0.100/32',
    'dev',
    'lo',
    'scope',
    'host',
    'label',
    'lo:coscanet',
  );
  t.teardown(() => lab.in('router', 'ip', 'addr', 'del', '10.77.0.100/32', 'dev', 'lo'));
  const router = await lab.router('--forwarders', '1');
  router.kill('SIGTERM');
  t.is((await router.ended).status, 0);
});

test('an agent that goes by an address of the router is a node on the router’s own host', async (t) => {
  const seen: string[] = [];
  const given = {mode: 'nat'} as never;
  const put = (name: string, {address}: {address: string}) => {
    seen.push(`${name} ${address}`);
    const outcome =
      name === 'unwanted'
        ? ({kind: 'refused', reason: 'no'} as const)
        : ({kind: 'config', config: given} as const);
    return Promise.resolve(outcome);
  };
  for (const translates of [false, true]) {
    const welcome = withHostAddress(put, ['10.77.0.1', '10.88.0.1'], translates);
    const own = translates ? {mode: 'nat', address: '192.0.0.7'} : {mode: 'nat'};
    t.deepEqual(await welcome('router', {...nodeState(1, 1, []), address: '10.77.0.1'}), {
      kind: 'config',
      config: own,
    } as never);
    t.deepEqual(await welcome('unwanted', {...nodeState(1, 1, []), address: '10.88.0.1'}), {
      kind: 'refused',
      reason: 'no',
    });
    t.deepEqual(await welcome('node1', nodeState(1, 1, [])), {kind: 'config', config: given});
  }
  const once = ['router 192.0.0.7', 'unwanted 192.0.0.7', 'node1 10.88.0.11'];
  t.deepEqual(seen, [...once, ...once]);
});
