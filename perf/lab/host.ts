// A machine of the lab: a namespace of the testbed, or a real one over ssh. Commands are lists of words, no shell.

import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Program, run} from '../exec.ts';
import type {Bounds} from '../exec.ts';

export interface Host {
  readonly name: string;
  /** Runs a command to its end; resolves with stdout. */
  run(command: readonly string[], bounds?: Bounds): Promise<string>;
  /** Starts a program that goes on until it is stopped. */
  start(command: readonly string[]): Program;
}

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** A script of topology/, of this checkout or of another. */
export const topology = (script: string, checkout = ROOT) => join(checkout, 'topology', `${script}.sh`);

/** A host of a testbed. */
export class NamespaceHost implements Host {
  readonly name: string;
  readonly #enter: readonly string[];
  readonly #signal: AbortSignal;

  constructor(testbed: string, name: string, signal: AbortSignal, checkout?: string) {
    this.name = name;
    this.#enter = [topology('in', checkout), '--name', testbed, name];
    this.#signal = signal;
  }

  run(command: readonly string[], bounds: Bounds = {}): Promise<string> {
    return run([...this.#enter, ...command], {signal: this.#signal, ...bounds});
  }

  start(command: readonly string[]): Program {
    return new Program([...this.#enter, ...command]);
  }
}

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

/** A real machine. It must let us in as root without a question, and have this checkout at the same path, built. */
export class SshHost implements Host {
  readonly name: string;
  readonly #ssh: readonly string[];
  readonly #signal: AbortSignal;

  /** `ssh`: command and destination. */
  constructor(name: string, ssh: readonly string[], signal: AbortSignal) {
    this.name = name;
    this.#ssh = ssh;
    this.#signal = signal;
  }

  run(command: readonly string[], bounds: Bounds = {}): Promise<string> {
    const seconds = bounds.seconds ?? 30;
    // Killing ssh leaves what runs over there alone: it has its own limit.
    const there = ['timeout', '-k', '1', String(seconds + 5), ...command].map(quote).join(' ');
    return run([...this.#ssh, there], {signal: this.#signal, ...bounds, seconds: seconds + 10});
  }

  start(command: readonly string[]): Program {
    // It ends with our end of the pipe, whatever ends us.
    const words = command.map(quote).join(' ');
    return new Program(
      [...this.#ssh, `${words} </dev/null >/dev/null & p=$!; cat >/dev/null; kill $p; wait $p`],
      true,
    );
  }
}

/** Writes a file on a host. */
export async function write(host: Host, path: string, text: string): Promise<void> {
  await host.run(['tee', path], {input: text});
}

/** Frames and bytes that went through an interface. */
export interface Traffic {
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
}

export async function traffic(host: Host, network: string): Promise<Traffic> {
  // Not /sys: that of a namespace is not mounted there.
  const text = await host.run(['cat', '/proc/net/dev']);
  const line = text.split('\n').find((candidate) => candidate.trim().startsWith(`${network}:`));
  const [rxBytes, rxFrames, , , , , , , txBytes, txFrames] = (line?.split(':')[1] ?? '')
    .trim()
    .split(/\s+/)
    .map(Number);
  if (txFrames === undefined) throw new Error(`${host.name} has no interface ${network}`);
  return {rxFrames: rxFrames ?? 0, rxBytes: rxBytes ?? 0, txFrames, txBytes: txBytes ?? 0};
}
