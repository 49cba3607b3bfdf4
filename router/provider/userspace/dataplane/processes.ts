// Processes that are not our children: forwarders that a supervisor before us started. A pid alone proves
// nothing, it may have been given again; pid and start time do.

import {readFileSync, writeFileSync} from 'node:fs';
import type {RouterNative} from '../../../../addon/router.ts';
import type {Clock} from '../../../base/clock.ts';
import {codeOf} from '../../../base/error.ts';

const GONE_DEADLINE_MS = 2000;
const GONE_POLL_MS = 5;

export interface ProcessId {
  pid: number;
  /** Field 22 of /proc/PID/stat. */
  startTime: number;
}

export interface Processes {
  /** Does it run (and is no zombie)? */
  alive(process: ProcessId): boolean;
  kill(process: ProcessId): void;
}

export function systemProcesses(native: Pick<RouterNative, 'processStartTime'>): Processes {
  const alive = ({pid, startTime}: ProcessId) => {
    if (pid <= 0 || native.processStartTime(pid) !== startTime) return false;
    try {
      // "PID (NAME) STATE …", and NAME may hold anything.
      const state = /\) (\S)[^)]*$/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];
      return state !== 'Z' && state !== 'X';
    } catch {
      return false;
    }
  };
  const kill = (target: ProcessId) => {
    if (!alive(target)) return;
    try {
      process.kill(target.pid, 'SIGKILL');
    } catch (error) {
      if (codeOf(error) !== 'ESRCH') throw error;
    }
  };
  return {alive, kill};
}

/** Kills and waits until they are gone: two loops must never run on one ring. Rejects after 2 s. */
export async function endProcesses(
  ids: readonly ProcessId[],
  processes: Processes,
  clock: Clock,
): Promise<void> {
  for (const id of ids) processes.kill(id);
  const deadline = clock.now() + GONE_DEADLINE_MS;
  for (const id of ids)
    while (processes.alive(id)) {
      if (clock.now() > deadline) throw new Error(`process ${id.pid} does not end`);
      await new Promise<void>((resolve) => void clock.after(GONE_POLL_MS, resolve));
    }
}

/** One "PID STARTTIME" a line; [] if the file is not there. */
export function readProcessFile(path: string): ProcessId[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  const lines = text.split('\n').map((line) => /^(\d+) (\d+)$/.exec(line));
  return lines.flatMap((match) => (match ? [{pid: Number(match[1]), startTime: Number(match[2])}] : []));
}

export function writeProcessFile(path: string, ids: readonly ProcessId[]): void {
  writeFileSync(path, ids.map((id) => `${id.pid} ${id.startTime}\n`).join(''), {mode: 0o600});
}
