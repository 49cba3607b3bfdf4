// When an address is announced after it was claimed, or its link came back (RFC 5227 §3): at once, and again, for a
// frame may be lost, and a port of a switch may take seconds until it forwards.

import type {Clock, Timer} from '../../base/clock.ts';

const AT_MS = [0, 150, 1100, 2300, 5000];

export class Announcements {
  readonly #clock: Pick<Clock, 'after'>;
  /** The next one of each. */
  readonly #next = new Map<string, Timer>();

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock;
  }

  /** Calls `announce` now and at the other times; who has `key` begins anew. */
  start(key: string, announce: () => void): void {
    this.stop(key);
    this.#go(key, announce, 0);
  }

  stop(key: string): void {
    this.#next.get(key)?.cancel();
    this.#next.delete(key);
  }

  close(): void {
    for (const key of this.#next.keys()) this.stop(key);
  }

  #go(key: string, announce: () => void, n: number): void {
    announce();
    const [now, next] = AT_MS.slice(n);
    if (now === undefined || next === undefined) this.#next.delete(key);
    else
      this.#next.set(
        key,
        this.#clock.after(next - now, () => this.#go(key, announce, n + 1)),
      );
  }
}
