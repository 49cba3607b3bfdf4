// What a test makes on the machine goes with it, however it ends: by itself, by Ctrl-C, by SIGKILL.

import {spawn} from 'node:child_process';
import type {ChildProcess} from 'node:child_process';
import type {Socket} from 'node:net';
import path from 'node:path';
import {ROOT} from './command.ts';

let cleaner: ChildProcess | null = null;

/** The process that outlives this one. Neither it nor its pipe keeps this one alive. */
function startCleaner(): ChildProcess {
  const child = spawn(path.join(ROOT, 'test/support/clean-up.sh'), {
    detached: true,
    // Of a sanitizer that is loaded into this process it needs nothing.
    env: {...process.env, LD_PRELOAD: ''},
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  (child.stdin as Socket).unref();
  child.stdin?.on('error', () => {});
  return child;
}

/** Has `command` run when this process ends, unless cleanedUp(key) is called before. */
export function cleanUpWith(key: string, command: string): void {
  cleaner ??= startCleaner();
  cleaner.stdin?.write(`${key} ${command}\n`);
}

export function cleanedUp(key: string): void {
  cleaner?.stdin?.write(`${key}\n`);
}
