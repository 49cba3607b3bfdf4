// A server that is stopped (SIGSTOP) still completes handshakes, but its own node sees it: it gets no new
// connections after three seconds, operators read why, and it serves again when it goes on. In both modes.
//
//   client: requests ── router ┬── node1  http_server.py 80   SIGSTOP … SIGCONT
//                              └── node2  http_server.py 80

import test from 'ava';
import {loopSchema} from '../support/clients.ts';
import {inModes} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';

/** The promise, and what a machine that others use may take on top. */
const LEAVES_MS = 3000;
const SLACK_MS = 2000;

for (const {title, options} of inModes([{title: 'two nodes', options: {forwarders: 1}}])) {
  test.serial(`${title}: a stopped server leaves the rotation, and comes back`, async (t) => {
    t.timeout(120_000);
    const bed = await Testbed.up({nodes: 2, ...options});
    t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
    const [server] = await bed.serveHttp(2);
    if (!server) return t.fail();
    const state = async () => (await bed.endpoints()).find(({node}) => node === 'node1')?.state;
    const requests = async () => bed.json(loopSchema, 'client', tool('request_loop', `http://${VIP}/`, 200));

    const stopped = Date.now();
    process.kill(server.pid, 'SIGSTOP');
    await waitUntil('it leaves', 10_000, async () => (await state()) === 'failing');
    const took = Date.now() - stopped;
    t.log(`left ${took} ms after SIGSTOP`);
    t.true(took < LEAVES_MS + SLACK_MS, `${took} ms`);
    t.deepEqual(await requests(), {answers: {node2: 200}, failures: []});
    const table = await bed.in('router', ['coscanet', 'endpoints']);
    t.regex(table, new RegExp(`node1:.*failing.*stopped \\(SIGSTOP\\): process ${server.pid}`));

    process.kill(server.pid, 'SIGCONT');
    await waitUntil('it comes back', 10_000, async () => (await state()) === 'up');
    const {answers, failures} = await requests();
    t.deepEqual(failures, []);
    t.true((answers['node1'] ?? 0) > 0, JSON.stringify(answers));
  });
}
