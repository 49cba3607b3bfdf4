// Waiting, for everything that a test cannot be told of.

import {setTimeout as sleep} from 'node:timers/promises';

/** Waits until `probe` gives something else than undefined, null or false. Throws, naming `what`, after `withinMs`. */
export async function waitUntil<T>(
  what: string,
  withinMs: number,
  probe: () => Promise<T> | T,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== null && value !== false)
      return value as Exclude<T, undefined | null | false>;
    if (performance.now() >= deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(10);
  }
}
