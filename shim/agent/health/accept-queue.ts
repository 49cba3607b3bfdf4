// Does a program still take its connections? The kernel shows those that it has not taken (they belong to no
// descriptor yet): while none of those that waited before has left, nothing moves. Pure.
//
//   listener's queue: [c1 c2 c3]  ──3 s──►  [c1 c2 c3 c4]      c1 to c3 are all still there: stuck
//                                           [c3 c4 c5]         c1 and c2 were taken: slow perhaps, but it works

/** What is seen of a queue at one time. */
export interface QueueSight {
  /** As the kernel counts them, connections that their clients have reset included. */
  length: number;
  /** The cookies of those that live. */
  waiting: ReadonlySet<bigint>;
}

export interface QueueState {
  readonly sight: QueueSight;
  /** Since when nothing has moved, in milliseconds. */
  readonly since: number;
}

/** A connection that was reset leaves `waiting`, but not the queue: it is gone without having been taken. */
const resets = ({length, waiting}: QueueSight) => length - waiting.size;

function hasMoved(before: QueueSight, now: QueueSight): boolean {
  const left = [...before.waiting].filter((cookie) => !now.waiting.has(cookie)).length;
  return now.length < before.length || left > Math.max(resets(now) - resets(before), 0);
}

/** null: nothing waits. */
export function nextQueueState(before: QueueState | null, sight: QueueSight, now: number): QueueState | null {
  if (sight.length === 0) return null;
  return {sight, since: before === null || hasMoved(before.sight, sight) ? now : before.since};
}

export function queueProblem(state: QueueState | null, now: number, patience: number): string | null {
  if (state === null || now - state.since < patience * 1000) return null;
  const connections =
    state.sight.length === 1 ? '1 connection waits' : `${state.sight.length} connections wait`;
  return `accept queue does not move for ${patience} s (${connections})`;
}
