// Applies a changed configuration while flows go on. A broken one changes nothing.

import {UserError} from '../base/error.ts';
import {differences} from '../config/difference.ts';
import type {Settings} from '../config/settings.ts';
import type {EventLog} from '../supervisor/event-log.ts';
import type {ReloadView} from '../protocol/views.ts';
import {vipsOf} from '../model/application/application.ts';
import type {Registry} from '../model/registry.ts';
import type {RoutingProvider} from '../provider/provider.ts';
import type {Clock} from '../base/clock.ts';
import type {Supervisor} from '../supervisor/supervisor.ts';

export interface ReloadDeps {
  clock: Clock;
  events: EventLog;
  registry: Registry;
  provider: RoutingProvider;
  supervisor: Supervisor;
  /** Reads the configuration again; rejects with every problem that it has. */
  read: () => Promise<Settings>;
  /** Reads the secret again. */
  readSecret: (settings: Settings) => void;
  maxVips: number;
}

export class Reloader {
  readonly #deps: ReloadDeps;
  #settings: Settings;
  /** Reloads run one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(deps: ReloadDeps, settings: Settings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  reload(): Promise<ReloadView> {
    const next = this.#queue.then(() => this.#reload());
    this.#queue = next.catch(() => {});
    return next;
  }

  async #reload(): Promise<ReloadView> {
    const {read, readSecret, provider, registry, supervisor, events, clock, maxVips} = this.#deps;
    const settings = await read();
    checkVipCount(settings, maxVips);
    readSecret(settings);
    const lines = differences(this.#settings, settings);
    // VIPs that still have flows stay known until they are released.
    await provider.reserve([...new Set([...vipsOf(settings.applications), ...supervisor.vips.assigned()])]);
    supervisor.vips.graceMs = settings.vipGraceMs;
    supervisor.prober.configure(settings.probes);
    registry.ports.blocks.size = settings.blockPorts;
    registry.configure(settings.applications, clock.now());
    await supervisor.publish();
    this.#settings = settings;
    events.add({event: 'reloaded', detail: lines.join('; ') || 'nothing changed'});
    return {differences: lines};
  }
}

/** Throws a UserError if the segment has no room for so many VIPs. */
export function checkVipCount(settings: Settings, maxVips: number): void {
  const count = vipsOf(settings.applications).length;
  if (count > maxVips) throw new UserError(`${count} virtual IPs: at most ${maxVips} are possible`, 2);
}
