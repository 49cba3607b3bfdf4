// Programs of this machine, each bounded in time and ended with the run that started it.

import {spawn} from 'node:child_process';
import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

export interface Bounds {
  /** Seconds until it is killed; 30 if absent. */
  seconds?: number;
  /** Ends it too. */
  signal?: AbortSignal | undefined;
  /** What it reads. */
  input?: string;
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A program of the native build, of this checkout or of another. */
export const native = (name: string, checkout = ROOT) => join(checkout, 'build/native', name);

const LAST_WORDS = 600;
/** How long a program has to end by itself. */
const STOP_MS = 5000;

export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** It had to be ended. */
  readonly late: boolean;

  constructor(message: string, late: boolean) {
    super(message);
    this.late = late;
  }
}

/** Runs a command to its end; resolves with stdout. Rejects with what it said last if it fails or takes too long. */
export async function run(command: readonly string[], bounds: Bounds = {}): Promise<string> {
  bounds.signal?.throwIfAborted();
  const [file = '', ...args] = command;
  const seconds = bounds.seconds ?? 30;
  const child = spawn(file, args, {stdio: ['pipe', 'pipe', 'pipe']});
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdin.on('error', () => {}); // it need not read
  child.stdin.end(bounds.input ?? '');
  let late = false;
  const kill = () => child.kill('SIGKILL');
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, seconds * 1000);
  bounds.signal?.addEventListener('abort', kill, {once: true});
  try {
    const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
    bounds.signal?.throwIfAborted();
    if (status === 0) return out;
    const end = late ? `took longer than ${seconds} s` : `ended with ${signal ?? `status ${status}`}`;
    throw new CommandError(`${command.join(' ')}: ${end}: ${(err + out).trim().slice(-LAST_WORDS)}`, late);
  } finally {
    clearTimeout(timer);
    bounds.signal?.removeEventListener('abort', kill);
  }
}

/** A program that goes on until stop(): told by SIGTERM, or, where it runs elsewhere for us, by the end of its input. */
export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #endsWithInput: boolean;
  #error = '';

  constructor(command: readonly string[], endsWithInput = false) {
    this.#endsWithInput = endsWithInput;
    const [file = '', ...args] = command;
    this.#child = spawn(file, args, {stdio: ['pipe', 'ignore', 'pipe']});
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#error = (this.#error + text).slice(-LAST_WORDS);
    });
    this.#child.on('error', (error) => (this.#error += error.message));
    // 'error' rejects it, of a program that is not there: long before anybody stops that.
    this.#ended = once(this.#child, 'close').catch(() => {});
  }

  /** What it said last, when it has ended by itself; null while it lives. */
  get lastWords(): string | null {
    const {exitCode, signalCode} = this.#child;
    return exitCode === null && signalCode === null ? null : this.#error.trim();
  }

  /** At once, as a crash would. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    if (!this.#endsWithInput) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
