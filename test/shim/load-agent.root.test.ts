// The agent and the load of a real cgroup: a program burns processor time, its node's level goes up and back.

import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {loadSchema} from '../../router/protocol/load.ts';
import {server} from './programs.ts';
import {Bed, nodeCommand, nodeConfigFor, web} from './support.ts';
import {waitUntil} from '../support/wait.ts';

const bed = new Bed();
const cgroup = path.join(bed.cgroupRoot, 'burden');
const folder = path.join(bed.cgroupFolder, 'burden');
// A twentieth of a core is all that this node has: on the busiest machine a hog gets more.
const load = loadSchema.parse({metrics: {cpu: {}}, interval: 0.2, smoothing: 0.5, dwell: 0.2});

test.before(async () => {
  fs.mkdirSync(folder, {recursive: true});
  await bed.up(nodeConfigFor([{...web, load}]));
});

test.after.always(() => bed.down());

test.serial('a hog in the cgroup of the node: low, high, low', async (t) => {
  await bed.startAgent('--load-cgroup', cgroup, '--load-cores', '0.05');
  const program = bed.start(server(80));
  await bed.waitForPut('low', ({levels}) => levels?.['web'] === 'low');
  const script = `echo $$ > ${folder}/cgroup.procs; while :; do :; done`;
  const hog = bed.spawnInNode('sh', ['-c', script]);
  const busy = await bed.waitForPut('high', ({levels}) => levels?.['web'] === 'high', 0, 20_000);
  await hog.kill();
  await bed.waitForPut('low again', ({levels}) => levels?.['web'] === 'low', busy.time, 20_000);
  const lines = bed.agent?.stderr.split('\n').filter((line) => line.includes('is at load level')) ?? [];
  t.true(lines.length >= 3 && lines.length <= 6, lines.join('\n'));
  t.regex(lines[0] ?? '', /web is at load level low \(was unknown\): load 0\.00: cpu \d/);
  await program.kill();
  const {state} = await bed.waitForPut('gone', ({endpoints}) => endpoints.length === 0, busy.time);
  t.deepEqual(state.endpoints, []);
  await bed.waitForPut('no level', ({levels}) => Object.keys(levels ?? {}).length === 0, busy.time);
  t.is(await bed.agent?.kill('SIGTERM'), 0);
});

const refusals: [string[], string][] = [
  [['--load-cgroup', '/no-such-cgroup'], '--load-cgroup /no-such-cgroup: cannot read '],
  [['--load-cores', '2'], '--load-cores needs --load-cgroup: of a machine all cores count'],
  [['--load-cgroup', cgroup, '--load-cores', 'many'], '--load-cores "many": expected a number of cores'],
];

for (const [options, line] of refusals) {
  test.serial(`refused: ${options.join(' ')}`.replaceAll(cgroup, 'CGROUP'), async (t) => {
    const agent = bed.spawnInNode(nodeCommand, ['agent', ...bed.agentArguments(), ...options]);
    t.not(await agent.end(), 0);
    t.true(agent.stderr.startsWith(`coscanet-node: ${line}`), agent.stderr);
    await waitUntil('no run directory', 5000, () => !fs.existsSync(path.join(bed.folder, 'run')));
  });
}
