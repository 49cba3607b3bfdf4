// FTP, whose every file has a connection of its own: passive, extended passive and active, uploads and downloads, with
// vsftpd on three nodes behind one virtual IP, so that a data connection must find the node of its session. The ports
// of passive mode are exclusive: vsftpd chooses one at random, and another one if a session elsewhere has it. In both
// modes.
//
//   client: curl, lftp ──┐                  ┌── node1  vsftpd 21, 20, 30000-30099 exclusive
//                        ├ bridge ── router ├── node2  vsftpd
//   remote ── gateway ───┘                  └── node3  vsftpd

import {chmodSync, mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {inEachMode} from '../support/each-mode.ts';
import {run} from '../support/command.ts';
import {VIP} from '../support/testbed.ts';
import type {Testbed} from '../support/testbed.ts';

const CONFIG = `applications:
  - name: files
    vips: [${VIP}]
    ports: [21/tcp, 20/tcp, 30000-30099/tcp]
    exclusive: [30000-30099/tcp]
`;
const NODES = ['node1', 'node2', 'node3'];
const SIZE = 1_000_000;

/** The folder that all three serve: file.bin to fetch, and a place for uploads. */
async function makeFolder(bed: Testbed): Promise<void> {
  chmodSync(bed.folder, 0o755);
  for (const name of ['ftp', 'ftp/in', 'empty']) mkdirSync(path.join(bed.folder, name));
  chmodSync(path.join(bed.folder, 'ftp/in'), 0o777);
  await run(['sh', '-c', `head -c ${SIZE} /dev/urandom >${bed.folder}/ftp/file.bin`]);
}

/** As it comes, but for who is let in. */
function serverConfig(folder: string): string {
  const settings = {
    listen: 'YES',
    background: 'NO',
    anonymous_enable: 'YES',
    no_anon_password: 'YES',
    anon_root: `${folder}/ftp`,
    write_enable: 'YES',
    anon_upload_enable: 'YES',
    anon_umask: '022',
    secure_chroot_dir: `${folder}/empty`,
    connect_from_port_20: 'YES',
    pasv_min_port: '30000',
    pasv_max_port: '30099',
    xferlog_enable: 'NO',
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

const eachMode = inEachMode({nodes: 3, forwarders: 2, config: CONFIG}, async (bed) => {
  await makeFolder(bed);
  const config = bed.file('vsftpd.conf', serverConfig(bed.folder));
  for (const node of NODES) await bed.serve(node, 'files', 21, ['/usr/sbin/vsftpd', config]);
});

const CURL = {
  passive: ['--disable-epsv'],
  'extended passive': [],
  active: ['--ftp-port', '-', '--disable-eprt'],
  'extended active': ['--ftp-port', '-'],
};

async function same(t: ExecutionContext, first: string, second: string): Promise<void> {
  t.is((await run(['cmp', first, second])).status, 0, `${first} differs from ${second}`);
}

/** Four sessions at once and one after another: with three nodes, chance does not bring them all to the right one. */
async function byCurl(t: ExecutionContext, bed: Testbed, host: string, options: string[]): Promise<void> {
  const file = path.join(bed.folder, 'ftp/file.bin');
  const curl = (...words: string[]) => bed.in(host, ['curl', '-sS', '-m', '20', ...options, ...words]);
  await Promise.all(
    [1, 2, 3, 4].map(async (i) => {
      const name = `${host}-${options.length}-${i}.bin`;
      const fetched = path.join(bed.folder, name);
      await curl('-o', fetched, `ftp://${VIP}/file.bin`);
      await same(t, fetched, file);
      await curl('-T', fetched, `ftp://${VIP}/in/${name}`);
      await same(t, path.join(bed.folder, 'ftp/in', name), file);
      t.regex(await curl(`ftp://${VIP}/`), /file\.bin/);
    }),
  );
  await run(['sh', '-c', `rm -f ${bed.folder}/ftp/in/*`]);
}

async function byLftp(t: ExecutionContext, bed: Testbed, host: string, passive: boolean): Promise<void> {
  const folder = path.join(bed.folder, `${host}-${passive ? 'passive' : 'active'}`);
  mkdirSync(folder);
  for (const name of ['a', 'b', 'c'])
    writeFileSync(path.join(folder, name), `${host} ${name}\n`.repeat(10_000));
  const script = `set net:timeout 5; set net:max-retries 2; set ftp:passive-mode ${passive}; open ${VIP};
mirror --reverse --parallel=3 ${folder} in; get file.bin -o ${folder}/file.bin; cls in; bye`;
  await bed.in(host, ['lftp', '--norc', '-c', script], 30_000);
  for (const name of ['a', 'b', 'c'])
    await same(t, path.join(folder, name), path.join(bed.folder, 'ftp/in', name));
  await same(t, path.join(folder, 'file.bin'), path.join(bed.folder, 'ftp/file.bin'));
  await run(['sh', '-c', `rm -f ${bed.folder}/ftp/in/*`]);
}

for (const [how, options] of Object.entries(CURL))
  eachMode(`curl, ${how}`, async (t, bed) => {
    for (const host of ['client', 'remote']) await byCurl(t, bed, host, options);
  });

for (const passive of [true, false])
  eachMode(`lftp, ${passive ? 'passive' : 'active'}, several sessions at once`, async (t, bed) => {
    for (const host of ['client', 'remote']) await byLftp(t, bed, host, passive);
  });
