// The checks of one endpoint: of its sockets, its accept queues and its probes, and what follows from them.

import type {HealthRules} from '../../../router/protocol/health.ts';
import type {FoundEndpoint} from '../endpoints.ts';
import {nextQueueState, queueProblem} from './accept-queue.ts';
import type {QueueState} from './accept-queue.ts';
import type {StoppedCheck} from './stopped.ts';
import {HEALTHY, nextCheckState} from './rise-fall.ts';
import type {CheckState, Counts} from './rise-fall.ts';

/** A connection that no program has taken yet; the cgroup is that of the listener. */
export interface WaitingConnection {
  cookie: bigint;
  cgroup: bigint;
}

export interface SocketInspection {
  stopped: StoppedCheck;
  waiting: (address: string, port: number) => readonly WaitingConnection[];
}

/** The reason of a failing endpoint is one line for people, not longer than this. */
const REASON_LENGTH = 200;

export class EndpointCheck {
  found: FoundEndpoint;
  /** When its last round began, in milliseconds. */
  lastRound = -Infinity;
  /** A round is under way. */
  busy = false;
  /** Was it probed at least once, or did it serve before this agent started? Until then it gets no connections. */
  checked: boolean;
  #sockets = new Map<bigint, CheckState>();
  readonly #queues = new Map<bigint, {queue: QueueState | null; state: CheckState}>();
  #probes = new Map<string, CheckState>();

  constructor(found: FoundEndpoint, checked: boolean) {
    this.found = found;
    this.checked = checked;
  }

  /** Inspects its sockets from outside. Returns whether something is wrong just now. */
  inspect(rules: HealthRules, inspection: SocketInspection, now: number): boolean {
    const stopped = this.#checkStopped(rules, inspection.stopped);
    return this.#checkQueues(rules, inspection, now) || stopped;
  }

  /** Takes the results of its probes, each by its name. */
  takeProbeResults(problems: ReadonlyMap<string, string | null>, counts: Counts): void {
    this.#probes = new Map(
      [...problems].map(([name, problem]) => {
        // The first result counts at once: it decides whether the endpoint starts to serve.
        const before =
          this.#probes.get(name) ?? (this.checked ? HEALTHY : {failure: '', streak: counts.rise - 1});
        return [name, nextCheckState(before, problem, counts)];
      }),
    );
    this.checked = true;
  }

  /** Why it gets no new connections; null: it is healthy. */
  failure(): string | null {
    const {members} = this.found;
    const failureOf = ({socket}: (typeof members)[number]) =>
      this.#sockets.get(socket.cookie)?.failure ?? this.#queues.get(socket.cgroup)?.state.failure ?? null;
    const failures = members.map(failureOf).filter((reason) => reason !== null);
    const [first] = failures;
    if (first !== undefined) {
      const share = members.length > 1 ? `${failures.length} of ${members.length} sockets ` : '';
      return `${share}${first}`.slice(0, REASON_LENGTH);
    }
    const probes = [...this.#probes.values()].flatMap(({failure}) => failure ?? []);
    return probes[0]?.slice(0, REASON_LENGTH) ?? null;
  }

  #checkStopped(rules: HealthRules, check: StoppedCheck): boolean {
    let wrong = false;
    const states = new Map<bigint, CheckState>();
    for (const {socket, folder} of rules.stopped ? this.found.members : []) {
      const problem = check.check(socket.inode, folder);
      wrong ||= problem !== null;
      states.set(socket.cookie, nextCheckState(this.#sockets.get(socket.cookie) ?? HEALTHY, problem, rules));
    }
    this.#sockets = states;
    return wrong;
  }

  /** Sockets that one instance has on the same port are checked together: the kernel tells no more. */
  #checkQueues(rules: HealthRules, {waiting}: SocketInspection, now: number): boolean {
    const {endpoint, members} = this.found;
    const isWatched = rules.queue > 0 && endpoint.protocol === 'tcp';
    const lengths = new Map<bigint, number>();
    for (const {socket} of isWatched ? members : []) {
      lengths.set(socket.cgroup, (lengths.get(socket.cgroup) ?? 0) + socket.receiveQueue);
    }
    for (const cgroup of this.#queues.keys()) if (!lengths.has(cgroup)) this.#queues.delete(cgroup);
    const [member] = members;
    const isWaiting = [...lengths.values()].some((length) => length > 0);
    const all = isWaiting && member ? waiting(member.socket.address, member.socket.port) : [];
    let wrong = false;
    for (const [cgroup, length] of lengths) {
      const cookies = all.filter((one) => one.cgroup === cgroup).map(({cookie}) => cookie);
      const before = this.#queues.get(cgroup);
      const queue = nextQueueState(before?.queue ?? null, {length, waiting: new Set(cookies)}, now);
      const problem = queueProblem(queue, now, rules.queue);
      wrong ||= problem !== null;
      // `rules.queue` seconds have passed: no further failure is waited for.
      const state = nextCheckState(before?.state ?? HEALTHY, problem, {rise: rules.rise, fall: 1});
      this.#queues.set(cgroup, {queue, state});
    }
    return wrong;
  }
}
