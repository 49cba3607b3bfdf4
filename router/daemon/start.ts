// Puts a router together: every check first, then what touches the host, each step with its undoing. A start
// that fails leaves nothing behind, unless forwarders of a crashed router go on: those are for the next start.

import {existsSync, mkdirSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import type {RouterNative} from '../../addon/router.ts';
import {CleanupStack} from '../base/cleanup-stack.ts';
import type {Scope} from '../base/cleanup-stack.ts';
import type {Clock} from '../base/clock.ts';
import {codeOf, messageOf, UserError} from '../base/error.ts';
import {requireCommands} from '../base/exec.ts';
import type {Exec} from '../base/exec.ts';
import type {Logger} from '../base/logger.ts';
import {readInterfaces} from '../config/host.ts';
import {readSecret} from '../base/secret.ts';
import {HostNotReady} from '../config/problem.ts';
import {settle} from '../config/settings.ts';
import type {Options, Settings} from '../config/settings.ts';
import {createControlServer, createMetricsServer, listenOnPath, listenOnPort} from '../api/server.ts';
import type {ControlOptions} from '../api/server.ts';
import type {RouterApi} from '../api/router-api.ts';
import {methods} from '../model/method.ts';
import {cleanUpUserspace} from '../provider/userspace/cleanup.ts';
import {adoptSegment} from '../provider/userspace/dataplane/adopt.ts';
import {DataPlane} from '../provider/userspace/dataplane/data-plane.ts';
import {HostVeth} from '../provider/userspace/host-veth.ts';
import {decodeCheckpoint} from '../supervisor/checkpoint.ts';
import {assemble} from './assemble.ts';
import {awaitSettings} from './await-settings.ts';
import {removeFiles} from '../base/paths.ts';
import type {Paths} from '../base/paths.ts';
import {systemProcesses} from '../provider/userspace/dataplane/processes.ts';
import {lockNamespace} from './namespace-lock.ts';
import {checkVipCount} from './reload.ts';
import {forwarderSpawner} from '../provider/userspace/dataplane/spawn.ts';
import type {SpawnForwarder} from '../provider/userspace/dataplane/spawn.ts';
import {resolveUser} from './user.ts';

/** Of the host; each with an argument that changes nothing. */
const COMMANDS = [
  ['ip', '-V'],
  ['nft', '--version'],
  ['sysctl', '--version'],
] as const;

/** The signal that ends the supervisor alone, for the next one to take over: ../systemd/coscanet-router.service. */
export const HAND_OVER = 'SIGUSR2';

export interface StartOptions extends Options {
  /** Path of the configuration file. */
  config: string;
  /** false: end, if the host has not the interfaces of the configuration, instead of waiting for them. */
  wait?: boolean;
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
  /** Resolves with the reason when the router has to be started anew to go on: its interfaces are others now. */
  outdated: Promise<string>;
  /** Removes all from the host. */
  stop(): Promise<void>;
  /** Leaves segment, forwarders and what they need to the next router, as a crash does. */
  handOver(): Promise<void>;
}

/** Reads and checks the configuration; rejects with every problem. */
export async function readSettings(native: RouterNative, options: StartOptions): Promise<Settings> {
  let text: string;
  try {
    text = await readFile(options.config, 'utf8');
  } catch (error) {
    const reason = codeOf(error) === 'ENOENT' ? 'does not exist' : messageOf(error);
    throw new UserError(`configuration file ${options.config}: ${reason}`, 2);
  }
  return settle(options.config, text, options, readInterfaces(native));
}

/** `left`: what a crashed router left there is not taken over, and stays. */
function lockRunDir({native, paths}: StartDeps, left: () => boolean, cleanup: CleanupStack): void {
  let locked = false;
  try {
    mkdirSync(paths.runDir, {recursive: true, mode: 0o755});
    locked = native.lockFile(paths.lock);
  } catch (error) {
    throw new UserError(`cannot use the run directory ${paths.runDir}: ${messageOf(error)}`);
  }
  if (!locked)
    throw new UserError(`another coscanet-router runs in ${paths.runDir} (it holds ${paths.lock})`);
  cleanup.add('run directory', () => {
    if (!left()) removeFiles(paths);
  });
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

interface Front {
  /** How the servers find the router. */
  control: Pick<ControlOptions, 'router' | 'ready' | 'reason' | 'log'>;
  /** The router serves, or (null, with the reason) does not. */
  set(router: RouterApi | null, reason: string): void;
}

/** What servers show from the beginning, when there is no router yet. */
function createFront(log: Logger): Front {
  let serving: RouterApi | null = null;
  let why = 'the router is starting';
  let announce = () => {};
  const ready = new Promise<void>((resolve) => (announce = resolve));
  const set: Front['set'] = (router, reason) => {
    serving = router;
    why = reason;
    if (router) announce();
  };
  return {control: {router: () => serving, ready, reason: () => why, log}, set};
}

/** Waits for the host's interfaces; null, and nothing is left, if told to end before. */
async function settingsWhenReady(
  deps: StartDeps,
  read: () => Promise<Settings>,
  front: Front,
  stop: AbortSignal,
): Promise<Settings | null> {
  const onWaiting = (what: string) => front.set(null, `the router is starting; it waits: ${what}`);
  const settings = await awaitSettings({...deps, read, onWaiting}, stop);
  front.set(null, 'the router is starting');
  // An end that was asked for is one of what a crashed router left, too; unless the next one is to have it.
  if (!settings && stop.reason !== HAND_OVER && existsSync(deps.paths.segment)) await cleanUpUserspace(deps);
  return settings;
}

/** What does not depend on the host. */
async function credentials({exec}: StartDeps, settings: Settings) {
  const secret = {current: readSecret(settings.secretFile)};
  const user = await resolveUser(exec, settings.user);
  return {secret, spawn: forwarderSpawner(user, settings.spinMicroseconds)};
}

interface Launch {
  settings: Settings;
  read: () => Promise<Settings>;
  credentials: Awaited<ReturnType<typeof credentials>>;
  front: Front;
  cleanup: CleanupStack;
  progress: Progress;
}

interface Progress {
  /** The run directory holds what a crashed router left, and nobody has taken that over. */
  left: boolean;
  /** It is taken over. */
  adopting: boolean;
}

/** The host is ready: from the control port to the first policy. */
async function launch(deps: StartDeps, parts: Launch): Promise<RunningRouter> {
  const {settings, read, front, cleanup, progress} = parts;
  const {secret, spawn} = parts.credentials;
  const remote = createControlServer({...front.control, secret: () => secret.current});
  cleanup.add('control port', () => remote.close(), 'process');
  await listenOnPort(remote, 'control', settings.listen);
  if (settings.metrics) {
    const metrics = createMetricsServer(front.control);
    cleanup.add('metrics port', () => metrics.close(), 'process');
    await listenOnPort(metrics, 'metrics', settings.metrics);
  }
  const {dataPlane, kept} = await openDataPlane(deps, settings, spawn);
  Object.assign(progress, {left: false, adopting: kept !== null});
  cleanup.add('data plane', () => dataPlane.stop());
  checkVipCount(settings, dataPlane.segment.limits.vips);
  let outdate: (reason: string) => void = () => {};
  const outdated = new Promise<string>((resolve) => (outdate = resolve));
  const again = {
    readSettings: read,
    readSecret: (changed: Settings) => void (secret.current = readSecret(changed.secretFile)),
    onOutdated: outdate,
  };
  const {router, forwarding} = await assemble({...deps, ...again, dataPlane, kept, settings}, cleanup);
  front.set(router, '');
  await forwarding;
  deps.log.info({adopted: progress.adopting, control: settings.listen}, 'router is ready');
  const end = (only?: Scope) => {
    front.set(null, 'the router is stopping');
    return cleanup.run(only);
  };
  return {reload: () => router.reload(), outdated, stop: () => end(), handOver: () => end('process')};
}

/**
 * Starts the router; resolves when it forwards and answers, or with null if `stop` says so while it waits for the
 * host's interfaces.
 */
export async function startRouter(
  deps: StartDeps,
  options: StartOptions,
  stop: AbortSignal,
): Promise<RunningRouter | null> {
  const {native, log, paths} = deps;
  const read = () => readSettings(native, options);
  const first = await read().catch((error: unknown) => {
    if (error instanceof HostNotReady && options.wait !== false) return null;
    throw error;
  });
  if (process.getuid?.() !== 0) throw new UserError('coscanet-router must run as root');
  await requireCommands(deps.exec, COMMANDS);
  const known = first && (await credentials(deps, first));
  const cleanup = new CleanupStack(log);
  const progress: Progress = {left: existsSync(paths.segment), adopting: false};
  try {
    lockRunDir(deps, () => progress.left, cleanup);
    cleanup.add('network namespace', await lockNamespace(paths.runDir));
    const front = createFront(log);
    const local = createControlServer({...front.control, secret: null});
    cleanup.add('local socket', () => local.close(), 'process');
    await listenOnPath(local, paths.socket);
    const settings = first ?? (await settingsWhenReady(deps, read, front, stop));
    if (!settings) {
      progress.left &&= stop.reason === HAND_OVER;
      await cleanup.run();
      return null;
    }
    const parts = {settings, read, credentials: known ?? (await credentials(deps, settings))};
    const router = await launch(deps, {...parts, front, cleanup, progress});
    // Opened first, and first to go: a command then says that no router runs, not that one is ending.
    cleanup.add('local socket', () => local.close(), 'process');
    return router;
  } catch (error) {
    // Forwarders of a crashed router go on; undoing would end their flows.
    if (!progress.adopting) await cleanup.run();
    throw error;
  }
}
