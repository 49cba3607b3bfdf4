// What the kernel measures of the node's load: of the whole machine, or of the cgroup that stands for the node.
// Counters are given as they are; two readings give the rate in between.

import fs from 'node:fs';
import {availableParallelism} from 'node:os';
import path from 'node:path';
import {UserError, codeOf} from '../../../router/base/error.ts';

export interface Reading {
  /** Processor time used and processor time there was, in one unit. */
  cpu?: {busy: number; capacity: number};
  /** Microseconds in which something waited for a processor, and the time of the reading in microseconds. */
  pressure?: {stalled: number; time: number};
  /** Threads that want to run now, per core. */
  runQueue?: number;
}

/** Whose load is the node's; null: the machine's. */
export interface LoadOptions {
  cgroup: string;
  /** How many cores are 100 %; null: its quota, else the machine's. */
  cores: number | null;
}

export interface Meter {
  /** `now` in milliseconds, monotonic. What cannot be read is left out. */
  read(now: number): Reading;
}

function readText(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return null; // not in this kernel, or gone
  }
}

/** /proc/stat's first line: user nice system idle iowait irq softirq steal; guests are within user. */
export function machineCpu(stat: string): Reading['cpu'] {
  const times = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').slice(0, 8).map(Number);
  if (times === undefined || times.length < 8) return undefined;
  const capacity = times.reduce((sum, time) => sum + time, 0);
  return {busy: capacity - (times[3] ?? 0) - (times[4] ?? 0), capacity};
}

/** "some … total=4711" of a pressure file. */
function stalledTime(text: string | null): number | null {
  const total = /^some .*total=(\d+)$/m.exec(text ?? '')?.[1];
  return total === undefined ? null : Number(total);
}

function pressureOf(file: string, now: number): Pick<Reading, 'pressure'> {
  const stalled = stalledTime(readText(file));
  return stalled === null ? {} : {pressure: {stalled, time: now * 1000}};
}

/** The fourth field of /proc/loadavg is "running/all"; the reader itself runs. */
export function runningThreads(loadavg: string): number | null {
  const running = / (\d+)\/\d+ /.exec(loadavg)?.[1];
  return running === undefined ? null : Math.max(Number(running) - 1, 0);
}

/** The whole machine. */
export class MachineMeter implements Meter {
  read(now: number): Reading {
    const cpu = machineCpu(readText('/proc/stat') ?? '');
    const running = runningThreads(readText('/proc/loadavg') ?? '');
    return {
      ...(cpu && {cpu}),
      ...(running !== null && {runQueue: running / availableParallelism()}),
      ...pressureOf('/proc/pressure/cpu', now),
    };
  }
}

/** A cgroup of v2. It has no run queue of its own. */
export class CgroupMeter implements Meter {
  readonly #mount: string;
  readonly #folder: string;
  readonly #cores: number | null;
  #capacity = 0;
  #lastRead: number | null = null;

  /** `mount`: where cgroup v2 is. */
  constructor(mount: string, {cgroup, cores}: LoadOptions) {
    this.#mount = mount;
    this.#folder = path.join(mount, cgroup);
    this.#cores = cores;
    try {
      fs.accessSync(path.join(this.#folder, 'cpu.stat'), fs.constants.R_OK);
    } catch (error) {
      throw new UserError(`--load-cgroup ${cgroup}: cannot read ${this.#folder}/cpu.stat: ${codeOf(error)}`);
    }
  }

  read(now: number): Reading {
    const usage = /^usage_usec (\d+)$/m.exec(readText(path.join(this.#folder, 'cpu.stat')) ?? '')?.[1];
    // Quotas may change: the capacity is summed up piece by piece.
    this.#capacity += (now - (this.#lastRead ?? now)) * 1000 * (this.#cores ?? this.#quota());
    this.#lastRead = now;
    return {
      ...(usage !== undefined && {cpu: {busy: Number(usage), capacity: this.#capacity}}),
      ...pressureOf(path.join(this.#folder, 'cpu.pressure'), now),
    };
  }

  /** Cores: the tightest quota of the cgroup and those above it. */
  #quota(): number {
    let cores = availableParallelism();
    for (let folder = this.#folder; folder.startsWith(this.#mount); folder = path.dirname(folder)) {
      const [quota, period] = (readText(path.join(folder, 'cpu.max')) ?? '').split(' ').map(Number);
      if (quota !== undefined && period !== undefined && quota > 0) cores = Math.min(cores, quota / period);
    }
    return cores;
  }
}

export function meterOf(mount: string, options: LoadOptions | null): Meter {
  return options === null ? new MachineMeter() : new CgroupMeter(mount, options);
}
