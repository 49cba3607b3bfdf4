// Endpoints come and go ten times a second for a minute, among 200 of the same service and 2,000 services: no
// connection to those that stay fails, each change is in force at once, and a connection under way does not notice.
// In both modes.
//
//   client: new connections,  ┌── node1  many_ports.py, which is 200 nodes in the router's eyes: itself, 197 more that
//           a kept one ─ router          serve port 80, one with 2,000 services, one that changes ⟳
//                             ├── node2  flapper.py 80 ⟳
//                             └── node3  flapper.py 80 ⟳

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {setTimeout as sleep} from 'node:timers/promises';
import {z} from 'zod';
import {MODES} from '../support/modes.ts';
import {counters} from '../support/transfers.ts';
import type {ModeCase} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import {ToldNodes} from '../support/told-nodes.ts';

const FLAPPERS = ['node2', 'node3'];
const SERVICES = 2000;
const FIRST = 10_000;
const TOLD = 197;
const PHASES = 6;
const [REST_MS, FLAP_MS] = [2000, 10_000];
/** Each node's, and the told one's, a second: ten together. */
const [FLAPS, TOLD_FLAPS] = [4, 2];
/** 20 ms on a quiet machine. */
const CHANGE_MS = 200;
// Flows are remembered to the end of the test, so that it can see where one went that failed.
const CONFIG = `applications:
  - name: web
    vips: [${VIP}]
    ports: [80/tcp, ${FIRST}-${FIRST + SERVICES - 1}/tcp]
    weights: {low: 1, medium: 1, high: 1}
    timeouts: {syn: 5m, closing: 5m}
`;
const connectionsSchema = z.object({
  answers: z.record(z.string(), z.number()),
  failures: z.array(z.object({port: z.number(), error: z.string()})),
});
const keptSchema = z.object({node: z.string(), milliseconds: z.record(z.string(), z.array(z.number()))});

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

const summary = (values: readonly number[]) =>
  [0.5, 0.99, 1].map((share) => percentile(values, share).toFixed(2)).join(' / ');

/** An endpoint on node1. With ports of its own, the other services' stand for 80 too: all answer alike. */
function served({ownPorts}: ModeCase, port: number) {
  const endpoint = {application: 'web', vip: VIP, protocol: 'tcp' as const, port, instances: 1};
  return ownPorts ? {...endpoint, nodePort: Math.max(port, FIRST)} : endpoint;
}

/** Tells the router of what node1 serves under addresses of other nodes. */
async function populate(bed: Testbed, mode: ModeCase): Promise<ToldNodes> {
  const addresses = Array.from({length: TOLD + 2}, (_, i) => `10.88.0.${50 + i}`);
  const commands = addresses.map((address) => `ip address add ${address}/32 dev eth1`);
  await bed.in('node1', ['sh', '-ec', commands.join('\n')]);
  const server = bed.start('node1', tool('many_ports', FIRST, SERVICES, 'node1'));
  await waitUntil('many_ports.py listens', 10_000, () => server.stdout.includes('listening'));
  const told = new ToldNodes(`${bed.runDir}/router/control.sock`);
  told.renew(addresses.length);
  const services = Array.from({length: SERVICES}, (_, i) => served(mode, FIRST + i));
  for (const [i, address] of addresses.entries()) {
    const endpoints = i === 0 ? services : i === 1 ? [] : [served(mode, 80)];
    await told.tell({name: `told${i}`, address, endpoints});
  }
  return told;
}

/** The told node that changes: milliseconds until each change was in force. */
async function change(told: ToldNodes, mode: ModeCase, forMs: number): Promise<number[]> {
  const times: number[] = [];
  const rounds = (forMs / 1000) * TOLD_FLAPS;
  for (let round = 0; round < rounds; round++)
    for (const endpoints of [[served(mode, FIRST)], []]) {
      times.push(await told.tell({name: 'told1', address: '10.88.0.51', endpoints}));
      await sleep(1000 / TOLD_FLAPS / 2);
    }
  return times;
}

/** Rest and flapping in turns. */
async function measure(bed: Testbed, mode: ModeCase, told: ToldNodes) {
  const flappers = FLAPPERS.map((node) => bed.startInstance(node, 'web', tool('flapper', 80, node, FLAPS)));
  const kept = bed.start('client', tool('kept_connection', VIP, 80, 100, ...FLAPPERS));
  await waitUntil('a connection is kept', 10_000, () => kept.stdout.includes('ready'));
  const connections = bed.start('client', tool('new_connections', VIP, 80, 40));
  const say = (phase: string) => {
    for (const one of [...flappers, kept]) one.child.stdin?.write(`${phase}\n`);
  };
  const changes: number[] = [];
  for (let round = 0; round < PHASES; round++) {
    say('rest');
    await sleep(REST_MS);
    say('flap');
    changes.push(...(await change(told, mode, FLAP_MS)));
  }
  for (const one of [kept, connections, ...flappers]) one.child.stdin?.end();
  const opened = await Promise.all(flappers.map(async (one) => (await one.ended).stdout));
  const {failures, answers} = connectionsSchema.parse(JSON.parse((await connections.ended).stdout));
  const {stdout, stderr} = await kept.ended;
  const json = stdout.split('\n')[1] ?? '';
  if (json === '') throw new Error(`the kept connection broke: ${stderr}`);
  return {
    opened: opened.map((text) => z.object({opened: z.number()}).parse(JSON.parse(text)).opened),
    failures,
    answers,
    kept: keptSchema.parse(JSON.parse(json)),
    changes,
  };
}

type Measured = Awaited<ReturnType<typeof measure>>;

/** Who stays loses nothing: each connection that failed had gone to a node that flaps. */
async function connectionsAreWhole(t: ExecutionContext, bed: Testbed, {answers, failures}: Measured) {
  const flows = await bed.flows();
  const nodeOf = (port: number) =>
    flows.find((flow) => flow.client.endsWith(`:${port}`) && flow.vip === VIP)?.node ?? 'no flow';
  const failed = failures.map((one) => ({...one, node: nodeOf(one.port)}));
  t.is((await counters(bed))('tcp_resets'), 0, 'the service is always there');
  const total = Object.values(answers).reduce((sum, one) => sum + one, 0);
  t.log(`${total} answers ${JSON.stringify(answers)}; failed: ${failed.map(({node}) => node).join(' ')}`);
  t.true(total > 1000 && (answers['node1'] ?? 0) > total * 0.9);
  t.deepEqual(
    failed.filter(({node}) => !FLAPPERS.includes(node)),
    [],
  );
}

async function flap(t: ExecutionContext, mode: ModeCase): Promise<void> {
  const bed = await Testbed.up({mode: mode.mode, nodes: 3, forwarders: 2, config: CONFIG});
  t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
  await bed.serve('node1', 'web', 80, tool('many_ports', 80, 1, 'node1'));
  const told = await populate(bed, mode);
  t.teardown(() => told.close());
  await waitUntil('all endpoints serve', 30_000, async () => {
    // To be asked for all of them all the time would keep the router from its work.
    await sleep(500);
    const serving = (await bed.endpoints()).filter((one) => one.state === 'up' && one.weight > 0);
    return serving.length === SERVICES + TOLD + 1;
  });
  const since = Date.now();
  const measured = await measure(bed, mode, told);
  const {opened, kept, changes} = measured;
  const events = (await bed.events()).filter(({time}) => time >= since);
  const ups = FLAPPERS.map(
    (node) => events.filter((one) => one.event === 'endpoint-up' && one.node === node).length,
  );
  const published = events.filter((one) => one.event === 'published').length;
  t.log(`opened ${opened.join()} times, served ${ups.join()} times, ${published} policies`);
  for (const [i, up] of ups.entries()) t.true(up > (opened[i] ?? 0) / 2 && up > PHASES * 10);

  t.log(`a change, ms (median / p99 / most of ${changes.length}): ${summary(changes)}`);
  t.true(percentile(changes, 0.5) <= CHANGE_MS);
  const {flap: busy = [], rest = []} = kept.milliseconds;
  t.log(
    `a request on ${kept.node}'s kept connection, ms: at rest ${summary(rest)}, flapping ${summary(busy)}`,
  );
  t.true(percentile(busy, 0.99) <= 10 * percentile(rest, 0.99) + 20);
  await connectionsAreWhole(t, bed, measured);
  t.is(told.failure, null);
}

for (const mode of MODES)
  test.serial(`${mode.mode}: endpoints that come and go harm nobody who stays`, (t) => {
    t.timeout(240_000);
    return flap(t, mode);
  });
