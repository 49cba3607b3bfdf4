// Starts a forwarder process with what it inherits.

import {spawn} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {FORWARDER_MESSAGES} from './forwarder.ts';

export interface ForwarderProcess {
  readonly pid: number;
  /** All its code is loaded and its privileges are gone; rejects if it ends before. */
  readonly ready: Promise<void>;
  /** Its packet loop runs; rejects if it ends before. */
  readonly started: Promise<void>;
  /** What ended it: "signal SIGKILL", "status 1". */
  readonly ended: Promise<string>;
  start(): void;
  stop(signal: 'SIGTERM' | 'SIGKILL'): void;
}

export type SpawnForwarder = (
  index: number,
  segmentDescriptor: number,
  sockets: readonly number[],
) => ForwarderProcess;

/** Forwarders that run as `user`; `spinMicroseconds`: see runForwarder. */
export function forwarderSpawner(user: {uid: number; gid: number}, spinMicroseconds: number): SpawnForwarder {
  const main = fileURLToPath(new URL('./forwarder-main.js', import.meta.url));
  return (index, segmentDescriptor, sockets) => {
    const identity = ['--index', index, '--uid', user.uid, '--gid', user.gid];
    const args = [...identity, '--sockets', sockets.length, '--spin', spinMicroseconds];
    const child = spawn(process.execPath, [main, ...args.map(String)], {
      stdio: ['ignore', 'inherit', 'inherit', segmentDescriptor, ...sockets, 'ipc'],
      // A session of its own: the terminal's Ctrl-C reaches the supervisor only.
      detached: true,
      cwd: '/',
    });
    const ended = new Promise<string>((resolve) => {
      child.on('error', (error) => resolve(error.message));
      child.on('exit', (status, signal) =>
        resolve(signal === null ? `status ${status}` : `signal ${signal}`),
      );
    });
    const heard = (wanted: string) =>
      new Promise<void>((resolve, reject) => {
        child.on('message', (message) => {
          if (message === wanted) resolve();
        });
        void ended.then((how) => reject(new Error(`forwarder ${index} ended (${how})`)));
      });
    const ready = heard(FORWARDER_MESSAGES.ready);
    const started = heard(FORWARDER_MESSAGES.started);
    // Whoever waits for one of them sees the end; the other is not an unhandled rejection.
    ready.catch(() => {});
    started.catch(() => {});
    return {
      pid: child.pid ?? 0,
      ready,
      started,
      ended,
      start: () => void (child.connected && child.send(FORWARDER_MESSAGES.start, () => {})),
      stop: (signal) => void child.kill(signal),
    };
  };
}
