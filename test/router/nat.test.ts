// Network address translation on fakes: what the supervisor publishes, probes and undoes, and how it follows
// the host's default route.

import test from 'ava';
import type {KernelRoute} from '../../addon/rtnetlink.ts';
import {methods} from '../../router/model/method.ts';
import {addressOf, Bench, hostInterfaces, macOf, translated, VIP, web} from './bench.ts';
import {settled} from './fake-clock.ts';
import {defaultRoute} from './fake-kernel.ts';

const GATEWAY = '10.77.0.254';
const GATEWAY_MAC = '02:00:00:00:00:fe';
const via = (gateway: string) => [defaultRoute(gateway, 'eth0')];

async function natBench(routes = via(GATEWAY)): Promise<Bench> {
  const bench = new Bench([web], null, methods.nat);
  bench.native.setRoutes(routes);
  return await bench.start();
}

const gatewayOf = (bench: Bench) => bench.native.segment.policy?.gateway;

test('published: who is who, and how it is translated', async (t) => {
  const bench = await natBench();
  t.is(bench.provider.name, 'userspace-nat');
  t.like(await bench.put(1, 1, [], {endpoints: [translated(80, 8080)]}), {
    kind: 'config',
    config: {mode: 'nat', vipPlacement: 'none', refused: []},
  });
  const {policy} = bench.native.segment;
  t.true(policy?.routes);
  t.deepEqual(
    policy?.interfaces.map((one) => one.address),
    ['10.77.0.1', '10.88.0.1', '192.0.0.6'],
  );
  const nat = {protocol: 'tcp', node: addressOf(1), nodePort: 8080, vip: VIP, vipPort: 80} as const;
  t.like(policy?.endpoints[0], {mac: macOf(1), egress: 1, open: true, nat});
  t.deepEqual(bench.ring(80), ['node1']);
  const [, external, internal] =
    bench.exec.inputs.find((one) => one.includes('netdev'))?.split('chain ') ?? [];
  t.notRegex(external ?? '', /fib/);
  t.regex(internal ?? '', /device "eth1"[^]* fib daddr type/);
});

test('a silent agent: the probe goes to the address and port of the node', async (t) => {
  const bench = await natBench();
  await bench.put(1, 1, [], {endpoints: [translated(80, 8080), translated(80, 8081)]});
  bench.native.probes.set(`${macOf(1)} ${addressOf(1)}:8080`, 'open');
  bench.native.probes.set(`${macOf(1)} ${VIP}:80`, 'open');
  await bench.clock.advance(8000);
  t.deepEqual(
    bench.registry.endpoints().map((one) => one.unreachable),
    [undefined, 'silent'],
  );
  t.like(bench.native.lastProbe, {out: 'eth1', in: 'eth1', source: '10.88.0.1'});
});

test('the gateway: kept fresh by the kernel, published when its MAC is known and when it changes', async (t) => {
  const bench = await natBench();
  await settled();
  t.is(gatewayOf(bench), undefined);
  t.true(bench.exec.commands.includes(`ip neigh replace ${GATEWAY} dev eth0 managed`));
  bench.native.setNeighbor(GATEWAY, 'eth0', GATEWAY_MAC);
  t.deepEqual(gatewayOf(bench), {mac: GATEWAY_MAC, egress: 0});
  await settled();
  bench.native.setNeighbor(GATEWAY, 'eth0', '02:00:00:00:00:fd');
  t.deepEqual(gatewayOf(bench), {mac: '02:00:00:00:00:fd', egress: 0});
});

test('the default route changes, goes and comes', async (t) => {
  const bench = await natBench([]);
  t.is(gatewayOf(bench), undefined);
  const follow = async (routes: KernelRoute[]) => {
    bench.native.setRoutes(routes);
    await settled();
  };
  await follow(via(GATEWAY));
  bench.native.setNeighbor(GATEWAY, 'eth0', GATEWAY_MAC);
  t.deepEqual(gatewayOf(bench), {mac: GATEWAY_MAC, egress: 0});
  // Not on the external network: an on-link next hop. Still it is external.
  await follow(via('192.0.2.1'));
  t.is(gatewayOf(bench), undefined);
  t.is(bench.exec.commands.at(-1), 'ip neigh replace 192.0.2.1 dev eth0 managed');
  t.true(bench.exec.commands.includes(`ip neigh del ${GATEWAY} dev eth0`));
  bench.native.setNeighbor('192.0.2.1', 'eth0', GATEWAY_MAC);
  t.deepEqual(gatewayOf(bench), {mac: GATEWAY_MAC, egress: 0});
  await follow([]);
  t.is(gatewayOf(bench), undefined);
});

test('a default route that goes in silence, with its interface or an address; changes that were lost', async (t) => {
  const bench = await natBench();
  bench.native.setNeighbor(GATEWAY, 'eth0', GATEWAY_MAC);
  const known = {mac: GATEWAY_MAC, egress: 0};
  t.deepEqual(gatewayOf(bench), known);
  const external = (more: object) => hostInterfaces.map((one, n) => (n === 0 ? {...one, ...more} : one));
  const losses: [string, () => void][] = [
    // The kernel tells of the link first: its routes are still there.
    ['down', () => bench.native.setInterfaces(external({up: false}))],
    [
      'another address',
      () => {
        bench.native.setRoutes([], true);
        bench.native.setInterfaces(external({address: '10.77.0.3'}));
      },
    ],
    [
      'overflow',
      () => {
        bench.native.setRoutes([], true);
        bench.native.overflow();
      },
    ],
  ];
  for (const [title, lose] of losses) {
    lose();
    await settled();
    t.is(gatewayOf(bench), undefined, title);
    bench.native.setRoutes(via(GATEWAY));
    bench.native.setInterfaces(hostInterfaces);
    await settled();
    bench.native.setNeighbor(GATEWAY, 'eth0', GATEWAY_MAC);
    t.deepEqual(gatewayOf(bench), known, title);
  }
});

test('the next supervisor goes on where this one ended; closing undoes all', async (t) => {
  const bench = await natBench();
  bench.native.setNeighbor(GATEWAY, 'eth0', GATEWAY_MAC);
  await bench.put(1, 1, [], {endpoints: [translated(80, 8080)]});
  const kept = bench.kept();
  const next = new Bench([web], kept.own, methods.nat);
  next.native.setRoutes(via(GATEWAY));
  next.registry.restore(kept.supervisor, 0);
  await next.provider.start([addressOf(1)]);
  await next.provider.reserve([VIP]);
  next.supervisor.vips.adopt(kept.own.activeVips);
  await next.supervisor.start();
  t.deepEqual(next.native.segment.policy, bench.native.segment.policy);
  await next.supervisor.stop();
  next.exec.commands.length = 0;
  await next.provider.close();
  t.deepEqual(next.exec.commands.toSorted(), [
    `ip neigh del ${GATEWAY} dev eth0`,
    `ip neigh del ${addressOf(1)} dev eth1`,
    'nft delete table netdev coscanet',
  ]);
  t.is(next.native.watching, 0);
});

test('dsr asks for no gateway and leaves the kernel its packets', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80]);
  t.false(bench.native.watched.includes('route'));
  t.false(bench.exec.inputs.some((input) => input.includes('fib')));
  t.is(bench.native.segment.policy?.routes, false);
});
