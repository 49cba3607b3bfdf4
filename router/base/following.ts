// A command of the host that goes on and whose lines tell what changes. One that ends by itself is started
// again, and `onGap` says that lines may have been missed.

import type {Clock, Timer} from './clock.ts';
import type {Exec, Follower} from './exec.ts';
import type {Logger} from './logger.ts';

const RESTART_MS = 1000;

export interface FollowingDeps {
  exec: Exec;
  clock: Clock;
  log: Logger;
}

export class Following {
  readonly #deps: FollowingDeps;
  readonly #command: readonly string[];
  readonly #onLine: (line: string) => void;
  readonly #onGap: () => void;
  #follower: Follower | null = null;
  #restart: Timer | null = null;
  #stopped = false;

  constructor(
    deps: FollowingDeps,
    command: readonly string[],
    onLine: (line: string) => void,
    onGap: () => void,
  ) {
    this.#deps = deps;
    this.#command = command;
    this.#onLine = onLine;
    this.#onGap = onGap;
  }

  start(): void {
    const [file = '', ...words] = this.#command;
    this.#follower = this.#deps.exec.follow(file, words, this.#onLine, () => this.#ended());
  }

  stop(): void {
    this.#stopped = true;
    this.#follower?.stop();
    this.#restart?.cancel();
  }

  #ended(): void {
    if (this.#stopped) return;
    this.#deps.log.warn({command: this.#command.join(' ')}, 'ended by itself; started again');
    this.#restart = this.#deps.clock.after(RESTART_MS, () => {
      this.start();
      this.#onGap();
    });
  }
}
