// The supervisor on fakes: from PUT to ring, suspects and probes, the life of a VIP, and restart.

import test from 'ava';
import {addressOf, Bench, macOf, nodeState, VIP, web} from './bench.ts';
import {settled} from './fake-clock.ts';

test('an endpoint is in the ring when put returns', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, []);
  const outcome = await bench.supervisor.put('node1', nodeState(1, 2, [80]));
  t.is(outcome.kind, 'config');
  t.deepEqual(bench.ring(80), ['node1']);
  t.like(bench.native.segment.policy?.endpoints[0], {mac: macOf(1), egress: 1, open: true});
  t.deepEqual(bench.native.segment.policy?.vips, [{address: VIP, active: true}]);
});

test('weights: levels and instances', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80], {levels: {web: 'low'}});
  await bench.put(2, 1, [80], {levels: {web: 'high'}});
  t.deepEqual(bench.ring(80).toSorted(), ['node1', 'node1', 'node1', 'node1', 'node2']);
  await bench.put(2, 2, [80], {levels: {web: 'low'}});
  t.deepEqual(bench.ring(80).toSorted(), ['node1', 'node2']);
});

test('a closed endpoint leaves the ring at once and stays for its flows', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80]);
  await bench.put(2, 1, [80]);
  bench.native.segment.flowCounts = {'0:1': 3};
  await bench.supervisor.put('node1', nodeState(1, 2, []));
  t.deepEqual(bench.ring(80), ['node2']);
  t.like(bench.native.segment.policy?.endpoints[0], {slot: 0, generation: 1, open: false});
  t.deepEqual(bench.names('endpoint-down'), [`endpoint-down ${VIP} 80 node1`]);
  await bench.clock.advance(10_000);
  t.is(bench.native.segment.policy?.endpoints.length, 2);
  bench.native.segment.flowCounts = {};
  await bench.clock.advance(4000);
  t.is(bench.native.segment.policy?.endpoints.length, 1);
});

test('a node without a known MAC gets no flows until it has one; a new MAC is published', async (t) => {
  const bench = await new Bench().start();
  await bench.supervisor.put('node1', nodeState(1, 1, [80]));
  t.deepEqual(bench.ring(80), []);
  await settled();
  t.true(bench.exec.commands.includes(`ip neigh replace ${addressOf(1)} dev eth1 managed`));
  bench.native.setNeighbor(addressOf(1), 'eth1', '02:00:00:00:00:aa');
  t.deepEqual(bench.ring(80), ['node1']);
  await settled();
  bench.native.setNeighbor(addressOf(1), 'eth1', '02:00:00:00:00:bb', {state: 'stale'});
  t.is(bench.native.segment.policy?.endpoints[0]?.mac, '02:00:00:00:00:bb');
  // A failed resolution does not unlearn: whether the node lives, lease and probes tell.
  bench.native.setNeighbor(addressOf(1), 'eth1', null);
  t.deepEqual(bench.ring(80), ['node1']);
});

test('a VIP is claimed with its first endpoint and released a grace after the last flow', async (t) => {
  const bench = await new Bench().start();
  const active = () => bench.native.segment.policy?.vips[0]?.active;
  t.false(active());
  await bench.put(1, 1, [80]);
  t.true(active());
  t.is(bench.native.announcedOf(VIP), 1);
  await bench.clock.advance(1000);
  t.is(bench.native.announcedOf(VIP), 2);
  bench.native.segment.flowCounts = {'0:1': 1};
  await bench.supervisor.put('node1', nodeState(1, 2, [], {leaving: true}));
  await bench.clock.advance(60_000);
  t.true(active());
  t.is(bench.native.announcedOf(VIP), 6);
  bench.native.segment.flowCounts = {};
  await bench.clock.advance(10_000);
  t.true(active());
  await bench.clock.advance(6000);
  t.false(active());
  t.deepEqual(bench.names('vip-claimed', 'vip-released'), [`vip-claimed ${VIP}`, `vip-released ${VIP}`]);
});

test('a VIP that another host comes to use is given up and tried again', async (t) => {
  const bench = await new Bench().start();
  bench.native.rivals.set(VIP, '02:00:00:00:00:99');
  await bench.put(1, 1, [80]);
  t.deepEqual(bench.native.segment.policy?.vips, [{address: VIP, active: false}]);
  t.deepEqual(bench.names('vip-conflict'), [`vip-conflict ${VIP}`]);
  t.deepEqual(bench.provider.stats().vips, [{address: VIP, state: 'conflict', rival: '02:00:00:00:00:99'}]);
  await bench.clock.advance(20_000);
  t.is(bench.names('vip-conflict').length, 1);
  bench.native.rivals.clear();
  await bench.clock.advance(10_000);
  t.deepEqual(bench.native.segment.policy?.vips, [{address: VIP, active: true}]);
});

test('at the start, a VIP in use is an error that names both', async (t) => {
  const bench = new Bench();
  bench.native.rivals.set(VIP, '02:00:00:00:00:99');
  await t.throwsAsync(bench.start(), {
    message: /virtual IP 10\.77\.0\.100 is already used by the host with MAC 02:00:00:00:00:99 on eth0/,
  });
  // Hearing ourselves is no conflict.
  bench.native.rivals.set(VIP, '02:00:00:00:00:01');
  await t.notThrowsAsync(bench.provider.reserve([VIP]));
});

test('the next supervisor goes on where this one ended', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80, 81]);
  await bench.put(2, 1, [80]);
  const before = bench.native.segment.policy;
  const kept = bench.kept();
  const next = new Bench([web], kept.own);
  next.registry.restore(kept.supervisor, 0);
  // Its own VIP answers, as the forwarders never stopped: that is no conflict.
  next.native.rivals.set(VIP, '02:00:00:00:00:98');
  await next.provider.start([addressOf(1), addressOf(2)]);
  await next.provider.reserve([VIP]);
  next.supervisor.vips.adopt(kept.own.activeVips);
  await next.supervisor.start();
  t.deepEqual(next.native.segment.policy, before);
  t.deepEqual(new Set(next.registry.nodes().map((node) => node.state)), new Set(['suspect']));
});

test('nothing published: the next PUT tries again', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, []);
  bench.native.segment.failure = new Error('no room');
  await t.throwsAsync(() => bench.supervisor.put('node1', nodeState(1, 2, [80])), {message: 'no room'});
  bench.native.segment.failure = null;
  await bench.supervisor.put('node1', nodeState(1, 3, [80]));
  t.deepEqual(bench.ring(80), ['node1']);
});

test('closing undoes what the host was given', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80]);
  bench.exec.commands.length = 0;
  await bench.supervisor.stop();
  await bench.provider.close();
  t.deepEqual(bench.exec.commands, [
    `ip neigh del ${addressOf(1)} dev eth1`,
    'nft delete table netdev coscanet',
  ]);
  t.is(bench.native.watching, 0);
});

test('a VIP is ours from the moment that its first endpoint can be reached, not earlier', async (t) => {
  const bench = await new Bench().start();
  await bench.supervisor.put('node1', nodeState(1, 1, [80]));
  // Its MAC is not known: whoever came now would be refused.
  t.deepEqual(bench.native.segment.policy?.vips, [{address: VIP, active: false}]);
  t.is(bench.native.announcedOf(VIP), 0);
  bench.native.setNeighbor(addressOf(1), 'eth1', macOf(1));
  await settled();
  t.deepEqual(bench.native.segment.policy?.vips, [{address: VIP, active: true}]);
  t.true(bench.native.announced.includes(`eth0 ${VIP}`));
});

test('a VIP is ours as long as blocks of it lead to nodes', async (t) => {
  const bench = await new Bench().start();
  const outbound = (wanted: number) => ({
    outbound: [{vip: VIP, wanted, held: []}],
    portRange: {first: 32768, last: 60999},
  });
  const outcome = await bench.put(1, 1, [], outbound(1));
  const config = outcome.kind === 'config' ? outcome.config : null;
  const [block] = config?.blocks ?? [];
  t.like(config, {direct: ['10.88.0.0/24'], blocksRefused: []});
  const {policy} = bench.native.segment;
  t.deepEqual(policy?.blocks, block && [{...block, mac: macOf(1), egress: 1}]);
  t.deepEqual(policy?.vips, [{address: VIP, active: true}]);
  await bench.clock.advance(60_000);
  t.deepEqual(bench.names('vip-released'), []);
  await bench.put(1, 2, [], {leaving: true});
  await bench.clock.advance(14_000);
  t.deepEqual(bench.names('vip-released'), [`vip-released ${VIP}`]);
  t.deepEqual(bench.native.segment.policy?.blocks, []);
});

test('blocks that a node cannot have are an event, once', async (t) => {
  const bench = await new Bench().start();
  for (let sequence = 1; sequence < 4; sequence++)
    await bench.put(1, sequence, [], {outbound: [{vip: VIP, wanted: 1, held: []}]});
  t.deepEqual(bench.names('blocks-refused'), [`blocks-refused ${VIP} node1`]);
});

test('why endpoints ceased to get new flows: their socket, the configuration, their agent, their node', async (t) => {
  const bench = await new Bench([{...web, vips: [VIP, '10.77.0.101']}]).start();
  const reasons = () => bench.events.list().filter((one) => one.event === 'endpoint-down');
  const served = (vip: string) => ({
    application: 'web',
    vip,
    protocol: 'tcp' as const,
    port: 80,
    instances: 1,
  });
  const first = {endpoints: [served(VIP), served('10.77.0.101'), {...served(VIP), port: 81}]};
  await bench.put(1, 1, [], first);
  await bench.put(1, 2, [], {endpoints: first.endpoints.slice(0, 2)});
  // As by a reload.
  bench.registry.configure([{...web, vips: [VIP]}], bench.clock.now());
  await bench.supervisor.publish();
  // Its agent does not know yet.
  await bench.put(1, 3, [], {endpoints: first.endpoints.slice(0, 2)});
  await bench.put(1, 4, [], {leaving: true});
  const removed =
    'the configuration no longer permits it: 10.77.0.101 is no virtual IP of web: it has 10.77.0.100';
  t.deepEqual(
    reasons().map(({vip, port, detail}) => `${vip}:${port} ${detail}`),
    [
      `${VIP}:81 its socket is closed; running connections go on`,
      `10.77.0.101:80 ${removed}; running connections go on`,
      `${VIP}:80 its agent has left; running connections go on`,
    ],
  );
  // Another node has its address.
  await bench.put(1, 1, [80], {epoch: 2});
  await bench.clock.advance(4000);
  await bench.supervisor.put('node2', {...nodeState(1, 1, []), address: addressOf(1)});
  t.is(reasons().at(-1)?.detail, 'node node2 has its address now');
});
