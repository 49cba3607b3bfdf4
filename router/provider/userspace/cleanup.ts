// Undoes what this provider had done on the host when its router crashed and is not started again: forwarders, neighbor
// entries, the host's veth pair, the nftables table. Its files are the caller's.

import {existsSync} from 'node:fs';
import type {RouterNative} from '../../../addon/router.ts';
import type {Clock} from '../../base/clock.ts';
import {messageOf} from '../../base/error.ts';
import type {Exec} from '../../base/exec.ts';
import type {Logger} from '../../base/logger.ts';
import type {Paths} from '../../base/paths.ts';
import {decodeKept} from './checkpoint.ts';
import {endProcesses, readProcessFile, systemProcesses} from './dataplane/processes.ts';
import {removeHostVeth} from './host-veth.ts';
import {removeTable} from './nftables.ts';

export interface CleanupDeps {
  native: RouterNative;
  exec: Exec;
  clock: Clock;
  log: Logger;
  paths: Paths;
}

/** Whose MACs the kernel kept for the crashed router. */
function neighborsIn({native, log, paths}: CleanupDeps): string[] {
  const segment = native.openSegment(paths.segment);
  try {
    const bytes = segment.registry();
    return bytes ? decodeKept(bytes).own.neighbors : [];
  } catch (error) {
    log.warn({error: messageOf(error)}, 'cannot read the segment; neighbor entries stay');
    return [];
  } finally {
    segment.close();
  }
}

async function removeNeighbors({native, exec}: CleanupDeps, addresses: readonly string[]): Promise<void> {
  for (const {address, interface: name, managed} of native.getNeighbors())
    if (managed && name !== null && addresses.includes(address))
      await exec.run('ip', ['neigh', 'del', address, 'dev', name]);
}

export async function cleanUpUserspace(deps: CleanupDeps): Promise<void> {
  const {native, exec, clock, paths} = deps;
  await endProcesses(readProcessFile(paths.forwarders), systemProcesses(native), clock);
  if (existsSync(paths.segment)) await removeNeighbors(deps, neighborsIn(deps));
  await removeHostVeth(native, exec);
  await removeTable(exec);
}
