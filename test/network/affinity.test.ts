// 200 clients, each with an address of its own, ask three services of one application that has an affinity: all of a
// client's connections and datagrams reach one node, over the death of the forwarders and of the router, until it has
// been silent for the time-out. A drained node keeps its clients as long as it was told to; one that is gone does not.
// In both modes.
//
//   remote: 10.99.0.3 … 202          ┌── node1  http_server.py 80, 8080, udp_echo.py 7   weight 2
//     │                              ├── node2  the same                                 weight 1
//     └── gateway ── bridge ── router └── node3  the same                                 weight 1

import test from 'ava';
import type {ExecutionContext} from 'ava';
import {setTimeout as sleep} from 'node:timers/promises';
import {z} from 'zod';
import {MODES} from '../support/modes.ts';
import type {ModeCase} from '../support/modes.ts';
import {Testbed, VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Running} from '../support/command.ts';

const CLIENTS = 200;
const FIRST = '10.99.0.3';
const TIMEOUT_S = 12;
const SERVICES = ['80/tcp', '8080/tcp', '7/udp'];
const NAMES = ['node1', 'node2', 'node3'];
const SUPERVISOR = /router\/main\.js --mode/;
const FORWARDER = /forwarder-main\.js/;
// Load levels shall not change the weights here. A UDP conversation outlives the affinity otherwise, and a client that
// happens to ask from the same port again would go on with it.
const CONFIG = `applications:
  - name: web
    vips: [${VIP}]
    ports: [80/tcp, 8000-8999/tcp, 7/udp]
    weights: {low: 1, medium: 1, high: 1}
    timeouts: {udp: 3s}
    affinity: {ports: together, timeout: ${TIMEOUT_S}s}
`;
const answersSchema = z.record(z.string(), z.record(z.string(), z.string().nullable()));

class Clients {
  readonly #t: ExecutionContext;
  readonly #bed: Testbed;

  constructor(t: ExecutionContext, bed: Testbed) {
    this.#t = t;
    this.#bed = bed;
  }

  /** Each client's node; `services` are asked in their order, and agree. */
  async ask(what: string, services: readonly string[] = SERVICES): Promise<Map<string, string>> {
    const asked = tool('many_clients', FIRST, CLIENTS, VIP, ...services);
    const answers = await this.#bed.json(answersSchema, 'remote', asked);
    const nodes = Object.entries(answers).map(([client, of]): [string, string] => {
      const names = new Set(Object.values(of));
      this.#t.is(names.size, 1, `${what}: ${client} reached ${JSON.stringify(of)}`);
      return [client, [...names][0] ?? 'none'];
    });
    this.#t.is(nodes.length, CLIENTS);
    return new Map(nodes);
  }
}

const count = (choices: ReadonlyMap<string, string>, node: string) =>
  [...choices.values()].filter((one) => one === node).length;

async function prepare(bed: Testbed): Promise<Running[]> {
  const addresses = Array.from({length: CLIENTS}, (_, i) => `ip addr add 10.99.0.${i + 3}/32 dev eth0`);
  await bed.in('remote', ['sh', '-ec', addresses.join('\n')]);
  const programs = (name: string) => [
    bed.serve(name, 'web', 80, tool('http_server', 80, name)),
    bed.serve(name, 'web', 8080, tool('http_server', 8080, name)),
    bed.serve(name, 'web', 7, tool('udp_echo', 7, name)),
  ];
  return await Promise.all(NAMES.flatMap(programs));
}

async function kill(bed: Testbed, pattern: RegExp): Promise<void> {
  const old = await bed.pids('router', pattern);
  for (const pid of old) process.kill(pid, 'SIGKILL');
  await waitUntil('the router forwards again', 15_000, async () => {
    const now = await bed.pids('router', FORWARDER);
    const endpoints = await bed.endpoints().catch(() => []);
    const back = now.length > 0 && !now.some((pid) => old.includes(pid));
    return back && endpoints.length === 9 && endpoints.every((one) => one.state === 'up');
  });
}

async function affinity(t: ExecutionContext, {mode}: ModeCase): Promise<void> {
  const bed = await Testbed.up({mode, nodes: 3, forwarders: 2, config: CONFIG});
  t.teardown(() => bed.down(t.passed ? undefined : (text) => t.log(text)));
  const programs = await prepare(bed);
  await bed.in('router', ['coscanet', 'weight', 'node1', '2']);
  const clients = new Clients(t, bed);

  const first = await clients.ask('first');
  t.log(`clients by node: ${NAMES.map((name) => count(first, name)).join(', ')}`);
  for (const [name, part] of [
    ['node1', 0.5],
    ['node2', 0.25],
    ['node3', 0.25],
  ] as const)
    t.true(Math.abs(count(first, name) - part * CLIENTS) <= 10, `${name} has ${count(first, name)} clients`);
  t.deepEqual(await clients.ask('again, other services first', SERVICES.toReversed()), first);
  await kill(bed, FORWARDER);
  t.deepEqual(await clients.ask('after the forwarders'), first);
  await kill(bed, SUPERVISOR);
  t.deepEqual(await clients.ask('after the router'), first);

  // Members all the same, but nobody new.
  await bed.in('router', ['coscanet', 'weight', 'node1', '0.01']);
  t.deepEqual(await clients.ask('with other weights'), first);
  await sleep((TIMEOUT_S + 1) * 1000);
  const later = await clients.ask('after the time-out');
  t.true(count(later, 'node1') <= 10, `node1 has ${count(later, 'node1')} clients`);

  await drain(t, bed, clients, later);
  await end(t, clients, programs);
}

/** node2 keeps its clients until the deadline. */
async function drain(
  t: ExecutionContext,
  bed: Testbed,
  clients: Clients,
  before: ReadonlyMap<string, string>,
): Promise<void> {
  await bed.in('router', ['coscanet', 'drain', 'node2', '--keep-clients', '--deadline', '5s']);
  t.deepEqual(await clients.ask('drained, clients kept'), before);
  await waitUntil('it is drained', 20_000, async () =>
    (await bed.events()).some((event) => event.event === 'drained'),
  );
  const after = await clients.ask('after the deadline');
  t.is(count(after, 'node2'), 0);
  for (const [client, node] of before) if (node !== 'node2') t.is(after.get(client), node);
  await bed.in('router', ['coscanet', 'undrain', 'node2']);
}

/** All programs of node3 end: its clients go elsewhere at once, the others stay. */
async function end(t: ExecutionContext, clients: Clients, programs: readonly Running[]): Promise<void> {
  const before = await clients.ask('before the end');
  const of3 = programs.slice(6);
  for (const program of of3) program.child.kill('SIGKILL');
  await Promise.all(of3.map((program) => program.ended));
  await sleep(300);
  const after = await clients.ask('after the end');
  t.is(count(after, 'node3'), 0);
  for (const [client, node] of before) if (node !== 'node3') t.is(after.get(client), node);
}

for (const mode of MODES)
  test.serial(`${mode.mode}: clients stay with their nodes`, (t) => {
    t.timeout(180_000);
    return affinity(t, mode);
  });
