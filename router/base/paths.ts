// What the run directory holds.

import {join} from 'node:path';

export const DEFAULT_RUN_DIR = '/run/coscanet';

export interface Paths {
  runDir: string;
  /** The shared memory that outlives all our processes. */
  segment: string;
  /** Held by the one supervisor of this directory. */
  lock: string;
  /** The local API. */
  socket: string;
  /** Forwarders' pids and start times, for finding those of a crashed router. */
  forwarders: string;
}

export function pathsIn(runDir: string): Paths {
  return {
    runDir,
    segment: join(runDir, 'segment'),
    lock: join(runDir, 'lock'),
    socket: join(runDir, 'control.sock'),
    forwarders: join(runDir, 'forwarders'),
  };
}
