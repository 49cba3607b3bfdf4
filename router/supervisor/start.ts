// Puts a router together: every check first, then what touches the host, each step with its undoing. A start
// that fails leaves nothing behind, unless forwarders of a crashed router go on: those are for the next start.

import {mkdirSync, readFileSync, rmSync, rmdirSync} from 'node:fs';
import type {FastifyInstance} from 'fastify';
import type {RouterNative} from '../../addon/router.ts';
import {inNetwork} from '../base/address.ts';
import type {Clock} from '../base/clock.ts';
import {codeOf, messageOf, UserError} from '../base/error.ts';
import type {Exec} from '../base/exec.ts';
import type {Logger} from '../base/logger.ts';
import {readLinks} from '../config/host.ts';
import {readSecret} from '../config/secret.ts';
import {settle} from '../config/settings.ts';
import type {Options, Settings} from '../config/settings.ts';
import {EventLog} from '../control/event-log.ts';
import {createControlServer, listenOnPath, listenOnPort} from '../control/server.ts';
import type {ControlledRouter} from '../control/server.ts';
import {vipsOf} from '../model/application.ts';
import {Registry} from '../model/registry.ts';
import {UserspaceProvider} from '../provider/userspace/userspace.ts';
import {adoptSegment} from './adopt.ts';
import {Forwarders} from './forwarders.ts';
import {encodeMemory} from './memory.ts';
import type {Paths} from './paths.ts';
import {systemProcesses, writeProcessFile} from './processes.ts';
import {checkVipCount, Reloader} from './reload.ts';
import {obtainSockets} from './sockets.ts';
import {forwarderSpawner} from './spawn.ts';
import {Supervisor} from './supervisor.ts';
import {Undo} from './undo.ts';
import {resolveUser} from './user.ts';
import {Views} from './views.ts';

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
  const made = mkdirSync(paths.runDir, {recursive: true, mode: 0o755}) !== undefined;
  if (!native.lockFile(paths.lock))
    throw new UserError(`another coscanet-router runs in ${paths.runDir} (it holds ${paths.lock})`);
  undo.add('run directory', () => {
    for (const file of [paths.forwarders, paths.segment, paths.socket, paths.lock]) rmSync(file, {force: true});
    if (made) rmdirSync(paths.runDir);
  });
}

/** Starts the router; resolves when it forwards and answers. */
export async function startRouter(deps: StartDeps, options: StartOptions): Promise<RunningRouter> {
  const settings = await readSettings(deps.exec, options);
  if (process.getuid?.() !== 0) throw new UserError('coscanet-router must run as root');
  const secret = {current: readSecret(settings.secretFile)};
  const user = await resolveUser(deps.exec, settings.user);
  const undo = new Undo(deps.log);
  let adopting = false;
  try {
    lockRunDir(deps, undo);
    const ready: {router: ControlledRouter | null} = {router: null};
    const control = {router: () => ready.router, log: deps.log};
    const remote = createControlServer({...control, secret: () => secret.current});
    undo.add('control port', () => remote.close());
    await listenOnPort(remote, settings.listen);
    const processes = systemProcesses(deps.native);
    const adopted = await adoptSegment({...deps, processes}, deps.paths);
    adopting = adopted.memory !== null;
    checkVipCount(settings, adopted.segment.limits.vips);
    undo.add('segment', () => adopted.segment.close());
    const parts = await assemble(deps, options, settings, adopted, user, secret, undo);
    const local = createControlServer({...control, secret: null});
    undo.add('local socket', () => local.close());
    ready.router = parts;
    await listenOnPath(local, deps.paths.socket);
    deps.log.info({adopted: adopting, control: settings.listen, pid: process.pid}, 'router is ready');
    return {reload: () => parts.reload(), stop: () => stop(undo, [remote, local])};
  } catch (error) {
    if (!adopting) await undo.run();
    throw error;
  }
}

async function stop(undo: Undo, servers: readonly FastifyInstance[]): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
  await undo.run();
}

/** Provider, registry and forwarders; whatever they do to the host is on `undo`. */
async function assemble(
  deps: StartDeps,
  options: StartOptions,
  settings: Settings,
  {segment, memory, left}: Awaited<ReturnType<typeof adoptSegment>>,
  user: {uid: number; gid: number},
  secret: {current: string},
  undo: Undo,
): Promise<ControlledRouter> {
  const {native, exec, clock, log, paths} = deps;
  const {sides, applications} = settings;
  const names = sides.map((side) => side.name);
  const startedAt = clock.now();
  const events = new EventLog(clock, log);
  const registry = new Registry(
    applications,
    sides.map((side) => side.network),
    segment.limits,
    clock.wall(),
  );
  if (memory) registry.restore(memory.registry, clock.now());
  const provider = new UserspaceProvider(
    {
      native,
      exec,
      clock,
      log,
      segment,
      sides,
      events: {
        onChange: () => supervisor.changed(),
        onVip: (event, vip, detail) => events.add({event, vip, ...(detail === undefined ? {} : {detail})}),
      },
      remember: (own) => encodeMemory(registry.memory(), own),
    },
    memory?.provider ?? null,
  );
  const routerAddressFor = (address: string) =>
    (sides.find((side) => inNetwork(address, side.network)) ?? sides.at(-1))?.network.address ?? '';
  const supervisor = new Supervisor({
    clock,
    log,
    events,
    registry,
    provider,
    segment,
    routerAddressFor,
    vipGraceMs: settings.vipGraceMs,
  });
  undo.add('provider', () => provider.close());
  await provider.start(registry.nodes().map((node) => node.address));
  const activeVips = memory?.provider.activeVips ?? [];
  await provider.reserve([...new Set([...vipsOf(applications), ...activeVips])]);
  supervisor.vips.adopt(activeVips);
  undo.add('supervisor', () => supervisor.stop());
  supervisor.start();
  const forwarders = new Forwarders({
    native,
    segment,
    clock,
    log,
    spawn: forwarderSpawner(user),
    record: (ids) => writeProcessFile(paths.forwarders, [...left, ...ids]),
    onEvent: (event) => events.add(event),
  });
  undo.add('forwarders', () => forwarders.stop());
  const processes = systemProcesses(native);
  const same = JSON.stringify(memory?.provider.interfaces) === JSON.stringify(names);
  const source = {native, segment, processes, clock, log};
  const sockets = await obtainSockets(source, names, settings.forwarders, left, same);
  await forwarders.start(sockets.byForwarder, sockets.endOld);
  const reloader = new Reloader(
    {
      clock,
      events,
      registry,
      provider,
      supervisor,
      read: () => readSettings(exec, options),
      readSecret: (changed) => void (secret.current = readSecret(changed.secretFile)),
      maxVips: segment.limits.vips,
    },
    settings,
  );
  const views = new Views({registry, provider, segment, clock, settings, startedAt});
  return {
    put: (node, state) => supervisor.put(node, state),
    status: () => views.status(),
    services: () => views.services(),
    endpoints: () => views.endpoints(),
    nodes: () => views.nodes(),
    flows: () => views.flows(),
    events: (since) => events.list(since),
    reload: () => reloader.reload(),
  };
}
