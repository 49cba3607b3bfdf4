// What agents and operators may ask of a running router, and which part answers.

import type {Clock} from '../base/clock.ts';
import type {Settings} from '../config/settings.ts';
import type {Exposition} from '../metrics/exposition.ts';
import type {Measures} from '../metrics/series.ts';
import type {Registry} from '../model/registry.ts';
import type {NodeState} from '../protocol/messages.ts';
import type {
  ApplicationView,
  BlocksView,
  EndpointView,
  FlowView,
  NodeView,
  ReloadView,
  RouterEvent,
  ServiceView,
  StatusView,
} from '../protocol/views.ts';
import type {RoutingProvider} from '../provider/provider.ts';
import type {EventLog} from '../supervisor/event-log.ts';
import type {OverrideFile} from '../supervisor/override-file.ts';
import type {PutOutcome, Supervisor} from '../supervisor/supervisor.ts';
import {blocksView} from './blocks-view.ts';
import {measuresOf} from './measures.ts';
import {OverrideActions} from './overrides.ts';
import {Views} from './views.ts';

export interface RouterApi {
  /** Resolves when what the message changes is in force. */
  put(node: string, state: NodeState): Promise<PutOutcome>;
  status(): StatusView;
  services(): ServiceView[];
  endpoints(): EndpointView[];
  nodes(): NodeView[];
  flows(): FlowView[];
  applications(): ApplicationView[];
  blocks(): BlocksView;
  events(since?: number): RouterEvent[];
  overrides: OverrideActions;
  reload(): Promise<ReloadView>;
  /** What /metrics shows besides. */
  measures(): Measures;
  /** In Prometheus' text format. */
  metrics(): Promise<{type: string; text: string}>;
}

export interface RouterApiDeps {
  clock: Clock;
  settings: Settings;
  events: EventLog;
  registry: Registry;
  provider: RoutingProvider;
  supervisor: Supervisor;
  overrideFile: Pick<OverrideFile, 'path' | 'problem' | 'save'>;
  exposition: Exposition<RouterApi>;
  put: RouterApi['put'];
  reload: RouterApi['reload'];
  /** Clock.now when the router started. */
  startedAt: number;
}

export function createRouterApi(deps: RouterApiDeps): RouterApi {
  const {clock, events, registry, provider, supervisor, overrideFile, exposition, put, reload} = deps;
  const {applications, drains} = supervisor;
  const commit = () => supervisor.commit();
  const save = () => overrideFile.save(registry.overrides);
  const views = new Views({...deps, drains});
  const api: RouterApi = {
    put,
    status: () => views.status(),
    services: () => views.services(),
    endpoints: () => views.endpoints(),
    nodes: () => views.nodes(),
    flows: () => views.flows(),
    applications: () => applications.views(),
    blocks: () => blocksView(registry, clock.now()),
    events: (since) => events.list(since),
    overrides: new OverrideActions({clock, registry, events, drains, commit, save}),
    reload,
    measures: () => measuresOf({registry, provider, events, applications}),
    metrics: () => exposition.write(api),
  };
  return api;
}
