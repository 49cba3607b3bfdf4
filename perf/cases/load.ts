// What load levels are good for: answers' time while the processor of one node is burdened with other work, with weights
// that follow the levels, beside plain round robin.
//
//   client: so many pages a second ── router ──┬── node1  core 0, shared with other work
//     whether answers come or not              ├── node2  ┐ the other cores, with client and router
//                                              └── node3  ┘

import {cpus} from 'node:os';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {z} from 'zod';
import type {Case} from '../bench.ts';
import type {Turn} from '../lab/lab.ts';
import type {Host} from '../lab/host.ts';
import type {Fixture} from '../lab/fixture.ts';
import type {Trial} from '../rounds.ts';
import {beside, distinct, values} from '../report/result.ts';
import type {Result} from '../report/result.ts';
import {quantile, show} from '../report/statistics.ts';
import {table} from '../report/table.ts';
import {titleOf} from '../setups/index.ts';

const [LEVELS, EQUAL] = ['weights by level', 'round robin'];
const PORT = 5000;
const NODES = 3;
const nameOf = (index: number) => `node${index + 1}`;
/** A tenth of its core is what other work leaves the burdened node: enough for a ninth of the pages, not for a third. */
const [OTHER_WORK, PAGE_US, RATE] = [9, 1000, 420];

const [MEDIAN, P90, P99] = ['ms median', 'ms p90', 'ms p99'];
const [BURDENED, FAILED] = ['share of the burdened node', 'failed'];

const script = fileURLToPath(new URL('../../../../perf/tools/pages.py', import.meta.url));
const pages = (...words: (string | number)[]) => ['python3', script, ...words.map(String)];

const reportSchema = z.strictObject({
  ms: z.array(z.number()),
  answers: z.record(z.string(), z.number()),
  failures: z.number(),
});
const endpointsSchema = z.array(z.object({node: z.string(), port: z.number(), level: z.string()}));

const cores = cpus().length;
const on = (list: string) => ['taskset', '-c', list];
const otherList = cores > 1 ? `1-${cores - 1}` : '0';
const [burdenedCore, otherCores] = [on('0'), on(otherList)];

/** One core in use is a high load, half of it is a low one. */
function settings(weights: string): string {
  const core = 100 / cores;
  const cpu = `{low: ${0.6 * core}, medium: [${0.7 * core}, ${0.8 * core}], high: ${0.9 * core}}`;
  return `weights: ${weights}\nload: {metrics: {cpu: ${cpu}}, smoothing: 1, dwell: 1}\n`;
}

/** Programs of the router's host keep off the burdened core: that one is another machine's. */
async function moveRouter(router: Host): Promise<void> {
  const ours = '[ "$(readlink $p/ns/net)" = "$(readlink /proc/self/ns/net)" ]';
  const move = `taskset -acp ${otherList} \${p#/proc/}`;
  await router.run(['sh', '-c', `for p in /proc/[0-9]*; do ${ours} && ${move} >/dev/null 2>&1; done; :`]);
}

/** Burns a processor in the cgroup that stands for the node. */
const OTHER = `
  mount=$(awk '{for (i = 6; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") {print $5; exit}}' /proc/self/mountinfo)
  mkdir -p "$mount$COSCANET_CGROUP_ROOT/other" && echo $$ >"$mount$COSCANET_CGROUP_ROOT/other/cgroup.procs"
  while :; do :; done`;

async function burdened<T>(fixture: Fixture, signal: AbortSignal, measure: () => Promise<T>): Promise<T> {
  const {node} = fixture.network;
  const others = Array.from({length: OTHER_WORK}, () => node.start([...burdenedCore, 'sh', '-c', OTHER]));
  try {
    await levelsAre(fixture, ['high', 'low', 'low'], signal);
    return await measure();
  } finally {
    await Promise.all(others.map((program) => program.stop()));
  }
}

async function endpoints({network}: Fixture): Promise<z.infer<typeof endpointsSchema>> {
  const text = await network.router.run(['coscanet', 'endpoints', '--json']);
  return endpointsSchema.parse(JSON.parse(text)).filter(({port}) => port === PORT);
}

async function levelsAre(fixture: Fixture, wanted: readonly string[], signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    signal.throwIfAborted();
    const found = await endpoints(fixture);
    const levels = wanted.map((_, index) => found.find(({node}) => node === nameOf(index))?.level ?? 'none');
    if (levels.join() === wanted.join()) return;
    if (Date.now() > deadline) throw new Error(`levels are ${levels.join()}, not ${wanted.join()}`);
    await sleep(200);
  }
}

/** A server on each node, the first of which has the core that will be burdened. */
async function serve({network, server}: Fixture): Promise<void> {
  for (const [index, node] of network.nodes.entries()) {
    const words = pages('serve', PORT, nameOf(index), PAGE_US);
    network.keep(node, server.command([...(index === 0 ? burdenedCore : otherCores), ...words]));
  }
  await moveRouter(network.router);
}

function trial(turn: Turn, condition: string, seconds: number, signal: AbortSignal): Trial {
  return {
    setup: turn.setup.name,
    condition,
    async measure() {
      const fixture = await turn.use();
      const ask = [...otherCores, ...pages('ask', fixture.address, PORT, RATE, seconds)];
      const text = await burdened(fixture, signal, () =>
        fixture.network.client.run(ask, {seconds: seconds + 30}),
      );
      const {ms, answers, failures} = reportSchema.parse(JSON.parse(text));
      const sorted = ms.sort((a, b) => a - b);
      return {
        [MEDIAN]: quantile(sorted, 0.5),
        [P90]: quantile(sorted, 0.9),
        [P99]: quantile(sorted, 0.99),
        [BURDENED]: (answers[nameOf(0)] ?? 0) / ms.length,
        [FAILED]: failures / (failures + ms.length),
      };
    },
  };
}

function loadTable(result: Result): string {
  const rows = distinct(result.series.map(({setup}) => setup)).flatMap((setup) =>
    [EQUAL, LEVELS].map((condition) => [
      `${titleOf(setup)}, ${condition}`,
      ...[MEDIAN, P90, P99].map((metric) => {
        const key = {setup, condition, metric};
        const ratios = beside(result, key, {condition: EQUAL});
        const over =
          condition === EQUAL ? '' : `: ${show(ratios, (value) => value.toFixed(3))} of round robin`;
        return show(values(result, key)) + over;
      }),
      ...[BURDENED, FAILED].map((metric) =>
        show(values(result, {setup, condition, metric}), (value) => `${(100 * value).toFixed(1)} %`),
      ),
    ]),
  );
  return table(['', MEDIAN, P90, P99, 'went to the burdened node', FAILED], rows);
}

export const load: Case = {
  name: 'load',
  title: 'time for an answer while one node of three is burdened, with and without load levels',
  testbedOnly: true,
  limit: [300, 60],
  async run(bench) {
    const [rounds, seconds] = [bench.rounds(4, 1), bench.quick ? 3 : 6];
    const ours = bench.setups.filter(({name, ours: own}) => own && (!bench.quick || name === 'dsr'));
    const prepare = (weights: string) =>
      bench.lab.prepare(ours, {nodes: NODES, settings: settings(weights), setUp: serve});
    const levels = await prepare('{low: 4, medium: 2, high: 1}');
    const equal = await prepare('{low: 1, medium: 1, high: 1}');
    const trials = [
      ...equal.map((turn) => trial(turn, EQUAL, seconds, bench.signal)),
      ...levels.map((turn) => trial(turn, LEVELS, seconds, bench.signal)),
    ];
    const measured = await bench.inTurns(trials, rounds);
    const parameters = {rounds, seconds, 'pages/s': RATE, 'µs of a page': PAGE_US, 'other work': OTHER_WORK};
    return {...measured, parameters};
  },
  table: loadTable,
};
