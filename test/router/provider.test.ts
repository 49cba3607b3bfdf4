// The user-space provider's pieces: neighbor entries, the nftables table, and compiled policies.

import test from 'ava';
import type {KernelNeighbor, KernelRoute} from '../../addon/rtnetlink.ts';
import {silentLogger} from '../../router/base/logger.ts';
import type {Route} from '../../router/policy/desired-state.ts';
import {defaultTimeouts} from '../../router/model/application/application.ts';
import {Compiler} from '../../router/policy/compile.ts';
import {gatewayOf} from '../../router/provider/userspace/gateway.ts';
import {Neighbors} from '../../router/provider/userspace/neighbors.ts';
import {removeTable, ruleset} from '../../router/provider/userspace/nftables.ts';
import {FakeClock, settled} from './fake-clock.ts';
import {FakeExec} from './fake-exec.ts';
import {defaultRoute, FakeKernel} from './fake-kernel.ts';

const MAC = '02:00:00:00:00:11';

function neighbors() {
  const native = new FakeKernel();
  const exec = new FakeExec();
  const clock = new FakeClock();
  const changes: number[] = [];
  const interfaceOf = (address: string) => (address.startsWith('10.88.') ? 'eth1' : null);
  const onChange = () => void changes.push(clock.now());
  const table = new Neighbors({native, exec, clock, log: silentLogger, interfaceOf, onChange});
  return {native, exec, clock, changes, table};
}

test('what the kernel says of a neighbor: is it there, and by which MAC?', async (t) => {
  const {native, table} = neighbors();
  await table.start(['10.88.0.11'], {});
  const other = '02:00:00:00:00:77';
  const cases: [KernelNeighbor['state'], string | null, string | null, boolean][] = [
    ['incomplete', null, null, false],
    ['reachable', MAC, MAC, true],
    ['stale', MAC, MAC, true],
    ['delay', MAC, MAC, true],
    ['probe', MAC, MAC, true],
    ['permanent', other, other, true],
    // A MAC once known stays until another is learnt.
    ['failed', null, other, false],
    ['noarp', MAC, MAC, true],
    ['failed', other, MAC, false],
    ['none', other, MAC, false],
  ];
  for (const [state, mac, known, reachable] of cases) {
    native.setNeighbor('10.88.0.11', 'eth1', mac, {state});
    t.like(table.get('10.88.0.11'), {mac: known, reachable}, state);
  }
  native.setNeighbor('10.88.0.11', 'eth1', MAC);
  native.setNeighbor('10.88.0.11', 'eth7', null);
  t.true(table.get('10.88.0.11')?.reachable, 'on another interface there is another');
  native.setNeighbor('10.88.0.11', 'eth1', MAC);
  native.deleteNeighbor('10.88.0.11');
  t.like(table.get('10.88.0.11'), {mac: MAC, reachable: false});
});

test('an entry that goes with its interface, which has no name any more', async (t) => {
  const {native, table} = neighbors();
  await table.start(['10.88.0.11', '10.88.0.12'], {});
  native.setNeighbor('10.88.0.11', 'eth1', MAC, {index: 7});
  native.setNeighbor('10.88.0.12', 'eth1', MAC, {index: 7});
  native.deleteNeighbor('10.88.0.11', {interface: null});
  native.deleteNeighbor('10.88.0.12', {interface: null, index: 8});
  t.deepEqual(
    ['10.88.0.11', '10.88.0.12'].map((address) => table.get(address)?.reachable),
    [false, true],
  );
});

test('an entry of the operator is used and never touched', async (t) => {
  const {native, exec, table} = neighbors();
  native.setNeighbor('10.88.0.11', 'eth1', MAC, {state: 'permanent'});
  await table.start(['10.88.0.11'], {});
  t.is(table.get('10.88.0.11')?.mac, MAC);
  await table.close();
  t.deepEqual(exec.commands, []);
});

test('an entry that the kernel manages already is left as it is', async (t) => {
  const {native, exec, table} = neighbors();
  native.setNeighbor('10.88.0.11', 'eth1', MAC, {managed: true});
  await table.start(['10.88.0.11'], {});
  t.deepEqual(exec.commands, []);
});

test('changes that were lost are read from the table, and one of several is told once', async (t) => {
  const {native, changes, table} = neighbors();
  await table.start(['10.88.0.11', '10.88.0.12'], {});
  for (const address of ['10.88.0.11', '10.88.0.12'])
    native.setNeighbor(address, 'eth1', MAC, {state: 'stale', managed: true}, true);
  t.is(table.get('10.88.0.11')?.mac, null);
  native.overflow();
  await settled();
  t.is(table.get('10.88.0.11')?.mac, MAC);
  t.is(changes.length, 1);
});

test('a table that cannot be read is read later', async (t) => {
  const {native, clock, table} = neighbors();
  native.dumpError = new Error('rtnetlink: Interrupted system call');
  await table.start(['10.88.0.11'], {});
  native.setNeighbor('10.88.0.11', 'eth1', MAC, {}, true);
  native.dumpError = null;
  await clock.advance(30_000);
  t.is(table.get('10.88.0.11')?.mac, MAC);
});

test('a flushed entry is made again; one no longer wanted is removed', async (t) => {
  const {exec, clock, table} = neighbors();
  await table.start([], {});
  table.watch(['10.88.0.11', '10.99.0.5']);
  await settled();
  await clock.advance(30_000);
  const made = exec.commands.filter((command) => command === 'ip neigh replace 10.88.0.11 dev eth1 managed');
  t.is(made.length, 2);
  table.watch([]);
  t.is(exec.commands.at(-1), 'ip neigh del 10.88.0.11 dev eth1');
  t.is(table.get('10.99.0.5'), null);
});

test('remembered MACs count until the kernel says otherwise', async (t) => {
  const {native, table} = neighbors();
  await table.start(['10.88.0.11'], {'10.88.0.11': MAC});
  t.is(table.get('10.88.0.11')?.mac, MAC);
  native.setNeighbor('10.88.0.11', 'eth1', '02:00:00:00:00:77');
  t.is(table.get('10.88.0.11')?.mac, '02:00:00:00:00:77');
});

test('the nftables transaction', (t) => {
  const interfaces = [
    {name: 'eth0', routed: false, ours: false},
    {name: 'eth1', routed: false, ours: false},
    {name: 'coscanet1', routed: false, ours: true},
  ];
  const text = ruleset(interfaces, ['10.77.0.100', '10.77.0.101']);
  t.regex(text, /^table netdev coscanet \{\}\ndelete table netdev coscanet\n/);
  t.regex(text, /elements = \{ 10\.77\.0\.100, 10\.77\.0\.101 \}/);
  for (const name of ['eth0', 'eth1', 'coscanet1']) t.true(text.includes(`device "${name}"`));
  t.is(text.match(/arp daddr ip @forwarded drop/g)?.length, 2);
  t.regex(text, /"coscanet1" priority -500; policy drop;\n  \}/);
  t.false(ruleset([], []).includes('elements'));
});

test('nftables, where nodes send into the world: the kernel takes only what is for it', (t) => {
  const text = ruleset(
    [
      {name: 'eth0', routed: false, ours: false},
      {name: 'eth1', routed: true, ours: false},
    ],
    [],
  );
  const chains = text.split('chain ').slice(1);
  const rule = 'meta protocol { ip, ip6 } fib daddr type != { local, broadcast, multicast } drop';
  t.deepEqual(
    chains.map((chain) => chain.includes(rule)),
    [false, true],
  );
});

test('the gateway by the routes of the host', (t) => {
  const via = defaultRoute;
  const several = {
    ...via(null, 'eth2'),
    hops: [...via('10.1.0.1', 'eth2').hops, ...via('10.77.0.254', 'eth0').hops],
  };
  const cases: [string, KernelRoute[], string | null][] = [
    ['the only one', [via('10.77.0.254', 'eth0')], '10.77.0.254'],
    ['of another interface', [via('10.1.0.1', 'eth2')], null],
    [
      'the lowest metric',
      [via('10.77.0.253', 'eth0', 100), via('10.1.0.1', 'eth2'), via('10.77.0.254', 'eth0', 5)],
      '10.77.0.254',
    ],
    ['one of several next hops', [several], '10.77.0.254'],
    ['on-link, or by a gateway of another family', [via(null, 'eth0')], null],
    ['no default route', [{...via('10.77.0.254', 'eth0'), destination: '10.0.0.0', prefix: 8}], null],
    ['none', [], null],
  ];
  for (const [title, routes, expected] of cases) t.is(gatewayOf(routes, 'eth0'), expected, title);
});

test('removing a table that is not there is no error; anything else is', async (t) => {
  const exec = new FakeExec();
  exec.answers.set('nft delete', new Error('nft delete: Error: No such file or directory'));
  await t.notThrowsAsync(removeTable(exec));
  exec.answers.set('nft delete', new Error('nft delete: Operation not permitted'));
  await t.throwsAsync(removeTable(exec));
});

const route = (port: number, weights: number[]): Route => ({
  slot: port,
  vip: '10.77.0.100',
  protocol: 'tcp',
  port,
  timeouts: defaultTimeouts,
  endpoints: weights.map((weight, n) => ({
    slot: n,
    generation: 1,
    address: `10.88.0.${n}`,
    weight,
    open: weight > 0,
  })),
});
const compile = (compiler: Compiler, routes: Route[], unknown: string[] = []) =>
  compiler.compile({
    routes: false,
    gateway: null,
    interfaces: [],
    vips: [],
    desired: {routes, blocks: [], awaitImports: false},
    nextHopOf: (address) => (unknown.includes(address) ? null : {mac: MAC, egress: 1}),
  }).policy;

test('compiled: only open endpoints with a known path are scheduled, all are there', (t) => {
  const policy = compile(new Compiler(1000), [route(80, [1, 1, 0])], ['10.88.0.1']);
  t.deepEqual(policy.services[0]?.ring, [0]);
  t.deepEqual(
    policy.endpoints.map((one) => [one.open, one.mac === MAC]),
    [
      [true, true],
      [true, false],
      [false, true],
    ],
  );
});

test('compiled: translated endpoints, and where packets leave', (t) => {
  const one = {slot: 5, generation: 2, address: '10.88.0.11', nodePort: 8080, weight: 1, open: true};
  const {policy} = new Compiler(10).compile({
    routes: true,
    gateway: {mac: MAC, egress: 0},
    interfaces: [],
    vips: [],
    desired: {routes: [{...route(80, []), endpoints: [one]}], blocks: [], awaitImports: false},
    nextHopOf: () => ({mac: MAC, egress: 1}),
  });
  t.true(policy.routes);
  t.deepEqual(policy.gateway, {mac: MAC, egress: 0});
  const nat = {protocol: 'tcp', node: '10.88.0.11', nodePort: 8080, vip: '10.77.0.100', vipPort: 80} as const;
  t.deepEqual(policy.endpoints, [{slot: 5, generation: 2, mac: MAC, egress: 1, open: true, nat}]);
  t.false('nat' in (compile(new Compiler(10), [route(80, [1])]).endpoints[0] ?? {}));
});

test('compiled: rings that do not fit together are all made coarser, and nobody is left out', (t) => {
  const uneven = [1000, 999, 1];
  const policy = compile(new Compiler(500), [route(80, uneven), route(81, uneven), route(82, uneven)]);
  const lengths = policy.services.map((service) => service.ring.length);
  t.true(lengths.reduce((a, b) => a + b, 0) <= 500);
  for (const service of policy.services) t.is(new Set(service.ring).size, 3);
});

test('compiled: a ring follows its weights although it is kept', (t) => {
  const compiler = new Compiler(1000);
  t.deepEqual(compile(compiler, [route(80, [1, 1])]).services[0]?.ring, [0, 1]);
  t.deepEqual(compile(compiler, [route(80, [2, 1])]).services[0]?.ring, [0, 1, 0]);
});

test('compiled: what has not changed is the same object; a way that has changed is not overlooked', (t) => {
  const compiler = new Compiler(1000);
  const [web, mail] = [route(80, [1, 1]), route(25, [1])];
  const before = compile(compiler, [web, mail]);
  const after = compile(compiler, [web, {...mail}]);
  t.is(after.services[0], before.services[0]);
  t.not(after.services[1], before.services[1]);
  t.is(after.endpoints[0], before.endpoints[0]);
  const lost = compile(compiler, [web, mail], ['10.88.0.1']);
  t.deepEqual(lost.services[0]?.ring, [0]);
  t.is(lost.services[1], before.services[1]);
  t.deepEqual(compile(compiler, [web, mail]).services[0]?.ring, [0, 1]);
});
