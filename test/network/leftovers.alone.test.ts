// After down.sh the machine is as before: the same namespaces, processes, nftables, addresses, rules, sysctls,
// cgroups, mounts and files. Also after half an up.sh, and when run twice. In both modes.
//
//   before ── up.sh ── servers, requests ── down.sh ── after       (before = after)

import test from 'ava';
import {cleanUpWith, cleanedUp} from '../support/clean-up.ts';
import {MODES} from '../support/modes.ts';
import {run, start} from '../support/command.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';

async function machine(): Promise<string> {
  return (await run(['test/support/machine-state.sh'])).stdout;
}

for (const {mode} of MODES) {
  test.serial(`${mode}: down.sh leaves the machine as it was`, async (t) => {
    const before = await machine();
    const bed = await Testbed.up({mode, nodes: 2});
    t.teardown(() => bed.down());
    const servers = await bed.serveHttp(2);
    await bed.in('client', tool('request_loop', `http://${VIP}/`, 10));
    t.not(await machine(), before, 'the look at the machine sees a testbed');
    t.is((await run(['topology/down.sh', '--name', bed.name])).status, 0);
    t.deepEqual((await machine()).split('\n'), before.split('\n'));
    for (const server of servers) t.is((await server.ended).signal, 'SIGKILL');
    t.is((await run(['topology/down.sh', '--name', bed.name])).status, 0, 'a second time');
  });

  test.serial(`${mode}: up.sh that is killed half-way: down.sh removes what there is`, async (t) => {
    const before = await machine();
    const bed = new Testbed();
    t.teardown(() => bed.down());
    const up = start(['topology/up.sh', '--name', bed.name, '--mode', mode, '--nodes', '3']);
    await waitUntil('half a testbed is there', 5000, async () =>
      (await run(['ip', 'netns', 'list'])).stdout.includes(`cosca-${bed.name}-router`),
    );
    up.child.kill('SIGKILL');
    await up.ended;
    t.is((await run(['topology/down.sh', '--name', bed.name])).status, 0);
    t.deepEqual((await machine()).split('\n'), before.split('\n'));
  });
}

test.serial('two testbeds at once do not meet, also when one name begins with the other', async (t) => {
  const first = await Testbed.up({nodes: 1});
  t.teardown(() => first.down());
  const other = `${first.name}-b`;
  cleanUpWith(other, `topology/down.sh --name ${other}`);
  const second = await run(['topology/up.sh', '--nodes', '1', '--name', other]);
  t.is(second.status, 0, second.stderr);
  t.teardown(async () => {
    await run(['topology/down.sh', '--name', other]);
    cleanedUp(other);
  });
  await first.serveHttp(1);
  const {stdout} = await run([
    'topology/in.sh',
    '--name',
    other,
    'router',
    'coscanet',
    'endpoints',
    '--json',
  ]);
  t.deepEqual(JSON.parse(stdout), []);
  t.is((await first.endpoints()).length, 1);
  t.is((await run(['topology/down.sh', '--name', first.name])).status, 0);
  const nodes = await run(['topology/in.sh', '--name', other, 'router', 'coscanet', 'nodes', '--json']);
  t.regex(nodes.stdout, /"up"/, 'the other testbed goes on');
});
