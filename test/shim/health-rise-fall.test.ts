// The pure parts of health: rise and fall, and samples of an accept queue.

import test from 'ava';
import {nextQueueState, queueProblem} from '../../shim/agent/health/accept-queue.ts';
import type {QueueState} from '../../shim/agent/health/accept-queue.ts';
import {findFreezer} from '../../shim/agent/health/stopped.ts';
import {HEALTHY, nextCheckState} from '../../shim/agent/health/rise-fall.ts';

/** One character for each check: '.' good, 'x' bad; the answer: 'h' healthy, 'f' failing after it. */
function states(checks: string, rise: number, fall: number): string {
  let state = HEALTHY;
  return [...checks]
    .map((check) => {
      state = nextCheckState(state, check === 'x' ? 'broken' : null, {rise, fall});
      return state.failure === null ? 'h' : 'f';
    })
    .join('');
}

test('rise and fall', (t) => {
  t.is(states('.xx...', 2, 2), 'hhffhh');
  t.is(states('x.x.x.', 2, 2), 'hhhhhh', 'never two in a row');
  t.is(states('xxx.xx.x..', 2, 3), 'hhfffffffh');
  t.is(states('x.x.', 1, 1), 'fhfh');
});

test('a failing check keeps its latest reason', (t) => {
  const counts = {rise: 2, fall: 1};
  const first = nextCheckState(HEALTHY, 'refused', counts);
  t.is(nextCheckState(first, 'no answer', counts).failure, 'no answer');
  t.is(nextCheckState(first, null, counts).failure, 'refused');
});

interface Sight {
  waiting: string;
  /** Reset by their clients, and still in the queue. */
  reset?: number;
  stuckSince: number | null;
}

/** Sights one second apart. */
const queues: {title: string; sights: Sight[]}[] = [
  {
    title: 'nobody takes anything',
    sights: [
      {waiting: '', stuckSince: null},
      {waiting: 'a', stuckSince: 1},
      {waiting: 'ab', stuckSince: 1},
      {waiting: 'abc', stuckSince: 1},
    ],
  },
  {
    title: 'full, but moving',
    sights: [
      {waiting: 'abcd', stuckSince: 0},
      {waiting: 'bcde', stuckSince: 1},
      {waiting: 'cdef', stuckSince: 2},
    ],
  },
  {
    title: 'taken one, none came',
    sights: [
      {waiting: 'ab', stuckSince: 0},
      {waiting: 'b', stuckSince: 1},
      {waiting: 'b', stuckSince: 1},
      {waiting: '', stuckSince: null},
      {waiting: 'c', stuckSince: 4},
    ],
  },
  {
    title: 'a client that resets is not one that was taken',
    sights: [
      {waiting: 'abc', stuckSince: 0},
      {waiting: 'bc', reset: 1, stuckSince: 0},
      {waiting: 'c', reset: 2, stuckSince: 0},
      {waiting: '', reset: 3, stuckSince: 0},
      {waiting: 'd', reset: 3, stuckSince: 0},
      {waiting: 'd', reset: 1, stuckSince: 5},
    ],
  },
];

for (const {title, sights} of queues) {
  test(`queue: ${title}`, (t) => {
    let state: QueueState | null = null;
    for (const [second, {waiting, reset = 0, stuckSince}] of sights.entries()) {
      const cookies = new Set([...waiting].map((name) => BigInt(name.charCodeAt(0))));
      state = nextQueueState(state, {length: cookies.size + reset, waiting: cookies}, second * 1000);
      t.is(state && state.since / 1000, stuckSince, `second ${second}`);
    }
  });
}

test('a queue becomes a problem after its patience', (t) => {
  const state = nextQueueState(null, {length: 128, waiting: new Set()}, 0);
  t.is(queueProblem(state, 2999, 3), null);
  t.is(queueProblem(state, 3000, 3), 'accept queue does not move for 3 s (128 connections wait)');
  t.is(queueProblem(null, 9000, 3), null);
});

test('where the freezer of cgroup v1 is', (t) => {
  const line = '35 29 0:31 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer';
  t.is(findFreezer(`1 2 3:4 / / rw - ext4 /dev/vda rw\n${line}\n`), '/sys/fs/cgroup/freezer');
  t.is(findFreezer('30 29 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n'), null);
});
