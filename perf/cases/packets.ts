// The smallest UDP datagrams in 1 to 1,000,000 flows: how many each second, and the processor time of each.

import type {Case} from '../bench.ts';
import type {Turn} from '../lab/lab.ts';
import {absolute, added, ratio, setupTable} from '../report/columns.ts';
import {distinct} from '../report/result.ts';
import type {Trial} from '../rounds.ts';
import {besideNginx, PORTS} from '../setups/server.ts';
import {flood, taker} from '../tools/datagrams.ts';

const FLOWS = [1, 1000, 1_000_000];
/** Packets each second that no set-up has trouble with; one in twenty lost, and it has. */
const GENTLE = 20_000;
const MOST_LOST = 0.05;

const RATE = 'packets/s';
const [ROUTER_CPU, MACHINE_CPU] = ['µs router CPU/packet', 'µs CPU/packet'];
const [FLOOD, STEADY] = ['flood', 'steady'];
const forwardersOf = (count: number) => (count === 1 ? FLOOD : `${FLOOD}, ${count} forwarders`);

function floodTrial(turn: Turn, condition: string, flows: number, milliseconds: number): Trial {
  return {
    setup: turn.setup.name,
    condition,
    x: flows,
    async measure() {
      const report = await flood(await turn.use(), {port: PORTS.datagrams, flows, rate: 0, milliseconds});
      return {[RATE]: report.arrivedPerSecond, [ROUTER_CPU]: report.routerCpu};
    },
  };
}

function steadyTrial(turn: Turn, milliseconds: number): Trial {
  return {
    setup: turn.setup.name,
    condition: STEADY,
    x: 1000,
    async measure() {
      const {arrivedPerSecond, sentPerSecond, ...cpu} = await flood(await turn.use(), {
        port: PORTS.datagrams,
        flows: 1000,
        rate: GENTLE,
        milliseconds,
      });
      if (arrivedPerSecond < (1 - MOST_LOST) * sentPerSecond)
        throw new Error(`${Math.round(arrivedPerSecond)} of ${Math.round(sentPerSecond)} packets/s arrived`);
      return {[ROUTER_CPU]: cpu.routerCpu, [MACHINE_CPU]: cpu.machineCpu};
    },
  };
}

export const packets: Case = {
  name: 'packets',
  title: 'the smallest UDP datagrams: rate by flows and forwarders, processor time of each',
  limit: [300, 120],
  async run(bench) {
    const [rounds, milliseconds] = [bench.rounds(4, 1), bench.quick ? 300 : 1000];
    // Proxies of HTTP and TCP know no datagrams.
    const wanted = bench.setups.filter(({name}) => name !== 'nginx' && name !== 'haproxy');
    const setUp = besideNginx(taker(PORTS.datagrams), PORTS.datagrams);
    const turns = await bench.lab.prepare(wanted, {setUp});
    const two = await bench.lab.prepare(
      wanted.filter(({name}) => name === 'dsr'),
      {forwarders: 2, setUp},
    );
    const trials = [
      ...FLOWS.flatMap((flows) => [
        ...turns.map((turn) => floodTrial(turn, forwardersOf(1), flows, milliseconds)),
        ...two.map((turn) => floodTrial(turn, forwardersOf(2), flows, milliseconds)),
      ]),
      ...turns.map((turn) => steadyTrial(turn, milliseconds)),
    ];
    const measured = await bench.inTurns(trials, rounds);
    return {...measured, parameters: {rounds, milliseconds, 'bytes of a frame': 60, 'steady rate': GENTLE}};
  },
  table(result) {
    const rates = (condition: string) => {
      const flows = distinct(
        result.series.filter((series) => series.condition === condition).map(({x}) => x ?? 0),
      );
      return setupTable(result, `${condition}, packets/s, flows:`, condition, [
        ...flows.map((x) => ({head: x.toLocaleString('en-US'), cell: absolute(RATE), x})),
        {head: '1,000 flows over direct', cell: ratio(RATE, forwardersOf(1)), x: 1000},
      ]);
    };
    const steady = setupTable(result, `${GENTLE.toLocaleString('en-US')} packets/s`, STEADY, [
      {head: "the router's programs, µs for a packet", cell: absolute(ROUTER_CPU), x: 1000},
      {head: 'the machine, µs for a packet', cell: added(MACHINE_CPU), x: 1000},
    ]);
    return [rates(forwardersOf(1)), rates(forwardersOf(2)), steady].join('\n\n');
  },
};
