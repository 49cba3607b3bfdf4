// The packet device with real interfaces, real sockets and forwarders as processes of their own (testnet.ts draws
// the network).

import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import type {ExecutionContext} from 'ava';
import {z} from 'zod';
import {MAC, VIP, tcp, udp} from '../packets/world.ts';
import {isChecksumRight, pseudoHeader} from '../support/checksum.ts';
import type {Packet} from '../support/packet-builder.ts';
import {ROOT} from '../support/command.ts';
import {waitUntil} from '../support/wait.ts';
import {Testnet} from './testnet.ts';

const transferSchema = z.object({bytes: z.number(), sha256: z.string(), gapMs: z.number(), port: z.number()});
const capturedSchema = z.object({
  bytes: z.string(),
  tag: z.object({tpid: z.number(), tci: z.number()}).nullable(),
  vnet: z.string(),
});
const lastLine = (text: string) => text.trim().split('\n').at(-1)!;

/** Runs `body` with a network that is gone afterwards, whatever happens. */
function withNet(
  options: {sockets?: number; slots?: number},
  body: (t: ExecutionContext, net: Testnet) => Promise<void>,
) {
  return async (t: ExecutionContext) => {
    const net = await Testnet.up(options);
    try {
      await body(t, net);
    } finally {
      await net.down();
    }
  };
}

/** Starts an upload from the client to the VIP; `finish` says what was sent and what arrived. */
async function upload(net: Testnet, seconds: number, rate: number) {
  const receiver = await net.start(net.tool('node', 'transfer', 'receive', VIP, 80), 'listening');
  const sender = await net.start(net.tool('client', 'transfer', 'send', VIP, 80, seconds, rate), 'connected');
  return async () => {
    const [sent, received] = await Promise.all([sender.ended, receiver.ended]);
    if (sent.status !== 0 || received.status !== 0) throw new Error(sent.stderr + received.stderr);
    return [sent, received].map(({stdout}) => transferSchema.parse(JSON.parse(lastLine(stdout))));
  };
}

const noDrops = (counters: Record<string, number>) =>
  Object.fromEntries(
    Object.entries(counters).filter(([name, value]) => name.startsWith('drop_') && value > 0),
  );

/** SCHED_BATCH in field 41 of a thread's stat, of which the first two hold what may contain spaces. */
const isBatch = (stat: string) => stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38] === '3';

function threadsForBatches(pid: number): number {
  const folder = `/proc/${pid}/task`;
  try {
    return readdirSync(folder).filter((thread) => isBatch(readFileSync(`${folder}/${thread}/stat`, 'utf8')))
      .length;
  } catch {
    return 0; // a thread has ended meanwhile
  }
}

test.serial(
  'many packets wait for the core and come together; few interrupt what it is at',
  withNet({}, async (t, net) => {
    const pid = await net.forward();
    let found = 0;
    const watch = setInterval(() => (found += threadsForBatches(pid)), 20);
    const finish = await upload(net, 0.5, 1_000_000);
    await finish();
    clearInterval(watch);
    t.is(found, 0, 'a few frames');
    const flood = [path.join(ROOT, 'build/native/bench-datagrams'), 'send', 'eth0', MAC.external, VIP];
    const sender = await net.start(net.inside('client', [...flood, '53', '1', '0', '2000']), '');
    await waitUntil('the loop, and it alone, is for batches', 5000, () => threadsForBatches(pid) === 1);
    await sender.ended;
    t.true((await net.ask('counters'))['rx_frames']! > 25_000);
    await waitUntil('it interrupts again', 5000, () => threadsForBatches(pid) === 0);
  }),
);

test.serial(
  'frames of 64 kB with unfinished checksums pass whole',
  withNet({}, async (t, net) => {
    await net.forward();
    const finish = await upload(net, 2, 0);
    const [sent, received] = await finish();
    t.true(sent!.bytes > 10_000_000, `${sent!.bytes} bytes`);
    t.is(received!.sha256, sent!.sha256);
    const counters = await net.ask('counters');
    t.true(counters['forwarded_bytes']! / counters['forwarded_frames']! > 8000, 'the frames were long');
    t.deepEqual(noDrops(counters), {});
  }),
);

async function passThrough(net: Testnet, frame: Packet, vnet?: string) {
  const capture = await net.start(net.tool('node', 'frames', 'capture', 'eth1', MAC.node1, 20), 'capturing');
  const words = vnet === undefined ? [] : [vnet];
  await net.runTool('client', 'frames', 'send', 'eth0', frame.bytes().toString('hex'), ...words);
  await waitUntil('a captured frame', 10_000, () => capture.stdout.split('\n').length > 2);
  capture.child.kill();
  const captured = capturedSchema.parse(JSON.parse(capture.stdout.split('\n')[1]!));
  return {...captured, bytes: Buffer.from(captured.bytes, 'hex')};
}

/** struct virtio_net_hdr in hex, as this host has it. */
function vnetHex(frame: Packet): string {
  const {flags, gsoType, hdrLen, gsoSize, csumStart, csumOffset} = frame.vnet();
  const words = new Uint16Array([hdrLen, gsoSize, csumStart, csumOffset]);
  return Buffer.concat([Buffer.from([flags, gsoType]), Buffer.from(words.buffer)]).toString('hex');
}

test.serial(
  'a tag that the kernel takes out leaves with the frame',
  withNet({}, async (t, net) => {
    await net.forward();
    const frame = udp();
    const {bytes, tag} = await passThrough(net, frame.vlan(0x6007));
    t.deepEqual(tag, {tpid: 0x8100, tci: 0x6007});
    t.deepEqual(bytes, frame.link(MAC.internal, MAC.node1).bytes());
    t.deepEqual(noDrops(await net.ask('counters')), {});
  }),
);

test.serial(
  'a tagged frame of many segments with an unfinished checksum leaves with the tag and can be finished',
  withNet({}, async (t, net) => {
    await net.forward();
    // The kernel checks what it is handed, so a wrong start of the checksum or length of the headers is refused.
    const frame = tcp('PA', {payload: 'segment '.repeat(1000)})
      .vlan(7)
      .gso(1400);
    const {bytes, tag, vnet} = await passThrough(net, frame, vnetHex(frame));
    t.deepEqual(tag, {tpid: 0x8100, tci: 7});
    t.is(bytes.length, frame.bytes().length - 4);
    t.deepEqual(bytes.subarray(54), frame.bytes().subarray(58), 'the payload');
    const unfinished = vnet.startsWith('01');
    const segment = bytes.subarray(34);
    const pseudo = pseudoHeader(bytes.subarray(26, 30), bytes.subarray(30, 34), 6, segment.length);
    t.true(unfinished || isChecksumRight(pseudo, segment));
    t.deepEqual(noDrops(await net.ask('counters')), {});
  }),
);

test.serial(
  'forwarders killed in the middle of a transfer and started on the same descriptors: no break',
  withNet({}, async (t, net) => {
    await net.forward();
    const finish = await upload(net, 4, 40_000_000);
    await waitUntil('the flow', 5000, async () => (await net.ask('flows')).length === 1);
    const [before] = await net.ask('flows');
    for (let kill = 0; kill < 5; kill += 1) {
      t.is((await net.ask('killForwarder', 0, 'SIGKILL')).how, 'SIGKILL');
      await net.forward();
      const frames = (await net.ask('counters'))['forwarded_frames']!;
      await waitUntil(
        'frames go on',
        5000,
        async () => (await net.ask('counters'))['forwarded_frames']! > frames + 50,
      );
    }
    const [after] = await net.ask('flows');
    t.is(after!.endpointSlot, before!.endpointSlot);
    t.is(after!.clientPort, before!.clientPort);
    const [sent, received] = await finish();
    t.true(sent!.bytes > 20_000_000, `${sent!.bytes} bytes`);
    t.is(received!.sha256, sent!.sha256);
    const counters = await net.ask('counters');
    t.is(counters['drop_rx_truncated'], 0);
    t.is(counters['flows_created'], 1);
  }),
);

test.serial(
  'the descriptors of a living forwarder can be taken over, those of another process under its number cannot',
  withNet({}, async (t, net) => {
    const pid = await net.forward();
    const [info] = await net.ask('forwarders');
    t.is(info!.pid, pid);
    await t.throwsAsync(net.ask('takeDescriptors', pid, info!.startTime + 1, info!.descriptors), {
      code: 'ESRCH',
    });
    await t.throwsAsync(net.ask('takeDescriptors', pid, info!.startTime, [4, 99]), {code: 'EBADF'});
    const taken = await net.ask('takeOver', 0);
    t.is(taken.length, 2);
    await net.ask('killForwarder', 0, 'SIGKILL');
    await t.throwsAsync(net.ask('takeDescriptors', pid, info!.startTime, info!.descriptors), {code: 'ESRCH'});
    await net.forward();
    const finish = await upload(net, 0.5, 0);
    const [sent, received] = await finish();
    t.is(received!.sha256, sent!.sha256);
  }),
);

test.serial(
  'a sending side that is full costs frames and a bounded wait, not the loop',
  withNet({slots: 4096}, async (t, net) => {
    const shaped = [
      'tc',
      'qdisc',
      'add',
      'dev',
      'eth1',
      'root',
      'tbf',
      'rate',
      '1mbit',
      'burst',
      '2kb',
      'limit',
      '4kb',
    ];
    await net.in('router', ...shaped);
    await net.forward();
    const flood = udp({payload: 'x'.repeat(1000)})
      .bytes()
      .toString('hex');
    await net.start(net.tool('client', 'frames', 'flood', 'eth0', flood, 12_000), '');
    await waitUntil('frames that found no room', 10_000, async () => {
      const counters = await net.ask('counters');
      return counters['drop_tx_full']! > 0 && counters['tx_waits']! > 0;
    });
    // The loop turns, keeps pace with the ring, and answers on the other side meanwhile.
    const ages: number[] = [];
    for (let look = 0; look < 10; look += 1) {
      ages.push((await net.ask('forwarders'))[0]!.heartbeatAgeMs);
      await sleep(50);
    }
    t.true(Math.max(...ages) < 500, `heartbeats ${ages.join(' ')}`);
    t.is((await net.runTool('client', 'ping', VIP, 25)).trim(), '25');
  }),
);

/** User and system time of a process in clock ticks. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

test.serial(
  'an idle forwarder costs nothing',
  withNet({}, async (t, net) => {
    const pid = await net.forward();
    await sleep(500); // Node itself has come to rest
    const before = ticks(pid);
    await sleep(2000);
    t.true(ticks(pid) - before <= 3, `${ticks(pid) - before} ticks in 2 s`);
  }),
);

test.serial(
  'an interface that goes down and up again is no end',
  withNet({}, async (t, net) => {
    await net.forward();
    await net.in('router', 'ip', 'link', 'set', 'eth1', 'down');
    await sleep(300);
    await net.in('router', 'ip', 'link', 'set', 'eth1', 'up');
    const finish = await upload(net, 0.5, 0);
    const [sent, received] = await finish();
    t.is(received!.sha256, sent!.sha256);
  }),
);

test.serial(
  'an interface that is deleted ends the loop with ENODEV, at once and for all forwarders',
  withNet({sockets: 2}, async (t, net) => {
    await net.forward(0);
    await net.forward(1);
    const ends = [net.ask('forwarderEnd', 0), net.ask('forwarderEnd', 1)];
    await net.in('router', 'ip', 'link', 'del', 'eth1');
    const late = sleep(3000).then(() => 'too late');
    t.deepEqual(await Promise.race([Promise.all(ends), late]), [
      {index: 0, how: 'ENODEV'},
      {index: 1, how: 'ENODEV'},
    ]);
  }),
);

test.serial(
  'also while frames keep coming in by the other interface',
  withNet({}, async (t, net) => {
    await net.forward();
    const flood = udp().bytes().toString('hex');
    await net.start(net.tool('client', 'frames', 'flood', 'eth0', flood, 12_000), '');
    await waitUntil('frames', 5000, async () => (await net.ask('counters'))['rx_frames']! > 1000);
    const end = net.ask('forwarderEnd', 0);
    await net.in('router', 'ip', 'link', 'del', 'eth1');
    t.deepEqual(await Promise.race([end, sleep(4000).then(() => 'too late')]), {index: 0, how: 'ENODEV'});
  }),
);

test.serial(
  'a forwarder that is told to stop stops',
  withNet({}, async (t, net) => {
    await net.forward();
    t.is((await net.ask('killForwarder', 0, 'SIGTERM')).how, 'stopped');
    t.is((await net.ask('forwarders'))[0]!.pid, 0);
  }),
);

test.serial(
  'a packet socket on an interface that is not there',
  withNet({}, async (t, net) => {
    const none = [{interface: 'nosuch0', count: 1}];
    await t.throwsAsync(
      net.ask('open', `${net.folder}/other`, none, {interfaces: [], vips: [], endpoints: [], services: []}),
      {
        code: 'ENODEV',
        message: /nosuch0/,
      },
    );
  }),
);
