// The C++ programs of this folder, as released: the hash; headers; the shared flow table and the segment under
// threads and under SIGKILL.

import test from 'ava';
import {program} from './program.ts';

test.serial('hash: bits, buckets and keys', program, 'native', 'keyed_hash');
test.serial('IPv4: the quick look says what the careful ones say', program, 'native', 'plain_header');
test.serial('a ring whose slots become ready out of turn', program, 'native', 'ring_order');
test.serial('a policy is in force for what is received after it', program, 'native', 'fresh_policy');
test.serial('frames for an interface that is not there are counted', program, 'native', 'missing_interface');
test.serial('flow table: half full, where flows are', program, 'native', 'flow_table_candidates');
test.serial('flow table: threads at full speed', program, 'native', 'flow_table_threads');
test.serial('flow table: writers killed at any instruction', program, 'native', 'flow_table_crash');
test.serial('segment: snapshots at full speed', program, 'native', 'segment_threads');
test.serial('affinity: one choice, at full speed', program, 'native', 'affinity_threads');
test.serial('affinity: one choice, also for the last place', program, 'native', 'affinity_threads', [
  '3000',
  '8192',
]);
