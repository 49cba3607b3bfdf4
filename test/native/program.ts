// Runs a C++ program of this folder.

import {existsSync} from 'node:fs';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {ROOT, run} from '../support/command.ts';

export async function program(
  t: ExecutionContext,
  build: 'native' | 'tsan',
  name: string,
  words: readonly string[] = [],
): Promise<void> {
  const file = path.join(ROOT, 'build', build, name);
  t.true(existsSync(file), `build it first: topology/build.sh${build === 'tsan' ? ' tsan' : ''}`);
  // Without the address sanitizer that is loaded into this very process.
  const {status, signal, stdout, stderr} = await run([file, ...words], 110_000, {LD_PRELOAD: ''});
  t.is(status, 0, `${signal ?? ''}\n${stdout}${stderr.slice(0, 4000)}`);
  t.notRegex(stderr, /WARNING: ThreadSanitizer/);
  t.log(stdout.trim());
}
