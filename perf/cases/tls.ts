// TLS, a new connection and handshake for each page of 10 kB: passed on to the server, or ended at the balancer,
// which layer 7 cannot do without.

import type {Case} from '../bench.ts';
import {absolute, ratio, setupTable} from '../report/columns.ts';
import {PORTS} from '../setups/server.ts';
import {load} from '../tools/load.ts';

const BYTES = 10 * 1024;
const PARALLEL = 50;
const RATE = 'connections/s';
const CPU = 'µs router CPU/connection';
const [THROUGH, ENDED] = ['to the server', 'ended at the balancer'];

export const tls: Case = {
  name: 'tls',
  title: 'pages of 10 kB over TLS, a new connection each',
  limit: [240, 90],
  async run(bench) {
    const [rounds, seconds] = [bench.rounds(5, 1), bench.quick ? 1 : 2];
    const turns = await bench.lab.prepare(bench.setups, {sizes: [BYTES]});
    const trials = turns.flatMap((turn) => {
      const trial = (condition: string, port: number) => ({
        setup: turn.setup.name,
        condition,
        async measure() {
          const report = await load(await turn.use(), {
            path: `/${BYTES}`,
            scheme: 'https',
            port,
            seconds,
            connections: PARALLEL,
            close: true,
          });
          return {[RATE]: report.requestsPerSecond, [CPU]: report.routerCpu};
        },
      });
      switch (turn.setup.name) {
        case 'nginx':
          return [trial(ENDED, PORTS.https)];
        case 'haproxy':
          return [trial(THROUGH, PORTS.https), trial(ENDED, PORTS.terminated)];
        default:
          return [trial(THROUGH, PORTS.https)];
      }
    });
    const measured = await bench.inTurns(trials, rounds);
    return {...measured, parameters: {rounds, seconds, bytes: BYTES, 'at a time': PARALLEL, key: 'P-256'}};
  },
  table(result) {
    // All stand beside the same direct connections, wherever TLS ends.
    const columns = (condition: string) => [
      {head: 'connections/s', cell: absolute(RATE)},
      {head: 'over direct', cell: ratio(RATE, condition === ENDED ? THROUGH : undefined)},
      {head: "the router's programs, µs for a connection", cell: absolute(CPU)},
    ];
    return [THROUGH, ENDED]
      .map((condition) => setupTable(result, `TLS ${condition}`, condition, columns(condition)))
      .join('\n\n');
  },
};
