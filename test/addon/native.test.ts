// The C++ programs of test/native: the hash; headers; the shared flow table and the segment under threads (with
// the thread sanitizer) and under SIGKILL (as released).

import {existsSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type {ExecutionContext} from 'ava';
import {ROOT, run} from '../support/testbed.ts';

async function program(
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

test.serial('hash: bits, buckets and keys', program, 'native', 'keyed_hash');
test.serial('IPv4: the quick look says what the careful ones say', program, 'native', 'plain_header');
test.serial('a ring whose slots become ready out of turn', program, 'native', 'ring_order');
test.serial('a policy is in force for what is received after it', program, 'native', 'fresh_policy');
test.serial('flow table: half full, where flows lie', program, 'native', 'flow_table_places');
test.serial('flow table: threads, no torn flow, no data race', program, 'tsan', 'flow_table_threads');
test.serial('flow table: threads at full speed', program, 'native', 'flow_table_threads');
test.serial('flow table: writers killed at any instruction', program, 'native', 'flow_table_crash');
test.serial('segment: snapshots published and read, no data race', program, 'tsan', 'segment_threads');
test.serial('segment: snapshots at full speed', program, 'native', 'segment_threads');
test.serial('affinity: one choice, whoever sees the client first', program, 'tsan', 'affinity_threads');
test.serial('affinity: one choice, at full speed', program, 'native', 'affinity_threads');
test.serial('affinity: one choice, also for the last place', program, 'native', 'affinity_threads', [
  '3000',
  '8192',
]);
