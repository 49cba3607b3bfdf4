// The router on a real wire: who comes to use its VIP, what has another VLAN's tag, a link that comes back.

import {fileURLToPath} from 'node:url';
import test from 'ava';
import {waitUntil} from '../support/wait.ts';
import {config, useLab} from './lab.ts';

const VIP = '10.77.0.100';
const tool = fileURLToPath(new URL('../../../../test/addon/tools/arp.py', import.meta.url));
const lab = useLab(config);

interface Heard {
  ms: number;
  operation: number;
  mac: string;
  vlan: number | null;
}

const arp = (...words: string[]): Heard[] =>
  JSON.parse(lab.in('peer', 'python3', tool, 'ext', ...words)) as Heard[];
const macOf = (where: 'router' | 'peer', name: string) =>
  lab.in(where, 'ip', '-brief', 'link', 'show', 'dev', name).trim().split(/\s+/)[2] ?? '';

interface Status {
  vips: {address: string; state: string; rival?: string}[];
  counters: Record<string, number>;
}
const status = async () => JSON.parse((await lab.coscanet('status', '--json')).stdout) as Status;

/** A router whose VIP is active, and five seconds old. */
async function serving() {
  const router = await lab.router('--forwarders', '1');
  lab.put(1, 1, [80]);
  await waitUntil('the VIP is active', 15_000, async () => (await status()).vips[0]?.state === 'active');
  // Past the announcements of the claim.
  await new Promise((resolve) => setTimeout(resolve, 5200));
  return router;
}

test.serial(
  'another host claims the VIP: answered within 200 ms, and named by event, status, metric',
  async (t) => {
    await serving();
    const rival = macOf('peer', 'ext');
    const heard = arp('1', 'claim', VIP);
    const own = macOf('router', 'eth0');
    t.deepEqual(
      heard.map(({operation, mac}) => [operation, mac]),
      [
        [1, own],
        [2, own],
      ],
    );
    t.true(heard[0]!.ms <= 200, `${heard[0]!.ms} ms`);
    // Again within 10 s: it is silent.
    t.deepEqual(arp('1', 'claim', VIP), []);
    t.deepEqual((await status()).vips, [{address: VIP, state: 'active', rival}]);
    const text = (await lab.coscanet('status')).stdout;
    t.true(text.includes(`${VIP} active, also used by the host with MAC ${rival}`), text);
    const events = (await lab.coscanet('events')).stdout;
    t.true(events.includes(`${VIP}  the host with MAC ${rival} on eth0 uses it, too: defended`), events);
    const metrics = lab.in(
      'router',
      'curl',
      '-s',
      '--unix-socket',
      `${lab.runDir}/control.sock`,
      'http://router/metrics',
    );
    t.true(metrics.includes(`coscanet_virtual_ip_rival{vip="${VIP}",mac="${rival}"} 1`));
  },
);

test.serial('a VLAN that is not configured is not answered; one that is, with its tag', async (t) => {
  lab.configure(config.replace('internal: eth1', 'internal: eth1, vlans: [10]'));
  await serving();
  t.deepEqual(
    arp('0.5', 'ask', VIP).map((one) => one.vlan),
    [null],
  );
  t.deepEqual(arp('0.5', 'ask', VIP, '20'), []);
  t.is((await status()).counters['other_vlan'], 1);
  t.deepEqual(
    arp('0.5', 'ask', VIP, '10').map((one) => one.vlan),
    [10],
  );
  t.is((await status()).counters['arp_replies'], 2);
});

test.serial('a link that comes back: VIP and the router’s own address are announced at once', async (t) => {
  await serving();
  lab.in('peer', 'ip', 'link', 'set', 'ext', 'down');
  await waitUntil('the router sees it', 5000, async () =>
    (await lab.coscanet('events')).stdout.includes('eth0: it has no carrier'),
  );
  for (const address of [VIP, '10.77.0.1']) {
    lab.in('peer', 'ip', 'link', 'set', 'ext', 'down');
    const heard = JSON.parse(
      lab.in(
        'peer',
        'sh',
        '-c',
        `python3 ${tool} ext 2 listen ${address} & sleep 0.3; ip link set ext up; wait`,
      ),
    ) as Heard[];
    const announced = heard.filter(({operation}) => operation === 2).map(({ms}) => ms);
    t.true(announced.length >= 3, `${address}: ${announced.join(' ')}`);
    t.true(announced[0]! < 800, `${address}: ${announced.join(' ')}`);
  }
});
