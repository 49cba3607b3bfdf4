// What the run directory holds.

import {rmdirSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {codeOf} from './error.ts';

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

/** Removes our files, and the directory when nothing of others is in it (or systemd removes it). */
export function removeFiles(paths: Paths): void {
  for (const file of [paths.forwarders, paths.segment, paths.socket, paths.lock]) rmSync(file, {force: true});
  try {
    rmdirSync(paths.runDir);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EBUSY', 'EROFS', 'EACCES', 'EPERM'].includes(codeOf(error))) throw error;
  }
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
