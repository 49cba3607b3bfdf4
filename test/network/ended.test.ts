// Ends that come from the servers' side, which with direct server return the router does not see: connections that a
// server has reset hold no drain up and leave their clients' ports free; with NAT a server that goes on sending keeps its
// conversation. In both modes.
//
//   client: connections from port 41000 on ── router ──┬── node1  resetter.py 80, one_sided.py 53
//                                                      └── node2  the same

import {inEachMode} from '../support/each-mode.ts';
import type {Running} from '../support/command.ts';
import {VIP, tool} from '../support/testbed.ts';
import type {Testbed} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';

const CONFIG = `applications:
  - name: web
    vips: [${VIP}]
    ports: [80/tcp, 53/udp]
    weights: {low: 1, medium: 1, high: 1}
    timeouts: {udp: 4s}
`;
const NODES = ['node1', 'node2'];
/** From the end of the last connection to that of the drain. */
const MOST_MS = 2000;

const eachMode = inEachMode({nodes: 2, forwarders: 2, config: CONFIG}, async (bed) => {
  for (const node of NODES) {
    await bed.serve(node, 'web', 80, tool('resetter', 80, node));
    await bed.serve(node, 'web', 53, tool('one_sided', 53, node, 7));
  }
});

interface Connected {
  running: Running;
  node: string;
}

async function connect(bed: Testbed, from: number): Promise<Connected> {
  const running = bed.start('client', tool('named_connection', VIP, 80, from));
  const node = await waitUntil(`a connection from port ${from}`, 10_000, () => {
    if (running.child.exitCode !== null) throw new Error(`${running.command} ended: ${running.stderr}`);
    return running.stdout.split('\n').find((line) => line !== '');
  });
  return {running, node};
}

async function resetAll(bed: Testbed, node: string): Promise<void> {
  for (const pid of await bed.pids(node, /resetter\.py/)) process.kill(pid, 'SIGUSR1');
}

const established = async (bed: Testbed, from: number) =>
  (await bed.flows()).filter((flow) => flow.client.endsWith(`:${from}`) && flow.state === 'established');

async function inService(bed: Testbed, node: string): Promise<void> {
  await bed.in('router', ['coscanet', 'undrain', node]);
}

eachMode('a drain ends within 2 s when the server resets its last connections', async (t, bed) => {
  const connections = await Promise.all([41000, 41001, 41002, 41003].map((from) => connect(bed, from)));
  const {node} = connections[0]!;
  const waiting = bed.start('router', ['coscanet', 'drain', node, '--wait', '--timeout', '30s']);
  t.teardown(() => inService(bed, node));
  await new Promise((resolve) => setTimeout(resolve, 3000));
  t.is(waiting.child.exitCode, null, `drained while connections live: ${waiting.stdout}`);
  for (const one of connections)
    t.is((await established(bed, Number(one.running.command.split(' ').at(-1)))).length, 1);
  const reset = Date.now();
  await resetAll(bed, node);
  const {status, stderr} = await waiting.ended;
  const took = Date.now() - reset;
  t.is(status, 0, stderr);
  t.log(`drained ${took} ms after the RST`);
  t.true(took <= MOST_MS, `drained ${took} ms after the RST`);
  for (const other of NODES) await resetAll(bed, other);
  for (const one of connections) t.regex((await one.running.ended).stdout, /ECONNRESET/);
});

eachMode(
  'a port whose connection the server had reset is scheduled anew, away from the draining node',
  async (t, bed) => {
    const {node, running} = await connect(bed, 41100);
    await resetAll(bed, node);
    t.regex((await running.ended).stdout, /ECONNRESET/);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await bed.in('router', ['coscanet', 'drain', node]);
    t.teardown(() => inService(bed, node));
    await new Promise((resolve) => setTimeout(resolve, MOST_MS));
    const again = await connect(bed, 41100);
    t.not(again.node, node);
    await resetAll(bed, again.node);
    await again.running.ended;
  },
);

eachMode('a stream of datagrams lasts longer than its time-out', async (t, bed, {mode}) => {
  // NAT: the server alone sends. With direct server return the router sees no answers, so the client sends too.
  const every = mode === 'nat' ? 6 : 2;
  // Of a flow that was forgotten the next datagram goes to the other node.
  for (const from of [42000, 42001]) {
    const heard = (await bed.in('client', tool('few_datagrams', VIP, 53, from, 6, every))).trim();
    t.true(NODES.includes(heard), `one node answers, not: ${heard}`);
  }
});
