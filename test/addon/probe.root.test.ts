// The few frames that the supervisor itself sends, seen by real hosts (testnet.ts draws the network).

import test from 'ava';
import {MAC, VIP} from '../packets/world.ts';
import {waitUntil} from '../support/wait.ts';
import {Testnet} from './testnet.ts';

let net: Testnet;
test.before(async () => {
  net = await Testnet.up();
});
test.after.always(async () => {
  await net.down();
});

type Target = [port: number, mac: string];

const probe = (timeoutMs: number, targets: readonly Target[], more = {}) =>
  net.ask('tcpProbe', {
    out: 'eth1',
    in: 'eth1',
    source: '10.88.0.1',
    timeoutMs,
    targets: targets.map(([port, mac]) => ({mac, address: VIP, port})),
    ...more,
  });

test.serial('an address in use is seen by its owner’s MAC, a free one is not', async (t) => {
  t.is(await net.ask('detectAddressConflict', 'eth0', '10.77.0.2'), MAC.client);
  t.is(await net.ask('detectAddressConflict', 'eth0', '10.77.0.77'), null);
  // arp_ignore: a node keeps quiet about the virtual IP that it carries.
  t.is(await net.ask('detectAddressConflict', 'eth1', VIP), null);
  await t.throwsAsync(net.ask('detectAddressConflict', 'nosuch0', VIP), {code: 'ENODEV'});
});

test.serial('an announcement goes out as a request and as a reply', async (t) => {
  const capture = await net.start(
    net.tool('client', 'frames', 'capture', 'eth0', MAC.broadcast, 10),
    'capturing',
  );
  await net.ask('announceAddress', 'eth0', VIP);
  await waitUntil('two frames', 5000, () => capture.stdout.split('\n').length > 3);
  const frames = capture.stdout
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => (JSON.parse(line) as {bytes: string}).bytes);
  const vip = '0a4d0064';
  const link = `ffffffffffff${MAC.external.replaceAll(':', '')}0806`;
  const half = `${MAC.external.replaceAll(':', '')}${vip}`;
  t.is(frames[0]!.slice(0, link.length), link);
  t.deepEqual(
    frames.map((frame) => frame.slice(28, 44)),
    ['0001080006040001', '0001080006040002'],
  );
  for (const frame of frames) {
    t.is(frame.slice(44, 64), half, 'sender');
    t.is(frame.slice(76, 84), vip, 'target');
  }
});

test.serial('a TCP probe tells a listener from a closed port from silence', async (t) => {
  await net.start(net.tool('node', 'transfer', 'receive', VIP, 80), 'listening');
  const {node1, node2} = MAC;
  // Nobody has the second MAC. All that answer do so before the time is over.
  const three: Target[] = [
    [80, node1],
    [80, node2],
    [81, node1],
  ];
  const began = Date.now();
  t.deepEqual(await probe(300, three), ['open', 'silent', 'refused']);
  t.true(Date.now() - began >= 295);
  t.deepEqual(await probe(60_000, [three[0]!, three[2]!]), ['open', 'refused']);
  t.deepEqual(await probe(1, []), []);
  t.is((await net.in('node', 'ss', '-Htn', 'state', 'syn-recv')).trim(), '', 'nothing half open stays');
});

test.serial('thousands at once', async (t) => {
  const targets = Array.from({length: 4096}, (_, i): Target => [i === 1000 ? 80 : 10_000 + i, MAC.node1]);
  const results = (await probe(60_000, targets)) as string[];
  t.is(results.length, 4096);
  t.is(results[1000], 'open');
  t.is(results.filter((one) => one === 'refused').length, 4095);
  await t.throwsAsync(probe(1, [...targets, [1, MAC.node1]]), {message: /too many targets/});
  await t.throwsAsync(probe(1, [[65_536, MAC.node1]]), {message: /no such port/});
  await t.throwsAsync(probe(1, [[80, MAC.node1]], {in: 'nosuch0'}), {code: 'ENODEV'});
});
