// Opens the segment: the one that an earlier supervisor left, with what it remembered, or a new one.

import {rmSync} from 'node:fs';
import type {RouterNative, Segment} from '../../addon/router.ts';
import type {Clock} from '../base/clock.ts';
import {messageOf} from '../base/error.ts';
import type {Logger} from '../base/logger.ts';
import {decodeMemory} from './memory.ts';
import type {Memory} from './memory.ts';
import type {Paths} from '../base/paths.ts';
import {endProcesses, readProcessFile} from '../processes/processes.ts';
import type {ProcessId, Processes} from '../processes/processes.ts';

export interface Adopted {
  segment: Segment;
  /** null: begin anew. */
  memory: Memory | null;
  /** Forwarders of an earlier supervisor that may still run on this segment. */
  left: ProcessId[];
}

export interface AdoptDeps {
  native: Pick<RouterNative, 'openSegment'>;
  processes: Processes;
  clock: Clock;
  log: Logger;
}

function remembered(segment: Segment, log: Logger): Memory | null {
  const bytes = segment.adopted ? segment.registry() : null;
  if (!bytes) return null;
  try {
    return decodeMemory(bytes);
  } catch (error) {
    log.error(
      {error: messageOf(error)},
      'cannot read what the last supervisor remembered; flows are forgotten',
    );
    return null;
  }
}

export async function adoptSegment(deps: AdoptDeps, paths: Paths): Promise<Adopted> {
  const {native, processes, clock, log} = deps;
  const recorded = readProcessFile(paths.forwarders).filter((id) => processes.alive(id));
  const segment = native.openSegment(paths.segment);
  const memory = remembered(segment, log);
  if (memory) return {segment, memory, left: unite(recorded, segment, processes)};
  // Forwarders of a segment that is not ours, and flows whose endpoints nobody knows, must not go on.
  await endProcesses(unite(recorded, segment, processes), processes, clock);
  if (!segment.adopted) return {segment, memory: null, left: []};
  segment.close();
  rmSync(paths.segment, {force: true});
  return {segment: native.openSegment(paths.segment), memory: null, left: []};
}

function unite(recorded: readonly ProcessId[], segment: Segment, processes: Processes): ProcessId[] {
  const all = [...recorded, ...segment.forwarders().filter((one) => processes.alive(one))];
  return [...new Map(all.map(({pid, startTime}) => [pid, {pid, startTime}])).values()];
}
