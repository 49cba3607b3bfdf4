// What the router ordered last: who waits for it, and what of it people should know.

import type {Clock} from '../../router/base/clock.ts';
import type {Logger} from '../../router/base/logger.ts';
import type {NodeConfig} from '../../router/protocol/messages.ts';

/** A program waits 5 s; the reason must reach it before. */
const WAIT_MS = 4500;

/** What decides which sockets are endpoints. */
const ruling = (orders: NodeConfig | null) => JSON.stringify([orders?.mode, orders?.applications]);

export class StandingOrders {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #waiting = new Set<() => void>();
  #current: NodeConfig | null = null;
  #failure = '';
  #refused = '';

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Null before the router's first answer. */
  get current(): NodeConfig | null {
    return this.#current;
  }

  /** Resolves with null if there are none within the time a program waits. */
  wait(): Promise<NodeConfig | null> {
    if (this.#current !== null) return Promise.resolve(this.#current);
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        this.#waiting.delete(done);
        resolve(this.#current);
      };
      const timer = this.#clock.after(WAIT_MS, done);
      this.#waiting.add(done);
    });
  }

  /** Takes the router's answer. Returns whether other sockets may be endpoints now. */
  take(orders: NodeConfig): boolean {
    const before = this.#current;
    this.#current = orders;
    if (this.#failure !== '' || before === null) {
      this.#log.info({router: orders.router}, `the router ${orders.router.address} answers`);
    }
    this.#failure = '';
    this.#tellRefused(orders);
    if (before !== null && before.mode !== orders.mode) {
      const mode = orders.mode.toUpperCase();
      this.#log.warn({}, `the router is in ${mode} mode now: programs have to be started again`);
    }
    return before !== orders && ruling(before) !== ruling(orders);
  }

  /** Those that wait go on. */
  release(): void {
    for (const done of this.#waiting) done();
  }

  /** The router did not answer, or not with orders. Told once. */
  fail(text: string): void {
    if (text !== this.#failure) this.#log.error({}, text);
    this.#failure = text;
  }

  #tellRefused(orders: NodeConfig): void {
    const refused = orders.refused.map(({endpoint, reason}) => {
      return `${endpoint.application} ${endpoint.vip}:${endpoint.port}/${endpoint.protocol}: ${reason}`;
    });
    if (refused.join() !== this.#refused) {
      for (const line of refused) this.#log.error({}, `the router refuses an endpoint: ${line}`);
    }
    this.#refused = refused.join();
  }
}
