// Reports of all connections: a router whose flow table began empty gets them, in parts, and the agent goes on
// meanwhile. The drawing is at Bed in support.ts.

import test from 'ava';
import {MAX_FLOW_REPORTS} from '../../router/protocol/messages.ts';
import type {FlowReport, NodeConfig} from '../../router/protocol/messages.ts';
import {server} from './programs.ts';
import {Bed, VIP, nodeConfigFor, web} from './support.ts';
import {opens, takes} from './talkers.ts';
import {waitUntil} from '../support/wait.ts';

const NODE = '10.88.0.11';
/** More than two messages take. */
const COUNT = 2 * MAX_FLOW_REPORTS + 500;

for (const mode of ['dsr', 'nat'] as const) {
  const bed = new Bed();
  const config: NodeConfig = {...nodeConfigFor([web], mode), flowTable: 1};

  test.before(async () => {
    await bed.up(config);
    await bed.startAgent();
  });

  test.after.always(() => bed.down());

  test.serial(
    `${mode}: ${COUNT} connections are reported, at most ${MAX_FLOW_REPORTS} in a message, and binds go on`,
    async (t) => {
      const program = bed.start(['sh', '-c', 'ulimit -n 20000; exec "$@"', '-', ...takes(8000, COUNT)]);
      await waitUntil(`listener ${program.stderr}`, 5000, () => program.stdout.includes('listening'));
      const [command = '', ...args] = opens(COUNT, mode === 'dsr' ? VIP : NODE, 8000);
      const client = bed.spawnInRouter('sh', ['-c', 'ulimit -n 20000; exec "$@"', '-', command, ...args]);
      await waitUntil('connections', 30_000, () => program.stdout.includes('done'));
      const ports = new Set(
        (await bed.inNode('ss', '-Htn', 'sport', '=', '8000')).match(/10\.88\.0\.1(\]|):(\d+)/g),
      );
      t.is(ports.size, COUNT);
      const since = Date.now();
      await bed.startRouter({...config, flowTable: 2});
      const other = bed.start(server(8001));
      const told = new Map<string, FlowReport>();
      await waitUntil('all flows', 20_000, () => {
        for (const {time, state} of bed.readPuts()) {
          if (time < since) continue;
          t.true((state.flows ?? []).length <= MAX_FLOW_REPORTS);
          for (const flow of state.flows ?? []) told.set(`${flow.client}:${flow.clientPort}`, flow);
        }
        return told.size === COUNT;
      });
      const nodeSide = mode === 'dsr' ? {} : {nodePort: 8000};
      for (const flow of told.values()) {
        const {clientPort} = flow;
        t.deepEqual(flow, {
          protocol: 'tcp',
          vip: VIP,
          port: 8000,
          ...nodeSide,
          client: '10.88.0.1',
          clientPort,
        });
      }
      await waitUntil('another server', 5000, () => other.stdout.includes('\n'));
      await client.kill();
    },
  );
}
