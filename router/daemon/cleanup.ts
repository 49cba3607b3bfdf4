// Undoes what a router that crashed and is not started again has left behind: what its provider did on the host, and
// files. Touches nothing while a router runs.

import {existsSync} from 'node:fs';
import {UserError} from '../base/error.ts';
import {removeFiles} from '../base/paths.ts';
import {cleanUpUserspace} from '../provider/userspace/cleanup.ts';
import type {CleanupDeps} from '../provider/userspace/cleanup.ts';
import {lockNamespace} from './namespace-lock.ts';

export async function cleanup(deps: CleanupDeps): Promise<void> {
  const {native, paths} = deps;
  if (process.getuid?.() !== 0) throw new UserError('coscanet-router cleanup must run as root');
  // Nothing of ours: an orderly stop removes the directory or its files.
  if (![paths.lock, paths.segment, paths.forwarders].some((path) => existsSync(path))) return;
  if (!native.lockFile(paths.lock))
    throw new UserError(`a coscanet-router runs in ${paths.runDir}: nothing was touched`);
  const unlock = await lockNamespace(paths.runDir);
  await cleanUpUserspace(deps);
  removeFiles(paths);
  await unlock();
}
