// Programs as they come, with the configuration that their own documentation shows, in both modes: nginx with several
// workers, reloaded under load; sshd with ssh and scp of 50 MB; iperf3 in both directions over TCP and UDP;
// dnsmasq over UDP and TCP.
//
//   client: curl, ssh, scp, ──┐                  ┌── node1  nginx  sshd  iperf3  dnsmasq
//           iperf3, dig       ├ bridge ── router ┤
//   remote ── gateway ────────┘                  └── node2  nginx  (iperf3)      dnsmasq

import {mkdirSync} from 'node:fs';
import path from 'node:path';
import {z} from 'zod';
import {endLoop} from '../support/clients.ts';
import {inEachMode} from '../support/each-mode.ts';
import {run} from '../support/command.ts';
import {VIP, tool} from '../support/testbed.ts';
import {waitUntil} from '../support/wait.ts';
import type {Running} from '../support/command.ts';
import type {Testbed} from '../support/testbed.ts';

// Load levels shall not change the shares here: all nodes have the same processors.
const CONFIG = `weights: {low: 1, medium: 1, high: 1}
applications:
  - {name: web, vips: [${VIP}], ports: [80/tcp, 8080/tcp]}
  - {name: shell, vips: [${VIP}], ports: [22/tcp]}
  - {name: speed, vips: [${VIP}], ports: [5201/tcp, 5201/udp]}
  - {name: names, vips: [${VIP}], ports: [53/tcp, 53/udp]}
`;
const HOSTS = {client: '10.77.0.2', remote: '10.99.0.2'};

const eachMode = inEachMode({nodes: 2, forwarders: 1, config: CONFIG}, async () => {});

function nginxConfig(folder: string, node: string, more = ''): string {
  return `daemon off; worker_processes 3; pid ${folder}/pid; error_log stderr;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((one) => `${one}_temp_path ${folder}/${one};`).join(' ')}
  server {
    listen 80; listen [::]:80;
    ${more}
    add_header x-node ${node};
    location / { return 200 "${node} $remote_addr $server_addr:$server_port\\n"; }
  }
}
`;
}

async function startNginx(bed: Testbed, node: string): Promise<Running> {
  const folder = path.join(bed.folder, `nginx-${node}`);
  mkdirSync(folder);
  const config = bed.file(`${node}.conf`, nginxConfig(folder, node));
  return bed.serve(node, 'web', 80, ['nginx', '-c', config]);
}

eachMode('curl and nginx with three workers, reloaded under load', async (t, bed) => {
  const masters = [await startNginx(bed, 'node1'), await startNginx(bed, 'node2')];
  for (const [host, address] of Object.entries(HOSTS)) {
    const answers = new Set<string>();
    for (let i = 0; i < 4; i += 1)
      answers.add(await bed.in(host, ['curl', '-sS', '-m', '5', `http://${VIP}/`]));
    t.deepEqual([...answers].sort(), [`node1 ${address} ${VIP}:80\n`, `node2 ${address} ${VIP}:80\n`]);
  }

  const loop = bed.start('client', tool('request_loop', `http://${VIP}/`));
  const [first] = masters;
  for (let round = 1; round <= 4; round += 1) {
    const workers = await bed.pids('node1', /nginx: worker process$/);
    t.is(workers.length, 3);
    // The last one adds a port: the master binds it, years after it started.
    if (round === 4)
      bed.file('node1.conf', nginxConfig(path.join(bed.folder, 'nginx-node1'), 'node1', 'listen 8080;'));
    first?.child.kill('SIGHUP');
    await waitUntil('the workers are new ones', 10_000, async () => {
      const now = await bed.pids('node1', /nginx: worker process$/);
      return now.length === 3 && !now.some((pid) => workers.includes(pid));
    });
  }
  const {answers, failures} = await endLoop(loop);
  t.log(JSON.stringify(answers));
  t.deepEqual(failures, []);
  t.true((answers['node1'] ?? 0) > 20 && Math.abs((answers['node1'] ?? 0) - (answers['node2'] ?? 0)) <= 1);
  await waitUntil('the new port is an endpoint', 5000, async () =>
    (await bed.endpoints()).some((one) => one.port === 8080 && one.state === 'up'),
  );
  t.is(
    await bed.in('remote', ['curl', '-sS', '-m', '5', `http://${VIP}:8080/`]),
    `node1 10.99.0.2 ${VIP}:8080\n`,
  );
  for (const master of masters) t.is((await bed.stop(master, 'SIGQUIT')).status, 0);
});

/** sshd keeps a folder in /run, which the machine of a test need not have. */
const IN_OWN_RUN = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs none /run && mkdir /run/sshd && exec "$@"',
  'sh',
];

async function sshFiles(bed: Testbed): Promise<{config: string; options: string[]}> {
  const [hostKey, userKey] = ['host-key', 'user-key'].map((name) => path.join(bed.folder, name));
  for (const key of [hostKey!, userKey!])
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key]);
  const config = bed.file(
    'sshd_config',
    `HostKey ${hostKey}\nAuthorizedKeysFile ${userKey}.pub\nPidFile none\nUsePAM no\nStrictModes no
PermitRootLogin yes\nSubsystem sftp internal-sftp\n`,
  );
  const options = ['-i', userKey!, '-o', `UserKnownHostsFile=${bed.folder}/known`, '-o', 'BatchMode=yes'];
  return {config, options: ['-F', 'none', ...options, '-o', 'StrictHostKeyChecking=accept-new']};
}

eachMode('ssh, and scp of 50 MB in both directions', async (t, bed) => {
  const {config, options} = await sshFiles(bed);
  const sshd = await bed.serve('node1', 'shell', 22, [
    ...IN_OWN_RUN,
    '/usr/sbin/sshd',
    '-D',
    '-e',
    '-f',
    config,
  ]);
  for (const [host, address] of Object.entries(HOSTS)) {
    // What the session says of itself: client, its port, server, its port.
    const connection = await bed.in(host, ['ssh', ...options, `root@${VIP}`, 'echo $SSH_CONNECTION']);
    t.regex(connection, new RegExp(`^${address} \\d+ ${VIP} 22\n$`));
  }
  const [sent, there, back] = ['sent', 'there', 'back'].map((name) => path.join(bed.folder, name));
  await run(['sh', '-c', `head -c 50000000 /dev/urandom >${sent}`]);
  await bed.in('remote', ['scp', '-q', ...options, sent!, `root@${VIP}:${there}`]);
  await bed.in('client', ['scp', '-q', ...options, `root@${VIP}:${there}`, back!]);
  t.is((await run(['cmp', sent!, back!])).status, 0);
  t.is((await run(['cmp', sent!, there!])).status, 0);
  t.is((await bed.stop(sshd)).status, 0);
});

const amount = z.object({bytes: z.number()});
const iperfSchema = z.object({
  end: z.object({
    sum_sent: amount,
    sum_received: amount,
    sum_sent_bidir_reverse: amount.optional(),
    sum_received_bidir_reverse: amount.optional(),
  }),
});

const datagramsSchema = z.object({
  end: z.object({sum: z.object({packets: z.number(), lost_packets: z.number()})}),
});

eachMode('iperf3 in both directions, over TCP and UDP', async (t, bed) => {
  const server = await bed.serve('node1', 'speed', 5201, ['iperf3', '-s', '--forceflush']);
  const bytes = 100_000_000;
  for (const host of Object.keys(HOSTS))
    for (const direction of [[], ['--reverse'], ['--bidir', '--parallel', '3']]) {
      const command = ['iperf3', '-c', VIP, '-J', '-n', String(bytes), ...direction];
      const {end} = await bed.json(iperfSchema, host, command, 20_000);
      const back = end.sum_sent_bidir_reverse?.bytes ?? 0;
      const backReceived = end.sum_received_bidir_reverse?.bytes ?? 0;
      // With both directions at once it ends as soon as one of them is done. It counts until then: what was under
      // way, some megabytes for each connection, is missing.
      const text = `${host} ${direction.join(' ')}: ${JSON.stringify(end)}`;
      t.true(Math.max(end.sum_sent.bytes, back) >= bytes, text);
      t.true(end.sum_received.bytes >= end.sum_sent.bytes / 4 && backReceived >= back / 4, text);
    }
  // Its server connects the socket on which a client came, and binds another for the next.
  // (node2's address lies in the router's internal network.)
  for (const host of ['client', 'node2'])
    for (const direction of [[], ['--reverse']]) {
      const command = ['iperf3', '-c', VIP, '-J', '-u', '-b', '20M', '-l', '1400', '-t', '1', ...direction];
      const {end} = await bed.json(datagramsSchema, host, command, 20_000);
      t.true(end.sum.packets > 1000 && end.sum.lost_packets < 100, `${host} ${JSON.stringify(end.sum)}`);
    }
  await bed.stop(server);
});

eachMode('dnsmasq over UDP and TCP', async (t, bed) => {
  const options = ['--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--pid-file', '--user=root'];
  const servers = await Promise.all(
    ['node1', 'node2'].map((node, i) => {
      const records = ['--address=/a.test/192.0.2.1', `--txt-record=who.test,${node}`];
      // A long answer is what TCP is for.
      const long = Array.from(
        {length: 60},
        (_, n) => `--txt-record=long.test,${String(n).padStart(60, `${i}`)}`,
      );
      return bed.serve(node, 'names', 53, [
        'dnsmasq',
        '--keep-in-foreground',
        ...options,
        ...records,
        ...long,
      ]);
    }),
  );
  await waitUntil('both serve both', 5000, async () => {
    const all = await bed.endpoints();
    return all.filter((one) => one.application === 'names' && one.state === 'up').length === 4;
  });
  for (const host of Object.keys(HOSTS))
    for (const way of ['+notcp', '+tcp']) {
      const ask = (name: string, type: string) =>
        bed.in(host, ['dig', `@${VIP}`, '+short', '+tries=1', '+timeout=3', way, name, type]);
      t.is(await ask('a.test', 'A'), '192.0.2.1\n');
      const who = new Set<string>();
      for (let i = 0; i < 4; i += 1) who.add(await ask('who.test', 'TXT'));
      t.deepEqual([...who].sort(), ['"node1"\n', '"node2"\n'], `${host} ${way}`);
      // Truncated over UDP: dig then asks again over TCP.
      t.is((await ask('long.test', 'TXT')).trim().split('\n').length, 60);
    }
  for (const server of servers) await bed.stop(server);
});
