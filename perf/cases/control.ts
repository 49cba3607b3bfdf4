// How soon the router knows, and what its knowing costs: from bind to the first answer, from a kill to the ring, a
// change among 10 to 10,000 endpoints, and the calls that the preload library sees.

import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {z} from 'zod';
import type {Bench, Case} from '../bench.ts';
import {native} from '../exec.ts';
import type {Turn} from '../lab/lab.ts';
import type {Network} from '../lab/network.ts';
import type {Fixture} from '../lab/fixture.ts';
import {absolute, setupTable} from '../report/columns.ts';
import type {Column} from '../report/columns.ts';
import {distinct} from '../report/result.ts';
import type {Result} from '../report/result.ts';
import {spread} from '../report/statistics.ts';
import type {Trial} from '../rounds.ts';
import type {Setup} from '../setups/setup.ts';

const [SERVED, OUT, MEMORY] = ['ms from bind to served', 'ms from kill to out', 'MB of memory'];
const [PUBLISH, CALL] = ['ms for a change', 'ns/call'];
const COUNTS = [10, 100, 1000, 10_000];
const PORT = 5000;

const script = fileURLToPath(new URL('../../../../perf/tools/served.py', import.meta.url));
const served = (...words: string[]) => ['python3', script, ...words];
/** It speaks the protocol of its own checkout. */
const putter = ({checkout}: Setup) =>
  checkout === undefined
    ? fileURLToPath(new URL('../tools/put-endpoints.js', import.meta.url))
    : join(checkout, 'build/js/perf/tools/put-endpoints.js');

const eventsSchema = z.array(
  z.object({event: z.string(), time: z.number(), port: z.number().optional(), node: z.string().optional()}),
);

async function bindToServed({network, server, address}: Fixture): Promise<number> {
  const [bound, answered] = await Promise.all([
    network.node.run(server.command(served('bind', String(PORT)))),
    network.client.run(served('connect', address, String(PORT))),
  ]);
  return (Number(answered) - Number(bound)) / 1e6;
}

/** When the router took an endpoint of PORT out of the ring, after `since`; waits for it. */
async function leftRing({network}: Fixture, since: number): Promise<number> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const text = await network.router.run(['coscanet', 'events', '--json']);
    const events = eventsSchema.parse(JSON.parse(text));
    const down = events.find(
      (one) => one.event === 'endpoint-down' && one.port === PORT && one.time >= since,
    );
    if (down) return down.time;
    if (Date.now() > deadline) throw new Error('a killed server stayed in the ring for 10 s');
  }
}

async function killToOut(fixture: Fixture): Promise<number> {
  const {network, server, address} = fixture;
  const program = network.node.start(server.command(served('hold', String(PORT))));
  try {
    await network.client.run(served('connect', address, String(PORT)));
    const killed = Date.now();
    program.kill();
    return (await leftRing(fixture, killed)) - killed;
  } finally {
    await program.stop();
  }
}

function promptness(turn: Turn): Trial {
  return {
    setup: turn.setup.name,
    async measure() {
      const fixture = await turn.use();
      return {[SERVED]: await bindToServed(fixture), [OUT]: await killToOut(fixture)};
    },
  };
}

/** Nodes that are to be need somebody who answers ARP for them. */
async function addSpareAddresses({client, spareAddresses, clientInterface}: Network): Promise<void> {
  for (const address of spareAddresses)
    await client.run(['ip', 'address', 'add', `${address}/32`, 'dev', clientInterface]);
}

function publishing(turn: Turn, count: number, bench: Bench): Trial {
  return {
    setup: turn.setup.name,
    condition: 'endpoints',
    x: count,
    rounds: bench.rounds(3, 1),
    async measure() {
      const {network} = await turn.use();
      const words = [String(count), '20', network.control, network.vip, ...network.spareAddresses];
      const text = await network.router.run(['node', putter(turn.setup), ...words], {seconds: 60});
      return {[PUBLISH]: spread(z.array(z.number()).parse(JSON.parse(text))).median};
    },
  };
}

function calls(turn: Turn, bench: Bench): Trial {
  const measured = z.record(z.string(), z.number());
  return {
    setup: turn.setup.name,
    condition: CALL,
    rounds: bench.rounds(5, 1),
    async measure() {
      const {network, server} = await turn.use();
      const text = await network.node.run(server.command([native('bench-calls'), String(PORT + 1)]));
      return measured.parse(JSON.parse(text));
    },
  };
}

const memory = (turn: Turn): Trial => ({
  setup: turn.setup.name,
  condition: 'idle, 2 forwarders',
  rounds: 1,
  async measure() {
    return {[MEMORY]: (await (await turn.use()).network.memory()) / 1e6};
  },
});

/** Metrics that were measured under a condition become columns. */
function allOf(result: Result, condition: string): Column[] {
  const series = result.series.filter((one) => one.condition === condition);
  return distinct(series.map(({metric}) => metric)).map((metric) => ({head: metric, cell: absolute(metric)}));
}

export const control: Case = {
  name: 'control',
  title: 'bind to served, kill to out, changes among many endpoints, calls under the library',
  testbedOnly: true,
  limit: [400, 120],
  async run(bench) {
    const rounds = bench.rounds(20, 2);
    const counts = bench.quick ? COUNTS.slice(0, 3) : COUNTS;
    const turns = await bench.lab.prepare(
      bench.setups.filter(({ours, name}) => ours || name === 'direct'),
      {forwarders: 2},
    );
    const ours = turns.filter(({setup}) => setup.ours);
    const dsr = ours.filter(({setup}) => setup.shape === 'dsr');
    for (const turn of dsr) await addSpareAddresses((await turn.use()).network);
    const measured = await bench.inTurns(
      [
        ...ours.map(memory),
        ...ours.map(promptness),
        ...turns.map((turn) => calls(turn, bench)),
        ...dsr.flatMap((turn) => counts.map((count) => publishing(turn, count, bench))),
      ],
      rounds,
    );
    return {...measured, parameters: {rounds}};
  },
  table: (result) =>
    [
      setupTable(result, '', '', [
        {head: 'bind to served, ms', cell: absolute(SERVED)},
        {head: 'kill to out of the ring, ms', cell: absolute(OUT)},
      ]),
      setupTable(
        result,
        'a change among so many endpoints, ms',
        'endpoints',
        distinct(result.series.filter(({metric}) => metric === PUBLISH).map(({x}) => x ?? 0)).map((x) => ({
          head: x.toLocaleString('en-US'),
          cell: absolute(PUBLISH),
          x,
        })),
      ),
      setupTable(result, 'a call, ns', CALL, allOf(result, CALL)),
      setupTable(result, 'idle, 2 forwarders', 'idle, 2 forwarders', [
        {head: 'memory of all its processes, MB', cell: absolute(MEMORY)},
      ]),
    ].join('\n\n'),
};
