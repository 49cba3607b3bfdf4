// Where forwarders' packet sockets come from: taken over from the forwarders of a supervisor that died, so
// that not a packet is lost, or opened anew.

import type {RouterNative, Segment} from '../../../../addon/router.ts';
import type {Clock} from '../../../base/clock.ts';
import {messageOf} from '../../../base/error.ts';
import type {Logger} from '../../../base/logger.ts';
import {endProcesses} from './processes.ts';
import type {ProcessId, Processes} from './processes.ts';

export interface SocketsDeps {
  native: Pick<RouterNative, 'openPacketSockets' | 'takeDescriptors' | 'closeDescriptor'>;
  segment: Segment;
  processes: Processes;
  clock: Clock;
  log: Logger;
}

export interface Sockets {
  /** By forwarder, in the order of the interfaces. */
  byForwarder: number[][];
  /** Ends the forwarders that still run on them. */
  endOld: () => Promise<void>;
}

/**
 * Sockets for `count` forwarders. They are taken over only as a complete set: a fan-out group cannot grow
 * without a second group that would see every frame twice. `left`: forwarders of an earlier supervisor that
 * may still run; `sameInterfaces`: theirs are these very interfaces.
 */
export async function obtainSockets(
  deps: SocketsDeps,
  interfaces: readonly string[],
  count: number,
  left: readonly ProcessId[],
  sameInterfaces: boolean,
): Promise<Sockets> {
  const taken = sameInterfaces ? takeOver(deps, interfaces.length, count) : null;
  const endOld = () => endProcesses(left, deps.processes, deps.clock);
  if (taken) return {byForwarder: taken, endOld};
  await endOld();
  return {byForwarder: open(deps, interfaces, count), endOld: async () => {}};
}

function takeOver({native, segment, processes, log}: SocketsDeps, interfaces: number, count: number) {
  const living = segment.forwarders().filter((one) => processes.alive(one));
  if (
    living.length !== count ||
    living.some((one) => one.index >= count || one.descriptors.length !== interfaces)
  )
    return null;
  const taken: number[][] = [];
  try {
    for (const one of living)
      taken[one.index] = native.takeDescriptors(one.pid, one.startTime, one.descriptors);
    return taken;
  } catch (error) {
    log.warn({error: messageOf(error)}, 'cannot take the packet sockets over; opening new ones');
    taken.flat().forEach((fd) => native.closeDescriptor(fd));
    return null;
  }
}

function open({native}: SocketsDeps, interfaces: readonly string[], count: number): number[][] {
  const byInterface = interfaces.map((name) => native.openPacketSockets({interface: name, count}));
  return Array.from({length: count}, (_, n) => byInterface.map((sockets) => sockets[n] ?? -1));
}
