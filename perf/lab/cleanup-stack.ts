// What puts hosts back as they were.

import type {Host} from './host.ts';

export class CleanupStack {
  readonly #steps: {host: Host; command: readonly string[]}[] = [];

  add(host: Host, command: readonly string[]): void {
    this.#steps.unshift({host, command});
  }

  /** All of them, the last first. Rejects in the end if one has failed, with what that said. */
  async all(): Promise<void> {
    const failures: unknown[] = [];
    for (const {host, command} of this.#steps) {
      // Also when the run was interrupted: hence without its signal.
      await host.run(command, {signal: undefined}).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
