// A provider that takes its time: nothing is said to be in force before it is, what comes meanwhile goes together, and
// a failure leaves what was.

import test from 'ava';
import {VIP} from './bench.ts';
import {settled} from './fake-clock.ts';
import {RecordedRouter} from '../support/recorded-router.ts';

const service = {vip: VIP, port: 80, protocol: 'tcp'} as const;
const isPending = async (promise: Promise<unknown>) => {
  const later = settled().then(() => 'pending');
  return (await Promise.race([promise.catch(() => 'failed'), later])) === 'pending';
};

test('a PUT is answered, and its events are told, when what it changes is in force', async (t) => {
  const router = await new RecordedRouter().start();
  const before = router.names().length;
  router.provider.hold();
  const answer = router.put(1, 1, [80]);
  t.true(await isPending(answer));
  t.deepEqual(router.names().slice(before), []);
  router.provider.release();
  t.is((await answer).kind, 'config');
  t.is(router.provider.nextOf(service), '10.88.0.11');
  t.deepEqual(router.names().slice(before), ['vip-claimed', 'endpoint-up', 'published', 'node-up']);
});

test('what comes while a state is being realised goes with the next, as one', async (t) => {
  const router = await new RecordedRouter().start();
  await router.register(1, 1, [80]);
  const before = router.provider.realised.length;
  const {asked} = router.provider;
  router.provider.hold();
  const answers = [2, 3, 4, 5].map((node) => router.put(node, 1, [80]));
  // A renewal of what is not in force yet waits too.
  const again = router.put(2, 2, [80]);
  t.true(await isPending(Promise.race([...answers, again])));
  router.provider.release();
  await Promise.all([...answers, again]);
  t.deepEqual(
    router.provider.realised.slice(before).map((desired) => desired.routes[0]?.endpoints.length),
    [2, 5],
  );
  t.false(await isPending(router.put(1, 2, [80])));
  t.is(router.provider.asked, asked + 2, 'and what changes nothing asks for nothing');
});

test('a state that cannot be realised: the PUT fails, what was in force stays, the next PUT repairs', async (t) => {
  const router = await new RecordedRouter().start();
  await router.register(1, 1, [80]);
  router.provider.failure = new Error('the appliance does not answer');
  await t.throwsAsync(router.put(1, 2, []), {message: 'the appliance does not answer'});
  t.is(router.provider.nextOf(service), '10.88.0.11');
  t.false(router.names().includes('endpoint-down'));
  router.provider.failure = null;
  await router.register(1, 3, []);
  t.is(router.provider.nextOf(service), null);
  t.true(router.names().includes('endpoint-down'));
});

test('housekeeping tries again what failed', async (t) => {
  const router = await new RecordedRouter().start();
  router.provider.failure = new Error('the appliance does not answer');
  await t.throwsAsync(router.put(1, 1, [80]));
  router.provider.failure = null;
  await router.clock.advance(100);
  t.is(router.provider.nextOf(service), '10.88.0.11');
});

test('a weight and a drain are answered when they are in force', async (t) => {
  const router = await new RecordedRouter().start();
  await router.register(1, 1, [80]);
  await router.register(2, 1, [80]);
  router.provider.hold();
  const weight = router.overrides.weight({target: 'node2', factor: 0});
  t.true(await isPending(weight));
  t.false(router.names().includes('weight'));
  router.provider.release();
  await weight;
  t.is(router.provider.nextOf(service), '10.88.0.11');
  t.is(router.provider.nextOf(service), '10.88.0.11');
});

test('what is kept over a crash is what is in force', async (t) => {
  const router = await new RecordedRouter().start();
  await router.register(1, 1, [80]);
  const kept = () => Buffer.from(router.provider.kept ?? []).toString();
  router.provider.hold();
  const answer = router.put(2, 1, [80]);
  await settled();
  t.true(kept().includes('node1'));
  t.false(kept().includes('node2'));
  router.provider.release();
  await answer;
  t.true(kept().includes('node2'));
});

test('stopping waits for what is being realised', async (t) => {
  const router = await new RecordedRouter().start();
  router.provider.hold();
  const answer = router.put(1, 1, [80]);
  const stopped = router.supervisor.stop();
  t.true(await isPending(stopped));
  router.provider.release();
  await stopped;
  t.is((await answer).kind, 'config');
});
