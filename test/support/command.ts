// Commands that tests run: to their end, or beside the test.

import {spawn} from 'node:child_process';
import type {ChildProcess} from 'node:child_process';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../../../..');
const END_MS = 10_000;

export interface Result {
  status: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** A command that goes on running; `stdout` and `stderr` grow. Its pid is the program's own, where it execs. */
export class Running {
  readonly child: ChildProcess;
  readonly command: string;
  stdout = '';
  stderr = '';
  /** It has ended, and nothing has its output open any more. */
  readonly ended: Promise<Result>;
  /** It has ended: its status, or the signal's name. Its children may hold its output. */
  readonly #exited: Promise<number | string>;

  /** `stdin`: "ignore" is an empty one; of a "pipe" the test has the other end. */
  constructor(command: readonly string[], env: Record<string, string>, stdin: 'pipe' | 'ignore') {
    const [file = '', ...words] = command;
    this.command = command.join(' ');
    this.child = spawn(file, words, {
      cwd: ROOT,
      env: {...process.env, ...env},
      stdio: [stdin, 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.child.stdin?.on('error', () => {});
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (status, signal) =>
        resolve({status, signal, stdout: this.stdout, stderr: this.stderr}),
      );
    });
    this.#exited = new Promise((resolve) => {
      this.child.on('exit', (status, signal) => resolve(status ?? signal ?? 'unknown'));
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The exit status, or the signal's name. Throws if it does not end within 10 s. */
  async end(): Promise<number | string> {
    let timer;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not within ${END_MS} ms: end of ${this.command}`)), END_MS);
    });
    const end = await Promise.race([this.#exited, late]);
    clearTimeout(timer);
    return end;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | string> {
    this.child.kill(signal);
    return this.end();
  }
}

export function start(
  command: readonly string[],
  env: Record<string, string> = {},
  stdin: 'pipe' | 'ignore' = 'pipe',
): Running {
  return new Running(command, env, stdin);
}

/** Runs a command to its end; its standard input is empty. Ends it by force after `withinMs`. */
export async function run(
  command: readonly string[],
  withinMs = 60_000,
  env: Record<string, string> = {},
): Promise<Result> {
  const running = start(command, env, 'ignore');
  const timer = setTimeout(() => running.child.kill('SIGKILL'), withinMs);
  const result = await running.ended;
  clearTimeout(timer);
  return result;
}

/** As run(), for a command whose failure is the test's: throws, with what it said, if it does not succeed. */
export async function must(
  command: readonly string[],
  withinMs = 60_000,
  env: Record<string, string> = {},
): Promise<Result> {
  const result = await run(command, withinMs, env);
  if (result.status === 0) return result;
  const end = result.signal ?? `status ${result.status}`;
  throw new Error(`${command.join(' ')}: ${end}: ${result.stderr}${result.stdout}`);
}
