// H1: one connection, one request after the other, of pages from 16 kB to 4 MB. Shaped as in the paper, and not
// shaped, where what a set-up adds to a request shows in microseconds: a token bucket hides it.

import type {Bench, Case, Found} from '../bench.ts';
import type {Turn} from '../lab/lab.ts';
import {linksOf} from '../lab/links.ts';
import type {Links} from '../lab/links.ts';
import {added, setupTable, slower} from '../report/columns.ts';
import {distinct} from '../report/result.ts';
import type {Result} from '../report/result.ts';
import type {Trial} from '../rounds.ts';
import {PORTS} from '../setups/server.ts';
import {httperf} from '../tools/httperf.ts';
import {load} from '../tools/load.ts';
import {h1Figures, isWaiting, TIME, waiting} from './h1-figure.ts';

const SIZES = [16, 64, 256, 1024, 4096].map((kilobytes) => kilobytes * 1024);
const SMALL = SIZES[0] ?? 0;
/** As in the paper. */
const CALLS = 100;
/** From here on a round takes a second and more on shaped links, and differs little from the next. */
const LARGE = 1024 * 1024;

const MEDIAN = 'µs median';
const P99 = 'µs p99';
const CPU = 'µs CPU/request';

function paperTrial(turn: Turn, condition: string, size: number, rounds: number): Trial {
  return {
    setup: turn.setup.name,
    condition,
    x: size,
    rounds,
    async measure() {
      const {network, address} = await turn.use();
      const report = await httperf(network.client, {
        address,
        port: PORTS.http,
        uri: `/${size}`,
        connections: 1,
        calls: CALLS,
        timeout: 10,
        seconds: 60,
      });
      if (report.replies !== CALLS || report.failedShare > 0)
        throw new Error(`httperf: ${report.replies} of ${CALLS} answers`);
      return {[TIME]: (report.connectionMs * 1000) / CALLS};
    },
  };
}

/** What httperf, which never sleeps, does not show: a client that waits for its answer, and its percentiles. */
function waitingTrial(turn: Turn, condition: string, rounds: number): Trial {
  return {
    setup: turn.setup.name,
    condition: waiting(condition),
    x: SMALL,
    rounds,
    async measure() {
      const report = await load(await turn.use(), {path: `/${SMALL}`, seconds: 1});
      return {
        [TIME]: 1e6 / report.requestsPerSecond,
        [MEDIAN]: report.median,
        [P99]: report.p99,
        [CPU]: report.machineCpu,
      };
    },
  };
}

async function measureLink(bench: Bench, {condition, rate}: Links): Promise<Found> {
  const sizes = bench.quick ? SIZES.slice(0, 2) : SIZES;
  const turns = await bench.lab.prepare(bench.setups, {rate, sizes});
  const [rounds, large] = [bench.rounds(10, 1), bench.rounds(3, 1)];
  const trials = [
    ...sizes.flatMap((size) =>
      turns.map((turn) => paperTrial(turn, condition, size, size >= LARGE ? large : rounds)),
    ),
    ...turns.map((turn) => waitingTrial(turn, condition, bench.rounds(7, 1))),
  ];
  const measured = await bench.inTurns(trials, rounds);
  await bench.lab.clear();
  return {...measured, parameters: {rounds, 'rounds of 1 MB and more': large}};
}

function timesTable(result: Result, condition: string): string {
  const sizes = distinct(
    result.series.filter((series) => series.condition === condition).map(({x}) => x ?? 0),
  );
  return setupTable(
    result,
    `${condition}, httperf, µs`,
    condition,
    sizes.map((x) => ({head: `${x / 1024} kB`, cell: slower(TIME), x})),
  );
}

function addedTable(result: Result, condition: string): string {
  return setupTable(result, `${condition}, 16 kB, wrk, µs`, condition, [
    {head: 'mean', cell: added(TIME), x: SMALL},
    {head: 'median', cell: added(MEDIAN), x: SMALL},
    {head: 'p99', cell: added(P99), x: SMALL},
    {head: 'processor time of the machine', cell: added(CPU), x: SMALL},
  ]);
}

export const h1: Case = {
  name: 'h1',
  title: 'requests one after the other on one connection, 16 kB to 4 MB',
  limit: [900, 150],
  async run(bench) {
    const found: Found[] = [];
    for (const links of linksOf(bench.lab)) found.push(await measureLink(bench, links));
    return {
      series: found.flatMap(({series}) => series),
      failures: found.flatMap(({failures}) => failures),
      parameters: {...found[0]?.parameters, requests: CALLS, 'burst of the shaper': '15140 bytes'},
    };
  },
  table(result) {
    const conditions = distinct(result.series.map(({condition}) => condition));
    return [
      ...conditions.filter((name) => !isWaiting(name)).map((condition) => timesTable(result, condition)),
      ...conditions.filter(isWaiting).map((condition) => addedTable(result, condition)),
    ].join('\n\n');
  },
  figures: h1Figures,
};
