// H2: pages of 10 kB, a new connection each, at a rising rate until more than one in a hundred fails. The rate is
// httperf's: it does not wait for answers, as users do not.

import type {Bench, Case, Found} from '../bench.ts';
import {CommandError} from '../exec.ts';
import type {Host} from '../lab/host.ts';
import type {Turn} from '../lab/lab.ts';
import {linksOf} from '../lab/links.ts';
import type {Links} from '../lab/links.ts';
import type {Series} from '../report/result.ts';
import type {Measured} from '../rounds.ts';
import {PORTS} from '../setups/server.ts';
import {httperf} from '../tools/httperf.ts';
import type {HttperfLoad, HttperfReport} from '../tools/httperf.ts';
import {RateSearch} from './rate-search.ts';
import {BYTES, CPU, h2Figures, h2Table, RATE, REPLIES} from './h2-report.ts';

const MOST_FAILED = 0.01;
/** Seconds after which an answer comes too late. */
const PATIENCE = 2;
const WARM_RATE = 1000;
/** Seconds, precision and first rate of a quick run, which has no time to start far below. */
const QUICK = {seconds: 0.5, precision: 0.15, rate: 3000};
const FULL = {seconds: 1, precision: 0.04, rate: 5000};

interface Step {
  /** Replies in each second of the step. */
  replies: number;
  failedShare: number;
  cpu: number;
}

/** null: it had to be ended, as happens to httperf now and then when it has lost many connections at once. */
async function attempt(client: Host, load: HttperfLoad): Promise<HttperfReport | null> {
  try {
    return await httperf(client, load);
  } catch (error) {
    if (error instanceof CommandError && error.late) return null;
    throw error;
  }
}

async function step(turn: Turn, rate: number, seconds: number): Promise<Step> {
  const {network, address} = await turn.use();
  const before = await network.cpu();
  const report = await attempt(network.client, {
    address,
    port: PORTS.http,
    uri: `/${BYTES}`,
    connections: Math.round(rate * seconds),
    calls: 1,
    rate,
    timeout: PATIENCE,
    seconds: seconds * 4 + 10,
  });
  if (!report) return {replies: 0, failedShare: 1, cpu: 0};
  const after = await network.cpu();
  // httperf falls behind rather than fail when it has no time itself: then the rate was not what was asked for.
  const late = report.connections / report.seconds < 0.9 * rate;
  return {
    replies: report.repliesPerSecond,
    failedShare: late ? 1 : report.failedShare,
    cpu: (after.router - before.router) / Math.max(1, report.replies),
  };
}

/** All set-ups search at once, a step each in turn, so that the machine is the same for all. */
async function searchAtOnce(
  bench: Bench,
  turns: readonly Turn[],
  starts: Map<string, number>,
  onStep: (turn: Turn, rate: number, result: Step) => void,
): Promise<Map<string, Step & {rate: number}>> {
  const {seconds, precision, rate: first} = bench.quick ? QUICK : FULL;
  const best = new Map<string, Step & {rate: number}>();
  const searches = new Map(
    turns.map((turn) => [turn, new RateSearch(starts.get(turn.setup.name) ?? first, precision)]),
  );
  for (let going = [...searches]; going.length > 0; going = going.filter(([, search]) => !search.done))
    for (const [turn, search] of going) {
      bench.signal.throwIfAborted();
      const rate = search.next;
      const result = await step(turn, rate, seconds);
      const passed = result.failedShare <= MOST_FAILED;
      search.tell(passed);
      if (result.replies > 0) onStep(turn, rate, result);
      bench.log(
        `${turn.setup.name}: ${rate}/s: ${Math.round(result.replies)} replies/s, ` +
          `${(100 * result.failedShare).toFixed(1)} % failed`,
      );
      const {name} = turn.setup;
      if (passed && result.replies > (best.get(name)?.replies ?? 0)) best.set(name, {...result, rate});
    }
  return best;
}

async function measureLink(bench: Bench, {condition, rate}: Links): Promise<Measured> {
  const turns = await bench.lab.prepare(bench.setups, {rate, sizes: [BYTES]});
  for (const turn of turns) await step(turn, WARM_RATE, 1);
  const rounds = bench.rounds(2, 1);
  const highest = new Map<string, Series[]>();
  const points = new Map<string, Series>();
  const starts = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const best = await searchAtOnce(bench, turns, starts, ({setup: {name: setup}}, x, {replies}) => {
      const key = `${setup} ${x}`;
      const point = points.get(key) ?? {setup, condition, x, metric: REPLIES, values: []};
      points.set(key, point);
      point.values.push(replies);
    });
    for (const {setup} of turns) {
      const found = best.get(setup.name);
      const series = highest.get(setup.name) ?? [
        {setup: setup.name, condition, x: null, metric: RATE, values: []},
        {setup: setup.name, condition, x: null, metric: CPU, values: []},
      ];
      highest.set(setup.name, series);
      series[0]?.values.push(found?.replies ?? null);
      series[1]?.values.push(found?.cpu ?? null);
      // The next round begins where this one ended, and has fewer steps to make.
      if (found) starts.set(setup.name, Math.round(found.rate * 0.9));
    }
  }
  await bench.lab.clear();
  return {series: [...[...highest.values()].flat(), ...points.values()], failures: []};
}

export const h2: Case = {
  name: 'h2',
  title: 'pages of 10 kB, a new connection each, at a rising rate',
  limit: [1500, 240],
  async run(bench) {
    const found: Measured[] = [];
    const links = linksOf(bench.lab).slice(0, bench.quick ? 1 : undefined);
    for (const link of links) found.push(await measureLink(bench, link));
    const parameters: Found['parameters'] = {
      rounds: bench.rounds(2, 1),
      bytes: BYTES,
      'failed at most': `${100 * MOST_FAILED} %`,
      'too late after': `${PATIENCE} s`,
    };
    return {
      parameters,
      series: found.flatMap(({series}) => series),
      failures: found.flatMap(({failures}) => failures),
    };
  },
  table: h2Table,
  figures: h2Figures,
};
