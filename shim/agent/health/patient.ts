// One endpoint under observation: its sockets, the verdict of each check, and what follows from them.

import type {HealthRules} from '../../../router/protocol/health.ts';
import type {FoundEndpoint} from '../endpoints.ts';
import {nextQueueState, queueProblem} from './accept-queue.ts';
import type {QueueState} from './accept-queue.ts';
import type {StoppedCheck} from './stopped.ts';
import {WELL, nextVerdict} from './verdict.ts';
import type {Counts, Verdict} from './verdict.ts';

/** A connection that no program has taken yet; the cgroup is that of the listener. */
export interface WaitingConnection {
  cookie: bigint;
  cgroup: bigint;
}

export interface Insight {
  stopped: StoppedCheck;
  waiting: (address: string, port: number) => readonly WaitingConnection[];
}

/** Of failing endpoints people read one line, not longer than this. */
const REASON_LENGTH = 200;

export class Patient {
  found: FoundEndpoint;
  /** When its last round began, in milliseconds. */
  lastRound = -Infinity;
  /** A round is under way. */
  isBusy = false;
  /** Was it asked at least once, or did it serve before this agent came? Until then it gets no connections. */
  isKnown: boolean;
  #sockets = new Map<bigint, Verdict>();
  readonly #queues = new Map<bigint, {state: QueueState | null; verdict: Verdict}>();
  #probes = new Map<string, Verdict>();

  constructor(found: FoundEndpoint, isKnown: boolean) {
    this.found = found;
    this.isKnown = isKnown;
  }

  /** Looks at its sockets from outside. Returns whether something is wrong just now. */
  examine(rules: HealthRules, insight: Insight, now: number): boolean {
    const stopped = this.#lookForStopped(rules, insight.stopped);
    return this.#lookAtQueues(rules, insight, now) || stopped;
  }

  /** Takes what its probes found, each by its name. */
  probed(problems: ReadonlyMap<string, string | null>, counts: Counts): void {
    this.#probes = new Map(
      [...problems].map(([name, problem]) => {
        // The first answer ever counts at once: it decides whether the endpoint begins.
        const before = this.#probes.get(name) ?? (this.isKnown ? WELL : {sick: '', against: counts.rise - 1});
        return [name, nextVerdict(before, problem, counts)];
      }),
    );
    this.isKnown = true;
  }

  /** Why it gets no new connections; null: it is well. */
  failing(): string | null {
    const {members} = this.found;
    const verdictOf = ({socket}: (typeof members)[number]) =>
      this.#sockets.get(socket.cookie)?.sick ?? this.#queues.get(socket.cgroup)?.verdict.sick ?? null;
    const sick = members.map(verdictOf).filter((reason) => reason !== null);
    const [first] = sick;
    if (first !== undefined) {
      const share = members.length > 1 ? `${sick.length} of ${members.length} sockets ` : '';
      return `${share}${first}`.slice(0, REASON_LENGTH);
    }
    const probes = [...this.#probes.values()].flatMap(({sick: reason}) => reason ?? []);
    return probes[0]?.slice(0, REASON_LENGTH) ?? null;
  }

  #lookForStopped(rules: HealthRules, check: StoppedCheck): boolean {
    let isWrong = false;
    const verdicts = new Map<bigint, Verdict>();
    for (const {socket, folder} of rules.stopped ? this.found.members : []) {
      const problem = check.check(socket.inode, folder);
      isWrong ||= problem !== null;
      verdicts.set(socket.cookie, nextVerdict(this.#sockets.get(socket.cookie) ?? WELL, problem, rules));
    }
    this.#sockets = verdicts;
    return isWrong;
  }

  /** Sockets that one instance has on the same port are looked at together: the kernel tells no more. */
  #lookAtQueues(rules: HealthRules, {waiting}: Insight, now: number): boolean {
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
    let isWrong = false;
    for (const [cgroup, length] of lengths) {
      const cookies = all.filter((one) => one.cgroup === cgroup).map(({cookie}) => cookie);
      const before = this.#queues.get(cgroup);
      const state = nextQueueState(before?.state ?? null, {length, waiting: new Set(cookies)}, now);
      const problem = queueProblem(state, now, rules.queue);
      isWrong ||= problem !== null;
      // Its patience is the only fall that it needs.
      const verdict = nextVerdict(before?.verdict ?? WELL, problem, {rise: rules.rise, fall: 1});
      this.#queues.set(cgroup, {state, verdict});
    }
    return isWrong;
  }
}
