// A host that comes up slowly has not all interfaces of the configuration when the router starts: it waits for them, and
// says for what. Everything else that is wrong with a configuration ends it.

import type {RtnetlinkNative} from '../../addon/rtnetlink.ts';
import type {Clock} from '../base/clock.ts';
import type {Logger} from '../base/logger.ts';
import {HostNotReady} from '../config/problem.ts';
import type {Settings} from '../config/settings.ts';

/** The configuration may be mended meanwhile. */
const READ_AGAIN_MS = 5000;

export interface AwaitDeps {
  native: Pick<RtnetlinkNative, 'watchKernel'>;
  clock: Clock;
  log: Logger;
  /** Reads and checks the configuration. */
  read: () => Promise<Settings>;
  /** Told what is waited for when that changes. */
  onWaiting: (what: string) => void;
}

/** The settings, when the host has what they name; null: told to end before. Rejects with other problems at once. */
export async function awaitSettings(deps: AwaitDeps, stop: AbortSignal): Promise<Settings | null> {
  const {native, clock, log, read, onWaiting} = deps;
  let wake = () => {};
  let told = '';
  const changed = () => wake();
  stop.addEventListener('abort', changed);
  const watcher = native.watchKernel({links: true, addresses: true}, changed, changed);
  try {
    while (!stop.aborted) {
      // From before the look: nothing that changes meanwhile is missed.
      const next = new Promise<void>((resolve) => (wake = resolve));
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof HostNotReady)) throw error;
        const what = error.message.replaceAll('\n', '; ');
        if (what !== told) {
          log.warn({}, `waiting: ${what}`);
          onWaiting(what);
        }
        told = what;
      }
      const timer = clock.after(READ_AGAIN_MS, changed);
      await next;
      timer.cancel();
    }
    return null;
  } finally {
    watcher.close();
    stop.removeEventListener('abort', changed);
  }
}
