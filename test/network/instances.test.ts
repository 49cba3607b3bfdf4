// Two instances of one application on one node, with the same port: both serve. In DSR they share the node's
// endpoint, with twice the weight; in NAT each is an endpoint of its own, on a port of its own.
//
//   client ── router ── node1  http_server.py 80 "first"
//                              http_server.py 80 "second"

import test from 'ava';
import {loopSchema} from '../support/clients.ts';
import {MODES} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';

const REQUESTS = 60;

for (const {mode, ownPorts} of MODES) {
  const endpoints = ownPorts ? 'two endpoints with ports of their own' : 'one endpoint';
  test.serial(
    `${mode}: two instances on a node are ${endpoints}, and the first goes without harm`,
    async (t) => {
      const bed = await Testbed.up({mode, nodes: 1, forwarders: 1});
      t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
      const first = await bed.serve('node1', 'web', 80, tool('http_server', 80, 'first'));
      const weight = (await bed.endpoints())[0]?.weight ?? 0;
      await bed.serve('node1', 'web', 80, tool('http_server', 80, 'second'));
      const both = await waitUntil('the second instance counts', 5000, async () => {
        const now = await bed.endpoints();
        return now.reduce((sum, one) => sum + one.weight, 0) === 2 * weight && now;
      });
      t.is(both.length, ownPorts ? 2 : 1);
      t.is(new Set(both.map((one) => one.nodePort)).size, both.length);
      t.true(both.every((one) => (one.nodePort !== undefined) === ownPorts && one.address.endsWith('.11')));

      const ask = () => bed.json(loopSchema, 'client', tool('request_loop', `http://${VIP}/`, REQUESTS));
      const {answers, failures} = await ask();
      t.deepEqual(failures, []);
      if (ownPorts) t.deepEqual(answers, {first: REQUESTS / 2, second: REQUESTS / 2});
      // In DSR the node's kernel chooses between the two, by a hash.
      else t.true((answers['first'] ?? 0) > 0 && (answers['second'] ?? 0) > 0, JSON.stringify(answers));

      await bed.stop(first, 'SIGKILL');
      await waitUntil('the first instance has left', 5000, async () => {
        const now = await bed.endpoints();
        return now.reduce((sum, one) => sum + (one.state === 'up' ? one.weight : 0), 0) === weight;
      });
      t.deepEqual(await ask(), {answers: {second: REQUESTS}, failures: []});
    },
  );
}
