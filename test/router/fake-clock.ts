// A clock that moves only when told.

import type {Clock, Timer} from '../../router/base/clock.ts';

interface Pending {
  at: number;
  everyMs: number | null;
  action: () => void;
}

export class FakeClock implements Clock {
  #now = 0;
  readonly #pending = new Set<Pending>();

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now;
  }

  after(ms: number, action: () => void): Timer {
    return this.#add({at: this.#now + ms, everyMs: null, action});
  }

  every(ms: number, action: () => void): Timer {
    return this.#add({at: this.#now + ms, everyMs: ms, action});
  }

  #add(pending: Pending): Timer {
    this.#pending.add(pending);
    return {cancel: () => void this.#pending.delete(pending)};
  }

  /** Lets time pass while nothing runs (as a stopped process): what was due is due once, when it goes on. */
  stall(ms: number): void {
    this.#now += ms;
    for (const pending of this.#pending) pending.at = Math.max(pending.at, this.#now);
  }

  /** Lets time pass, running what is due in order; promises get their turn after each action. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#pending].filter((one) => one.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#now = due.at;
      if (due.everyMs === null) this.#pending.delete(due);
      else due.at += due.everyMs;
      due.action();
      await settled();
    }
    this.#now = end;
    await settled();
  }
}

/** Lets everything that waits for promises only run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
