// Wires the parts of a router that has passed its checks: registry, provider, supervisor, reload.

import type {RouterNative} from '../../addon/router.ts';
import {inNetwork, networkOf} from '../base/address.ts';
import type {CleanupStack} from '../base/cleanup-stack.ts';
import type {Clock} from '../base/clock.ts';
import type {Exec} from '../base/exec.ts';
import type {Logger} from '../base/logger.ts';
import type {Settings} from '../config/settings.ts';
import {EventLog} from '../supervisor/event-log.ts';
import {OverrideFile} from '../supervisor/override-file.ts';
import type {RouterApi} from '../api/router-api.ts';
import {Echo} from '../supervisor/echo.ts';
import {Exposition} from '../metrics/exposition.ts';
import {vipsOf} from '../model/application/application.ts';
import type {RegistryCheckpoint} from '../model/records.ts';
import {methods} from '../model/method.ts';
import {Registry} from '../model/registry.ts';
import type {ProviderCheckpoint} from '../provider/userspace/checkpoint.ts';
import type {DataPlane} from '../provider/userspace/dataplane/data-plane.ts';
import {UserspaceProvider} from '../provider/userspace/userspace.ts';
import {seriesGroups} from '../api/measures.ts';
import {createRouterApi} from '../api/router-api.ts';
import {withHostAddress} from './own-node.ts';
import {Reloader} from './reload.ts';
import {Supervisor} from '../supervisor/supervisor.ts';

export interface AssembleDeps {
  native: RouterNative;
  exec: Exec;
  clock: Clock;
  log: Logger;
  dataPlane: DataPlane;
  /** The checkpoint of the router before this one; null: begin anew. */
  kept: {own: ProviderCheckpoint; supervisor: RegistryCheckpoint} | null;
  settings: Settings;
  /** Reads the configuration again, for a reload. */
  readSettings: () => Promise<Settings>;
  readSecret: (settings: Settings) => void;
  /** The provider cannot go on with the host as it is now. */
  onOutdated: (reason: string) => void;
}

interface Core {
  events: EventLog;
  registry: Registry;
  provider: UserspaceProvider;
  supervisor: Supervisor;
  exposition: Exposition<RouterApi>;
  overrideFile: OverrideFile;
}

/** The parts that depend on each other. Of the host nothing is touched yet but the state file. */
function createCore({kept, settings, ...deps}: AssembleDeps): Core {
  const {clock, log, dataPlane} = deps;
  const {mode, applications, vipGraceMs} = settings;
  const method = methods[mode];
  const events = new EventLog(clock, log);
  const exposition = new Exposition(seriesGroups);
  const networks = [...settings.interfaces, dataPlane.hostVeth.interface].map((one) => one.network);
  const {limits} = dataPlane.segment;
  const registry = new Registry(method, applications, networks, limits, clock.wall());
  registry.ports.blocks.size = settings.blockPorts;
  if (kept) registry.restore(kept.supervisor, clock.now());
  else registry.begin(clock.now());
  const overrideFile = new OverrideFile({clock, log, events, path: settings.stateFile});
  overrideFile.adopt(registry.overrides);
  const provider = new UserspaceProvider(
    {
      ...deps,
      method,
      interfaces: settings.interfaces,
      events: {
        onChange: () => supervisor.changed(),
        onInterface: (name, what, trouble) => {
          events.add({event: trouble ? 'interface-trouble' : 'interface', detail: `${name}: ${what}`});
        },
        onOutdated: deps.onOutdated,
        onVip: (event, vip, detail) => events.add({event, vip, ...(detail === undefined ? {} : {detail})}),
        onForwarder: (event, detail) => events.add({event, detail}),
      },
    },
    kept?.own ?? null,
  );
  const routerAddressFor = (address: string) =>
    (networks.find((network) => inNetwork(address, network)) ?? settings.interfaces.at(-1)?.network)
      ?.address ?? '';
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
    direct: settings.interfaces.slice(1).map((one) => networkOf(one.network)),
    vipGraceMs,
    fresh: kept === null,
    onPublished: (seconds) => exposition.published(seconds),
  });
  return {events, registry, provider, supervisor, exposition, overrideFile};
}

export interface Assembled {
  router: RouterApi;
  /** Resolves when all forwarders run. */
  forwarding: Promise<void>;
}

/** Starts everything but the control server; what it does to the host is on `cleanup`. */
export async function assemble(deps: AssembleDeps, cleanup: CleanupStack): Promise<Assembled> {
  const {clock, settings} = deps;
  const startedAt = clock.now();
  const core = createCore(deps);
  const {registry, provider, supervisor, overrideFile} = core;
  cleanup.add('state file', () => overrideFile.close(), 'process');
  cleanup.add('provider', () => provider.close());
  await provider.start(registry.nodes().map((node) => node.address));
  await provider.reserve([...new Set([...vipsOf(settings.applications), ...provider.adoptedVips])]);
  supervisor.vips.adopt(provider.adoptedVips);
  cleanup.add('supervisor', () => supervisor.stop(), 'process');
  await supervisor.start();
  const {readSettings: read, readSecret} = deps;
  const reloader = new Reloader({...core, clock, read, readSecret, maxVips: provider.limits.vips}, settings);
  const put = withHostAddress(
    (node, state) => supervisor.put(node, state),
    settings.interfaces.map((one) => one.network.address),
    provider.method.routes,
  );
  const reload = () => reloader.reload();
  const router = createRouterApi({...core, clock, settings, put, reload, startedAt});
  return {router, forwarding: provider.forwarding};
}
