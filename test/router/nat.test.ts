// Network address translation on fakes: what the supervisor publishes, probes and undoes, and how it follows
// the host's default route.

import test from 'ava';
import {methods} from '../../router/model/method.ts';
import {addressOf, Bench, macOf, translated, VIP, web} from './bench.ts';
import {settled} from './fake-clock.ts';

const GATEWAY = '10.77.0.254';
const GATEWAY_MAC = '02:00:00:00:00:fe';
const ROUTES = 'ip -j -4 route show default';
const via = (gateway: string) => JSON.stringify([{dst: 'default', gateway, dev: 'eth0'}]);

async function natBench(routes = via(GATEWAY)): Promise<Bench> {
  const bench = new Bench([web], null, methods.nat);
  bench.exec.answers.set(ROUTES, routes);
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
  bench.exec.say(`${GATEWAY} dev eth0 lladdr ${GATEWAY_MAC} REACHABLE`);
  t.deepEqual(gatewayOf(bench), {mac: GATEWAY_MAC, egress: 0});
  await settled();
  bench.exec.say(`${GATEWAY} dev eth0 lladdr 02:00:00:00:00:fd REACHABLE`);
  t.deepEqual(gatewayOf(bench), {mac: '02:00:00:00:00:fd', egress: 0});
});

test('the default route changes, goes and comes', async (t) => {
  const bench = await natBench('[]');
  t.is(gatewayOf(bench), undefined);
  const follow = async (routes: string, line: string) => {
    bench.exec.answers.set(ROUTES, routes);
    bench.exec.say(line);
    await settled();
  };
  await follow(via(GATEWAY), `default via ${GATEWAY} dev eth0`);
  bench.exec.say(`${GATEWAY} dev eth0 lladdr ${GATEWAY_MAC} REACHABLE`);
  t.deepEqual(gatewayOf(bench), {mac: GATEWAY_MAC, egress: 0});
  // Not on the external network: an on-link next hop. Still it is external.
  await follow(via('192.0.2.1'), 'default via 192.0.2.1 dev eth0 onlink');
  t.is(gatewayOf(bench), undefined);
  t.is(bench.exec.commands.at(-1), 'ip neigh replace 192.0.2.1 dev eth0 managed');
  t.true(bench.exec.commands.includes(`ip neigh del ${GATEWAY} dev eth0`));
  bench.exec.say(`192.0.2.1 dev eth0 lladdr ${GATEWAY_MAC} REACHABLE`);
  t.deepEqual(gatewayOf(bench), {mac: GATEWAY_MAC, egress: 0});
  await follow('[]', 'Deleted default via 192.0.2.1 dev eth0');
  t.is(gatewayOf(bench), undefined);
});

test('the next supervisor goes on where this one ended; closing undoes all', async (t) => {
  const bench = await natBench();
  bench.exec.say(`${GATEWAY} dev eth0 lladdr ${GATEWAY_MAC} REACHABLE`);
  await bench.put(1, 1, [], {endpoints: [translated(80, 8080)]});
  const kept = bench.kept();
  const next = new Bench([web], kept.own, methods.nat);
  next.exec.answers.set(ROUTES, via(GATEWAY));
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
  t.is(next.exec.following, 0);
});

test('dsr asks for no gateway and leaves the kernel its packets', async (t) => {
  const bench = await new Bench().start();
  await bench.put(1, 1, [80]);
  t.false(bench.exec.commands.some((command) => /monitor route|route show default/.test(command)));
  t.false(bench.exec.inputs.some((input) => input.includes('fib')));
  t.is(bench.native.segment.policy?.routes, false);
});
