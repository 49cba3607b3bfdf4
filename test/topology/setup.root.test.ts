// What setup.sh does on machines that lack something. Each case runs in a mount namespace of its own, with a
// path in which one command is missing and an overlay over /usr/sbin, so that the real machine stays as it is.

import {chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import type {ExecutionContext} from 'ava';
import {run} from '../support/command.ts';
import type {Result} from '../support/command.ts';

const MISSING = 'clang-format-14';
const POLICY = '/usr/sbin/policy-rc.d';

interface Machine {
  folder: string;
  bin: string;
}

/** All commands of /usr/bin but one; apt-get only writes down what it was asked and what the policy says. */
function machine(t: ExecutionContext): Machine {
  const folder = mkdtempSync(path.join(tmpdir(), 'coscanet-setup-'));
  t.teardown(() => rmSync(folder, {recursive: true, force: true}));
  const bin = path.join(folder, 'bin');
  for (const name of ['bin', 'upper', 'work']) mkdirSync(path.join(folder, name));
  for (const name of readdirSync('/usr/bin'))
    if (![MISSING, 'apt-get'].includes(name)) symlinkSync(`/usr/bin/${name}`, path.join(bin, name));
  return {folder, bin};
}

function command({bin}: Machine, name: string, script: string): void {
  const file = path.join(bin, name);
  rmSync(file, {force: true});
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** Runs setup.sh on that machine, with `before` and `after` done inside its mount namespace. */
async function setup({folder, bin}: Machine, release: string, before = '', after = ''): Promise<Result> {
  writeFileSync(path.join(folder, 'os-release'), release);
  const script = `
    mount -t overlay -o lowerdir=/usr/sbin,upperdir=${folder}/upper,workdir=${folder}/work overlay /usr/sbin
    mount --bind ${folder}/os-release "$(readlink -f /etc/os-release)"
    ${before}
    PATH=${bin} topology/setup.sh test
    status=$?
    ${after}
    exit $status`;
  return run(['unshare', '--mount', '--propagation', 'private', 'bash', '-c', script]);
}

const DEBIAN = 'ID=debian\nVERSION_ID=12\n';

test('another distribution: names the command and what provides it, and stops', async (t) => {
  const result = await setup(machine(t), 'ID=fedora\nVERSION_ID=43\n');
  t.is(result.status, 1);
  t.regex(result.stderr, /not Debian 12/);
  t.regex(result.stderr, new RegExp(`^ +${MISSING} \\(on Debian: package ${MISSING}\\)$`, 'm'));
});

test('an old Node.js: says which is needed', async (t) => {
  const old = machine(t);
  command(old, 'node', 'echo 18.19.0');
  const result = await setup(old, DEBIAN);
  t.is(result.status, 1);
  t.regex(result.stderr, /Node\.js 18\.19\.0 is too old; COSCANet needs 20\.19/);
});

const APT = `case $1 in install) echo "asked: $*" >&2; ${POLICY} nginx start; echo "policy: $?" >&2; exit 100 ;; esac`;

test('an installation says first what it will do, starts no daemon, and puts the policy back', async (t) => {
  const debian = machine(t);
  command(debian, 'apt-get', APT);
  const before = `printf '#!/bin/sh\\nexit 7\\n' >${POLICY}; chmod 755 ${POLICY}`;
  const result = await setup(debian, DEBIAN, before, `${POLICY}; echo "afterwards: $?"; ls ${POLICY}*`);
  t.is(result.status, 100, result.stderr);
  t.regex(result.stdout, new RegExp(`^setup: will install the Debian packages: ${MISSING}\n`));
  t.regex(result.stderr, new RegExp(`asked: install .*--no-install-recommends ${MISSING}`));
  t.regex(result.stderr, /policy: 101/);
  t.regex(result.stdout, new RegExp(`afterwards: 7\n${POLICY}\n$`), 'what was there before is back, alone');
});

test('an installation that is interrupted leaves no policy where there was none', async (t) => {
  const debian = machine(t);
  command(debian, 'apt-get', 'case $1 in install) kill -TERM "$PPID"; sleep 1 ;; esac');
  const result = await setup(debian, DEBIAN, `rm -f ${POLICY}`, `ls ${POLICY}* || true`);
  t.not(result.status, 0);
  t.notRegex(result.stdout, new RegExp(POLICY));
});

test('a policy that a killed set-up left behind goes with the next one', async (t) => {
  const debian = machine(t);
  command(debian, 'apt-get', 'case $1 in install) kill -KILL "$PPID" ;; esac');
  const again = `PATH=${debian.bin} topology/setup.sh test; ${POLICY}; echo "afterwards: $?"`;
  const before = `printf '#!/bin/sh\\nexit 7\\n' >${POLICY}; chmod 755 ${POLICY}`;
  const calm = `printf '#!/bin/sh\\nexit 1\\n' >${debian.bin}/apt-get`;
  const result = await setup(debian, DEBIAN, before, `${calm}; ${again}`);
  t.regex(result.stdout, /afterwards: 7\n$/);
});
