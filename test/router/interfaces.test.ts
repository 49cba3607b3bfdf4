// The router's networks: where a VIP is looked for and announced, and interfaces that change while it runs.

import test from 'ava';
import {methods} from '../../router/model/method.ts';
import {UserError} from '../../router/base/error.ts';
import {Bench, hostInterfaces, macOf, VIP, web} from './bench.ts';
import {settled} from './fake-clock.ts';

const ROUTED = '203.0.113.7';
const INSIDE = '10.88.0.100';
/** The router's own addresses, where they are announced. */
const OWN = ['eth0 10.77.0.1', 'eth1 10.88.0.1'];

test('a VIP is looked for and announced on its own network; one that is routed here, nowhere', async (t) => {
  for (const [vip, expected] of [
    [VIP, [`eth0 ${VIP}`]],
    [INSIDE, [`eth1 ${INSIDE}`]],
    [ROUTED, []],
  ] as const) {
    const bench = await new Bench([{...web, vips: [vip]}]).start();
    t.deepEqual(bench.native.looked, expected);
    const endpoints = [{application: 'web', vip, protocol: 'tcp' as const, port: 80, instances: 1}];
    await bench.put(1, 1, [], {endpoints});
    t.deepEqual(bench.native.segment.policy?.vips, [{address: vip, active: true}]);
    t.deepEqual(bench.native.announced, [...OWN, ...expected]);
  }
});

test('a gateway that answers ARP for everything does not keep us from a routed VIP', async (t) => {
  const bench = new Bench([{...web, vips: [ROUTED]}]);
  bench.native.rivals.set(ROUTED, '02:00:00:00:00:fe');
  await t.notThrowsAsync(bench.start());
  const near = new Bench([web]);
  near.native.rivals.set(VIP, '02:00:00:00:00:fe');
  const error = await t.throwsAsync(near.start(), {instanceOf: UserError});
  t.regex(error?.message ?? '', /already used by the host with MAC 02:00:00:00:00:fe on eth0$/);
});

interface Link {
  name?: string;
  mac?: string;
  mtu?: number;
  up?: boolean;
  carrier?: boolean;
  index?: number;
  address?: string;
}

/** The bench's interfaces, changed one by one; null: it is gone. */
const links = (...changed: (Link | null)[]) =>
  hostInterfaces.flatMap((one, n) => (changed[n] === null ? [] : [{...one, ...changed[n]}]));

async function running(method = methods.dsr) {
  const bench = await new Bench([web], null, method).start();
  await bench.put(1, 1, [80]);
  await bench.clock.advance(5000);
  bench.native.announced.length = 0;
  const change = async (...changed: (Link | null)[]) => {
    bench.native.setInterfaces(links(...changed));
    await settled();
  };
  const told = () =>
    bench.events
      .list()
      .filter((one) => one.event.startsWith('interface'))
      .map((one) => `${one.event} ${one.detail}`);
  return {bench, change, told};
}

test('a new MAC and MTU are published, and everybody is told the MAC', async (t) => {
  const {bench, change, told} = await running();
  const mac = '02:00:00:00:00:77';
  await change({mac, mtu: 1400});
  t.like(bench.native.segment.policy?.interfaces[0], {name: 'eth0', mac, mtu: 1400, address: '10.77.0.1'});
  t.deepEqual(told(), [`interface eth0: MAC 02:00:00:00:00:01 → ${mac}, MTU 1500 → 1400`]);
  t.deepEqual(bench.native.announced, ['eth0 10.77.0.1', `eth0 ${VIP}`]);
  t.is(bench.provider.stats().interfaces[0]?.mac, mac);
  // Hearing our own new MAC is no conflict.
  bench.native.rivals.set(VIP, mac);
  await t.notThrowsAsync(bench.provider.reserve([VIP]));
  // Nothing new: nothing is said.
  await change({mac, mtu: 1400});
  t.is(told().length, 1);
});

const troubles: [string, Link | null, string][] = [
  ['down', {up: false}, 'it is down'],
  ['without a carrier', {carrier: false}, 'it has no carrier (its cable, or the other end)'],
  ['gone', null, 'it is gone'],
  ['renamed', {name: 'eth9'}, 'it is gone'],
  ['made anew', {index: 9}, 'it is another interface than at the start'],
];
for (const [title, link, text] of troubles)
  test(`an interface that is ${title}: said once, and when it is over`, async (t) => {
    const {bench, change, told} = await running();
    const before = bench.native.segment.policy?.interfaces;
    await change({}, link);
    await change({}, link);
    t.deepEqual(told(), [`interface-trouble eth1: ${text}`]);
    t.deepEqual(bench.native.segment.policy?.interfaces, before);
    await change({}, {});
    t.deepEqual(told().slice(1), ['interface eth1: it is well again']);
    // Its node is reached as before.
    t.like(bench.native.segment.policy?.endpoints[0], {mac: macOf(1), egress: 1});
  });

test('an interface that is gone, and another of its name comes', async (t) => {
  const {change, told} = await running();
  await change({}, null);
  await change({}, {index: 9});
  t.deepEqual(told(), [
    'interface-trouble eth1: it is gone',
    'interface-trouble eth1: it is another interface than at the start',
  ]);
});

test('changes that were lost are read; one before the watch began too', async (t) => {
  const {bench, told} = await running();
  const mac = '02:00:00:00:00:77';
  bench.native.setInterfaces(links({mac}), true);
  t.deepEqual(told(), []);
  bench.native.overflow();
  t.deepEqual(told(), [`interface eth0: MAC 02:00:00:00:00:01 → ${mac}`]);
  const late = new Bench([web]);
  late.native.setInterfaces(links({mac}));
  await late.start();
  t.is(late.provider.stats().interfaces[0]?.mac, mac);
});

test('the router’s own address goes: said, for nodes look for it there', async (t) => {
  const {change, told} = await running();
  await change({}, {address: '10.88.0.9'});
  t.deepEqual(told(), [
    'interface eth1: addresses 10.88.0.1/24 → 10.88.0.9/24',
    'interface-trouble eth1: its address 10.88.0.1 is gone',
  ]);
});

const replacements: [string, (Link | null)[], string][] = [
  ['made anew', [{}, {index: 9}], 'interface eth1 is number 9 with 10.88.0.1/24 now'],
  ['with another address', [{address: '10.77.0.9'}], 'interface eth0 is number 2 with 10.77.0.9/24 now'],
];
for (const [title, changed, reason] of replacements)
  test(`an interface that is ${title} for 2 s: the router is started anew`, async (t) => {
    const {bench, change} = await running();
    await change(...changed);
    await bench.clock.advance(1999);
    t.deepEqual(bench.outdated, []);
    await bench.clock.advance(1);
    t.deepEqual(bench.outdated, [reason]);
    await bench.provider.close();
  });

test('one that comes back as it was, is down or gone: the router goes on, or waits for it', async (t) => {
  const {bench, change} = await running();
  await change({}, {index: 9});
  await bench.clock.advance(1500);
  await change({}, {});
  await bench.clock.advance(1500);
  await change({}, {index: 9, up: false});
  await bench.clock.advance(3000);
  await change({}, null);
  await bench.clock.advance(3000);
  t.deepEqual(bench.outdated, []);
  await change({}, {index: 9});
  await bench.provider.close();
  await bench.clock.advance(3000);
  t.deepEqual(bench.outdated, []);
});

test('translation: the watch ends with the provider', async (t) => {
  const {bench, change, told} = await running(methods.nat);
  await bench.provider.close();
  await change({mac: '02:00:00:00:00:77'});
  t.deepEqual(told(), []);
  t.is(bench.native.watching, 0);
});

/** [milliseconds, how often by then]. */
const SCHEDULE: readonly [number, number][] = [
  [0, 1],
  [149, 1],
  [150, 2],
  [1099, 2],
  [1100, 3],
  [2299, 3],
  [2300, 4],
  [4999, 4],
  [5000, 5],
  [40_000, 5],
];

test('a claim and the router’s own addresses: announced at 0, 0.15, 1.1, 2.3 and 5 s, then each minute', async (t) => {
  const bench = await new Bench([web]).start();
  const addresses = ['10.77.0.1', '10.88.0.1', VIP];
  await bench.put(1, 1, [80]);
  for (const [at, count] of SCHEDULE) {
    await bench.clock.advance(at - bench.clock.now());
    for (const address of addresses) t.is(bench.native.announcedOf(address), count, `${address} at ${at}`);
  }
  await bench.clock.advance(60_000 - bench.clock.now());
  await bench.clock.advance(180_000);
  for (const address of addresses) t.is(bench.native.announcedOf(address), 9, address);
});

test('only routed VIPs: the switch hears of the router each minute all the same', async (t) => {
  const bench = await new Bench([{...web, vips: [ROUTED]}]).start();
  await bench.clock.advance(5000);
  bench.native.announced.length = 0;
  await bench.clock.advance(56_000);
  t.deepEqual(bench.native.announced, OWN);
});

test('a released VIP is announced no more, nor anything of a provider that is closed', async (t) => {
  const {bench} = await running();
  bench.provider.releaseAddress(VIP);
  bench.provider.assignAddress(VIP);
  bench.provider.releaseAddress(VIP);
  bench.native.announced.length = 0;
  await bench.clock.advance(10_000);
  t.is(bench.native.announcedOf(VIP), 0);
  await bench.provider.close();
  bench.native.announced.length = 0;
  await bench.clock.advance(120_000);
  t.deepEqual(bench.native.announced, []);
});

test('a link that comes back: announced at once, and as after a claim', async (t) => {
  for (const gone of [{up: false}, {carrier: false}]) {
    const {bench, change} = await running();
    await change(gone);
    bench.native.announced.length = 0;
    await change({});
    t.deepEqual(bench.native.announced, ['eth0 10.77.0.1', `eth0 ${VIP}`]);
    await bench.clock.advance(5000);
    t.is(bench.native.announcedOf(VIP), 5);
    t.is(bench.native.announcedOf('10.88.0.1'), 0);
  }
});

test('a link that is back before we look, or of which the changes were lost, is announced too', async (t) => {
  const {bench} = await running();
  bench.native.setInterfaces(links({carrier: false}), true);
  bench.native.setInterfaces(links({}), true);
  bench.native.overflow();
  t.deepEqual(bench.native.announced, ['eth0 10.77.0.1', `eth0 ${VIP}`, 'eth1 10.88.0.1']);
});
