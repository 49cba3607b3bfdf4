// The real daemon: ports that are leased to nodes and connections that they report, over crashes of the supervisor
// and over the loss of everything that the router knew.

import {rmSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {z} from 'zod';
import {nodeConfigSchema} from '../../router/protocol/messages.ts';
import type {FlowReport, NodeState} from '../../router/protocol/messages.ts';
import {
  blocksViewSchema,
  flowViewSchema,
  serviceViewSchema,
  statusViewSchema,
} from '../../router/protocol/views.ts';
import {config, useLab} from './lab.ts';
import {waitUntil} from '../support/wait.ts';

const VIP = '10.77.0.100';
const EXCLUSIVE = {application: 'web', vip: VIP, protocol: 'udp', port: 5000} as const;
const CONFIG = `${config.replace('[80/tcp]', '[80/tcp, 5000/udp]')}    exclusive: [5000/udp]
    timeouts: {established: 6s}
`;

const lab = useLab(CONFIG);

let sequence = 0;
function put(node: number, more: Partial<NodeState>, ports = [80]) {
  const range = {portRange: {first: 32768, last: 60999}};
  return nodeConfigSchema.parse(JSON.parse(lab.put(node, ++sequence, ports, {...range, ...more})));
}
const want = (wanted: number, held: NonNullable<NodeState['outbound']>[number]['held'] = []) => ({
  outbound: [{vip: VIP, wanted, held}],
});
const flow = (clientPort: number): FlowReport => ({
  protocol: 'tcp',
  vip: VIP,
  port: 80,
  client: '10.77.0.9',
  clientPort,
});
const view = async <T>(name: string, schema: z.ZodType<T>) =>
  schema.parse(JSON.parse((await lab.coscanet(name, '--json')).stdout));
const blocks = async () => (await view('blocks', blocksViewSchema)).blocks;
const flows = async () => {
  const all = await view('flows', z.array(flowViewSchema));
  return all.map((one) => `${one.client} ${one.node} ${one.state}`).toSorted();
};

/** Until the first lease after a fresh start is over, nothing is given away. */
async function granted(node: number, more: Partial<NodeState>) {
  let given = put(node, more);
  await waitUntil('blocks are leased', 15_000, () => {
    given = put(node, more);
    return (given.blocks ?? []).length > 0;
  });
  return given;
}

test.serial('leased, shown, and kept when the supervisor is killed', async (t) => {
  const first = await lab.router('--forwarders', '1');
  t.like(put(1, want(2)), {direct: ['10.88.0.0/24'], blocks: []});
  t.true((put(1, want(2)).blocksRefused?.[0]?.retryMs ?? 0) > 0);
  const given = await granted(1, {...want(2), exclusive: [EXCLUSIVE]});
  t.deepEqual(given.exclusive, [EXCLUSIVE]);
  const leased = await blocks();
  t.deepEqual(
    leased.map(({vip, first: from, last}) => ({vip, first: from, last})),
    given.blocks?.toSorted((a, b) => a.first - b.first),
  );
  const status = await view('status', statusViewSchema);
  t.like(status.blocks, {leased: 2, quarantined: 0, refused: 0});
  t.is(status.vips[0]?.state, 'active');
  // What comes back to these ports goes to the node; no endpoint, no flow.
  lab.in('peer', 'bash', '-c', `echo answer >/dev/udp/${VIP}/${leased[0]?.first}`);
  const seen = async () => (await view('status', statusViewSchema)).counters['block_frames'] ?? 0;
  await waitUntil('it was forwarded', 15_000, async () => (await seen()) > 0);
  t.deepEqual(await flows(), []);
  first.kill('SIGKILL');
  await first.ended;
  const next = await lab.router('--forwarders', '1');
  t.deepEqual(await blocks(), leased);
  t.deepEqual(
    put(2, {exclusive: [EXCLUSIVE]}).exclusiveRefused?.map((one) => one.port),
    [EXCLUSIVE],
  );
  const services = await view('services', z.array(serviceViewSchema));
  t.deepEqual(services.find((one) => one.port === 5000)?.exclusive, 'node1');
  put(1, {leaving: true});
  t.deepEqual(
    (await blocks()).map((one) => one.state),
    ['quarantine', 'quarantine'],
  );
  next.kill('SIGTERM');
  await next.ended;
});

test.serial('reported, asked for in time, and forgotten when nobody reports it again', async (t) => {
  const router = await lab.router('--forwarders', '1');
  put(2, {}, []);
  t.deepEqual(put(1, {flows: [flow(1000), flow(1001)]}).flowsRefused, []);
  const held = put(2, {flows: [flow(1002)]}, []);
  t.regex(held.flowsRefused?.[0]?.reason ?? '', /no endpoint 10\.77\.0\.100:80\/tcp/);
  t.deepEqual(await flows(), ['10.77.0.9:1000 node1 established', '10.77.0.9:1001 node1 established']);
  // Only one of them lives: it stays for much longer than its time-out.
  let asked = 0;
  const deadline = Date.now() + 13_000;
  await waitUntil('the other is forgotten and this one was kept twice', 15_000, async () => {
    const {confirm = []} = put(1, {});
    const lives = confirm.filter((one) => one.clientPort === 1000);
    if (lives.length > 0) {
      asked++;
      t.deepEqual(put(1, {flows: lives}).flowsRefused, []);
    }
    return Date.now() > deadline && asked >= 2;
  });
  t.deepEqual(await flows(), ['10.77.0.9:1000 node1 established']);
  router.kill('SIGTERM');
  await router.ended;
});

test.serial('everything that the router knew is lost: nodes tell it again', async (t) => {
  const router = await lab.router('--forwarders', '1');
  const before = await granted(1, {...want(1), flows: [flow(1000)]});
  for (const pid of [router.pid, ...lab.forwarders()]) process.kill(pid, 'SIGKILL');
  await router.ended;
  rmSync(join(lab.runDir, 'segment'));
  const next = await lab.router('--forwarders', '1');
  t.deepEqual(await blocks(), []);
  const early = put(2, want(1));
  t.deepEqual(early.blocks, []);
  const after = put(1, {...want(1, before.blocks), flows: [flow(1000)]});
  t.not(after.flowTable, before.flowTable);
  t.deepEqual([after.blocks, after.flowsRefused], [before.blocks, []]);
  t.deepEqual(await flows(), ['10.77.0.9:1000 node1 established']);
  const other = await granted(2, want(1));
  t.notDeepEqual(other.blocks, before.blocks);
  next.kill('SIGTERM');
  await next.ended;
});
