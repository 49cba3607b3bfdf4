// Which host uses a VIP of ours, as the supervisor reads it: the last one for each VIP, once.

import test from 'ava';
import {createMemoryRouter} from '../support/memory-router.ts';
import {packet} from '../support/packet-builder.ts';
import {INACTIVE, MAC, POLICY, VIP} from './world.ts';

const announced = (vip: string, mac: string) =>
  packet(mac, MAC.broadcast).arp({operation: 'reply', sender: vip, senderMac: mac, target: vip}).frame();

function published() {
  const router = createMemoryRouter();
  router.publish(POLICY);
  return router;
}

test('each VIP’s last rival, with the interface that it was heard by; each once', (t) => {
  const router = published();
  t.deepEqual(router.arpConflicts(), []);
  router.receive(0, [announced(VIP, MAC.client), announced(VIP, MAC.gateway)]);
  router.receive(1, [announced(INACTIVE, MAC.node1)]);
  t.deepEqual(router.arpConflicts(), [
    {vip: VIP, mac: MAC.gateway, ingress: 0},
    {vip: INACTIVE, mac: MAC.node1, ingress: 1},
  ]);
  t.deepEqual(router.arpConflicts(), []);
  router.receive(1, [announced(VIP, MAC.gateway)]);
  t.deepEqual(router.arpConflicts(), [{vip: VIP, mac: MAC.gateway, ingress: 1}]);
});

test('the MAC is the one that ARP names, which hosts learn', (t) => {
  const router = published();
  router.receive(0, [
    packet(MAC.client, MAC.broadcast)
      .arp({operation: 'reply', sender: VIP, senderMac: MAC.gateway, target: VIP})
      .frame(),
  ]);
  t.deepEqual(
    router.arpConflicts().map(({mac}) => mac),
    [MAC.gateway],
  );
});

test('a flood for one VIP hides no other; of more VIPs than there are entries the last are told', (t) => {
  const vips = Array.from({length: 40}, (_, n) => `10.77.1.${n + 1}`);
  const router = createMemoryRouter({vips: 64});
  router.publish({...POLICY, services: [], vips: vips.map((address) => ({address, active: true}))});
  router.receive(0, [announced(vips[0]!, MAC.client)]);
  for (let n = 0; n < 100; n++) router.receive(0, [announced(vips[1]!, MAC.gateway)]);
  t.deepEqual(
    router.arpConflicts().map(({vip}) => vip),
    vips.slice(0, 2),
  );
  for (const vip of vips) router.receive(0, [announced(vip, MAC.client)]);
  const told = router.arpConflicts();
  t.is(told.length, 32);
  t.true(told.every(({vip, mac}) => vips.includes(vip) && mac === MAC.client));
});
