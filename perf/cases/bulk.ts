// One TCP connection with as many bytes as fit, up to the server and down from it; links not shaped.

import type {Case} from '../bench.ts';
import {absolute, ratio, setupTable} from '../report/columns.ts';
import {besideNginx, PORTS} from '../setups/server.ts';
import {iperf} from '../tools/iperf.ts';

const RATE = 'Gbit/s';
const WAYS = ['up', 'down'] as const;

export const bulk: Case = {
  name: 'bulk',
  title: 'one TCP connection, as many bytes as fit, up and down',
  limit: [240, 90],
  async run(bench) {
    const [rounds, seconds] = [bench.rounds(4, 1), bench.quick ? 1 : 2];
    // nginx knows HTTP only.
    const wanted = bench.setups.filter(({name}) => name !== 'nginx');
    const setUp = besideNginx(['iperf3', '-s', '-p', String(PORTS.bulk)], PORTS.bulk);
    const turns = await bench.lab.prepare(wanted, {setUp});
    const trials = WAYS.flatMap((way) =>
      turns.map((turn) => ({
        setup: turn.setup.name,
        condition: way,
        async measure() {
          const {network, address} = await turn.use();
          const bits = await iperf(network.client, {address, port: PORTS.bulk, seconds, way});
          return {[RATE]: bits / 1e9};
        },
      })),
    );
    const measured = await bench.inTurns(trials, rounds);
    return {...measured, parameters: {rounds, seconds}};
  },
  table: (result) =>
    WAYS.map((way) =>
      setupTable(result, way, way, [
        {head: RATE, cell: absolute(RATE)},
        {head: 'over direct', cell: ratio(RATE)},
      ]),
    ).join('\n\n'),
};
