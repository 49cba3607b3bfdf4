// The C++ programs of this folder that have threads, with the thread sanitizer.

import test from 'ava';
import {program} from './program.ts';

test.serial('flow table: threads, no torn flow, no data race', program, 'tsan', 'flow_table_threads');
test.serial('segment: snapshots published and read, no data race', program, 'tsan', 'segment_threads');
test.serial('affinity: one choice, whoever sees the client first', program, 'tsan', 'affinity_threads');
