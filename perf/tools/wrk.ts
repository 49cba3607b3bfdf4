// wrk (https://github.com/wg/wrk): as many requests as answers come, on a number of connections.

import {fileURLToPath} from 'node:url';
import type {Host} from '../lab/host.ts';

const UNITS: Record<string, number> = {us: 1, ms: 1000, s: 1_000_000, m: 60_000_000};

export interface WrkReport {
  requests: number;
  requestsPerSecond: number;
  /** Microseconds. */
  median: number;
  p99: number;
  p999: number;
}

/** What wrk runs at its end. */
const TAIL = fileURLToPath(new URL('../../../../perf/tools/tail.lua', import.meta.url));

function field(report: string, pattern: RegExp): RegExpExecArray {
  const found = pattern.exec(report);
  if (!found) throw new Error(`wrk said something else than ${pattern.source}:\n${report}`);
  return found;
}

function microseconds(report: string, percentile: string): number {
  const [, number, unit] = field(report, new RegExp(`^ *${percentile}% +([0-9.]+)(us|ms|s|m)$`, 'm'));
  return Number(number) * (UNITS[unit ?? ''] ?? NaN);
}

/** Throws if the report is none, or tells of errors: a run with failed requests measures nothing. */
export function parseWrk(report: string): WrkReport {
  const trouble = /^ *(Socket errors|Non-2xx).*$/m.exec(report);
  if (trouble) throw new Error(`wrk: ${trouble[0].trim()}`);
  return {
    requests: Number(field(report, /^ *(\d+) requests in /m)[1]),
    requestsPerSecond: Number(field(report, /^Requests\/sec: +([0-9.]+)$/m)[1]),
    median: microseconds(report, '50'),
    p99: microseconds(report, '99'),
    p999: Number(field(report, /^p99\.9 (\d+)$/m)[1]),
  };
}

export interface WrkLoad {
  url: string;
  seconds: number;
  connections?: number;
  /** A new connection for each request. */
  close?: boolean;
}

export async function wrk(client: Host, load: WrkLoad): Promise<WrkReport> {
  const {url, seconds, connections = 1, close = false} = load;
  const header = close ? ['-H', 'Connection: close'] : [];
  const words = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '5s', '--latency', ...header];
  const report = await client.run(['wrk', ...words, '-s', TAIL, url], {seconds: seconds + 15});
  return parseWrk(report);
}
