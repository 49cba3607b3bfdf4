// A UDP service: the sockets of clients are spread over the nodes, each stays with its node, and answers come from
// the virtual IP (in NAT mode the server's socket has another address). In both modes.
//
//   client, 31 sockets ──┐                  ┌── node1  udp_echo.py 53
//                        ├ bridge ── router ├── node2  udp_echo.py 53
//   remote ── gateway ───┘                  └── node3  udp_echo.py 53

import test from 'ava';
import {socketsSchema} from '../support/clients.ts';
import {MODES} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';

// No multiple of three: a schedule that forgets flows would otherwise come round to the same nodes.
const SOCKETS = 31;

for (const {mode} of MODES) {
  test.serial(`${mode}: each client socket stays with one node, and all nodes take part`, async (t) => {
    const bed = await Testbed.up({mode, nodes: 3, forwarders: 1});
    t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
    const names = ['node1', 'node2', 'node3'];
    await Promise.all(names.map((name) => bed.serve(name, 'web', 53, tool('udp_echo', 53, name))));
    const addresses = {client: '10.77.0.2', remote: '10.99.0.2'};
    for (const [host, address] of Object.entries(addresses)) {
      const sockets = await bed.json(socketsSchema, host, tool('udp_clients', VIP, 53, SOCKETS, 20));
      t.is(sockets.length, SOCKETS);
      for (const socket of sockets) {
        t.is(socket.lost, 0);
        t.is(socket.nodes.length, 1, 'one node answers one socket');
        t.deepEqual(socket.seen, [address], 'the server sees the client itself');
        t.deepEqual(socket.from, [`${VIP}:53`], 'the answer comes from the virtual IP');
      }
      for (const name of names) {
        const share = sockets.filter((socket) => socket.nodes[0] === name).length;
        t.true(Math.abs(share - SOCKETS / 3) <= 1, `${host}: ${name} has ${share} of ${SOCKETS} sockets`);
      }
    }
  });
}
