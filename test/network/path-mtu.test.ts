// Path MTU discovery. A hop with a small MTU beyond the router: its ICMP errors ("fragmentation needed") reach the
// node whose packets were too large, with offloads (64 kB segments on the links) and without any. And a router whose
// two sides differ: it says so itself, to clients and, in NAT mode, to nodes.
//
//   remote, MTU 1500 ── hop ══1280══ gateway ── router ── node1  http_server.py 80
//
//   client, MTU 1500 ── router ══1400══ node1                        DSR and NAT: errors to the client
//   remote, MTU 1500 ── gateway ══1400══ router ── node1, MTU 1500   NAT: errors to the node

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {z} from 'zod';
import {MODES} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import type {TestbedOptions} from '../support/testbed.ts';
import {counters, download, upload} from '../support/transfers.ts';

const SIZE = 10_000_000;

async function withServer(
  t: ExecutionContext,
  options: TestbedOptions,
  body: (bed: Testbed) => Promise<void>,
): Promise<void> {
  const bed = await Testbed.up({nodes: 1, forwarders: 1, ...options});
  t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
  await bed.serveHttp(1);
  await body(bed);
}

for (const {mode} of MODES)
  for (const noOffloads of [false, true]) {
    const how = noOffloads ? 'without offloads' : 'with offloads';
    test.serial(`${mode}, ${how}: errors of a hop with MTU 1280 reach the node`, async (t) => {
      await withServer(t, {mode, hopMtu: 1280, noOffloads}, async (bed) => {
        t.is((await counters(bed))('icmp_errors_forwarded'), 0);
        await download(t, bed, 'remote', SIZE);
        await upload(t, bed, 'remote', SIZE);
        const after = await counters(bed);
        t.log(`errors forwarded: ${after('icmp_errors_forwarded')}`);
        t.true(after('icmp_errors_forwarded') > 0, 'no ICMP error was forwarded: nothing was tested');
        t.is(after('too_big_errors'), 0, 'both sides of the router have MTU 1500');
      });
    });
  }

const mtuSchema = z.object({mtu: z.number(), echoed: z.boolean()});

for (const {mode, answersPassRouter} of MODES) {
  test.serial(`${mode}: a smaller MTU inside: the router tells the client`, async (t) => {
    await withServer(t, {mode, internalMtu: 1400}, async (bed) => {
      await bed.serve('node1', 'web', 53, tool('udp_echo', 53, ''));
      const learnt = await bed.json(mtuSchema, 'client', tool('udp_mtu', VIP, 53));
      t.deepEqual(learnt, {mtu: 1400, echoed: true});
      const byUdp = (await counters(bed))('too_big_errors');
      t.true(byUdp > 0);
      await bed.in('client', ['ip', 'route', 'flush', 'cache']);
      await upload(t, bed, 'client', SIZE);
      await download(t, bed, 'client', SIZE);
      // With NAT the node has no other side: it offers a segment size that fits from the beginning.
      t.is((await counters(bed))('too_big_errors') > byUdp, !answersPassRouter);
    });
  });
}

test.serial('nat: a smaller MTU outside: the router tells the node', async (t) => {
  await withServer(t, {mode: 'nat', externalMtu: 1400}, async (bed) => {
    await download(t, bed, 'remote', SIZE);
    t.true((await counters(bed))('too_big_errors') > 0);
    await upload(t, bed, 'remote', SIZE);
  });
});
