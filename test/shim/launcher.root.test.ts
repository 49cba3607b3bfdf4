// coscanet-node run: the cgroup, the environment, exit codes, and what it refuses.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {must, run} from '../support/command.ts';
import {Bed, library, nodeCommand} from './support.ts';

const bed = new Bed();
const root = ['--cgroup-root', bed.cgroupRoot];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coscanet-run-'));

const launch = (args: string[], env: Record<string, string> = {}) =>
  run([nodeCommand, 'run', ...args], 60_000, env);

async function compile(name: string, ...options: string[]): Promise<string> {
  const source = path.join(folder, `${name}.c`);
  fs.writeFileSync(source, 'int main(void) { return 0; }\n');
  await must(['gcc', ...options, '-o', path.join(folder, name), source]);
  return path.join(folder, name);
}

function write(name: string, text: string, mode: number): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  fs.chmodSync(file, mode);
  return file;
}

test.after.always(async () => {
  await bed.down();
  fs.rmSync(folder, {recursive: true, force: true});
});

test.serial('a program is put into its cgroup, nested at dashes, before it starts', async (t) => {
  const web = await launch([
    '--app',
    'web',
    ...root,
    '--',
    'sh',
    '-c',
    'grep ^0:: /proc/self/cgroup; echo $$',
  ]);
  const [cgroup, pid] = web.stdout.trim().split('\n');
  t.is(cgroup, `0::${bed.cgroupRoot}/coscanet.slice/coscanet-web.slice/run-${pid}.scope`);
  const env = {COSCANET_CGROUP_ROOT: bed.cgroupRoot};
  const nested = await launch(['--app=my-own-app', 'grep', '^0::', '/proc/self/cgroup'], env);
  const slices = 'coscanet.slice/coscanet-my.slice/coscanet-my-own.slice/coscanet-my-own-app.slice';
  t.true(nested.stdout.startsWith(`0::${bed.cgroupRoot}/${slices}/run-`), nested.stdout);
});

test.serial('LD_PRELOAD is put first, the rest of it is kept', async (t) => {
  const own = await launch(['--app', 'web', ...root, 'printenv', 'LD_PRELOAD']);
  t.is(own.stdout, `${library}\n`);
  const other = await launch(['--app', 'web', ...root, 'printenv', 'LD_PRELOAD'], {LD_PRELOAD: library});
  t.is(other.stdout, `${library}:${library}\n`);
});

test.serial("the exit status is the command's", async (t) => {
  t.is((await launch(['--app', 'web', ...root, '--', 'sh', '-c', 'exit 7'])).status, 7);
  t.is((await launch(['--app', 'web', ...root, '--', 'true'])).status, 0);
});

test.serial('--uid takes names and numbers', async (t) => {
  const readable = fs.mkdtempSync('/tmp/coscanet-lib-');
  fs.chmodSync(readable, 0o755);
  for (const file of ['coscanet-run', 'libcoscanet.so']) {
    fs.copyFileSync(path.join(path.dirname(library), file), path.join(readable, file));
    fs.chmodSync(path.join(readable, file), 0o755);
  }
  for (const [user, id] of [
    ['nobody', 65534],
    ['4711', 4711],
  ] as const) {
    const {stdout} = await must([
      path.join(readable, 'coscanet-run'),
      '--app',
      'web',
      ...root,
      '--uid',
      user,
      'sh',
      '-c',
      'id -u; id -G; echo $LD_PRELOAD',
    ]);
    const [uid, groups, preload] = stdout.split('\n');
    t.is(uid, String(id));
    t.is(groups, String(id));
    t.is(preload, path.join(readable, 'libcoscanet.so'));
  }
  // The loader would only warn, and the program would bind unmanaged.
  fs.chmodSync(path.join(readable, 'libcoscanet.so'), 0o700);
  const hidden = await run([
    path.join(readable, 'coscanet-run'),
    '--app',
    'web',
    ...root,
    '--uid',
    'nobody',
    'true',
  ]);
  t.is(hidden.status, 126);
  t.regex(hidden.stderr, /the user 65534 cannot read .*libcoscanet\.so: Permission denied/);
  fs.rmSync(readable, {recursive: true});
});

test.serial('what it refuses, with one line each, and no cgroup made', async (t) => {
  const fixed = await compile('fixed', '-static');
  const pie = await compile('pie', '-static-pie');
  const script = write('script', `#!${fixed}\n`, 0o755);
  const cases: [string[], number, RegExp][] = [
    [['--app', 'none', fixed], 2, /fixed is statically linked: libcoscanet\.so cannot reach it/],
    [['--app', 'none', pie], 2, /statically linked/],
    [['--app', 'none', script], 2, /fixed is statically linked/],
    [['--app', 'None', 'true'], 2, /"None" is no application name: use lower-case letters/],
    [['--app', 'none-', 'true'], 2, /no application name/],
    [['--app', '../../etc', 'true'], 2, /no application name/],
    [['--app', 'none'], 2, /the command is missing/],
    [['true'], 2, /--app NAME is missing/],
    [['--app', 'none', '--nonsense', 'true'], 2, /unknown option --nonsense/],
    [['--app', 'none', '--uid', 'no-such-user', 'true'], 2, /there is no user no-such-user/],
    [['--app', 'none', 'no-such-command'], 127, /no-such-command: command not found/],
    [['--app', 'none', '/no/such/file'], 127, /No such file or directory/],
    [['--app', 'none', '/etc/passwd'], 126, /not an executable file/],
  ];
  for (const [args, status, line] of cases) {
    const ended = await launch([...root, ...args]);
    t.is(ended.status, status, args.join(' '));
    t.regex(ended.stderr, line);
    t.is(ended.stderr.trim().split('\n').length, 1);
    t.true(ended.stderr.startsWith('coscanet-node run: '));
  }
  t.false(fs.existsSync(path.join(bed.cgroupFolder, 'coscanet.slice/coscanet-none.slice')));
});

test.serial('a setuid program is warned of, not refused', async (t) => {
  const file = await compile('gains');
  fs.chownSync(file, 4711, 4711);
  fs.chmodSync(file, 0o4755);
  const ended = await launch(['--app', 'web', ...root, file]);
  t.is(ended.status, 0);
  t.regex(ended.stderr, /warning: .*gains is setuid or setgid: the loader drops the preload library/);
});
