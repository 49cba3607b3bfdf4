// The forwarder process: inherits the segment and its packet sockets, gives up every privilege, and runs the
// packet loop in a thread of the addon. It outlives its supervisor: when that dies, packets go on, and the
// next supervisor takes the descriptors over.
//
//   fd 3: segment   fd 4: external socket   fd 5: internal socket (absent when one-armed)   last: IPC
//   forwarder → supervisor: "ready"; supervisor → forwarder: "start"; forwarder → supervisor: "started"

import type {RouterNative} from '../../../../addon/router.ts';
import {messageOf} from '../../../base/error.ts';
import type {Logger} from '../../../base/logger.ts';

export const SEGMENT_DESCRIPTOR = 3;

export interface ForwarderArguments {
  index: number;
  /** How many packet sockets follow the segment. */
  sockets: number;
  uid: number;
  gid: number;
  /** How long after a packet to look for the next one before sleeping. */
  spinMicroseconds: number;
}

export const FORWARDER_MESSAGES = {ready: 'ready', start: 'start', started: 'started'} as const;

/** To be called when all code is loaded: afterwards the files may not even be readable. */
function dropPrivileges({uid, gid}: ForwarderArguments): void {
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

function tell(message: string): void {
  // The supervisor may be gone; the loop does not depend on it.
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}

export function runForwarder(options: ForwarderArguments, native: RouterNative, log: Logger): void {
  let started = false;
  // Signals that a terminal sends to everybody are the supervisor's business.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
  dropPrivileges(options);
  const start = () => {
    started = true;
    const descriptors = Array.from({length: options.sockets}, (_, n) => SEGMENT_DESCRIPTOR + 1 + n);
    const loop = native.startForwarder({
      segmentDescriptor: SEGMENT_DESCRIPTOR,
      index: options.index,
      descriptors,
      spinMicroseconds: options.spinMicroseconds,
    });
    // Keeps the process alive without its supervisor's channel.
    const alive = setInterval(() => {}, 2 ** 30);
    process.on('SIGTERM', () => loop.stop());
    loop.done.then(
      () => {
        clearInterval(alive);
        process.exit(0);
      },
      (error: unknown) => {
        log.error({index: options.index, error: messageOf(error)}, 'packet loop ended');
        process.exit(1);
      },
    );
    tell(FORWARDER_MESSAGES.started);
  };
  process.on('message', (message) => {
    if (message !== FORWARDER_MESSAGES.start || started) return;
    try {
      start();
    } catch (error) {
      log.error({index: options.index, error: messageOf(error)}, 'cannot start the packet loop');
      process.exit(1);
    }
  });
  process.on('disconnect', () => {
    if (!started) process.exit(1);
  });
  tell(FORWARDER_MESSAGES.ready);
}
