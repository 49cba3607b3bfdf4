// The paper's server: jetty9 in place of nginx, pages one after the other on one connection, and a new connection each.

import type {Case} from '../bench.ts';
import type {Turn} from '../lab/lab.ts';
import {linksOf} from '../lab/links.ts';
import type {Fixture} from '../lab/fixture.ts';
import {absolute, ratio, setupTable, slower} from '../report/columns.ts';
import {distinct} from '../report/result.ts';
import {startJetty} from '../setups/jetty.ts';
import {PORTS} from '../setups/server.ts';
import {httperf} from '../tools/httperf.ts';
import {load} from '../tools/load.ts';
import type {Measured, Trial} from '../rounds.ts';

const SEQUENCE = [16, 256].map((kilobytes) => kilobytes * 1024);
const PAGE = 10 * 1024;
const [CALLS, PARALLEL, WARM_SECONDS] = [100, 50, 2];

const TIME = 'µs/request';
const RATE = 'connections/s';

function sequence(turn: Turn, condition: string, size: number): Trial {
  return {
    setup: turn.setup.name,
    condition,
    x: size,
    async measure() {
      const {network, address} = await turn.use();
      const what = {address, port: PORTS.jetty, uri: `/${size}`, connections: 1, calls: CALLS};
      const report = await httperf(network.client, {...what, timeout: 10, seconds: 60});
      if (report.replies !== CALLS) throw new Error(`httperf: ${report.replies} of ${CALLS} answers`);
      return {[TIME]: (report.connectionMs * 1000) / CALLS};
    },
  };
}

async function newConnections(fixture: Fixture, seconds: number): Promise<Record<string, number>> {
  const words = {path: `/${PAGE}`, port: PORTS.jetty, connections: PARALLEL, close: true};
  return {[RATE]: (await load(fixture, {...words, seconds})).requestsPerSecond};
}

async function setUp(fixture: Fixture): Promise<void> {
  await startJetty(fixture, [...SEQUENCE, PAGE]);
  await newConnections(fixture, WARM_SECONDS); // it compiles what it does often
}

export const jetty: Case = {
  name: 'jetty',
  title: "pages of the paper's server, jetty9",
  limit: [400, 90],
  async run(bench) {
    const [rounds, seconds] = [bench.rounds(3, 1), bench.quick ? 1 : 2];
    const wanted = bench.quick
      ? bench.setups.filter(({ours, name}) => ours || name === 'direct')
      : bench.setups;
    const links = linksOf(bench.lab).slice(0, bench.quick ? 1 : undefined);
    const found: Measured[] = [];
    for (const {condition, rate} of links) {
      const turns = await bench.lab.prepare(wanted, {rate, setUp});
      const trials = [
        ...SEQUENCE.flatMap((size) => turns.map((turn) => sequence(turn, condition, size))),
        ...turns.map((turn) => ({
          setup: turn.setup.name,
          condition,
          measure: async () => newConnections(await turn.use(), seconds),
        })),
      ];
      found.push(await bench.inTurns(trials, rounds));
      await bench.lab.clear();
    }
    return {
      series: found.flatMap(({series}) => series),
      failures: found.flatMap(({failures}) => failures),
      parameters: {rounds, requests: CALLS, 'bytes of a page': PAGE, 'at a time': PARALLEL},
    };
  },
  table: (result) =>
    distinct(result.series.map(({condition}) => condition))
      .map((condition) =>
        setupTable(result, condition, condition, [
          ...SEQUENCE.map((x) => ({head: `${x / 1024} kB in sequence, µs`, cell: slower(TIME), x})),
          {head: 'connections/s', cell: absolute(RATE)},
          {head: 'over direct', cell: ratio(RATE)},
        ]),
      )
      .join('\n\n'),
};
