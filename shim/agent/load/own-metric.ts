// The metric "own": a number of the application, sent by instances over a socket (the last one of each counts), or
// written to a file. Numbers that are not renewed expire.

import fs from 'node:fs';
import type {LoadMessage} from '../../../addon/agent.ts';
import type {Clock} from '../../../router/base/clock.ts';
import type {LoadRules} from '../../../router/protocol/load.ts';
import type {Instance} from '../instances.ts';

const FORGET_MS = 3_600_000;
/** More is no number. */
const FILE_BYTES = 64;

export interface InstanceFinder {
  ofProcess(pid: number): Instance | null;
  cgroupOf(pid: number): string;
}

function parseNumber(text: string): number | null {
  const trimmed = text.trim();
  return /^-?\d{1,15}(\.\d+)?$/.test(trimmed) ? Number(trimmed) : null;
}

/** The number in a file that was written at most `maxAge` seconds ago; null: there is none. */
export function numberInFile(file: string, maxAge: number, wall: number): number | null {
  let descriptor: number;
  try {
    // Anything else (a pipe) must not block the agent.
    descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const {mtimeMs} = fs.fstatSync(descriptor);
    const bytes = Buffer.alloc(FILE_BYTES);
    const length = fs.readSync(descriptor, bytes);
    return wall - mtimeMs <= maxAge * 1000 ? parseNumber(bytes.toString('latin1', 0, length)) : null;
  } catch {
    return null; // a directory, a pipe that nobody writes to
  } finally {
    fs.closeSync(descriptor);
  }
}

export class OwnMetric {
  readonly #instances: InstanceFinder;
  readonly #clock: Clock;
  /** By the folder of the instance. */
  readonly #numbers = new Map<string, {application: string; value: number; time: number}>();

  constructor(instances: InstanceFinder, clock: Clock) {
    this.#instances = instances;
    this.#clock = clock;
  }

  /** Takes what a process wrote, and answers "ok" or why not. */
  take({pid, text, reply}: LoadMessage): void {
    const value = parseNumber(text);
    if (value === null) {
      reply(`"${text.trim().slice(0, 20)}" is no number: write 73 or 0.5`);
      return;
    }
    const instance = this.#instances.ofProcess(pid);
    if (instance === null) {
      reply(`process ${pid} (cgroup ${this.#instances.cgroupOf(pid)}) is no instance of an application`);
      return;
    }
    const {application, folder} = instance;
    this.#numbers.set(folder, {application, value, time: this.#clock.now()});
    reply('ok');
  }

  /** The mean of the application's numbers; null if there is none that counts still. */
  of(application: string, {metrics: {own}, 'own-age': maxAge}: LoadRules): number | null {
    const now = this.#clock.now();
    const values: number[] = [];
    for (const [folder, number] of this.#numbers) {
      const age = now - number.time;
      if (age > FORGET_MS) this.#numbers.delete(folder);
      else if (number.application === application && age <= maxAge * 1000) values.push(number.value);
    }
    const written = own?.file === undefined ? null : numberInFile(own.file, maxAge, this.#clock.wall());
    if (written !== null) values.push(written);
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  }
}
