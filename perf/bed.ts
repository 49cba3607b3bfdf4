// A testbed for measuring: up, programs in it, and down again whatever happens.

import {execFile, spawn} from 'node:child_process';
import type {ChildProcess} from 'node:child_process';
import {promisify} from 'node:util';
import {fileURLToPath} from 'node:url';

const run = promisify(execFile);
const script = (name: string) => fileURLToPath(new URL(`../../../topology/${name}.sh`, import.meta.url));

export class Bed {
  readonly name: string;
  readonly #programs: ChildProcess[] = [];

  private constructor(name: string) {
    this.name = name;
  }

  /** `options`: of topology/up.sh. */
  static async up(options: readonly string[]): Promise<Bed> {
    const bed = new Bed(`perf${process.pid}`);
    await run(script('up'), ['--name', bed.name, ...options]);
    return bed;
  }

  /** Runs a command in a host to its end; resolves with stdout. */
  async in(host: string, ...command: string[]): Promise<string> {
    const {stdout} = await run(script('in'), ['--name', this.name, host, ...command], {maxBuffer: 1 << 24});
    return stdout;
  }

  /** Starts a program in a host that goes on until down(). */
  start(host: string, ...command: string[]): void {
    this.#spawn(script('in'), ['--name', this.name, host, ...command]);
  }

  /** Starts a program on a node as an instance of an application. */
  instance(node: string, application: string, ...command: string[]): void {
    this.#spawn(script('run'), ['--name', this.name, node, application, ...command]);
  }

  #spawn(file: string, args: string[]): void {
    this.#programs.push(spawn(file, args, {stdio: ['ignore', 'ignore', 'inherit']}));
  }

  /** Waits until `url` answers in the client; rejects after `seconds`. */
  async answers(url: string, seconds = 10): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      try {
        await this.in('client', 'curl', '-sf', '-m', '1', '-o', '/dev/null', url);
        return;
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`${url} does not answer`, {cause: error});
      }
    }
  }

  async down(): Promise<void> {
    for (const program of this.#programs) program.kill('SIGTERM');
    await run(script('down'), ['--name', this.name]);
  }
}
