// The control server: who may ask, what is refused and how, and the answers' shapes.

import {chmodSync, mkdtempSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {UnsupportedError, UserError} from '../../router/base/error.ts';
import {silentLogger} from '../../router/base/logger.ts';
import {readSecret} from '../../router/base/secret.ts';
import {call} from '../../router/api/client.ts';
import {defaultHealthRules} from '../../router/protocol/health.ts';
import {defaultLoadRules} from '../../router/protocol/load.ts';
import {EventLog} from '../../router/supervisor/event-log.ts';
import {nodeConfigSchema} from '../../router/protocol/messages.ts';
import {endpointViewSchema, eventSchema, reloadViewSchema} from '../../router/protocol/views.ts';
import type {RouterEvent} from '../../router/protocol/views.ts';
import {createControlServer, listenOnPath, listenOnPort} from '../../router/api/server.ts';
import type {RouterApi} from '../../router/api/router-api.ts';
import {OverrideActions} from '../../router/api/overrides.ts';
import {z} from 'zod';
import {Bench, nodeState} from './bench.ts';
import {FakeClock} from './fake-clock.ts';

const SECRET = 'a secret of many bytes';
const scratch = mkdtempSync(join(tmpdir(), 'coscanet-server-'));
test.after.always(() => rmSync(scratch, {recursive: true}));

async function control(secret: string | null = SECRET, ready = true) {
  const bench = await new Bench().start();
  const router: RouterApi = {
    put: (node, state) => bench.supervisor.put(node, state),
    status: () => {
      throw new Error('boom');
    },
    services: () => [],
    endpoints: () => [],
    nodes: () => [],
    flows: () => {
      throw new UnsupportedError('the provider cannot list flows');
    },
    applications: () => [],
    metrics: () => Promise.resolve({type: 'text/plain', text: 'coscanet_up 1\n'}),
    blocks: () => ({blocks: [], vips: []}),
    events: (since) => bench.events.list(since),
    measures: () => {
      throw new Error('boom');
    },
    reload: () => Promise.reject(new UserError('r.yaml:3: broken', 2)),
    overrides: new OverrideActions({
      ...bench,
      drains: bench.supervisor.drains,
      commit: () => bench.supervisor.commit(),
    }),
  };
  const server = createControlServer({
    router: () => (ready ? router : null),
    ready: new Promise(() => {}),
    secret: secret === null ? null : () => secret,
    log: silentLogger,
  });
  return {bench, router, server};
}
const authorization = `Bearer ${SECRET}`;

test('a PUT is answered with the configuration of its node', async (t) => {
  const {server, bench} = await control();
  const response = await server.inject({
    method: 'PUT',
    url: '/v1/nodes/node1',
    headers: {authorization},
    payload: nodeState(1, 1, [80]),
  });
  t.is(response.statusCode, 200);
  const config = nodeConfigSchema.parse(response.json());
  t.like(config, {mode: 'dsr', vipPlacement: 'loopback-noarp', router: {address: '10.88.0.1'}, refused: []});
  t.is(bench.registry.endpoints().length, 1);
  t.deepEqual(config.applications[0]?.load, defaultLoadRules);
  t.deepEqual(config.applications[0]?.health, defaultHealthRules);
});

const refusals: [string, object, number, RegExp][] = [
  ['no secret', {headers: {}}, 401, /wrong or missing secret/],
  ['a wrong secret', {headers: {authorization: 'Bearer guess'}}, 401, /wrong or missing secret/],
  ['another scheme', {headers: {authorization: `Basic ${SECRET}`}}, 401, /wrong or missing secret/],
  ['a bad node name', {url: '/v1/nodes/Node_1'}, 400, /node name: .*lower-case/],
  ['a bad port', {payload: nodeState(1, 1, [0])}, 400, /endpoints\.0\.port/],
  ['an unknown field', {payload: {...nodeState(1, 1, []), more: 1}}, 400, /more/],
  ['no JSON', {payload: '{', headers: {authorization, 'content-type': 'application/json'}}, 400, /JSON/],
  [
    'an unusable address',
    {payload: {...nodeState(1, 1, []), address: '10.77.0.100'}},
    409,
    /address 10\.77\.0\.100 is a virtual IP/,
  ],
  ['an unknown resource', {method: 'GET', url: '/v1/nothing'}, 404, /no such resource: \/v1\/nothing/],
  ['a bad query', {method: 'GET', url: '/v1/events?since=now'}, 400, /since/],
  ['what the provider lacks', {method: 'GET', url: '/v1/flows'}, 501, /the provider cannot list flows/],
  ['a failure of ours', {method: 'GET', url: '/v1/status'}, 500, /boom/],
  [
    'a broken configuration',
    {method: 'POST', url: '/v1/reload', payload: undefined},
    400,
    /r\.yaml:3: broken/,
  ],
];
for (const [title, request, status, error] of refusals)
  test(`refused: ${title}`, async (t) => {
    const {server, bench} = await control();
    const good = {
      method: 'PUT' as const,
      url: '/v1/nodes/node1',
      headers: {authorization},
      payload: nodeState(1, 1, [80]),
    };
    const response = await server.inject({...good, ...request});
    t.is(response.statusCode, status, response.body);
    t.regex(z.strictObject({error: z.string()}).parse(response.json()).error, error);
    t.is(bench.registry.endpoints().length, 0);
  });

test('while it starts, the router says so', async (t) => {
  const {server} = await control(SECRET, false);
  const response = await server.inject({method: 'GET', url: '/v1/nodes', headers: {authorization}});
  t.is(response.statusCode, 503);
  t.is(response.headers['retry-after'], '1');
});

test('a request that comes during the start is served when it is over', async (t) => {
  let serving = false;
  let announce = () => {};
  const ready = new Promise<void>((resolve) => (announce = resolve));
  const {router} = await control();
  const server = createControlServer({
    router: () => (serving ? router : null),
    ready,
    secret: null,
    log: silentLogger,
  });
  const response = server.inject({method: 'GET', url: '/v1/nodes'});
  serving = true;
  announce();
  t.is((await response).statusCode, 200);
});

test('the local socket: only for its owner, no secret; the command line client speaks to it', async (t) => {
  const {server, bench} = await control(null);
  const path = join(scratch, 'control.sock');
  writeFileSync(path, 'left by a crash');
  await listenOnPath(server, path);
  t.is(statSync(path).mode & 0o777, 0o600);
  await bench.put(1, 1, [80]);
  t.deepEqual(await call(path, 'GET', '/v1/endpoints', z.array(endpointViewSchema)), []);
  const events = await call(path, 'GET', '/v1/events', z.array(eventSchema));
  t.true(events.some((event) => event.event === 'endpoint-up' && event.port === 80));
  await t.throwsAsync(call(path, 'POST', '/v1/reload', reloadViewSchema), {
    instanceOf: UserError,
    message: 'r.yaml:3: broken',
  });
  await server.close();
  await t.throwsAsync(call(path, 'GET', '/v1/status', z.unknown()), {
    message: /no router runs here: nobody listens on/,
  });
});

test('a control port in use is an error that names it', async (t) => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const {port} = holder.address() as AddressInfo;
  const {server} = await control();
  await t.throwsAsync(listenOnPort(server, 'control', {address: '127.0.0.1', port}), {
    message: `control address 127.0.0.1:${port} is in use by another program`,
  });
  holder.close();
  const other = await control();
  await t.throwsAsync(listenOnPort(other.server, 'control', {address: '192.0.2.77', port: 7400}), {
    message: 'control address 192.0.2.77:7400 is not on this host',
  });
});

test('the secret file', (t) => {
  const path = join(scratch, 'secret');
  t.throws(() => readSecret(path), {message: /does not exist; .*openssl rand/});
  writeFileSync(path, '  a secret of many bytes \n', {mode: 0o600});
  t.is(readSecret(path), SECRET);
  chmodSync(path, 0o644);
  t.throws(() => readSecret(path), {message: /readable by everybody: chmod 600/});
  writeFileSync(path, 'fifteen bytes..\n');
  chmodSync(path, 0o640);
  t.throws(() => readSecret(path), {message: /fewer than 16 bytes/});
});

test('events are in the order of their times, though the clock is set back', (t) => {
  const clock = new FakeClock();
  let wall = 5000;
  clock.wall = () => wall;
  const log = new EventLog(clock, silentLogger);
  for (wall of [5000, 3000, 4000, 6000]) log.add({event: 'published'});
  t.deepEqual(
    log.list().map((one) => one.time),
    [5000, 5000, 5000, 6000],
  );
});

test('the event log keeps the newest, oldest first', (t) => {
  const log = new EventLog(new FakeClock(), silentLogger);
  const event = (detail: number): Omit<RouterEvent, 'time'> => ({event: 'published', detail: String(detail)});
  for (let n = 0; n < 10_005; n++) log.add(event(n));
  const details = log.list().map((one) => Number(one.detail));
  t.is(details.length, 10_000);
  t.deepEqual([details[0], details.at(-1)], [5, 10_004]);
  t.true(details.every((one, n) => one === n + 5));
});
