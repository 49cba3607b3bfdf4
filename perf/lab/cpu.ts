// Processor time: of the programs that balance, and of the whole machine, which is where the kernel's work shows.

import {readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {cpus} from 'node:os';

export interface CpuTime {
  /** Microseconds of processor time since each program's start, of all that run on the router's host. */
  router: number;
  /** Microseconds that the machine's cores were not idle; only differences mean something. */
  machine: number;
}

/** One USER_HZ in microseconds. */
const TICK_US = 10_000;

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null; // it has ended meanwhile
  }
}

/** Of a process with all its threads, in nanoseconds; its first field is the time on a core. */
function processNs(pid: string): number {
  const threads = attempt(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  const times = threads.map((thread) =>
    attempt(() => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])),
  );
  return times.reduce<number>((sum, time) => sum + (time ?? 0), 0);
}

/** Programs in a network namespace ("net:[4026531840]") whose command line matches. */
function programs(namespace: string, pattern: RegExp): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => attempt(() => readlinkSync(`/proc/${pid}/ns/net`)) === namespace)
    .filter((pid) => pattern.test(attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? ''));
}

const BALANCERS = /coscanet|router|nginx|haproxy/;

export function cpuTime(namespace: string): CpuTime {
  const [, , , idle = 0, iowait = 0] = (/^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '')
    .split(' ')
    .map(Number);
  const cores = cpus().length;
  const ns = programs(namespace, BALANCERS).reduce((sum, pid) => sum + processNs(pid), 0);
  return {
    router: ns / 1000,
    machine: (Number(process.hrtime.bigint()) / 1000) * cores - (idle + iowait) * TICK_US,
  };
}

/** Proportional share of memory of the same programs, in bytes. */
export function memoryOf(namespace: string): number {
  const kilobytes = programs(namespace, BALANCERS).map((pid) => {
    const rollup = attempt(() => readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? '';
    return Number(/^Pss: +(\d+) kB$/m.exec(rollup)?.[1] ?? 0);
  });
  return kilobytes.reduce((sum, value) => sum + value, 0) * 1024;
}
