// A router without a host on a recording provider: registry, supervisor and what operators ask. Node i has the address
// 10.88.0.10+i and the MAC 02:00:00:00:00:1i.

import {seriesGroups} from '../../router/api/measures.ts';
import {OverrideActions} from '../../router/api/overrides.ts';
import {createRouterApi} from '../../router/api/router-api.ts';
import type {RouterApi} from '../../router/api/router-api.ts';
import {Views} from '../../router/api/views.ts';
import {silentLogger} from '../../router/base/logger.ts';
import type {Settings} from '../../router/config/settings.ts';
import {Exposition} from '../../router/metrics/exposition.ts';
import {vipsOf} from '../../router/model/application/application.ts';
import {defaultProbeRules} from '../../router/model/liveness.ts';
import {methods} from '../../router/model/method.ts';
import {Registry} from '../../router/model/registry.ts';
import type {ProviderEvents, ProviderLimits} from '../../router/provider/provider.ts';
import type {NodeState} from '../../router/protocol/messages.ts';
import type {RouterEvent} from '../../router/protocol/views.ts';
import {EventLog} from '../../router/supervisor/event-log.ts';
import {Supervisor} from '../../router/supervisor/supervisor.ts';
import {addressOf, macOf, nodeState, interfaces, web} from '../router/bench.ts';
import {FakeClock, settled} from '../router/fake-clock.ts';
import {RecordingProvider} from './recording-provider.ts';

export class RecordedRouter {
  readonly clock = new FakeClock();
  readonly events = new EventLog(this.clock, silentLogger);
  readonly provider: RecordingProvider;
  readonly registry: Registry;
  readonly supervisor: Supervisor;
  /** Instead of a state file. */
  readonly overrideFile = {path: '/state', problem: null, save: () => Promise.resolve(null)};
  readonly overrides: OverrideActions;
  readonly views: Views;
  readonly settings = {mode: 'dsr', listen: {address: '10.88.0.1', port: 7400}} as Settings;
  readonly #exposition = new Exposition(seriesGroups);

  constructor(limits: Partial<ProviderLimits> = {}) {
    const {clock, events} = this;
    const told: ProviderEvents = {
      onChange: () => this.supervisor.changed(),
      onInterface: () => {},
      onOutdated: () => {},
      onVip: (event, vip) => events.add({event, vip}),
      onForwarder: () => {},
    };
    this.provider = new RecordingProvider(told, limits);
    const {provider} = this;
    const networks = interfaces.map((one) => one.network);
    this.registry = new Registry(methods.dsr, [web], networks, provider.limits, 1);
    this.supervisor = new Supervisor({
      clock,
      log: silentLogger,
      events,
      registry: this.registry,
      provider,
      echo: {ask: () => Promise.resolve(null), close: () => {}},
      probes: defaultProbeRules,
      routerAddressFor: () => '10.88.0.1',
      direct: ['10.88.0.0/24'],
      vipGraceMs: 10_000,
      fresh: true,
      onPublished: (seconds) => this.#exposition.published(seconds),
    });
    const {registry, supervisor} = this;
    const {drains} = supervisor;
    this.overrides = new OverrideActions({
      clock,
      registry,
      events,
      drains,
      commit: () => supervisor.commit(),
      save: this.overrideFile.save,
    });
    const {settings, overrideFile} = this;
    this.views = new Views({registry, provider, drains, clock, settings, overrideFile, startedAt: 0});
  }

  async start(): Promise<this> {
    await this.provider.reserve(vipsOf([web]));
    await this.supervisor.start();
    return this;
  }

  /** A node's whole state; it was found before. */
  put(node: number, sequence: number, ports: number[], more: Partial<NodeState> = {}) {
    this.provider.macs.set(addressOf(node), macOf(node));
    return this.supervisor.put(`node${node}`, nodeState(node, sequence, ports, more));
  }

  /** As `put`, once it is in force; the node's configuration. */
  async register(node: number, sequence: number, ports: number[], more: Partial<NodeState> = {}) {
    const outcome = await this.put(node, sequence, ports, more);
    await settled();
    if (outcome.kind !== 'config') throw new Error(outcome.reason);
    return outcome.config;
  }

  /** For a control server. */
  api(): RouterApi {
    const put: RouterApi['put'] = (node, state) => this.supervisor.put(node, state);
    const reload = () => Promise.reject(new Error('there is no configuration file'));
    const {settings} = this;
    return createRouterApi({...this, exposition: this.#exposition, settings, put, reload, startedAt: 0});
  }

  names(): RouterEvent['event'][] {
    return this.events.list().map((one) => one.event);
  }

  async metrics(): Promise<string> {
    return (await this.api().metrics()).text;
  }
}
