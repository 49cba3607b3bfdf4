// Every frame of every link while all kinds of traffic pass, where no offload hides a checksum: each checksum is
// right, each source MAC is that of the interface that sent the frame. In both modes.
//
//   remote ── hop ══1280══ gateway ──┐                  ┌── node1  http_server.py  udp_echo.py  dnsmasq
//                          client ───┤ bridge ── router ┤
//                                    └──────────────────┴── node2  http_server.py  udp_echo.py  dnsmasq
//
// A capture at the far end of each cable, of what comes out of it.

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {Captures} from '../support/captures.ts';
import type {Frame} from '../support/captures.ts';
import {MODES} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {counters, download, upload} from '../support/transfers.ts';

const CONFIG = `applications:
  - {name: web, vips: [${VIP}], ports: [80/tcp, 7/udp]}
  - {name: names, vips: [${VIP}], ports: [53/tcp, 53/udp]}
`;
const NODES = ['node1', 'node2'];
const SIZE = 1_000_000;

async function serve(bed: Testbed): Promise<void> {
  const options = ['--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--pid-file', '--user=root'];
  const address = [`--listen-address=${VIP}`, '--bind-interfaces', '--address=/a.test/192.0.2.1'];
  for (const node of NODES) {
    await bed.serve(node, 'web', 80, tool('http_server', 80, node));
    await bed.serve(node, 'web', 7, tool('udp_echo', 7, node));
    await bed.serve(node, 'names', 53, ['dnsmasq', '--keep-in-foreground', ...options, ...address]);
  }
}

async function traffic(t: ExecutionContext, bed: Testbed): Promise<void> {
  for (const host of ['client', 'remote']) {
    await download(t, bed, host, SIZE);
    await upload(t, bed, host, SIZE);
    await bed.in(host, tool('request_loop', `http://${VIP}/`, 10));
    await bed.in(host, tool('udp_clients', VIP, 7, 4, 3));
    for (const way of ['+notcp', '+tcp']) await bed.in(host, ['dig', `@${VIP}`, '+timeout=3', way, 'a.test']);
    await bed.in(host, tool('errors', VIP));
  }
  // What a node sends of its own accord, to the virtual IP and into the world.
  await bed.try('node1', ['curl', '-sS', '-m', '2', `http://${VIP}/`]);
  await bed.try('node1', ['curl', '-sS', '-m', '1', 'http://10.99.0.2/']);
}

function check(t: ExecutionContext, frames: Frame[], macs: ReadonlyMap<string, string>): void {
  const senders = new Set(frames.map(({link}) => `${link.host} ${link.interface}`));
  t.deepEqual([...senders].sort(), [...macs.keys()].sort(), 'every interface sent something');
  const strange = frames.filter(({link, source}) => macs.get(`${link.host} ${link.interface}`) !== source);
  t.deepEqual(strange.slice(0, 5), [], `${strange.length} frames with a source MAC that is not the sender's`);
  const wrong = frames.filter(({checksums}) => checksums.includes('bad'));
  t.deepEqual(wrong.slice(0, 5), [], `${wrong.length} frames with a wrong checksum`);
  const verified = frames.filter(({checksums}) => checksums.includes('good'));
  t.true(verified.length > 0.9 * frames.length, 'tshark looked at the checksums');
  for (const protocol of ['http', 'dns', 'echo', 'icmp:ip:tcp', 'icmp:ip:udp', 'arp'])
    t.true(
      frames.some(({protocols}) => protocols.includes(`:${protocol}`)),
      `${protocol} was among them`,
    );
}

for (const {mode} of MODES)
  test.serial(`${mode}: no wrong checksum, no wrong source MAC, on any link`, async (t) => {
    t.timeout(120_000);
    const bed = await Testbed.up({
      mode,
      nodes: 2,
      forwarders: 1,
      config: CONFIG,
      noOffloads: true,
      hopMtu: 1280,
    });
    t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
    const captures = await Captures.start(
      bed,
      ['client', 'gateway', 'router', ...NODES],
      ['gateway', 'hop', 'remote'],
    );
    await serve(bed);
    await traffic(t, bed);
    const counted = await counters(bed);
    const frames = await captures.stop();
    t.log(`${frames.length} frames`);
    check(t, frames, captures.macs);
    for (const name of ['icmp_errors_forwarded', 'tcp_resets', 'port_unreachables', 'echo_replies'])
      t.true(counted(name) > 0, `${name}: the mixture lacks something`);
  });
