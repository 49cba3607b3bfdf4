// The agent's --address: one of its host, or the agent says which there are. The drawing is at Bed in support.ts.

import test from 'ava';
import {Bed, nodeCommand, nodeConfigFor, web} from './support.ts';
import {waitUntil} from '../support/wait.ts';

const bed = new Bed();
const MISSING = '10.88.0.99';

test.before(() => bed.up(nodeConfigFor([web])));
test.after.always(() => bed.down());
test.afterEach.always(() => bed.agent?.kill());

const agentAt = (address: string, ...more: string[]) =>
  bed.spawnInNode(nodeCommand, ['agent', ...bed.agentArguments(), '--address', address, ...more]);

test.serial('an address that the host does not have is refused, with those that there are', async (t) => {
  const ended = await agentAt(MISSING).ended;
  t.is(ended.status, 2);
  t.is(
    ended.stderr,
    `coscanet-node: --address ${MISSING} is on no interface of this host; there are: 10.88.0.11 (eth1)\n`,
  );
  t.deepEqual(bed.readPuts(), []);
});

test.serial('a virtual IP that an agent put there is no address of the host', async (t) => {
  await bed.inNode('ip', 'address', 'add', `${MISSING}/32`, 'dev', 'lo', 'label', 'lo:coscanet');
  const ended = await agentAt(MISSING).ended;
  await bed.inNode('ip', 'address', 'del', `${MISSING}/32`, 'dev', 'lo');
  t.is(ended.status, 2);
});

test.serial('--wait: it is said once, and the agent serves when the address comes', async (t) => {
  const agent = agentAt(MISSING, '--wait');
  const said = () => agent.stderr.split('\n').filter((line) => line.includes(`waiting: ${MISSING} is on no`));
  await waitUntil('it says what it waits for', 10_000, () => said().length > 0);
  const since = Date.now();
  await bed.inNode('ip', 'address', 'add', '10.88.0.98/24', 'dev', 'eth1');
  await bed.inNode('ip', 'address', 'add', `${MISSING}/24`, 'dev', 'eth1');
  await bed.waitForPut('it registers', (state) => state.address === MISSING, since);
  t.is(said().length, 1);
  await bed.inNode('ip', 'address', 'del', '10.88.0.98/24', 'dev', 'eth1');
  agent.child.kill('SIGTERM');
  t.is((await agent.ended).status, 0);
});

test.serial('an agent that waits ends when it is told to', async (t) => {
  const agent = agentAt('10.88.0.97', '--wait');
  await waitUntil('it waits', 10_000, () => agent.stderr.includes('waiting'));
  agent.child.kill('SIGTERM');
  t.is((await agent.ended).status, 0);
});

test.serial('an address that goes while the agent runs is said, and that it is back', async (t) => {
  const agent = await bed.startAgent();
  await bed.inNode('ip', 'address', 'del', '10.88.0.11/24', 'dev', 'eth1');
  const gone = 'nobody reaches this node: 10.88.0.11 is on no interface of this host';
  await waitUntil('it is said', 5000, () => agent.stderr.includes(gone));
  const since = Date.now();
  await bed.inNode('ip', 'address', 'add', '10.88.0.11/24', 'dev', 'eth1');
  await waitUntil('and that it is back', 5000, () => agent.stderr.includes('address 10.88.0.11 is there'));
  await bed.waitForPut('it reports again', () => true, since);
  t.is(agent.stderr.split(gone).length, 2);
});
