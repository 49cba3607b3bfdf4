// What operators tell the router about nodes and endpoints: weights, over HTTP down to the ring.

import test from 'ava';
import {parseFactor} from '../../router/cli/weight.ts';
import {createControlServer} from '../../router/api/server.ts';
import type {RouterApi} from '../../router/api/router-api.ts';
import {silentLogger} from '../../router/base/logger.ts';
import {LEASE_MS} from '../../router/protocol/messages.ts';
import {applicationDefaults} from '../../router/model/application/application.ts';
import {endpointName, namesOf} from '../../router/model/target.ts';
import {OverrideActions} from '../../router/api/overrides.ts';
import {Bench, macOf, VIP, web} from './bench.ts';

const NAME = `node1:${VIP}:80/tcp`;

function actionsOn(bench: Bench): OverrideActions {
  const {clock, registry, events, supervisor, save} = bench;
  const {drains} = supervisor;
  return new OverrideActions({clock, registry, events, drains, commit: () => supervisor.commit(), save});
}

async function twoNodes(): Promise<{bench: Bench; overrides: OverrideActions}> {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80, 81]);
  await bench.put(2, 1, [80, 81]);
  return {bench, overrides: actionsOn(bench)};
}

const count = (ring: string[], node: string) => ring.filter((one) => one === node).length;

test('names, from coarse to fine', (t) => {
  const record = {node: 'node1', vip: VIP, protocol: 'tcp' as const, port: 80};
  t.deepEqual(namesOf(record), ['node1', NAME]);
  t.is(endpointName({...record, nodePort: 32768}), `${NAME}@32768`);
  t.deepEqual(namesOf({...record, nodePort: 32768}), ['node1', NAME, `${NAME}@32768`]);
});

test('a factor of an endpoint changes its service alone, one of a node all of its services', async (t) => {
  const {bench, overrides} = await twoNodes();
  t.deepEqual(await overrides.weight({target: NAME, factor: 0.5}), {
    target: NAME,
    factor: 0.5,
    since: bench.clock.wall(),
    endpoints: [NAME],
  });
  t.deepEqual(bench.ring(80).toSorted(), ['node1', 'node2', 'node2']);
  t.deepEqual(bench.ring(81).toSorted(), ['node1', 'node2']);
  t.is((await overrides.weight({target: 'node1', factor: 4})).endpoints.length, 2);
  // 0.5 of the endpoint times 4 of the node.
  t.is(count(bench.ring(80), 'node1'), 2 * count(bench.ring(80), 'node2'));
  t.is(count(bench.ring(81), 'node1'), 4 * count(bench.ring(81), 'node2'));
  t.deepEqual(
    overrides.weights().map(({target, factor}) => [target, factor]),
    [
      [NAME, 0.5],
      ['node1', 4],
    ],
  );
  await overrides.weight({target: 'node1', factor: 1});
  await overrides.weight({target: NAME, factor: 1});
  t.deepEqual(overrides.weights(), []);
  t.deepEqual(bench.ring(80).toSorted(), ['node1', 'node2']);
  const details = bench.events.list().filter((event) => event.event === 'weight');
  t.deepEqual(details[0]?.detail, `${NAME}: factor 0.5`);
});

test('a factor of 0: no new flows; the endpoint stays open', async (t) => {
  const {bench, overrides} = await twoNodes();
  await overrides.weight({target: 'node1', factor: 0});
  t.deepEqual(bench.ring(80), ['node2']);
  t.true(bench.native.segment.policy?.endpoints.every((endpoint) => endpoint.open));
});

test('a factor outlives the supervisor and what it names', async (t) => {
  const {bench, overrides} = await twoNodes();
  await overrides.weight({target: NAME, factor: 3});
  const next = new Bench();
  next.registry.restore(structuredClone(bench.registry.checkpoint()), 0);
  const since = bench.clock.wall();
  t.deepEqual([...next.registry.overrides.weights()], [[NAME, {factor: 3, since}]]);
  bench.native.probes.set(`${macOf(2)} ${VIP}:80`, 'open');
  await bench.put(1, 2, [], {leaving: true});
  await bench.clock.advance(10_000);
  t.deepEqual(bench.ring(80), ['node2']);
  t.is((await overrides.weight({target: NAME, factor: 2})).endpoints.length, 0);
  await bench.put(1, 3, [80]);
  t.is(count(bench.ring(80), 'node1'), 2);
});

test('what does not exist is refused, with what does', async (t) => {
  const {overrides} = await twoNodes();
  await t.throwsAsync(() => overrides.weight({target: 'nod1', factor: 2}), {
    message: 'there is no node "nod1" (did you mean "node1"?); there are: node1, node2',
  });
  await t.throwsAsync(() => overrides.weight({target: `node3:${VIP}:80/tcp`, factor: 2}), {
    message:
      /^there is no endpoint "node3:10\.77\.0\.100:80\/tcp" \(did you mean "node1:10\.77\.0\.100:80\/tcp"\?\)/,
  });
  t.deepEqual(overrides.weights(), []);
});

test('over HTTP: requests that do not fit are refused with one line', async (t) => {
  const {bench, overrides} = await twoNodes();
  const router = {overrides} as unknown as RouterApi;
  const ready = Promise.resolve();
  const server = createControlServer({router: () => router, ready, secret: null, log: silentLogger});
  const post = async (payload: object) => {
    const answer = await server.inject({method: 'POST', url: '/v1/weight', payload});
    return [answer.statusCode, answer.json()];
  };
  t.deepEqual(await post({target: 'node2', factor: 2}), [
    200,
    {
      target: 'node2',
      factor: 2,
      since: bench.clock.wall(),
      endpoints: ['80', '81'].map((port) => `node2:${VIP}:${port}/tcp`),
    },
  ]);
  t.deepEqual(bench.ring(80).toSorted(), ['node1', 'node2', 'node2']);
  for (const factor of [-1, 101, 'x', null]) t.is((await post({target: 'node1', factor}))[0], 400);
  t.deepEqual(await post({target: 'node9', factor: 1}), [
    400,
    {error: 'there is no node "node9" (did you mean "node1"?); there are: node1, node2'},
  ]);
  t.is((await server.inject('/v1/weight')).json().length, 1);
});

test('factors as people write them', (t) => {
  t.deepEqual(['0', '0.25', '1', '100'].map(parseFactor), [0, 0.25, 1, 100]);
  for (const text of ['', '-1', '101', '1e1', 'half', '0x1', '.5'])
    t.throws(() => parseFactor(text), {message: /is not a factor from 0 to 100/});
});

test("an application's own weights; a level that nobody renews ages to medium", async (t) => {
  const weights = {low: 10, medium: 5, high: 1};
  const bench = await new Bench([{...web, ...applicationDefaults, weights}]).start();
  await bench.put(1, 1, [80], {levels: {web: 'high'}});
  await bench.put(2, 1, [80], {levels: {web: 'low'}});
  t.is(count(bench.ring(80), 'node2'), 10);
  t.is(count(bench.ring(80), 'node1'), 1);
  bench.native.probes.set(`${macOf(1)} ${VIP}:80`, 'open');
  await bench.clock.advance(LEASE_MS - 100);
  await bench.put(2, 2, [80], {levels: {web: 'low'}});
  t.is(count(bench.ring(80), 'node1'), 1);
  await bench.clock.advance(200);
  t.is(count(bench.ring(80), 'node2'), 2 * count(bench.ring(80), 'node1'));
  const levels = bench.events.list().filter((event) => event.event === 'level');
  t.deepEqual(
    levels.map(({node, detail}) => `${node} ${detail}`),
    ['node1 none → high', 'node2 none → low'],
  );
});
