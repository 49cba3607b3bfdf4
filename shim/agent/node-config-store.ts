// The node configuration of the router's last answer: requests wait here for the first one, and what operators
// should know of it is logged.

import type {Clock} from '../../router/base/clock.ts';
import type {Logger} from '../../router/base/logger.ts';
import type {NodeConfig} from '../../router/protocol/messages.ts';

/** A program waits 5 s; the reason must reach it before. */
const WAIT_MS = 4500;

/** What decides which sockets are endpoints. */
const endpointRules = (config: NodeConfig | null) => JSON.stringify([config?.mode, config?.applications]);

export class NodeConfigStore {
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

  /** Resolves with null if there is none within the time a program waits. */
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
  take(config: NodeConfig): boolean {
    const before = this.#current;
    this.#current = config;
    if (this.#failure !== '' || before === null) {
      this.#log.info({router: config.router}, `the router ${config.router.address} answers`);
    }
    this.#failure = '';
    this.#logRefused(config);
    if (before !== null && before.mode !== config.mode) {
      const mode = config.mode.toUpperCase();
      this.#log.warn({}, `the router is in ${mode} mode now: programs have to be started again`);
    }
    return before !== config && endpointRules(before) !== endpointRules(config);
  }

  /** Resumes the requests that wait. */
  release(): void {
    for (const done of this.#waiting) done();
  }

  /** The router did not answer, or not with a configuration. Logged once. */
  fail(text: string): void {
    if (text !== this.#failure) this.#log.error({}, text);
    this.#failure = text;
  }

  #logRefused(config: NodeConfig): void {
    const refused = config.refused.map(({endpoint, reason}) => {
      return `${endpoint.application} ${endpoint.vip}:${endpoint.port}/${endpoint.protocol}: ${reason}`;
    });
    if (refused.join() !== this.#refused) {
      for (const line of refused) this.#log.error({}, `the router refuses an endpoint: ${line}`);
    }
    this.#refused = refused.join();
  }
}
