// The bench on machines that it reaches by ssh: here three namespaces, each with an sshd of its own.
//
//   bench ── ssh ──┬── client 10.77.0.2 ──────┬── external
//                  ├── router 10.77.0.1 ──────┤
//                  └── node1  10.77.0.11 ─────┘   (and 10.88.0.0/24 between router and node1)

import {spawn} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {run} from '../../perf/exec.ts';
import {topology} from '../../perf/lab/host.ts';
import {readResult} from '../../perf/report/publish.ts';
import {beside} from '../../perf/report/result.ts';
import {cleanUpWith, cleanedUp} from '../support/clean-up.ts';

const NAME = `ssh-${process.pid}`;
const HOSTS = ['client', 'router', 'node1'];
const main = fileURLToPath(new URL('../../perf/main.js', import.meta.url));

const inHost = (host: string, ...command: string[]) =>
  run([topology('in'), '--name', NAME, host, ...command]);

/**
 * Keys, and a configuration for sshd and for ssh; the path of the latter. SHLVL: so that bash does not read what this
 * machine's root has in .bashrc.
 */
async function prepareSsh(folder: string): Promise<string> {
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', `${folder}/key`]);
  await run(['cp', `${folder}/key.pub`, `${folder}/authorized`]);
  writeFileSync(
    `${folder}/sshd`,
    `ListenAddress 127.0.0.1
HostKey ${folder}/key
AuthorizedKeysFile ${folder}/authorized
StrictModes no
UsePAM no
PidFile none
SetEnv SHLVL=2
`,
  );
  const hosts = HOSTS.map(
    (host) => `Host ${host}
  ProxyCommand nsenter --net=/run/netns/cosca-${NAME}-${host} socat - TCP:127.0.0.1:22
`,
  );
  const common = `Host *
  User root
  IdentityFile ${folder}/key
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
`;
  writeFileSync(`${folder}/ssh`, hosts.join('') + common);
  return `${folder}/ssh`;
}

/** Groups of processes that the bench makes. */
async function cgroups(): Promise<string> {
  const script = 'source topology/lib.sh; cd "$(cgroup_mount)"; find . -type d -path "./coscanet-perf*"';
  return run(['bash', '-c', script]);
}

/** What a set-up may change on a host. */
async function stateOf(host: string): Promise<string> {
  const asked = [
    'ip -4 -br address',
    'ip rule',
    'nft list ruleset',
    'sysctl -a -r "net.ipv4.conf.(all|lo|eth.)"',
  ];
  const answers = await Promise.all(asked.map((command) => inHost(host, 'sh', '-c', command)));
  return answers.join('\n').replace(/ {2,}/g, ' ');
}

test.serial('set-ups are made and unmade on hosts that are reached by ssh', async (t) => {
  t.timeout(240_000);
  const folder = mkdtempSync(path.join(tmpdir(), 'coscanet-test-'));
  const madeRunSshd = !existsSync('/run/sshd');
  mkdirSync('/run/sshd', {recursive: true});
  cleanUpWith(NAME, `topology/down.sh --name ${NAME}; rm -rf ${folder}`);
  t.teardown(async () => {
    await run([topology('down'), '--name', NAME]);
    rmSync(folder, {recursive: true});
    cleanedUp(NAME);
    if (madeRunSshd) rmdirSync('/run/sshd');
  });
  await run([topology('up'), '--name', NAME, '--nodes', '1', '--bare']);
  const config = await prepareSsh(folder);
  for (const host of HOSTS)
    spawn(topology('in'), ['--name', NAME, host, '/usr/sbin/sshd', '-D', '-f', `${folder}/sshd`], {
      stdio: 'inherit',
    });
  const before = await Promise.all(HOSTS.map(stateOf));

  const hosts = 'client=client,router=router,node=node1';
  const options = [
    '--hosts',
    hosts,
    '--vip',
    '10.77.0.100',
    '--inside',
    '10.88.0.0/24',
    '--rounds',
    '1',
    '--setups',
    'dsr,mac',
  ];
  await run(
    [
      'node',
      main,
      'connections',
      'bulk',
      '--quick',
      '--out',
      folder,
      '--ssh',
      `ssh -F ${config}`,
      ...options,
    ],
    {seconds: 220},
  );

  const result = readResult(`${folder}/connections.json`);
  t.is(result.site, hosts);
  const ratios = ['dsr', 'mac'].map((setup) => [
    setup,
    beside(result, {setup, metric: 'connections/s'}, {setup: 'direct'}).length,
  ]);
  t.deepEqual(Object.fromEntries(ratios), {dsr: 1, mac: 1});
  const streams = readResult(`${folder}/bulk.json`).series.map(
    ({setup, condition}) => `${setup} ${condition}`,
  );
  t.deepEqual(streams.toSorted(), ['direct down', 'direct up', 'dsr down', 'dsr up', 'mac down', 'mac up']);
  t.deepEqual(await Promise.all(HOSTS.map(stateOf)), before, 'hosts are as they were');
  t.is(await cgroups(), '');
});
