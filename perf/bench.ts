// A run of the bench: measures the cases one after the other, each bounded in time, and keeps what they found.

import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {cpus, loadavg, release} from 'node:os';
import {join} from 'node:path';
import {run} from './exec.ts';
import type {Lab} from './lab/lab.ts';
import type {Figure} from './report/figure.ts';
import type {Measured, Trial} from './rounds.ts';
import {inTurns} from './rounds.ts';
import type {Result} from './report/result.ts';
import type {Setup} from './setups/setup.ts';

/** What a case may use. */
export interface Bench {
  readonly quick: boolean;
  readonly lab: Lab;
  /** Those to be measured, direct among them. */
  readonly setups: readonly Setup[];
  /** Root of a built checkout to measure beside this one; null: none. */
  readonly against: string | null;
  readonly signal: AbortSignal;
  log(line: string): void;
  /** So many rounds, or of a quick run so many. */
  rounds(full: number, quick: number): number;
  inTurns(trials: readonly Trial[], rounds: number): Promise<Measured>;
}

export interface Found extends Measured {
  parameters: Result['parameters'];
}

export interface Case {
  readonly name: string;
  readonly title: string;
  /** It needs a testbed: one clock, one machine. */
  readonly testbedOnly?: boolean;
  /** Seconds after which it is given up: full, quick. */
  readonly limit: readonly [number, number];
  run(bench: Bench): Promise<Found>;
  /** Markdown. */
  table(result: Result): string;
  figures?(result: Result): Figure[];
}

export interface RunOptions {
  quick: boolean;
  /** In place of what cases would choose. */
  rounds: number | null;
  setups: readonly Setup[];
  against: string | null;
  /** Folder of the results. */
  out: string;
}

async function commit(checkout = '.'): Promise<Pick<Result, 'commit' | 'changed'>> {
  try {
    const git = ['git', '-C', checkout];
    const hash = (await run([...git, 'rev-parse', 'HEAD'])).trim();
    const changed = (await run([...git, 'status', '--porcelain'])).split('\n').filter((line) => line !== '');
    return {commit: hash, changed: changed.map((line) => line.slice(3))};
  } catch {
    return {commit: 'unknown', changed: []}; // not a clone
  }
}

export function resultPath(out: string, name: string): string {
  return join(out, `${name}.json`);
}

/** Runs one case and writes its result. Whatever happens, its networks are taken down. */
export async function measure(
  one: Case,
  lab: Lab,
  options: RunOptions,
  signal: AbortSignal,
): Promise<Result> {
  // Building a set-up anew for each round takes its time, and another checkout as much again.
  const factor = (lab.oneAtATime ? 4 : 1) * (options.against === null ? 1 : 2);
  const limit = one.limit[options.quick ? 1 : 0] * factor;
  const tooLate = AbortSignal.timeout(limit * 1000);
  const bounded = AbortSignal.any([signal, tooLate]);
  const log = (line: string) => console.error(`[${one.name}] ${line}`);
  const begin = Date.now();
  const loadBefore = loadavg()[0] ?? 0;
  try {
    const {parameters, series, failures} = await one.run({
      quick: options.quick,
      lab,
      setups: options.setups,
      against: options.against,
      signal: bounded,
      log,
      rounds: (full, quick) => options.rounds ?? (options.quick ? quick : full),
      inTurns: (trials, rounds) => inTurns(trials, {rounds, together: lab.oneAtATime, signal: bounded, log}),
    });
    const result: Result = {
      case: one.name,
      date: new Date().toISOString(),
      ...(await commit()),
      machine: machine(),
      site: lab.site,
      loadBefore,
      quick: options.quick,
      seconds: Math.round((Date.now() - begin) / 1000),
      parameters:
        options.against === null
          ? parameters
          : {...parameters, before: (await commit(options.against)).commit},
      series,
      failures,
    };
    mkdirSync(options.out, {recursive: true});
    writeFileSync(resultPath(options.out, one.name), `${JSON.stringify(result, null, 1)}\n`);
    return result;
  } catch (error) {
    if (tooLate.aborted && !signal.aborted)
      throw new Error(`${one.name}: not done after ${limit} s`, {cause: error});
    throw error;
  } finally {
    await lab.clear();
  }
}

function machine(): Result['machine'] {
  const model = /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
  return {
    kernel: release(),
    cpu: model ?? cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    node: process.version,
  };
}
