// Small requests on connections that are kept, as many as answers come: how many each second, and how long each takes
// when the machine is idle (one connection) and when it is not.

import type {Case} from '../bench.ts';
import {absolute, added, ratio, setupTable} from '../report/columns.ts';
import {distinct} from '../report/result.ts';
import type {Result} from '../report/result.ts';
import type {Figure} from '../report/figure.ts';
import {barFigure} from '../report/bars.ts';
import {load} from '../tools/load.ts';

const BYTES = 128;
const CONNECTIONS = [1, 10, 100, 1000];
/** The load that the goal speaks of. */
const USUAL = 100;

const RATE = 'requests/s';
const [MEDIAN, P99, P999] = ['µs median', 'µs p99', 'µs p99.9'];
const CPU = 'µs router CPU/request';

const connectionsOf = (count: number) =>
  count === 1 ? '1 connection' : `${count.toLocaleString('en-US')} connections`;

function latencyTable(result: Result, x: number): string {
  return setupTable(result, `${connectionsOf(x)}, µs`, '', [
    {head: 'median', cell: added(MEDIAN), x},
    {head: 'p99', cell: added(P99), x},
    {head: 'p99.9', cell: added(P999), x},
    {head: "the router's programs, for a request", cell: absolute(CPU), x},
  ]);
}

function figures(result: Result): Figure[] {
  return [
    barFigure(result, {
      name: 'requests',
      metric: RATE,
      title: 'small requests each second, over direct',
      label: ({x}) => connectionsOf(x ?? 0),
    }),
  ];
}

export const requests: Case = {
  name: 'requests',
  title: 'small requests on kept connections: rate, and latency idle and under load',
  limit: [400, 120],
  async run(bench) {
    const connections = bench.quick ? [1, USUAL] : CONNECTIONS;
    const [rounds, seconds] = [bench.rounds(5, 1), 1];
    const turns = await bench.lab.prepare(bench.setups, {sizes: [BYTES]});
    const trials = connections.flatMap((x) =>
      turns.map((turn) => ({
        setup: turn.setup.name,
        x,
        async measure() {
          const report = await load(await turn.use(), {path: `/${BYTES}`, seconds, connections: x});
          return {
            [RATE]: report.requestsPerSecond,
            [MEDIAN]: report.median,
            [P99]: report.p99,
            [P999]: report.p999,
            [CPU]: report.routerCpu,
          };
        },
      })),
    );
    const measured = await bench.inTurns(trials, rounds);
    return {...measured, parameters: {rounds, seconds, bytes: BYTES}};
  },
  table(result) {
    const connections = distinct(result.series.map(({x}) => x ?? 0));
    return [
      setupTable(result, 'requests/s over direct, connections:', '', [
        ...connections.map((x) => ({head: String(x), cell: ratio(RATE), x})),
        {head: `requests/s at ${USUAL}`, cell: absolute(RATE), x: USUAL},
      ]),
      latencyTable(result, 1),
      latencyTable(result, USUAL),
    ].join('\n\n');
  },
  figures,
};
