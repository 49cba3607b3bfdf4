// Servers that no longer serve although their sockets are there. What their own node sees: a server that is stopped
// (SIGSTOP) still completes handshakes. What agents do not see, the router does: a node that loses the link to its
// clients (though its agent may still speak), and one that refuses connections although its server listens. Each
// leaves within three seconds, operators read why, no request is lost after that, and each returns by itself. In both
// modes.
//
//   client: requests ── router ┬── node1  http_server.py 80   SIGSTOP …  link ✂ …  then RST to every SYN …
//                              └── node2  http_server.py 80

import type {ExecutionContext} from 'ava';
import {endLoop, loopSchema} from '../support/clients.ts';
import type {Running} from '../support/command.ts';
import {inEachMode} from '../support/each-mode.ts';
import type {ModeCase} from '../support/modes.ts';
import {VIP, tool} from '../support/testbed.ts';
import type {Testbed} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';

/** The promise, and what a machine that others use may take on top. */
const LEAVES_MS = 3000;
const SLACK_MS = 2000;
const REFUSE = `table inet refuse {
  chain input {
    type filter hook input priority 0;
    tcp dport 80 tcp flags & (syn | ack) == syn reject with tcp reset
  }
}
`;

const TEST_MS = 120_000;

const eachMode = inEachMode({nodes: 2, forwarders: 1}, (bed) => bed.serveHttp(2));

interface Trouble {
  what: string;
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
  reason: RegExp;
}

async function leaveAndReturn(t: ExecutionContext, bed: Testbed, trouble: Trouble): Promise<void> {
  const loop = bed.start('client', tool('request_loop', `http://${VIP}/`));
  const ofNode1 = async () => (await bed.endpoints()).find((one) => one.node === 'node1');
  await trouble.begin();
  const began = Date.now();
  await waitUntil(`node1 leaves: ${trouble.what}`, 15_000, async () => (await ofNode1())?.weight === 0);
  const left = Date.now();
  t.log(`${trouble.what}: left after ${left - began} ms`);
  t.true(left - began <= LEAVES_MS + SLACK_MS, `${trouble.what}: left after ${left - began} ms`);
  t.is((await ofNode1())?.state, 'unreachable');
  t.regex(await bed.in('router', ['coscanet', 'endpoints']), trouble.reason);
  const events = await bed.events();
  t.true(events.some((event) => event.event === 'endpoint-unreachable' && event.node === 'node1'));
  // Long enough that a request which was lost would have been tried again.
  await bed.json(loopSchema, 'client', tool('request_loop', `http://${VIP}/`, 100, 50));

  await trouble.end();
  await waitUntil(`node1 returns: ${trouble.what}`, 15_000, async () => ((await ofNode1())?.weight ?? 0) > 0);
  const after = await bed.json(loopSchema, 'client', tool('request_loop', `http://${VIP}/`, 100));
  t.true((after.answers['node1'] ?? 0) > 10, `${trouble.what}: ${JSON.stringify(after.answers)}`);
  t.deepEqual(after.failures, []);
  const requests = await endLoop(loop);
  t.deepEqual(
    requests.failures.filter((failure) => failure.began > left + 5),
    [],
    `${trouble.what}: requests failed after it had left`,
  );
}

async function see(t: ExecutionContext, bed: Testbed, {nodesOutside}: ModeCase): Promise<void> {
  // Silence counts of who has been heard: long enough for some probes.
  const before = await bed.json(loopSchema, 'client', tool('request_loop', `http://${VIP}/`, 100, 50));
  t.deepEqual(before.failures, []);
  // The cable to the clients: with direct server return the agent's own goes on.
  const port = nodesOutside ? 'node1-eth0' : 'node1-eth1';
  const link = (state: string) => bed.in('switch', ['ip', 'link', 'set', port, state]);
  await leaveAndReturn(t, bed, {
    what: 'link lost',
    begin: () => link('down'),
    end: () => link('up'),
    // With direct server return the router and the node still hear each other; the answers to clients are lost.
    reason: nodesOutside
      ? /node1:\S+ .*unreachable +it does not answer, though its node does/
      : /node1:\S+ .*unreachable +its node does not answer/,
  });
  await leaveAndReturn(t, bed, {
    what: 'refuses',
    begin: () => bed.in('node1', ['nft', '-f', bed.file('refuse.nft', REFUSE)]),
    end: () => bed.in('node1', ['nft', 'delete', 'table', 'inet', 'refuse']),
    reason: /node1:\S+ .*unreachable +it refuses connections/,
  });
}

async function stop(t: ExecutionContext, bed: Testbed, server: Running): Promise<void> {
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
}

eachMode('a stopped server leaves the rotation, and comes back', async (t, bed, _, [server]) => {
  t.timeout(TEST_MS);
  await stop(t, bed, server!);
});

eachMode('a node that lost its link, or refuses, leaves and returns', async (t, bed, mode) => {
  t.timeout(TEST_MS);
  await see(t, bed, mode);
});
