// Undoes what a router that crashed and is not started again has left behind: forwarders, the local side, the
// nftables table, neighbour entries, files. Touches nothing while a router runs.

import {existsSync} from 'node:fs';
import type {RouterNative} from '../../addon/router.ts';
import type {Clock} from '../base/clock.ts';
import {messageOf, UserError} from '../base/error.ts';
import type {Exec} from '../base/exec.ts';
import type {Logger} from '../base/logger.ts';
import {removeLocalSide} from '../provider/userspace/local-side.ts';
import {removeTable} from '../provider/userspace/nftables.ts';
import {parseTable} from '../provider/userspace/ip-neigh.ts';
import {decodeMemory} from './memory.ts';
import {removeFiles} from '../base/paths.ts';
import type {Paths} from '../base/paths.ts';
import {lockNamespace} from './namespace-lock.ts';
import {endProcesses, readProcessFile, systemProcesses} from '../processes/processes.ts';

export interface CleanupDeps {
  native: RouterNative;
  exec: Exec;
  clock: Clock;
  log: Logger;
  paths: Paths;
}

/** The addresses of nodes and gateway that the crashed router remembered. */
function rememberedAddresses({native, log, paths}: CleanupDeps): string[] {
  const segment = native.openSegment(paths.segment);
  try {
    const bytes = segment.registry();
    const memory = bytes ? decodeMemory(bytes) : null;
    if (!memory) return [];
    return [...memory.registry.nodes.map((node) => node.address), ...Object.keys(memory.provider.macs)];
  } catch (error) {
    log.warn({error: messageOf(error)}, 'cannot read the segment; neighbour entries stay');
    return [];
  } finally {
    segment.close();
  }
}

async function removeNeighbours(exec: Exec, addresses: readonly string[]): Promise<void> {
  const table = parseTable(await exec.run('ip', ['-j', '-4', 'neigh', 'show']));
  for (const entry of table)
    if (entry.managed && addresses.includes(entry.address))
      await exec.run('ip', ['neigh', 'del', entry.address, 'dev', entry.interface]);
}

export async function cleanup(deps: CleanupDeps): Promise<void> {
  const {native, exec, clock, paths} = deps;
  if (process.getuid?.() !== 0) throw new UserError('coscanet-router cleanup must run as root');
  // Nothing of ours: an orderly stop removes the directory or its files.
  if (![paths.lock, paths.segment, paths.forwarders].some((path) => existsSync(path))) return;
  if (!native.lockFile(paths.lock))
    throw new UserError(`a coscanet-router runs in ${paths.runDir}: nothing was touched`);
  const unlock = await lockNamespace(paths.runDir);
  await endProcesses(readProcessFile(paths.forwarders), systemProcesses(native), clock);
  if (existsSync(paths.segment)) await removeNeighbours(exec, rememberedAddresses(deps));
  await removeLocalSide(exec);
  await removeTable(exec);
  removeFiles(paths);
  await unlock();
}
