// Wires the parts of a router that has passed its checks: registry, provider, supervisor, forwarders, reload.

import type {RouterNative} from '../../addon/router.ts';
import {inNetwork, networkOf} from '../base/address.ts';
import type {Clock} from '../base/clock.ts';
import type {Exec} from '../base/exec.ts';
import type {Logger} from '../base/logger.ts';
import type {Settings} from '../config/settings.ts';
import {EventLog} from '../supervisor/event-log.ts';
import type {ControlledRouter} from '../api/server.ts';
import {Echo} from '../supervisor/echo.ts';
import {Exposition} from '../metrics/exposition.ts';
import {vipsOf} from '../model/application/application.ts';
import {methods} from '../model/method.ts';
import {Registry} from '../model/registry.ts';
import {LocalSide} from '../provider/userspace/local-side.ts';
import {UserspaceProvider} from '../provider/userspace/userspace.ts';
import type {Adopted} from './adopt.ts';
import {controlledRouter} from '../api/controlled.ts';
import {Forwarders} from '../processes/forwarders.ts';
import {encodeMemory} from './memory.ts';
import {welcomeOwnNode} from './own-node.ts';
import {Reloader} from './reload.ts';
import type {Paths} from '../base/paths.ts';
import {writeProcessFile} from '../processes/processes.ts';
import type {Processes} from '../processes/processes.ts';
import {obtainSockets} from '../processes/sockets.ts';
import type {SpawnForwarder} from '../processes/spawn.ts';
import {Supervisor} from '../supervisor/supervisor.ts';
import type {Undo} from './undo.ts';

export interface AssembleDeps {
  native: RouterNative;
  exec: Exec;
  clock: Clock;
  log: Logger;
  paths: Paths;
  processes: Processes;
  spawn: SpawnForwarder;
  adopted: Adopted;
  settings: Settings;
  /** Reads the configuration again, for a reload. */
  readSettings: () => Promise<Settings>;
  readSecret: (settings: Settings) => void;
}

interface Core {
  local: LocalSide;
  events: EventLog;
  registry: Registry;
  provider: UserspaceProvider;
  supervisor: Supervisor;
  exposition: Exposition;
}

/** The parts that know each other. Nothing on the host is touched yet. */
function createCore({adopted, settings, ...deps}: AssembleDeps): Core {
  const {clock, log} = deps;
  const {segment, memory} = adopted;
  const {mode, applications, vipGraceMs} = settings;
  const method = methods[mode];
  const local = new LocalSide({...deps, sides: settings.sides, routes: method.routes});
  const events = new EventLog(clock, log);
  const exposition = new Exposition();
  const networks = [...settings.sides, local.side].map((side) => side.network);
  const registry = new Registry(method, applications, networks, segment.limits, clock.wall());
  registry.ports.blocks.size = settings.blockPorts;
  if (memory) registry.restore(memory.registry, clock.now());
  else registry.begin(clock.now());
  const provider = new UserspaceProvider(
    {
      ...deps,
      method,
      segment,
      sides: settings.sides,
      local,
      events: {
        onChange: () => supervisor.changed(),
        onInterface: (name, what, trouble) => {
          events.add({event: trouble ? 'interface-trouble' : 'interface', detail: `${name}: ${what}`});
        },
        onVip: (event, vip, detail) => events.add({event, vip, ...(detail === undefined ? {} : {detail})}),
      },
      remember: (own) => encodeMemory(registry.memory(), own),
    },
    memory?.provider ?? null,
  );
  const routerAddressFor = (address: string) =>
    (networks.find((network) => inNetwork(address, network)) ?? settings.sides.at(-1)?.network)?.address ??
    '';
  const supervisor = new Supervisor({
    clock,
    log,
    events,
    registry,
    provider,
    echo: new Echo(log),
    probes: settings.probes,
    routerAddressFor,
    // One-armed, there is no network that router and nodes have for themselves.
    direct: settings.sides.slice(1).map((side) => networkOf(side.network)),
    vipGraceMs,
    fresh: memory === null,
    onPublished: (seconds) => exposition.published(seconds),
  });
  return {local, events, registry, provider, supervisor, exposition};
}

async function startForwarders(deps: AssembleDeps, {local, events}: Core, undo: Undo): Promise<void> {
  const {native, clock, log, paths, processes, spawn, adopted, settings} = deps;
  const {segment, memory, left} = adopted;
  const names = [...settings.sides, local.side].map((side) => side.name);
  const same = local.adopted && JSON.stringify(memory?.provider.interfaces) === JSON.stringify(names);
  const source = {native, segment, processes, clock, log};
  const sockets = await obtainSockets(source, names, settings.forwarders, left, same);
  const forwarders = new Forwarders({
    native,
    segment,
    clock,
    log,
    spawn,
    record: (ids) => writeProcessFile(paths.forwarders, [...left, ...ids]),
    onEvent: (event) => events.add(event),
  });
  undo.add('forwarders', () => forwarders.stop());
  await forwarders.start(sockets.byForwarder, sockets.endOld);
}

export interface Assembled {
  router: ControlledRouter;
  /** Resolves when all forwarders run. */
  forwarding: Promise<void>;
}

/** Starts everything but the control server; what it does to the host is on `undo`. */
export async function assemble(deps: AssembleDeps, undo: Undo): Promise<Assembled> {
  const {clock, settings, adopted} = deps;
  const {memory} = adopted;
  const startedAt = clock.now();
  const core = createCore(deps);
  const {local, registry, provider, supervisor} = core;
  undo.add('local side', () => local.close());
  await local.start();
  // First of all: an adopted segment still holds a policy, by which they forward while the rest starts.
  const forwarding = startForwarders(deps, core, undo);
  // The caller awaits it; whoever fails first is reported.
  forwarding.catch(() => {});
  undo.add('provider', () => provider.close());
  await provider.start(registry.nodes().map((node) => node.address));
  const activeVips = memory?.provider.activeVips ?? [];
  await provider.reserve([...new Set([...vipsOf(settings.applications), ...activeVips])]);
  supervisor.vips.adopt(activeVips);
  undo.add('supervisor', () => supervisor.stop());
  await supervisor.start();
  const {readSettings: read, readSecret} = deps;
  const reloader = new Reloader({...core, clock, read, readSecret, maxVips: provider.limits.vips}, settings);
  const put = welcomeOwnNode(
    (node, state) => supervisor.put(node, state),
    settings.sides.map((side) => side.network.address),
    provider.method.routes,
  );
  const reload = () => reloader.reload();
  const router = controlledRouter({...core, clock, settings, put, reload, startedAt});
  return {router, forwarding};
}
