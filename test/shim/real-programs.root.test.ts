// Programs as they come, under the library, in both modes: they ask and fetch under their VIP, and are asked.
//
//   namespace …-router                                    namespace …-node
//   the world, 198.51.100.1: files by HTTP, a name server ──veth── curl, dig, dnsmasq and vsftpd as instances

import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type {NodeState} from '../../router/protocol/messages.ts';
import {Bed, VIP, nodeConfigFor, web} from './support.ts';
import {waitUntil} from '../support/wait.ts';

const WORLD = '198.51.100.1';
const SIZE = 100_000;
const application = {
  ...web,
  ports: [
    {protocol: 'tcp' as const, first: 1, last: 30_000},
    {protocol: 'udp' as const, first: 1, last: 30_000},
  ],
};
const nameServer = ['dnsmasq', '-k', '--conf-file=/dev/null', '--port=53', '-u', 'root', '--pid-file='];

for (const mode of ['dsr', 'nat'] as const) {
  const bed = new Bed();
  // Nobody translates here: in NAT mode servers are asked under their node address.
  const target = mode === 'dsr' ? VIP : '10.88.0.11';
  const files = path.join(bed.folder, 'files');
  const empty = path.join(bed.folder, 'empty');

  test.before(async () => {
    await bed.up(nodeConfigFor([application], mode), {blocks: {first: 40_000, size: 256, most: 1}});
    await bed.inRouter('ip', 'address', 'add', `${WORLD}/32`, 'dev', 'lo');
    await bed.inNode('ip', 'route', 'add', 'default', 'via', '10.88.0.1');
    for (const folder of [files, empty]) fs.mkdirSync(folder);
    fs.chmodSync(bed.folder, 0o755);
    fs.writeFileSync(path.join(files, 'file'), 'x'.repeat(SIZE));
    bed.spawnInRouter('python3', ['-m', 'http.server', '8080', '--bind', WORLD, '-d', files]);
    const [command = '', ...args] = nameServer;
    bed.spawnInRouter(command, [
      ...args,
      `--listen-address=${WORLD}`,
      '--bind-interfaces',
      '--address=/x.test/192.0.2.9',
    ]);
    await waitUntil(
      'the world',
      5000,
      async () => (await bed.inRouter('ss', '-Hltn')).match(/:(8080|53) /g)?.length === 2,
    );
    await bed.startAgent();
  });

  test.after.always(() => bed.down());

  const serves = (port: number) => (state: NodeState) => state.endpoints.some((one) => one.port === port);
  const ask = async (...args: string[]) => (await bed.inRouter('dig', '+short', '+tries=1', ...args)).trim();

  test.serial(`${mode}: curl and dig ask under their VIP`, async (t) => {
    const format = '%{local_ip} %{size_download}';
    const curl = bed.start([
      'curl',
      '-sS',
      '-m',
      '5',
      '-o',
      '/dev/null',
      '-w',
      format,
      `http://${WORLD}:8080/file`,
    ]);
    t.is(await curl.end(), 0, curl.stderr);
    t.is(curl.stdout, `${VIP} ${SIZE}`);
    for (const more of [[], ['+tcp']]) {
      const dig = bed.start(['dig', '+short', '+tries=1', ...more, `@${WORLD}`, 'x.test']);
      t.is(await dig.end(), 0, dig.stderr);
      t.is(dig.stdout, '192.0.2.9\n');
    }
  });

  test.serial(`${mode}: dnsmasq answers from the address it was asked at, and asks others`, async (t) => {
    bed.start([...nameServer, '--no-resolv', `--server=${WORLD}`, '--address=/y.test/192.0.2.8']);
    await bed.waitForPut('name server', serves(53));
    t.is(await ask(`@${target}`, 'y.test'), '192.0.2.8');
    t.is(await ask('+tcp', `@${target}`, 'y.test'), '192.0.2.8');
    t.is(await ask(`@${target}`, 'x.test'), '192.0.2.9');
    await bed.endInstances();
  });

  test.serial(`${mode}: vsftpd, passive, extended passive, and active from port 20`, async (t) => {
    const settings = [
      'listen=YES\nbackground=NO\nanonymous_enable=YES\nno_anon_password=YES\nconnect_from_port_20=YES',
      // A block's port is the VIP's own; the control connection has the node address here.
      `pasv_promiscuous=YES\nport_promiscuous=YES\nanon_root=${files}\nsecure_chroot_dir=${empty}\n`,
    ];
    fs.writeFileSync(path.join(bed.folder, 'vsftpd.conf'), settings.join('\n'));
    const program = bed.start(['/usr/sbin/vsftpd', path.join(bed.folder, 'vsftpd.conf')]);
    const since = Date.now();
    await bed.waitForPut(`FTP server ${program.stderr}`, serves(21));
    for (const how of [['--ftp-pasv', '--disable-epsv'], ['--ftp-pasv'], ['--ftp-port', '-']]) {
      const options = ['-sS', '-m', '8', '-o', '/dev/null', '-w', '%{size_download}', ...how];
      t.is(await bed.inRouter('curl', ...options, `ftp://${target}/file`), String(SIZE), how.join(' '));
    }
    const flows = bed.readPuts().flatMap(({time, state}) => (time >= since ? (state.flows ?? []) : []));
    t.deepEqual(
      flows.map(({port, client, opening}) => ({port, client, opening})),
      [{port: 20, client: '10.88.0.1', opening: true}],
    );
    await bed.endInstances();
  });
}
