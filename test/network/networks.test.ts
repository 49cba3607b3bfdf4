// Networks that people have: a virtual IP that is on no network of the router but routed to it, packets with IPv4
// options, and jumbo frames. In both modes.
//
//   remote ── gateway ──┐ 203.0.113.0/24                ┌── node1  http_server.py 80
//             client ───┴ via 10.77.0.1 ─── router ─────┴── node2  http_server.py 80      203.0.113.7, 10.77.0.100

import {z} from 'zod';
import {loopSchema, socketsSchema} from '../support/clients.ts';
import {inEachMode} from '../support/each-mode.ts';
import {VIP, tool} from '../support/testbed.ts';
import {counters, download, upload} from '../support/transfers.ts';

const ROUTED_VIP = '203.0.113.7';
const CONFIG = `weights: {low: 1, medium: 1, high: 1}
applications:
  - {name: web, vips: [${VIP}], ports: [80/tcp, 53/udp]}
  - {name: routed, vips: [${ROUTED_VIP}], ports: [80/tcp, 53/udp]}
`;
const NODES = ['node1', 'node2'];
const SIZE = 3_000_000;
const MTU = 9000;

const OPTIONS = {nodes: 2, forwarders: 1, config: CONFIG, externalMtu: MTU, internalMtu: MTU};
const eachMode = inEachMode(OPTIONS, async (bed) => {
  for (const application of ['web', 'routed'])
    for (const node of NODES) {
      await bed.serve(node, application, 80, tool('http_server', 80, node));
      await bed.serve(node, application, 53, tool('udp_echo', 53, node));
    }
});

eachMode('a virtual IP that is routed to the router', async (t, bed) => {
  for (const [host, address] of [
    ['client', '10.77.0.2'],
    ['remote', '10.99.0.2'],
  ] as const) {
    const loop = await bed.json(loopSchema, host, tool('request_loop', `http://${ROUTED_VIP}/`, 10));
    t.deepEqual(loop, {answers: {node1: 5, node2: 5}, failures: []});
    await download(t, bed, host, SIZE, ROUTED_VIP);
    await upload(t, bed, host, SIZE, ROUTED_VIP);
    const sockets = await bed.json(socketsSchema, host, tool('udp_clients', ROUTED_VIP, 53, 4, 3));
    t.true(sockets.every((one) => one.lost === 0 && one.seen.join() === address && one.nodes.length === 1));
  }
  const {status} = await bed.try('client', ['curl', '-sS', '-m', '2', `http://${ROUTED_VIP}:81/`]);
  t.is(status, 7, 'a port that nobody serves is refused');
});

const optionsSchema = z.object({sent: z.number(), seen: z.array(z.string())});

eachMode('IPv4 options', async (t, bed) => {
  const before = (await counters(bed))('forwarded_frames');
  // No operation four times (nothing for a router to do), a timestamp request, a router alert.
  for (const options of ['01010101', '440c0501000000000000000000000000', '94040000']) {
    const seen = await bed.json(optionsSchema, 'client', tool('ip_options', VIP, 80, 53, options));
    t.deepEqual(seen, {sent: options.length / 2, seen: ['tcp node', 'udp node']}, options);
  }
  t.true((await counters(bed))('forwarded_frames') > before);
});

eachMode('jumbo frames, one at a time and whole', async (t, bed) => {
  const largest = (await bed.in('client', ['ip', '-o', 'link', 'show', 'eth0'])).includes(`mtu ${MTU} `);
  t.true(largest);
  // Datagrams are not segmented: one that fills the frame goes as it is.
  const echoed = await bed.in('client', tool('udp_sizes', VIP, 53, 1473, 4000, 8000, MTU - 28 - 40));
  t.is(echoed, '1473 4000 8000 8932\n');
  await download(t, bed, 'client', SIZE);
  await upload(t, bed, 'client', SIZE);
  // One that crosses to a network with 1500.
  await download(t, bed, 'remote', SIZE);
  await upload(t, bed, 'remote', SIZE);
  t.is((await counters(bed))('drop_rx_truncated'), 0);
});
