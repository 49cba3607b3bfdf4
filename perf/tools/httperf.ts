// httperf 0.9 (Mosberger and Jin 1998): requests at a given rate, whether answers come or not. What the paper used.

import type {Host} from '../lab/host.ts';

export interface HttperfReport {
  connections: number;
  replies: number;
  /** Connections that failed, for whatever reason, over those that were tried. */
  failedShare: number;
  /** Replies in good time each second. */
  repliesPerSecond: number;
  /** Of the whole run, until the last answer. */
  seconds: number;
  /** Milliseconds from the beginning of a connection to its end, the mean of those that did not fail. */
  connectionMs: number;
}

function number(report: string, pattern: RegExp): number {
  const found = pattern.exec(report)?.[1];
  if (found === undefined) throw new Error(`httperf said something else than ${pattern.source}:\n${report}`);
  return Number(found);
}

/** Throws if the report is none. Failed connections are numbers here: they tell where saturation begins. */
export function parseHttperf(report: string): HttperfReport {
  const connections = number(report, /^Total: connections (\d+) /m);
  const replies = number(report, /^Total: .* replies (\d+) /m);
  const seconds = number(report, /^Total: .* test-duration ([0-9.]+) s/m);
  const errors = number(report, /^Errors: total (\d+) /m);
  const wrong = number(report, /^Reply status: .*3xx=(\d+)/m) + number(report, /^Reply status: .*4xx=(\d+)/m);
  const broken = number(report, /^Reply status: .*5xx=(\d+)/m);
  return {
    connections,
    replies,
    failedShare: connections === 0 ? 1 : (errors + wrong + broken) / connections,
    repliesPerSecond: replies / seconds,
    seconds,
    connectionMs: number(report, /^Connection time \[ms\]: min [0-9.]+ avg ([0-9.]+) /m),
  };
}

export interface HttperfLoad {
  address: string;
  port: number;
  uri: string;
  connections: number;
  /** Requests on each connection, one after the other. */
  calls: number;
  /** New connections each second; absent: one after the other. */
  rate?: number;
  /** Seconds after which an answer is a failure. */
  timeout: number;
  tls?: boolean;
  /** Bound for the whole run. */
  seconds: number;
}

/** Its own default of 16 kB would hold large answers up. */
const RECEIVE_BUFFER = 1 << 20;

export async function httperf(client: Host, load: HttperfLoad): Promise<HttperfReport> {
  const words = ['--hog', '--server', load.address, '--port', String(load.port), '--uri', load.uri];
  words.push('--num-conns', String(load.connections), '--num-calls', String(load.calls));
  words.push('--timeout', String(load.timeout), '--recv-buffer', String(RECEIVE_BUFFER));
  if (load.rate !== undefined) words.push('--rate', String(load.rate));
  if (load.tls) words.push('--ssl', '--ssl-no-reuse');
  return parseHttperf(await client.run(['httperf', ...words], {seconds: load.seconds}));
}
