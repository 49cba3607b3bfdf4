// Something that is read again whenever it may have changed: one reading at a time, and what changes meanwhile is
// read by one more.

import {messageOf} from './error.ts';
import type {Logger} from './logger.ts';

export class Rereading {
  readonly #log: Logger;
  readonly #what: string;
  readonly #read: () => Promise<void>;
  #reading = false;
  #stale = false;
  #closed = false;

  /** `what`: "the default route", for the log when it cannot be read. */
  constructor(log: Logger, what: string, read: () => Promise<void>) {
    this.#log = log;
    this.#what = what;
    this.#read = read;
  }

  close(): void {
    this.#closed = true;
  }

  async now(): Promise<void> {
    this.#stale = true;
    if (this.#reading) return;
    this.#reading = true;
    while (this.#stale && !this.#closed) {
      this.#stale = false;
      try {
        await this.#read();
      } catch (error) {
        this.#log.error({error: messageOf(error)}, `cannot read ${this.#what}`);
      }
    }
    this.#reading = false;
  }
}
