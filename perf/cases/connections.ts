// A new connection for each page of 10 kB, as many as answers come; links not shaped.

import type {Case} from '../bench.ts';
import {absolute, ratio, setupTable} from '../report/columns.ts';
import {load} from '../tools/load.ts';

const BYTES = 10 * 1024;
const PARALLEL = 50;

const RATE = 'connections/s';
const [P99, CPU] = ['µs p99', 'µs router CPU/connection'];

export const connections: Case = {
  name: 'connections',
  title: 'pages of 10 kB, a new connection each, links not shaped',
  limit: [240, 90],
  async run(bench) {
    const [rounds, seconds] = [bench.rounds(6, 1), bench.quick ? 1 : 2];
    const turns = await bench.lab.prepare(bench.setups, {sizes: [BYTES]});
    const trials = turns.map((turn) => ({
      setup: turn.setup.name,
      async measure() {
        const report = await load(await turn.use(), {
          path: `/${BYTES}`,
          seconds,
          connections: PARALLEL,
          close: true,
        });
        return {[RATE]: report.requestsPerSecond, [P99]: report.p99, [CPU]: report.routerCpu};
      },
    }));
    const measured = await bench.inTurns(trials, rounds);
    return {...measured, parameters: {rounds, seconds, bytes: BYTES, 'at a time': PARALLEL}};
  },
  table: (result) =>
    setupTable(result, '', '', [
      {head: 'connections/s', cell: absolute(RATE)},
      {head: 'over direct', cell: ratio(RATE)},
      {head: 'p99, µs', cell: absolute(P99)},
      {head: "the router's programs, µs for a connection", cell: absolute(CPU)},
    ]),
};
