// What has to be undone, in reverse order. A step that fails is logged; the others still run.

import {messageOf} from './error.ts';
import type {Logger} from './logger.ts';

interface Step {
  name: string;
  action(): void | Promise<void>;
  scope: Scope;
}

/** host: it changes what outlives this process. process: it ends what ends with it anyway, but in order. */
export type Scope = 'host' | 'process';

export class CleanupStack {
  readonly #log: Logger;
  readonly #steps: Step[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  add(name: string, action: Step['action'], scope: Scope = 'host'): void {
    this.#steps.push({name, action, scope});
  }

  /** `only`: steps of that scope; the others are forgotten. */
  async run(only?: Scope): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      if (only !== undefined && step.scope !== only) continue;
      try {
        await step.action();
      } catch (error) {
        this.#log.error({step: step.name, error: messageOf(error)}, 'could not undo');
      }
    }
  }
}
