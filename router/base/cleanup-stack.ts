// What has to be undone, in reverse order. A step that fails is logged; the others still run.

import {messageOf} from './error.ts';
import type {Logger} from './logger.ts';

interface Step {
  name: string;
  action(): void | Promise<void>;
}

export class CleanupStack {
  readonly #log: Logger;
  readonly #steps: Step[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  add(name: string, action: Step['action']): void {
    this.#steps.push({name, action});
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step.action();
      } catch (error) {
        this.#log.error({step: step.name, error: messageOf(error)}, 'could not undo');
      }
    }
  }
}
