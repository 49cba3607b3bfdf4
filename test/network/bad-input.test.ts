// Wrong input, each with one clear line and nothing left behind.
//
//   up.sh with a wrong configuration          router: a second coscanet-router with wrong words
//   node1: an agent with a wrong secret       node1: a program of an unknown application, or without an agent

import {existsSync} from 'node:fs';
import test from 'ava';
import type {ExecutionContext} from 'ava';
import {MODES} from '../support/modes.ts';
import {ROOT, run} from '../support/command.ts';
import {Testbed} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Result} from '../support/command.ts';
import type {TestbedOptions} from '../support/testbed.ts';

let bed: Testbed;
test.before(async () => {
  bed = await Testbed.up({nodes: 1, forwarders: 1});
});
test.after.always(() => bed.down());

const web = (vip: string, more = '') =>
  `applications:\n  - name: web\n    vips: [${vip}]\n    ports: [80/tcp]\n${more}`;

const configurations = [
  {
    what: 'a key with a typo',
    config: web('10.77.0.100').replace('vips', 'vip'),
    says: /router\.yaml:\d+: .*"vips"/,
  },
  {
    what: "the router's own address",
    config: web('10.77.0.1'),
    says: /router\.yaml:3: .*10\.77\.0\.1 .*router's own/,
  },
  {what: "a node's address", config: web('10.77.0.11'), says: /10\.77\.0\.11 .*used by/, outside: true},
  {
    what: "another host's address",
    config: web('10.77.0.2'),
    says: /10\.77\.0\.2 .*used by .*02:00:0a:4d:00:02/,
  },
  {
    what: 'a port that two applications own',
    config: web('10.77.0.100', '  - name: mail\n    vips: [10.77.0.100]\n    ports: [80/tcp]\n'),
    says: /router\.yaml:7: .*80\/tcp .*belongs to application "web"/,
  },
];

async function refusedConfiguration(
  t: ExecutionContext,
  options: TestbedOptions,
  says: RegExp,
): Promise<void> {
  const other = new Testbed();
  t.teardown(() => other.down());
  const result = await other.tryUp({nodes: 1, ...options});
  t.is(result.status, 1);
  t.regex(result.stderr, says);
  t.notRegex(result.stderr, /\bat .*\.js:\d+/, 'no stack trace');
  await nothingLeft(t, other.name);
}

for (const {mode, nodesOutside} of MODES)
  for (const {what, config, says, outside} of configurations)
    if (nodesOutside || outside !== true)
      test.serial(`${mode}: configuration with ${what}`, (t) =>
        refusedConfiguration(t, {mode, config}, says),
      );

async function nothingLeft(t: ExecutionContext, name: string): Promise<void> {
  const {stdout: namespaces} = await run(['ip', 'netns', 'list']);
  t.false(namespaces.includes(`cosca-${name}-`));
  t.false(existsSync(`/run/coscanet/testbed-${name}`));
  const {stdout: cgroups} = await run(['find', '/sys/fs/cgroup', '-name', `coscanet-testbed-${name}`]);
  t.is(cgroups, '');
  t.is((await run(['pgrep', '-f', `testbed-${name}/`])).stdout, '');
}

const upOptions = [
  {words: ['--mode', 'fast'], says: /unknown mode "fast": one of dsr, nat/},
  {words: ['--one-arm', '--mode', 'nat'], says: /--one-arm is for mode dsr/},
  {words: ['--nodes', '0'], says: /--nodes '0'/},
  {words: ['--rate', 'fast'], says: /--rate 'fast'/},
  {words: ['--hop-mtu', '300'], says: /--hop-mtu '300': use 576 to 65535/},
  {words: ['--config', '/no/such/file'], says: /\/no\/such\/file/},
];

for (const {words, says} of upOptions) {
  test.serial(`up.sh ${words.join(' ')}`, async (t) => {
    const other = new Testbed();
    t.teardown(() => other.down());
    const result = await run(['topology/up.sh', '--name', other.name, ...words]);
    t.is(result.status, 1);
    t.regex(result.stderr, says);
    await nothingLeft(t, other.name);
  });
}

test.serial('a testbed that is up already stays as it is', async (t) => {
  const result = await bed.tryUp({nodes: 1});
  t.is(result.status, 1);
  t.regex(result.stderr, /up already/);
  t.is((await bed.nodes()).length, 1);
});

/** A second router beside the first, with a run directory of its own. */
async function secondRouter(words: string[], before: string[] = []): Promise<Result> {
  const config = [
    '--config',
    `${ROOT}/topology/testbed.yaml`,
    '--run-dir',
    `${bed.folder}/second`,
    '--state-file',
    `${bed.folder}/second.json`,
  ];
  return bed.try('router', [...before, 'coscanet-router', '--mode', 'dsr', ...config, ...words], 10_000);
}

const control = ['--control', '10.88.0.1:7401'];
const both = ['--external', 'eth0', '--internal', 'eth1'];
const routers = [
  {
    what: 'an interface that does not exist',
    words: ['--external', 'eth7', '--internal', 'eth1', '--no-wait', ...control],
    says: /eth7/,
  },
  {what: 'no external interface', words: ['--internal', 'eth1', ...control], says: /--external/},
  {what: 'an unknown option', words: [...both, ...control, '--modus', 'dsr'], says: /--modus/},
  {
    what: 'another that runs there already',
    words: [...both, ...control],
    says: /another router runs in this network namespace: coscanet-router \d+ in \//,
  },
  {what: 'no secret', words: [...both, ...control, '--secret-file', '/no/secret'], says: /\/no\/secret/},
  {
    what: 'a user who is not root',
    words: [...both, ...control],
    before: ['setpriv', '--reuid', '65534', '--clear-groups'],
    says: /root/,
  },
];

for (const {what, words, before, says} of routers) {
  test.serial(`coscanet-router with ${what}`, async (t) => {
    const ruleset = await bed.in('router', ['nft', 'list', 'ruleset']);
    const result = await secondRouter(words, before);
    t.true(result.status === 1 || result.status === 2, `status ${result.status} ${result.signal}`);
    t.regex(result.stderr, says);
    t.true(result.stderr.trim().split('\n').length <= 3, result.stderr);
    t.notRegex(result.stderr, /\bat .*\.js:\d+/, 'no stack trace');
    t.is(await bed.in('router', ['nft', 'list', 'ruleset']), ruleset);
    t.false(existsSync(`${bed.folder}/second`), 'the run directory is left behind');
    t.true(
      (await bed.nodes()).every((node) => node.state === 'up'),
      'the first router goes on',
    );
  });
}

test.serial('an agent with a wrong secret: it says so, and the router knows no such node', async (t) => {
  const secret = bed.file('wrong-secret', 'f'.repeat(64));
  await bed.in('client', ['chmod', '600', secret]);
  const words = ['--router', '10.88.0.1:7400', '--name', 'stranger', '--address', '10.88.0.1'];
  const agent = bed.start('router', ['coscanet-node', 'agent', ...words, '--secret-file', secret]);
  await waitUntil('the agent says that its secret is wrong', 10_000, () =>
    /secret/.test(agent.stderr + agent.stdout),
  );
  await bed.stop(agent);
  t.deepEqual(
    (await bed.nodes()).map((node) => node.name),
    ['node1'],
  );
  t.is(
    (await bed.in('router', ['ip', 'rule', 'list'])).split('\n').filter((line) => line.includes('7400'))
      .length,
    0,
  );
});

const bind = ['python3', '-c', 'import socket; socket.socket().bind(("0.0.0.0", 80))'];

test.serial('an instance of an unknown application', async (t) => {
  const result = await bed.instance('node1', 'wiki', bind, {COSCANET_VERBOSE: '1'});
  t.is(result.status, 1);
  t.regex(result.stderr, /^[^\n]*wiki/m);
  t.regex(result.stderr, /Errno 13|Errno 99/);
  t.deepEqual(await bed.endpoints(), []);
});

test.serial('the preload library without an agent: bind waits, then fails with a line', async (t) => {
  const began = Date.now();
  const words = ['coscanet-node', 'run', '--app', 'web', '--', ...bind];
  const result = await bed.try('client', [
    'env',
    'COSCANET_VERBOSE=1',
    `COSCANET_CGROUP_ROOT=/coscanet-testbed-${bed.name}/client`,
    ...words,
  ]);
  t.regex(result.stderr, /agent/);
  t.regex(result.stderr, /Errno 99/);
  const seconds = (Date.now() - began) / 1000;
  t.true(seconds >= 4 && seconds < 8, `it waited for ${seconds} s`);
});
