// Finds forwarders that are there but do nothing: stopped, or stuck in a loop's turn. Such a one keeps its share of the
// flows, whose frames wait in its sockets' rings; no end of a process tells of it, only its heartbeat.

import type {Segment} from '../../../../addon/router.ts';
import type {Clock, Timer} from '../../../base/clock.ts';
import {STUCK_MS} from '../../provider.ts';

const CHECK_MS = 250;

export interface Watched {
  index: number;
  pid: number;
  /** Clock.now when its loop was said to run. */
  startedAt: number;
}

export interface WatchdogDeps {
  segment: Pick<Segment, 'forwarders'>;
  clock: Clock;
  /** Whose loops should turn. */
  running: () => readonly Watched[];
  /** Told once of each process. */
  onStuck: (watched: Watched, silentMs: number) => void;
}

export class Watchdog {
  readonly #deps: WatchdogDeps;
  #timer: Timer | null = null;
  #lastCheck = 0;
  /** Process ids that were silent at the last check. */
  #silent: ReadonlySet<number> = new Set();
  readonly #told = new Set<number>();

  constructor(deps: WatchdogDeps) {
    this.#deps = deps;
  }

  start(): void {
    const {clock} = this.#deps;
    this.#lastCheck = clock.now();
    this.#timer = clock.every(CHECK_MS, () => this.#check());
  }

  close(): void {
    this.#timer?.cancel();
  }

  /**
   * Twice in a row, and only while the supervisor itself was on time: when the whole machine (or a control group with
   * both in it) has been suspended, the supervisor may be the first that runs again.
   */
  #check(): void {
    const {clock, running, onStuck} = this.#deps;
    const now = clock.now();
    const late = now - this.#lastCheck > 2 * CHECK_MS;
    this.#lastCheck = now;
    const all = running();
    const pids = new Set(all.map(({pid}) => pid));
    for (const pid of this.#told) if (!pids.has(pid)) this.#told.delete(pid);
    const silent = all
      .map((one) => ({one, ageMs: this.#silentFor(one, now)}))
      .filter(({ageMs}) => ageMs >= STUCK_MS);
    const before = late ? new Set<number>() : this.#silent;
    this.#silent = new Set(silent.map(({one}) => one.pid));
    for (const {one, ageMs} of silent) {
      if (!before.has(one.pid) || this.#told.has(one.pid)) continue;
      this.#told.add(one.pid);
      onStuck(one, ageMs);
    }
  }

  /** By the boot clock, which goes on while the machine sleeps; one that never turned is silent since its start. */
  #silentFor({index, pid, startedAt}: Watched, now: number): number {
    const info = this.#deps.segment.forwarders().find((one) => one.index === index && one.pid === pid);
    return info ? info.heartbeatAgeMs : now - startedAt;
  }
}
