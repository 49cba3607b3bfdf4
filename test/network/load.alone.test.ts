// A node that is burdened gets less, and only that one: its level goes up, its share of new connections falls to
// the ratio of the weights, and both come back when the burden has gone. In both modes.
//
//   client: requests,      ┌── node1  http_server.py 80, three hogs ✱  high   weight 1
//    80 a second ── router ├── node2  http_server.py 80               low    weight 4
//                          └── node3  http_server.py 80               low    weight 4
//
// The nodes share the processors of one machine; each is a cgroup of its own, and that is what its agent measures.

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {loopSchema} from '../support/clients.ts';
import {inModes} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Running} from '../support/command.ts';

const REQUESTS = 1080;
const RATE = 80;
const NODES = ['node1', 'node2', 'node3'];
// Three hogs take far more of this machine, however busy it is, than a server that starts and answers 35 requests a
// second. A level's dwell time is a tenth of the default: nothing here tells of how long it is.
const CONFIG = `
applications:
  - name: web
    vips: [${VIP}]
    ports: [80/tcp]
    load: {metrics: {cpu: {low: 12, medium: [16, 20], high: 25}}, smoothing: 2, dwell: 0.5}
`;

/** Each fall of a level makes the next one wait four times as long: 0.5, 2, 8, 32 s. */
async function levelsAre(bed: Testbed, wanted: string): Promise<void> {
  await waitUntil(`levels ${wanted}`, 120_000, async () => {
    const endpoints = await bed.endpoints();
    const levels = NODES.map((node) => endpoints.find((one) => one.node === node)?.level ?? 'none');
    return levels.join() === wanted;
  });
}

/** Each node's share is what the weights say, within a tenth of it. */
async function sharesAre(t: ExecutionContext, bed: Testbed, weights: readonly number[]): Promise<void> {
  const words = tool('request_loop', `http://${VIP}/`, REQUESTS, RATE);
  const loop = await bed.json(loopSchema, 'client', words, 120_000);
  t.log(JSON.stringify(loop.answers));
  t.deepEqual(loop.failures, []);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  for (const [index, weight] of weights.entries()) {
    const expected = (REQUESTS * weight) / sum;
    const answers = loop.answers[NODES[index] ?? ''] ?? 0;
    t.true(Math.abs(answers - expected) <= expected / 10, `${NODES[index]}: ${answers}, not ${expected}`);
  }
}

/** Burns a processor in the cgroup that stands for a node. */
function burden(bed: Testbed, node: string): Running {
  const script = `
    mount=$(awk '{for (i = 6; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") {print $5; exit}}' /proc/self/mountinfo)
    mkdir -p "$mount$COSCANET_CGROUP_ROOT/hog" && echo $$ >"$mount$COSCANET_CGROUP_ROOT/hog/cgroup.procs"
    while :; do :; done`;
  return bed.start(node, ['sh', '-c', script]);
}

for (const {title, options} of inModes([{title: 'one forwarder', options: {forwarders: 1}}])) {
  test.serial(`${title}: the burdened node alone gets less, until its burden is gone`, async (t) => {
    t.timeout(400_000);
    const bed = await Testbed.up({nodes: 3, config: CONFIG, ...options});
    t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
    await bed.serveHttp(3);
    await levelsAre(bed, 'low,low,low');
    const since = Date.now();
    const hogs = [1, 2, 3].map(() => burden(bed, 'node1'));
    await levelsAre(bed, 'high,low,low');
    await sharesAre(t, bed, [1, 4, 4]);
    await Promise.all(hogs.map((hog) => bed.stop(hog, 'SIGKILL')));
    await levelsAre(bed, 'low,low,low');
    await sharesAre(t, bed, [1, 1, 1]);
    const events = (await bed.events()).filter(({event, time}) => event === 'level' && time >= since);
    for (const {time, node, detail} of events) t.log(`${new Date(time).toISOString()} ${node} ${detail}`);
    t.deepEqual([...new Set(events.map(({node}) => node))], ['node1'], 'only the burdened one speaks');
    t.true(events.length <= 6);
  });
}
