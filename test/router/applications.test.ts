// Applications as operators and platforms see them: from what nodes report to level, recommendation and accounts.

import test from 'ava';
import fc from 'fast-check';
import type {Level} from '../../router/protocol/messages.ts';
import {applicationViewSchema} from '../../router/protocol/views.ts';
import {movedSince, smoothedRate} from '../../router/metrics/accounts.ts';
import {methods} from '../../router/model/method.ts';
import {Bench, nodeState, translated, VIP, web} from './bench.ts';
import {OverrideActions} from '../../router/api/overrides.ts';

const mail = {...web, name: 'mail', tenant: 'post', vips: ['10.77.0.101']};

/** The only application, or another. */
function viewOf(bench: Bench, name = 'web') {
  const view = bench.supervisor.applications.views().find((one) => one.application === name);
  return applicationViewSchema.parse(view);
}

const levels = (level: Level) => ({levels: {web: level}});
const steeringOf = (bench: Bench) =>
  new OverrideActions({...bench, drains: bench.supervisor.drains, commit: () => bench.supervisor.commit()});

test('nobody serves: no level, and after a while a node is recommended', async (t) => {
  const bench = await new Bench([web, mail]).start();
  t.deepEqual(viewOf(bench, 'mail'), {
    application: 'mail',
    tenant: 'post',
    vips: ['10.77.0.101'],
    level: null,
    load: null,
    nodes: 0,
    instances: 0,
    endpoints: {serving: 0, drained: 0, failing: 0, unreachable: 0, idle: 0},
    flows: 0,
    newFlowsPerSecond: 0,
    scale: 'keep',
    reason: 'too few nodes serve (0 of 1), 0s of 30s',
  });
  await bench.clock.advance(30_000);
  t.like(viewOf(bench, 'mail'), {scale: 'out', reason: 'too few nodes serve (0 of 1), for 30s'});
});

test('its level follows those of its nodes, by what they can take; changes are events', async (t) => {
  const bench = await new Bench().start();
  const overrides = steeringOf(bench);
  const keepAlive = async (sequence: number, first: Level, second: Level) => {
    await bench.put(1, sequence, [80], levels(first));
    await bench.put(2, sequence, [80], levels(second));
    await bench.clock.advance(1000);
  };
  await keepAlive(1, 'low', 'high');
  t.like(viewOf(bench), {level: 'medium', load: 0.5, nodes: 2, instances: 2, scale: 'keep'});
  await overrides.weight({target: 'node2', factor: 9});
  for (let sequence = 2; sequence < 60; sequence++) await keepAlive(sequence, 'low', 'high');
  t.like(viewOf(bench), {level: 'high', load: 0.9, scale: 'out', reason: 'its load is high, for 48s'});
  await overrides.weight({target: 'node2', factor: 1});
  for (let sequence = 60; sequence < 75; sequence++) await keepAlive(sequence, 'low', 'low');
  t.like(viewOf(bench), {level: 'low', load: 0, scale: 'keep'});
  const story = bench.events.list().filter((one) => ['application-level', 'scale'].includes(one.event));
  t.deepEqual(
    story.map((one) => `${one.application} ${one.detail}`),
    [
      'web none → medium',
      'web medium → high',
      'web keep → out: its load is high, for 30s',
      'web high → low',
      'web out → keep: its load is low, 0s of 300s',
    ],
  );
});

test('endpoints by how they stand', async (t) => {
  const bench = await new Bench().start();
  const overrides = steeringOf(bench);
  const [first] = nodeState(3, 1, [80]).endpoints;
  await bench.put(1, 1, [80, 81]);
  await bench.put(2, 1, [80]);
  await bench.put(3, 1, [], {endpoints: [{...first!, failing: 'frozen'}]});
  await bench.put(4, 1, [80]);
  await overrides.drain({target: 'node2', deadlineSeconds: 60, keepClients: false});
  await overrides.weight({target: 'node4', factor: 0});
  // Its agent speaks, its MAC is not known.
  await bench.supervisor.put('node5', nodeState(5, 1, [80]));
  await bench.clock.advance(1000);
  t.like(viewOf(bench), {
    nodes: 1,
    instances: 1,
    endpoints: {serving: 2, drained: 1, failing: 1, unreachable: 0, idle: 2},
  });
  await bench.put(1, 2, []);
  await bench.clock.advance(1000);
  t.like(viewOf(bench), {nodes: 0, endpoints: {serving: 0, drained: 1, failing: 1, unreachable: 0, idle: 2}});
});

test('instances on several ports count once, several on one port each', async (t) => {
  const dsr = await new Bench().start();
  const many = nodeState(1, 1, [80, 81]).endpoints.map((one) => ({...one, instances: 3}));
  await dsr.put(1, 1, [], {endpoints: many});
  await dsr.clock.advance(1000);
  t.like(viewOf(dsr), {nodes: 1, instances: 3});
  const nat = await new Bench([web], null, methods.nat).start();
  await nat.put(1, 1, [], {
    endpoints: [translated(80, 32_768), translated(80, 32_769), translated(81, 32_770)],
  });
  await nat.clock.advance(1000);
  t.like(viewOf(nat), {nodes: 1, instances: 2});
});

test('flows, and how fast they begin, by whose service it is', async (t) => {
  const bench = await new Bench([web, mail]).start();
  const {segment} = bench.native;
  const [of25] = nodeState(1, 1, [25]).endpoints;
  const more = {
    endpoints: [...nodeState(1, 1, [80]).endpoints, {...of25!, application: 'mail', vip: mail.vips[0]!}],
  };
  await bench.put(1, 1, [], more);
  await bench.clock.advance(1000);
  const slotOf = (port: number) => bench.registry.services().find((one) => one.port === port)!.slot;
  const [of80, ofMail] = bench.registry.endpoints();
  segment.flowCounts = {
    [`${of80!.slot}:${of80!.generation}`]: 7,
    [`${ofMail!.slot}:${ofMail!.generation}`]: 2,
  };
  for (let second = 1; second <= 60; second++) {
    segment.flowsBegun = {[slotOf(80)]: 50 * second, [slotOf(25)]: 3};
    await bench.put(1, second + 1, [], more);
    await bench.clock.advance(1000);
  }
  t.like(viewOf(bench), {flows: 7});
  const rate = viewOf(bench).newFlowsPerSecond ?? NaN;
  t.true(Math.abs(rate - 50) < 0.5, String(rate));
  t.like(viewOf(bench, 'mail'), {flows: 2});
  t.true((viewOf(bench, 'mail').newFlowsPerSecond ?? NaN) < 0.1);
  const accounts = bench.supervisor.applications.accounts();
  t.deepEqual(accounts?.get('web')?.get(VIP), {flows: 7, newFlows: 3000});
  t.deepEqual(accounts?.get('mail')?.get('10.77.0.101'), {flows: 2, newFlows: 3});
});

test('counters that wrap, and the average', (t) => {
  t.deepEqual(
    [...movedSince({1: 4_294_967_290, 2: 5, 3: 9}, {1: 4, 2: 5, 4: 6})],
    [
      [1, 10],
      [4, 6],
    ],
  );
  fc.assert(
    fc.property(
      fc.double({min: 0, max: 1e6, noNaN: true}),
      fc.nat(1e6),
      fc.nat(100_000),
      (average, count, ms) => {
        const next = smoothedRate(average, count, ms);
        const rate = ms > 0 ? (count * 1000) / ms : average;
        return next >= Math.min(average, rate) - 1e-6 && next <= Math.max(average, rate) + 1e-6;
      },
    ),
  );
});

test('an application that is taken out of the configuration is forgotten; a new one is watched', async (t) => {
  const bench = await new Bench([web]).start();
  await bench.put(1, 1, [80], levels('high'));
  await bench.clock.advance(1000);
  bench.registry.configure([mail], bench.clock.now());
  await bench.supervisor.publish();
  await bench.clock.advance(1000);
  t.deepEqual(
    bench.supervisor.applications.views().map((one) => one.application),
    ['mail'],
  );
  t.false(bench.supervisor.applications.accounts()?.has('web'));
});
