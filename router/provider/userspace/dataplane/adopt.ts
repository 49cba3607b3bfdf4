// Opens the segment: the one that an earlier router left, with what it kept there, or a new one.

import {rmSync} from 'node:fs';
import type {RouterNative, Segment} from '../../../../addon/router.ts';
import type {Clock} from '../../../base/clock.ts';
import {messageOf} from '../../../base/error.ts';
import type {Logger} from '../../../base/logger.ts';
import type {Paths} from '../../../base/paths.ts';
import {decodeKept} from '../checkpoint.ts';
import type {ProviderCheckpoint} from '../checkpoint.ts';
import {endProcesses, readProcessFile} from './processes.ts';
import type {ProcessId, Processes} from './processes.ts';

export interface Kept<T> {
  own: ProviderCheckpoint;
  supervisor: T;
}

export interface Adopted<T> {
  segment: Segment;
  /** null: begin anew. */
  kept: Kept<T> | null;
  /** Forwarders of an earlier router that may still run on this segment. */
  left: ProcessId[];
}

export interface AdoptDeps {
  native: Pick<RouterNative, 'openSegment'>;
  processes: Processes;
  clock: Clock;
  log: Logger;
}

/** Reads what the supervisor had kept; throws if it cannot (another version wrote it). */
type Decode<T> = (checkpoint: Uint8Array) => T;

function keptIn<T>(segment: Segment, decode: Decode<T>, log: Logger): Kept<T> | null {
  const bytes = segment.adopted ? segment.registry() : null;
  if (!bytes) return null;
  try {
    const {own, supervisor} = decodeKept(bytes);
    return {own, supervisor: decode(supervisor)};
  } catch (error) {
    log.error({error: messageOf(error)}, 'cannot read what the last router kept; flows are forgotten');
    return null;
  }
}

export async function adoptSegment<T>(deps: AdoptDeps, paths: Paths, decode: Decode<T>): Promise<Adopted<T>> {
  const {native, processes, clock, log} = deps;
  const recorded = readProcessFile(paths.forwarders).filter((id) => processes.alive(id));
  const segment = native.openSegment(paths.segment);
  const kept = keptIn(segment, decode, log);
  if (kept) return {segment, kept, left: unite(recorded, segment, processes)};
  // Forwarders of a segment that is not ours, and flows whose endpoints nobody knows, must not go on.
  await endProcesses(unite(recorded, segment, processes), processes, clock);
  if (!segment.adopted) return {segment, kept: null, left: []};
  segment.close();
  rmSync(paths.segment, {force: true});
  return {segment: native.openSegment(paths.segment), kept: null, left: []};
}

function unite(recorded: readonly ProcessId[], segment: Segment, processes: Processes): ProcessId[] {
  const all = [...recorded, ...segment.forwarders().filter((one) => processes.alive(one))];
  return [...new Map(all.map(({pid, startTime}) => [pid, {pid, startTime}])).values()];
}
