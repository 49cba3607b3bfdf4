// Puts a router together: every check first, then what touches the host, each step with its undoing. A start
// that fails leaves nothing behind, unless forwarders of a crashed router go on: those are for the next start.

import {mkdirSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import type {RouterNative} from '../../addon/router.ts';
import {CleanupStack} from '../base/cleanup-stack.ts';
import type {Clock} from '../base/clock.ts';
import {codeOf, messageOf, UserError} from '../base/error.ts';
import type {Exec} from '../base/exec.ts';
import type {Logger} from '../base/logger.ts';
import {readInterfaces} from '../config/host.ts';
import {readSecret} from '../base/secret.ts';
import {settle} from '../config/settings.ts';
import type {Options, Settings} from '../config/settings.ts';
import {createControlServer, createMetricsServer, listenOnPath, listenOnPort} from '../api/server.ts';
import type {RouterApi} from '../api/router-api.ts';
import {methods} from '../model/method.ts';
import {adoptSegment} from '../provider/userspace/dataplane/adopt.ts';
import {DataPlane} from '../provider/userspace/dataplane/data-plane.ts';
import {HostVeth} from '../provider/userspace/host-veth.ts';
import {decodeCheckpoint} from '../supervisor/checkpoint.ts';
import {assemble} from './assemble.ts';
import {removeFiles} from '../base/paths.ts';
import type {Paths} from '../base/paths.ts';
import {systemProcesses} from '../provider/userspace/dataplane/processes.ts';
import {lockNamespace} from './namespace-lock.ts';
import {checkVipCount} from './reload.ts';
import {forwarderSpawner} from '../provider/userspace/dataplane/spawn.ts';
import type {SpawnForwarder} from '../provider/userspace/dataplane/spawn.ts';
import {resolveUser} from './user.ts';

export interface StartOptions extends Options {
  /** Path of the configuration file. */
  config: string;
}

export interface StartDeps {
  native: RouterNative;
  exec: Exec;
  clock: Clock;
  log: Logger;
  paths: Paths;
}

export interface RunningRouter {
  reload: RouterApi['reload'];
  stop(): Promise<void>;
}

/** Reads and checks the configuration; rejects with every problem. */
async function readSettings(native: RouterNative, options: StartOptions): Promise<Settings> {
  let text: string;
  try {
    text = await readFile(options.config, 'utf8');
  } catch (error) {
    const reason = codeOf(error) === 'ENOENT' ? 'does not exist' : messageOf(error);
    throw new UserError(`configuration file ${options.config}: ${reason}`, 2);
  }
  return settle(options.config, text, options, readInterfaces(native));
}

function lockRunDir({native, paths}: StartDeps, cleanup: CleanupStack): void {
  mkdirSync(paths.runDir, {recursive: true, mode: 0o755});
  if (!native.lockFile(paths.lock))
    throw new UserError(`another coscanet-router runs in ${paths.runDir} (it holds ${paths.lock})`);
  cleanup.add('run directory', () => removeFiles(paths));
}

/** What the router before this one left, with what it kept there, or a new one. */
async function openDataPlane(deps: StartDeps, settings: Settings, spawn: SpawnForwarder) {
  const {native, paths} = deps;
  const {interfaces, forwarders, mode} = settings;
  const processes = systemProcesses(native);
  const {segment, kept, left} = await adoptSegment({...deps, processes}, paths, decodeCheckpoint);
  const hostVeth = new HostVeth({...deps, interfaces, routes: methods[mode].routes});
  const what = {segment, hostVeth, left, forwarders, processFile: paths.forwarders};
  return {dataPlane: new DataPlane({...deps, processes, spawn, ...what}), kept};
}

/** Starts the router; resolves when it forwards and answers. */
export async function startRouter(deps: StartDeps, options: StartOptions): Promise<RunningRouter> {
  const {native, exec, log, paths} = deps;
  const settings = await readSettings(native, options);
  if (process.getuid?.() !== 0) throw new UserError('coscanet-router must run as root');
  const secret = {current: readSecret(settings.secretFile)};
  const spawn = forwarderSpawner(await resolveUser(exec, settings.user), settings.spinMicroseconds);
  const cleanup = new CleanupStack(log);
  let adopting = false;
  try {
    lockRunDir(deps, cleanup);
    cleanup.add('network namespace', await lockNamespace(paths.runDir));
    let serving: RouterApi | null = null;
    let announce = () => {};
    const ready = new Promise<void>((resolve) => (announce = resolve));
    const control = {router: () => serving, ready, log};
    const remote = createControlServer({...control, secret: () => secret.current});
    cleanup.add('control port', () => remote.close());
    await listenOnPort(remote, 'control', settings.listen);
    if (settings.metrics) {
      const metrics = createMetricsServer(control);
      cleanup.add('metrics port', () => metrics.close());
      await listenOnPort(metrics, 'metrics', settings.metrics);
    }
    const {dataPlane, kept} = await openDataPlane(deps, settings, spawn);
    adopting = kept !== null;
    cleanup.add('data plane', () => dataPlane.stop());
    checkVipCount(settings, dataPlane.segment.limits.vips);
    const readAgain = {
      readSettings: () => readSettings(native, options),
      readSecret: (changed: Settings) => void (secret.current = readSecret(changed.secretFile)),
    };
    const {router, forwarding} = await assemble({...deps, ...readAgain, dataPlane, kept, settings}, cleanup);
    const local = createControlServer({...control, secret: null});
    cleanup.add('local socket', () => local.close());
    serving = router;
    announce();
    await forwarding;
    await listenOnPath(local, paths.socket);
    log.info({adopted: adopting, control: settings.listen}, 'router is ready');
    const stop = () => {
      serving = null;
      return cleanup.run();
    };
    return {reload: () => router.reload(), stop};
  } catch (error) {
    // Forwarders of a crashed router go on; undoing would end their flows.
    if (!adopting) await cleanup.run();
    throw error;
  }
}
