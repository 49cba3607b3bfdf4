// What users meet when the provider knows nothing of single flows: never a number that is none, and an end to what
// otherwise waits for the last flow.

import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {createControlServer, listenOnPath} from '../../router/api/server.ts';
import {silentLogger} from '../../router/base/logger.ts';
import {pathsIn} from '../../router/base/paths.ts';
import {UnsupportedError} from '../../router/base/error.ts';
import type {FlowReport} from '../../router/protocol/messages.ts';
import {VIP} from './bench.ts';
import {RecordedRouter} from '../support/recorded-router.ts';

const NAME = `node1:${VIP}:80/tcp`;
const drain = {target: 'node1', deadlineSeconds: 60, keepClients: false};

test('flows are listed by nobody, and why is said', async (t) => {
  const router = await new RecordedRouter().start();
  t.throws(() => router.views.flows(), {
    instanceOf: UnsupportedError,
    message: 'the provider of this router (recording) cannot list flows',
  });
});

/** The command line's status and output, against a router whose clock goes on as long as it runs. */
async function coscanet(router: RecordedRouter, ...words: string[]) {
  const folder = mkdtempSync(path.join(tmpdir(), 'coscanet-without-flows-'));
  const ready = Promise.resolve();
  const controlled = router.api();
  const server = createControlServer({router: () => controlled, ready, secret: null, log: silentLogger});
  try {
    await listenOnPath(server, pathsIn(folder).socket);
    const main = fileURLToPath(new URL('../../router/cli/main.js', import.meta.url));
    const child = spawn(process.execPath, [main, ...words, '--run-dir', folder]);
    const output = {status: null as number | null, out: '', error: ''};
    child.stdout.on('data', (data: Buffer) => (output.out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (output.error += data.toString()));
    const ended = new Promise<boolean>((resolve) =>
      child.on('close', (status) => {
        output.status = status;
        resolve(true);
      }),
    );
    const waited = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 20));
    while (!(await Promise.race([ended, waited()]))) await router.clock.advance(100);
    return output;
  } finally {
    await server.close();
    rmSync(folder, {recursive: true});
  }
}

test('coscanet flows: one line, and status 1', async (t) => {
  const router = await new RecordedRouter().start();
  t.deepEqual(await coscanet(router, 'flows'), {
    status: 1,
    out: '',
    error: 'coscanet: the provider of this router (recording) cannot list flows\n',
  });
});

test('coscanet drain --wait: ends at the deadline, and says what it has waited for', async (t) => {
  const router = await new RecordedRouter().start();
  await router.register(1, 1, [80]);
  const begun = router.clock.now();
  const {status, out, error} = await coscanet(router, 'drain', 'node1', '--deadline', '3s', '--wait');
  t.is(status, 0);
  t.regex(out, /^node1 +drained +1 +- +passed/m);
  t.is(error, 'coscanet: flows are not counted by this router: drained means that the deadline has passed\n');
  t.true(router.clock.now() - begun >= 3000);
});

test('views leave the numbers out', async (t) => {
  const router = await new RecordedRouter().start();
  await router.register(1, 1, [80]);
  await router.clock.advance(5000);
  const [service] = router.views.services();
  t.is(service?.endpoints, 1);
  const [application] = router.supervisor.applications.views();
  t.is(application?.endpoints.serving, 1);
  for (const view of [service, application, router.views.status()])
    t.deepEqual(
      Object.keys(view ?? {}).filter((key) => /flow/i.test(key)),
      [],
    );
});

test('metrics leave the numbers out', async (t) => {
  const router = await new RecordedRouter().start();
  await router.register(1, 1, [80]);
  await router.clock.advance(5000);
  const samples = (await router.metrics()).split('\n').filter((line) => line && !line.startsWith('#'));
  t.true(samples.some((line) => line.startsWith('coscanet_application_nodes{')));
  t.deepEqual(
    samples.filter((line) => /flow|dropped_frames|rx_/.test(line)),
    [],
  );
});

test('a drain is done at its deadline', async (t) => {
  const router = await new RecordedRouter().start();
  await router.register(1, 1, [80]);
  await router.register(2, 1, [80]);
  const view = await router.overrides.drain(drain);
  t.false('flows' in view);
  const stateOf = () => router.views.endpoints().find((one) => one.endpoint === NAME);
  t.like(stateOf(), {state: 'draining', reason: 'by the operator, until the deadline'});
  await router.clock.advance(59_000);
  t.like(router.overrides.drains()[0], {state: 'draining'});
  t.false(router.names().includes('drained'));
  await router.clock.advance(1500);
  t.like(router.overrides.drains()[0], {state: 'drained'});
  t.is(stateOf()?.state, 'drained');
  t.is(router.names().filter((name) => name === 'drained').length, 1);
});

test('a drain is not done before its deadline is in force', async (t) => {
  const router = await new RecordedRouter().start();
  await router.register(1, 1, [80]);
  await router.overrides.drain({...drain, deadlineSeconds: 1});
  router.provider.hold();
  await router.clock.advance(5000);
  t.like(router.overrides.drains()[0], {state: 'draining'});
  t.false(router.names().includes('drained'));
  router.provider.release();
  await router.clock.advance(500);
  t.like(router.overrides.drains()[0], {state: 'drained'});
});

test('open endpoints alone hold a virtual IP', async (t) => {
  const router = await new RecordedRouter().start();
  await router.register(1, 1, [80]);
  await router.register(1, 2, []);
  t.is(router.registry.endpoints()[0]?.state, 'closed');
  // Looked at every 2 s, and then 10 s of grace.
  await router.clock.advance(9000);
  t.false(router.names().includes('vip-released'));
  await router.clock.advance(5000);
  t.is(router.names().filter((name) => name === 'vip-released').length, 1);
  t.is(router.registry.endpoints().length, 1, 'its connections may go on, as far as the provider lets them');
});

test('a closed endpoint is given up after a minute; its slot then has another generation', async (t) => {
  const router = await new RecordedRouter({endpoints: 2}).start();
  const places = () =>
    router.registry.endpoints().map(({slot, generation, node}) => [slot, generation, node]);
  await router.register(1, 1, [80, 81]);
  await router.register(1, 2, [81]);
  await router.clock.advance(59_000);
  const {refused} = await router.register(2, 1, [80]);
  t.is(refused.length, 1, 'there is no other slot');
  await router.clock.advance(4000);
  t.deepEqual(places(), [[1, 1, 'node1']]);
  await router.register(2, 2, [80]);
  t.deepEqual(places(), [
    [1, 1, 'node1'],
    [0, 2, 'node2'],
  ]);
});

test('nodes are neither asked for connections nor believed', async (t) => {
  const router = await new RecordedRouter().start();
  t.false(router.provider.realised[0]?.awaitImports);
  const report: FlowReport = {
    protocol: 'tcp',
    vip: VIP,
    port: 80,
    client: '10.77.0.9',
    clientPort: 5,
    opening: true,
  };
  const config = await router.register(1, 1, [80], {flows: [report]});
  t.false('flowTable' in config);
  t.false('confirm' in config);
  t.deepEqual(config.flowsRefused, [
    {flow: report, reason: "the router's provider (recording) knows nothing of single connections"},
  ]);
});
