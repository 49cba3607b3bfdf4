// Puts a router together: every check first, then what touches the host, each step with its undoing. A start
// that fails leaves nothing behind, unless forwarders of a crashed router go on: those are for the next start.

import {mkdirSync, readFileSync} from 'node:fs';
import type {RouterNative} from '../../addon/router.ts';
import type {Clock} from '../base/clock.ts';
import {codeOf, messageOf, UserError} from '../base/error.ts';
import type {Exec} from '../base/exec.ts';
import type {Logger} from '../base/logger.ts';
import {readLinks} from '../config/host.ts';
import {readSecret} from '../base/secret.ts';
import {settle} from '../config/settings.ts';
import type {Options, Settings} from '../config/settings.ts';
import {createControlServer, createMetricsServer, listenOnPath, listenOnPort} from '../api/server.ts';
import type {ControlledRouter} from '../api/server.ts';
import {adoptSegment} from './adopt.ts';
import {assemble} from './assemble.ts';
import {removeFiles} from '../base/paths.ts';
import type {Paths} from '../base/paths.ts';
import {systemProcesses} from '../processes/processes.ts';
import {lockNamespace} from './namespace-lock.ts';
import {checkVipCount} from './reload.ts';
import {forwarderSpawner} from '../processes/spawn.ts';
import {Undo} from './undo.ts';
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
  reload: ControlledRouter['reload'];
  stop(): Promise<void>;
}

/** Reads and checks the configuration; rejects with every problem. */
async function readSettings(exec: Exec, options: StartOptions): Promise<Settings> {
  let text: string;
  try {
    text = readFileSync(options.config, 'utf8');
  } catch (error) {
    const reason = codeOf(error) === 'ENOENT' ? 'does not exist' : messageOf(error);
    throw new UserError(`configuration file ${options.config}: ${reason}`, 2);
  }
  return settle(options.config, text, options, await readLinks(exec));
}

function lockRunDir({native, paths}: StartDeps, undo: Undo): void {
  mkdirSync(paths.runDir, {recursive: true, mode: 0o755});
  if (!native.lockFile(paths.lock))
    throw new UserError(`another coscanet-router runs in ${paths.runDir} (it holds ${paths.lock})`);
  undo.add('run directory', () => removeFiles(paths));
}

/** Starts the router; resolves when it forwards and answers. */
export async function startRouter(deps: StartDeps, options: StartOptions): Promise<RunningRouter> {
  const {native, exec, log, paths} = deps;
  const settings = await readSettings(exec, options);
  if (process.getuid?.() !== 0) throw new UserError('coscanet-router must run as root');
  const secret = {current: readSecret(settings.secretFile)};
  const spawn = forwarderSpawner(await resolveUser(exec, settings.user), settings.spinMicroseconds);
  const processes = systemProcesses(native);
  const undo = new Undo(log);
  let adopting = false;
  try {
    lockRunDir(deps, undo);
    undo.add('network namespace', await lockNamespace(paths.runDir));
    let serving: ControlledRouter | null = null;
    let announce = () => {};
    const ready = new Promise<void>((resolve) => (announce = resolve));
    const control = {router: () => serving, ready, log};
    const remote = createControlServer({...control, secret: () => secret.current});
    undo.add('control port', () => remote.close());
    await listenOnPort(remote, 'control', settings.listen);
    if (settings.metrics) {
      const metrics = createMetricsServer(control);
      undo.add('metrics port', () => metrics.close());
      await listenOnPort(metrics, 'metrics', settings.metrics);
    }
    const adopted = await adoptSegment({...deps, processes}, paths);
    undo.add('segment', () => adopted.segment.close());
    adopting = adopted.memory !== null;
    checkVipCount(settings, adopted.segment.limits.vips);
    const readAgain = {
      readSettings: () => readSettings(exec, options),
      readSecret: (changed: Settings) => void (secret.current = readSecret(changed.secretFile)),
    };
    const {router, forwarding} = await assemble(
      {...deps, ...readAgain, processes, spawn, adopted, settings},
      undo,
    );
    const local = createControlServer({...control, secret: null});
    undo.add('local socket', () => local.close());
    serving = router;
    announce();
    await forwarding;
    await listenOnPath(local, paths.socket);
    log.info({adopted: adopting, control: settings.listen}, 'router is ready');
    const stop = () => {
      serving = null;
      return undo.run();
    };
    return {reload: () => router.reload(), stop};
  } catch (error) {
    // Forwarders of a crashed router go on; undoing would end their flows.
    if (!adopting) await undo.run();
    throw error;
  }
}
