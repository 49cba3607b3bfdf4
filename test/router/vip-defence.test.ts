// A host that comes to use a VIP of ours: who heard it hears us, and everybody is told.

import test from 'ava';
import {Bench, VIP, interfaces, web} from './bench.ts';

const RIVAL = '02:00:00:00:00:99';
const OTHER = '02:00:00:00:00:98';

async function active() {
  const bench = await new Bench([web]).start();
  await bench.put(1, 1, [80]);
  await bench.clock.advance(59_000);
  bench.native.announced.length = 0;
  const hear = async (mac: string, ms: number, ingress = 0) => {
    bench.native.segment.conflicts.push({vip: VIP, mac, ingress});
    await bench.clock.advance(ms);
  };
  const told = () =>
    bench.events
      .list()
      .filter((one) => one.event === 'vip-conflict')
      .map((one) => `${one.vip} ${one.detail}`);
  return {bench, hear, told};
}

test('it is defended within 100 ms, and event and status name VIP and MAC', async (t) => {
  const {bench, hear, told} = await active();
  await hear(RIVAL, 100);
  t.deepEqual(bench.native.announced, [`eth0 ${VIP}`]);
  t.deepEqual(told(), [`${VIP} the host with MAC ${RIVAL} on eth0 uses it, too: defended`]);
  // It stays ours.
  t.deepEqual(bench.provider.stats().vips, [{address: VIP, state: 'active', rival: RIVAL}]);
  t.deepEqual(bench.native.segment.policy?.vips, [{address: VIP, active: true}]);
});

test('at most once each 10 s, and once more for what was heard meanwhile', async (t) => {
  const {bench, hear, told} = await active();
  await bench.clock.advance(2000); // the minute's announcement is over
  bench.native.announced.length = 0;
  for (let n = 0; n < 99; n++) await hear(RIVAL, 100);
  t.is(bench.native.announcedOf(VIP), 1);
  await bench.clock.advance(300);
  t.is(bench.native.announcedOf(VIP), 2);
  // Nothing more was heard: no more is said.
  await bench.clock.advance(30_000);
  t.is(bench.native.announcedOf(VIP), 2);
  t.is(told().length, 1);
});

test('another MAC, and one that comes again after a minute, are told', async (t) => {
  const {bench, hear, told} = await active();
  await hear(RIVAL, 20_000, 1);
  await hear(OTHER, 20_000);
  t.deepEqual(told(), [
    `${VIP} the host with MAC ${RIVAL} on eth1 uses it, too: defended`,
    `${VIP} the host with MAC ${OTHER} on eth0 uses it, too: defended`,
  ]);
  await bench.clock.advance(40_100);
  t.deepEqual(bench.provider.stats().vips, [{address: VIP, state: 'active'}]);
  await hear(OTHER, 100);
  t.is(told().length, 3);
});

test('a flood of MACs is one event and one defence each 10 s', async (t) => {
  const {bench, hear, told} = await active();
  await bench.clock.advance(2000);
  bench.native.announced.length = 0;
  for (let n = 0; n < 200; n++) await hear(`02:00:00:00:01:${(n + 16).toString(16)}`, 100);
  t.true(bench.native.announcedOf(VIP) <= 3, String(bench.native.announcedOf(VIP)));
  t.true(told().length <= 3);
});

test('our own MACs are no rivals', async (t) => {
  const {bench, hear, told} = await active();
  await hear(interfaces[1]!.mac, 100);
  t.deepEqual(bench.native.announced, []);
  t.deepEqual(told(), []);
});

test('one that is not ours now is told and not defended', async (t) => {
  const bench = await new Bench([web]).start();
  await bench.clock.advance(10_000);
  bench.native.segment.conflicts.push({vip: VIP, mac: RIVAL, ingress: 0});
  await bench.clock.advance(100);
  t.is(bench.native.announcedOf(VIP), 0);
  t.is(bench.events.list().at(-1)?.detail, `the host with MAC ${RIVAL} on eth0 uses it, too`);
  t.deepEqual(bench.provider.stats().vips, [{address: VIP, state: 'inactive', rival: RIVAL}]);
});
