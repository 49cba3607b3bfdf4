// The real daemon in a namespace: start, crash, adoption, clean-up, reload, and what it leaves behind: nothing.

import {chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {hostname, userInfo} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {z} from 'zod';
import {endpointViewSchema, eventSchema, statusViewSchema} from '../../router/protocol/views.ts';
import {config, SECRET, useLab} from './lab.ts';
import {waitUntil} from '../support/wait.ts';

const lab = useLab(config);

const view = async <T>(name: string, schema: z.ZodType<T>) =>
  schema.parse(JSON.parse((await lab.coscanet(name, '--json')).stdout));
const endpoints = () => view('endpoints', z.array(endpointViewSchema));
const status = () => view('status', statusViewSchema);

test.serial('start, serve, stop: nothing is left', async (t) => {
  const router = await lab.router('--forwarders', '2');
  t.deepEqual(readdirSync(lab.runDir).toSorted(), ['control.sock', 'forwarders', 'lock', 'segment']);
  t.is(statSync(join(lab.runDir, 'control.sock')).mode & 0o777, 0o600);
  t.is(lab.forwarders().length, 2);
  for (const pid of lab.forwarders()) {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    t.regex(text, /^Uid:\t65534\t65534\t65534\t65534$/m);
    t.regex(text, /^Groups:\s*$/m);
    t.regex(text, /^CapEff:\t0+$/m);
  }
  t.like(JSON.parse(lab.put(1, 1, [80])), {mode: 'dsr', refused: []});
  await waitUntil('the MAC is known', 15_000, async () => (await endpoints())[0]?.state === 'up');
  t.is((await status()).vips[0]?.state, 'active');
  t.regex(lab.in('router', 'nft', 'list', 'table', 'netdev', 'coscanet'), /10\.77\.0\.100/);
  router.kill('SIGTERM');
  t.is((await router.ended).status, 0);
  lab.assertNothingLeft(t);
});

test.serial('one-armed', async (t) => {
  const router = await lab.router('--external', 'eth1', '--forwarders', '1');
  lab.put(1, 1, [80]);
  await waitUntil('the MAC is known', 15_000, async () => (await endpoints())[0]?.state === 'up');
  t.deepEqual(
    (await status()).interfaces.map((one) => [one.role, one.name]),
    [['both', 'eth1']],
  );
  router.kill('SIGINT');
  t.is((await router.ended).status, 0);
  lab.assertNothingLeft(t);
});

test.serial('a dead forwarder is started again', async (t) => {
  const router = await lab.router('--forwarders', '2');
  const before = lab.forwarders();
  process.kill(before[0] ?? 0, 'SIGKILL');
  await waitUntil('it is back', 15_000, async () =>
    (await status()).forwarders.every((one) => one.pid !== before[0]),
  );
  t.is(lab.forwarders().length, 2);
  const events = await view('events', z.array(eventSchema));
  t.true(
    events.some((event) => event.event === 'forwarder-died' && event.detail?.includes(String(before[0]))),
  );
  router.kill('SIGTERM');
  await router.ended;
  lab.assertNothingLeft(t);
});

test.serial('a forwarder that is stopped is killed and started again on the same sockets', async (t) => {
  const router = await lab.router('--forwarders', '1');
  lab.put(1, 1, [80]);
  // Nobody serves that port: refused (7) by the forwarder, or nothing comes (28).
  const command = 'curl -s -m 0.5 http://10.77.0.100:81/; echo $?';
  const answers = () => lab.in('peer', 'sh', '-c', command).trim() === '7';
  await waitUntil('the virtual IP answers', 15_000, answers);
  const [stopped = 0] = lab.forwarders();
  process.kill(stopped, 'SIGSTOP');
  t.false(answers());
  await waitUntil('it answers again', 10_000, answers);
  t.false(lab.forwarders().includes(stopped));
  t.is(lab.forwarders().length, 1);
  const events = (await view('events', z.array(eventSchema))).filter((one) =>
    one.event.startsWith('forwarder-'),
  );
  t.deepEqual(
    events.map((one) => one.event),
    ['forwarder-started', 'forwarder-stuck', 'forwarder-died', 'forwarder-started'],
  );
  t.regex(events[1]?.detail ?? '', new RegExp(`^0: pid ${stopped}, its loop has not turned for 2\\.\\d s$`));
  router.kill('SIGTERM');
  t.is((await router.ended).status, 0);
  lab.assertNothingLeft(t);
});

for (const [title, words] of [
  ['with as many forwarders', ['--forwarders', '2']],
  ['with another number of forwarders', ['--forwarders', '3']],
] as const)
  test.serial(`the supervisor is killed; the next one takes over ${title}`, async (t) => {
    const first = await lab.router('--forwarders', '2');
    lab.put(1, 1, [80]);
    lab.put(2, 1, [80]);
    await waitUntil('MACs are known', 15_000, async () =>
      (await endpoints()).every((one) => one.state === 'up'),
    );
    const before = await endpoints();
    const {generation} = await status();
    first.kill('SIGKILL');
    await first.ended;
    const old = lab.forwarders();
    t.is(old.length, 2);
    const next = await lab.router(...words);
    t.regex(next.log(), /"adopted":true/);
    t.notRegex(next.log(), /opening new ones/);
    t.is(lab.forwarders().length, Number(words[1]));
    t.false(lab.forwarders().some((pid) => old.includes(pid)));
    const after = await endpoints();
    t.deepEqual(
      after.map((one) => ({...one, state: 'up', reason: undefined})),
      before.map((one) => ({...one, state: 'up', reason: undefined})),
    );
    t.true((await status()).generation > generation);
    t.is((await status()).vips[0]?.state, 'active');
    t.is(lab.processes().length, 1 + Number(words[1]), 'the router and its forwarders');
    next.kill('SIGTERM');
    await next.ended;
    lab.assertNothingLeft(t);
  });

test.serial('handed over: the forwarders go on, and the next router knows what this one knew', async (t) => {
  const first = await lab.router('--forwarders', '2');
  lab.put(1, 1, [80]);
  await waitUntil('the MAC is known', 15_000, async () => (await endpoints())[0]?.state === 'up');
  const {generation} = await status();
  first.kill('SIGUSR2');
  t.is((await first.ended).status, 0);
  const old = lab.forwarders();
  t.is(old.length, 2);
  t.deepEqual(readdirSync(lab.runDir).toSorted(), ['forwarders', 'lock', 'segment']);
  t.regex(lab.in('router', 'nft', 'list', 'table', 'netdev', 'coscanet'), /10\.77\.0\.100/);
  // Nobody serves that port: a forwarder refuses it (7), without a forwarder nothing comes (28).
  t.is(lab.in('peer', 'sh', '-c', 'curl -s -m 1 http://10.77.0.100:81/; echo $?').trim(), '7');
  const next = await lab.router('--forwarders', '2');
  t.regex(next.log(), /"adopted":true/);
  t.notRegex(next.log(), /opening new ones/);
  t.is((await endpoints()).length, 1);
  t.true((await status()).generation > generation);
  // One that refuses its configuration leaves them to the one after it.
  next.kill('SIGUSR2');
  t.is((await next.ended).status, 0);
  lab.configure('mode: fast');
  t.is((await lab.start().ended).status, 2);
  t.is(lab.forwarders().length, 2);
  lab.configure(config);
  const last = await lab.router('--forwarders', '2');
  t.regex(last.log(), /"adopted":true/);
  // A stop is a hand-over, and then the clean-up.
  last.kill('SIGUSR2');
  t.is((await last.ended).status, 0);
  t.is((await lab.start('cleanup', '--run-dir', lab.runDir).ended).status, 0);
  lab.assertNothingLeft(t);
});

test.serial('drains and weights outlive stop and start, with who set them and when', async (t) => {
  const first = await lab.router('--forwarders', '1');
  lab.put(1, 1, [80]);
  lab.put(2, 1, [80]);
  t.is((await lab.coscanet('drain', 'node1')).status, 0);
  t.is((await lab.coscanet('weight', 'node2', '0.5')).status, 0);
  t.is(statSync(lab.stateFile).mode & 0o777, 0o600);
  const {overrides} = await status();
  const by = `${process.env['SUDO_USER'] ?? userInfo().username}@${hostname()}`;
  t.like(overrides, [
    {target: 'node1', by},
    {target: 'node2', factor: 0.5, by},
  ]);
  const {ino} = statSync(lab.stateFile);
  lab.put(1, 2, [80]);
  t.is(statSync(lab.stateFile).ino, ino, 'a renewal wrote the state file');
  first.kill('SIGTERM');
  t.is((await first.ended).status, 0);
  lab.assertNothingLeft(t);
  const next = await lab.router('--forwarders', '1');
  t.regex(next.log(), /"adopted":false/);
  t.deepEqual((await status()).overrides, overrides);
  t.deepEqual((await status()).stateFile, {path: lab.stateFile});
  lab.put(1, 3, [80]);
  const [drained] = await endpoints();
  t.is(drained?.weight, 0);
  t.regex(drained?.reason ?? '', /^by \S+@\S+, \d{4}-.*Z(, 0 flows left)?$/);
  t.regex(
    (await lab.coscanet('status')).stdout,
    /^override +node1: drained, deadline .*, by \S+@\S+, \d{4}-/m,
  );
  t.is((await lab.coscanet('undrain', 'node1')).status, 0);
  next.kill('SIGTERM');
  await next.ended;
  // Damaged while nobody ran: it starts without it, says so, and keeps it for people.
  writeFileSync(lab.stateFile, readFileSync(lab.stateFile, 'utf8').replace('0.5', '"half"'));
  const last = await lab.router('--forwarders', '1');
  const where = `${lab.stateFile}:6: weights.node2.factor: wrong: must be a number`;
  t.true(last.log().includes(where), last.log());
  t.deepEqual((await status()).overrides, []);
  t.is(readdirSync(join(lab.stateFile, '..')).length, 1);
  t.regex(readdirSync(join(lab.stateFile, '..'))[0] ?? '', /^overrides\.json\.damaged-/);
  last.kill('SIGTERM');
  await last.ended;
  lab.assertNothingLeft(t);
});

test.serial(
  'everything is killed: clean-up leaves nothing, but never touches a running router',
  async (t) => {
    const router = await lab.router('--forwarders', '1');
    lab.put(1, 1, [80]);
    await waitUntil('the MAC is known', 15_000, async () => (await endpoints())[0]?.state === 'up');
    const refused = await lab.start('cleanup', '--run-dir', lab.runDir).ended;
    t.is(refused.status, 1);
    t.regex(refused.stderr, /a coscanet-router runs in .*: nothing was touched/);
    t.is((await endpoints()).length, 1);
    router.kill('SIGKILL');
    await router.ended;
    t.is((await lab.start('cleanup', '--run-dir', lab.runDir).ended).status, 0);
    await waitUntil('all processes ended', 15_000, () => lab.processes().length === 0);
    lab.assertNothingLeft(t);
    t.is((await lab.start('cleanup', '--run-dir', lab.runDir).ended).status, 0);
  },
);

test.serial('reload: the difference, or file and line and the old configuration stays', async (t) => {
  const router = await lab.router('--forwarders', '1');
  lab.configure(`${config}    tennant: acme\n`);
  const broken = await lab.coscanet('reload');
  t.is(broken.status, 1);
  const place = `${lab.configFile}:7: applications[1].tennant`;
  const says = `coscanet: ${place}: unknown key (did you mean "tenant"?); valid: tenant, `;
  t.is(broken.stderr.slice(0, says.length), says);
  lab.configure(
    config.replace('[80/tcp]', '[80/tcp, 443/tcp]').replace('[10.77.0.100]', '[10.77.0.100, 10.77.0.9]'),
  );
  const taken = await lab.coscanet('reload');
  t.regex(taken.stderr, /virtual IP 10\.77\.0\.9 is already used by the host with MAC/);
  t.deepEqual(
    (await status()).vips.map((vip) => vip.address),
    ['10.77.0.100'],
  );
  lab.configure(
    config.replace('[80/tcp]', '[80/tcp, 443/tcp]').replace('[10.77.0.100]', '[10.77.0.100, 10.77.0.101]'),
  );
  const good = await lab.coscanet('reload');
  t.deepEqual(good.stdout.trim().split('\n'), [
    '~ application web: vips 10.77.0.100 → 10.77.0.100, 10.77.0.101',
    '~ application web: ports 80/tcp → 80/tcp, 443/tcp',
    '+ virtual IP 10.77.0.101',
  ]);
  t.regex(lab.in('router', 'nft', 'list', 'ruleset'), /10\.77\.0\.101/);
  lab.configure(config);
  process.kill(router.pid, 'SIGHUP');
  await waitUntil('SIGHUP is done', 15_000, () => router.log().includes('configuration reloaded'));
  t.regex(router.log(), /- virtual IP 10\.77\.0\.101/);
  router.kill('SIGTERM');
  await router.ended;
  lab.assertNothingLeft(t);
});

const failures: [string, string[], number, RegExp, (() => () => void)?][] = [
  [
    'an interface that is missing',
    ['--external', 'eht0', '--no-wait'],
    2,
    /^coscanet-router: interface eht0 does not exist \(did you mean "eth0"\?\); there are: /,
  ],
  ['an unknown mode', ['--mode', 'fast'], 2, /unknown mode "fast": one of dsr, nat$/],
  ['an unknown option', ['--modus', 'dsr'], 2, /unknown option '--modus'/],
  [
    'a configuration that does not exist',
    ['--config', '/nowhere'],
    2,
    /configuration file \/nowhere: does not exist$/,
  ],
  ['an unknown user', ['--user', 'nobdy'], 2, /user "nobdy" for the forwarders does not exist$/],
  ['root as the user', ['--user', 'root'], 2, /unprivileged user, not as root$/],
  [
    'a control address of another host',
    ['--control', '10.88.0.11:7400'],
    1,
    /control address 10\.88\.0\.11:7400 is not on this host$/,
  ],
  [
    'a secret that everybody can read',
    [],
    2,
    /readable by everybody/,
    () => {
      chmodSync(lab.secretFile, 0o644);
      return () => chmodSync(lab.secretFile, 0o600);
    },
  ],
  [
    'a short secret',
    [],
    2,
    /fewer than 16 bytes$/,
    () => {
      writeFileSync(lab.secretFile, 'short');
      return () => writeFileSync(lab.secretFile, SECRET);
    },
  ],
  [
    'a virtual IP that another host uses',
    [],
    1,
    /virtual IP 10\.77\.0\.9 is already used by the host with MAC [0-9a-f:]{17} on eth0$/,
    () => {
      lab.configure(config.replace('10.77.0.100', '10.77.0.9'));
      return () => {};
    },
  ],
];
for (const [title, words, expected, message, prepare] of failures)
  test.serial(`refused, and nothing is left: ${title}`, async (t) => {
    const restore = prepare?.();
    const ended = await lab.start(...words).ended;
    restore?.();
    t.is(ended.status, expected, ended.stderr);
    t.regex(ended.stderr.trim(), message);
    t.is(ended.stderr.trim().split('\n').length, 1, ended.stderr);
    lab.assertNothingLeft(t);
  });

const absences: [string, () => void, () => void, RegExp][] = [
  [
    'down',
    () => void lab.in('router', 'ip', 'link', 'set', 'eth1', 'down'),
    () => void lab.in('router', 'ip', 'link', 'set', 'eth1', 'up'),
    /interfaces\.internal: interface eth1 is down/,
  ],
  [
    'missing',
    () => void lab.in('router', 'sh', '-c', 'ip link set eth1 down; ip link set eth1 name eth7'),
    () => void lab.in('router', 'sh', '-c', 'ip link set eth7 name eth1; ip link set eth1 up'),
    /interfaces\.internal: interface eth1 does not exist.*; there are: eth0, eth7/,
  ],
  [
    'without an address',
    () => void lab.in('router', 'ip', 'addr', 'del', '10.88.0.1/24', 'dev', 'eth1'),
    () => void lab.in('router', 'ip', 'addr', 'add', '10.88.0.1/24', 'dev', 'eth1'),
    /interfaces\.internal: interface eth1 has no IPv4 address/,
  ],
];
for (const [title, take, give, says] of absences)
  test.serial(`an interface that is ${title} at the start is waited for`, async (t) => {
    take();
    const router = lab.start('--forwarders', '1');
    try {
      await waitUntil('it says what it waits for', 15_000, () => router.log().includes('waiting: '));
      t.regex(router.log(), says);
      const {status: code, stderr} = await lab.coscanet('status');
      t.is(code, 1);
      t.regex(stderr, /^coscanet: the router is starting; it waits: /);
      t.regex(stderr, says);
      for (const words of [['--no-wait'], ['check']]) {
        const ended = await lab.start(...words).ended;
        t.is(ended.status, 2);
        t.regex(ended.stderr, says);
      }
    } finally {
      give();
    }
    await waitUntil('the router is ready', 15_000, () => router.log().includes('router is ready'));
    t.is((await status()).interfaces[1]?.address, '10.88.0.1');
    t.is(router.log().split(says).length, 2, 'it is said once');
    router.kill('SIGTERM');
    t.is((await router.ended).status, 0);
    lab.assertNothingLeft(t);
  });

test.serial('a router that waits ends when it is told to, or when its configuration is broken', async (t) => {
  const waiting = lab.start('--internal', 'eth7');
  await waitUntil('it waits', 15_000, () => waiting.log().includes('waiting: '));
  waiting.kill('SIGTERM');
  t.is((await waiting.ended).status, 0);
  lab.assertNothingLeft(t);
  const broken = lab.start('--internal', 'eth7');
  await waitUntil('it waits', 15_000, () => broken.log().includes('waiting: '));
  lab.configure(`${config}    tennant: acme\n`);
  t.is((await broken.ended).status, 2);
  t.regex(broken.log(), /unknown key \(did you mean "tenant"\?\)/);
  lab.assertNothingLeft(t);
});

const poor: [string, string, RegExp][] = [
  [
    'nft is missing',
    'mount --bind /dev/null "$(command -v nft)"',
    /command nft (is not installed|cannot be executed) /,
  ],
  ['ip fails', 'mount --bind /bin/false "$(command -v ip)"', /ip -V: exit status 1/],
  [
    'the run directory has no room',
    `mount -t tmpfs -o nr_inodes=1 tmpfs ${lab.folder}`,
    /cannot use the run directory .*: ENOSPC: no space left on device/,
  ],
];
for (const [title, prepare, says] of poor)
  test.serial(`a host on which ${title}: one line, and nothing is left`, (t) => {
    // In a mount namespace of its own; what the run directory's file system hides is opened before.
    const files = '--config /dev/fd/3 --secret-file /dev/fd/4';
    const command = `exec 3<"$1" 4<"$2"; ${prepare} && exec "$0" ${files} --run-dir "$3"`;
    const router = join(lab.bin, 'coscanet-router');
    const words = ['sh', '-c', command, router, lab.configFile, lab.secretFile, lab.runDir];
    const {status: code, stderr} = lab.try('router', 'unshare', '--mount', ...words);
    t.is(code, 1, stderr);
    t.regex(stderr, says);
    t.is(stderr.trim().split('\n').length, 1, stderr);
    lab.assertNothingLeft(t);
  });

test.serial('check: in order', async (t) => {
  const ended = await lab.start('check').ended;
  t.is(ended.stderr, '');
  t.is(ended.stdout, `${lab.configFile} is in order\n`);
  t.is(ended.status, 0);
});

test.serial('a second router in the same run directory is refused; the first goes on', async (t) => {
  const router = await lab.router('--forwarders', '1');
  const second = await lab.start('--control', '10.88.0.1:7401').ended;
  t.is(second.status, 1);
  t.regex(second.stderr, /another coscanet-router runs in /);
  const other = join(lab.folder, 'other');
  const third = await lab.start('--run-dir', other, '--control', '10.88.0.1:7401').ended;
  t.is(third.status, 1);
  const holder = `coscanet-router ${router.pid} in ${lab.runDir}`;
  t.is(third.stderr, `coscanet-router: another router runs in this network namespace: ${holder}\n`);
  t.false(existsSync(other));
  // Nor is what it needs cleaned away for the sake of another that crashed.
  mkdirSync(other);
  writeFileSync(join(other, 'lock'), '');
  t.regex(
    (await lab.start('cleanup', '--run-dir', other).ended).stderr,
    /another router runs in this network/,
  );
  t.regex(lab.in('router', 'nft', 'list', 'tables'), /coscanet/);
  t.is((await lab.coscanet('status')).status, 0);
  t.is(lab.forwarders().length, 1);
  router.kill('SIGTERM');
  await router.ended;
  lab.assertNothingLeft(t);
});

test.serial('an interface whose MAC and MTU change is followed; one that is lost is said', async (t) => {
  const router = await lab.router('--forwarders', '1');
  lab.put(1, 1, [80]);
  await waitUntil('the MAC is known', 15_000, async () => (await endpoints())[0]?.state === 'up');
  const mac = '02:00:00:00:07:01';
  /** What the peer's kernel has found out about an address, after it had something to send there. */
  const neighbor = (address: string) => {
    const command = `curl -s -m 0.3 http://${address}:9/; ip neigh show ${address} dev ext`;
    return lab.in('peer', 'sh', '-c', command);
  };
  await waitUntil('the peer knows the router', 15_000, () => neighbor('10.77.0.1').includes('lladdr'));
  lab.in('router', 'ip', 'link', 'set', 'eth0', 'address', mac);
  lab.in('router', 'ip', 'link', 'set', 'eth0', 'mtu', '1400');
  await waitUntil('it is followed', 15_000, async () => (await status()).interfaces[0]?.mac === mac);
  await waitUntil('the peer has heard of it', 15_000, () =>
    lab.in('peer', 'ip', 'neigh', 'show', '10.77.0.1', 'dev', 'ext').includes(mac),
  );
  // Forwarders answer for the VIP with the new one.
  await waitUntil('the VIP is there', 15_000, () => neighbor('10.77.0.100').includes(mac));
  const told = async (text: string) => {
    const events = await view('events', z.array(eventSchema));
    return events.some((event) => event.detail?.includes(text) ?? false);
  };
  t.true(await told(`→ ${mac}`));
  await waitUntil('the MTU is followed', 15_000, () => told('MTU 1500 → 1400'));
  lab.in('router', 'ip', 'link', 'set', 'eth1', 'down');
  await waitUntil('it is said', 15_000, () => told('eth1: it is down'));
  const metrics = () =>
    lab.in(
      'router',
      'curl',
      '-s',
      '--unix-socket',
      join(lab.runDir, 'control.sock'),
      'http://router/metrics',
    );
  t.regex(metrics(), /^coscanet_interface_up\{interface="eth1",role="internal"\} 0$/m);
  t.is((await status()).interfaces[1]?.trouble?.what, 'it is down');
  await waitUntil('what it leads to is unreachable', 15_000, async () =>
    /^the router cannot send to it: eth1: it is down, for \d+s$/.test((await endpoints())[0]?.reason ?? ''),
  );
  lab.in('router', 'ip', 'link', 'set', 'eth1', 'up');
  await waitUntil('and that it is over', 15_000, () => told('eth1: it is well again'));
  t.regex(metrics(), /^coscanet_interface_up\{interface="eth1",role="internal"\} 1$/m);
  lab.in('router', 'ip', 'link', 'set', 'eth0', 'mtu', '1500');
  router.kill('SIGTERM');
  t.is((await router.ended).status, 0);
  lab.assertNothingLeft(t);
});

test.serial(
  'an interface that is made anew, with another address: the router comes back with it',
  async (t) => {
    const router = await lab.router('--forwarders', '1');
    const pid = (await status()).pid;
    lab.in('router', 'ip', 'link', 'del', 'eth0');
    lab.in('router', 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'other');
    lab.in(
      'router',
      'sh',
      '-c',
      'ip link set eth0 up; ip link set other up; ip addr add 10.77.0.3/24 dev eth0',
    );
    await waitUntil('it is back', 15_000, async () => {
      const shown = await view('status', statusViewSchema).catch(() => null);
      return shown?.interfaces[0]?.address === '10.77.0.3';
    });
    t.regex(router.log(), /"starting anew"/);
    t.is((await status()).pid, pid);
    lab.put(1, 1, [80]);
    await waitUntil('it serves', 15_000, async () => (await endpoints())[0]?.state === 'up');
    router.kill('SIGTERM');
    t.is((await router.ended).status, 0);
    lab.in('router', 'ip', 'link', 'del', 'eth0');
    lab.assertNothingLeft(t);
  },
);
