// wrk's report (https://github.com/wg/wrk) as numbers.

const UNITS: Record<string, number> = {us: 1, ms: 1000, s: 1_000_000};

export interface WrkReport {
  requestsPerSecond: number;
  /** Microseconds. */
  median: number;
  p99: number;
}

function field(report: string, pattern: RegExp): RegExpExecArray {
  const found = pattern.exec(report);
  if (!found) throw new Error(`wrk said something else than ${pattern.source}:\n${report}`);
  return found;
}

function microseconds(report: string, percentile: string): number {
  const [, number, unit] = field(report, new RegExp(`^ *${percentile}% +([0-9.]+)(us|ms|s)$`, 'm'));
  return Number(number) * (UNITS[unit ?? ''] ?? NaN);
}

/** Throws if the report is none, or tells of errors: a run with failed requests measures nothing. */
export function parseWrk(report: string): WrkReport {
  const trouble = /^ *(Socket errors|Non-2xx).*$/m.exec(report);
  if (trouble) throw new Error(`wrk: ${trouble[0].trim()}`);
  return {
    requestsPerSecond: Number(field(report, /^Requests\/sec: +([0-9.]+)$/m)[1]),
    median: microseconds(report, '50'),
    p99: microseconds(report, '99'),
  };
}
