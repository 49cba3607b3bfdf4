// The unit's after-stop.sh: what systemd's job says decides whether anything is removed. What systemctl prints was seen
// with systemd 252.

import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';

const folder = fileURLToPath(new URL('../../../../router/systemd/', import.meta.url));
const UNIT = 'coscanet-router.service';

/** What was run of coscanet-router, '' if nothing. `answer`: a shell command in the place of systemctl. */
function afterStop(answer: string, result: string): string {
  const bin = mkdtempSync(join(tmpdir(), 'coscanet-unit-'));
  try {
    const ran = join(bin, 'ran');
    writeFileSync(ran, '');
    const expected = `[ "$*" = "list-jobs --no-legend --plain ${UNIT}" ] || exit 9`;
    writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\n${expected}\n${answer}\n`, {mode: 0o755});
    writeFileSync(join(bin, 'coscanet-router'), `#!/bin/sh\necho "$*" >${ran}\n`, {mode: 0o755});
    const env = {PATH: `${bin}:/usr/bin:/bin`, SERVICE_RESULT: result};
    execFileSync(`${folder}after-stop.sh`, [UNIT, '/run/coscanet'], {
      env,
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    return readFileSync(ran, 'utf8').trim();
  } finally {
    rmSync(bin, {recursive: true, force: true});
  }
}

const CLEANUP = 'cleanup --run-dir /run/coscanet';
const cases: [string, string, string, string][] = [
  ['restart', `echo '5 ${UNIT} restart running'`, 'success', ''],
  ['stop, and start at once', `echo '12 ${UNIT} start waiting'`, 'success', ''],
  ['a crash', ':', 'signal', ''],
  ['it ended by itself and was started again', ':', 'success', ''],
  ['stop', `echo '15 ${UNIT} stop running'`, 'success', CLEANUP],
  ['stop of one that hangs', `echo '15 ${UNIT} stop running'`, 'timeout', CLEANUP],
  ['stop of one that crashes', `echo '15 ${UNIT} stop running'`, 'signal', CLEANUP],
  ['nobody can say, after a stop', 'exit 1', 'success', CLEANUP],
  ['nobody can say, after a crash', 'exit 1', 'signal', ''],
];
for (const [title, answer, result, expected] of cases)
  test(`${title}: ${expected === '' ? 'all is left for the next router' : 'the host is cleaned up'}`, (t) => {
    t.is(afterStop(answer, result), expected);
  });

test('the unit: stopping hands over, and the run directory outlives everything', (t) => {
  const unit = readFileSync(`${folder}${UNIT}`, 'utf8');
  const lines = unit.split('\n');
  for (const line of [
    'KillSignal=SIGUSR2',
    'KillMode=process',
    'RuntimeDirectoryPreserve=yes',
    'StateDirectory=coscanet',
    'ExecStopPost=/usr/lib/coscanet/router/systemd/after-stop.sh %n /run/coscanet',
  ])
    t.true(lines.includes(line), line);
});
