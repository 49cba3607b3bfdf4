// What the control server may ask of a running router, and which part answers.

import type {Clock} from '../base/clock.ts';
import type {Settings} from '../config/settings.ts';
import type {EventLog} from '../supervisor/event-log.ts';
import type {ControlledRouter} from './server.ts';
import type {Exposition} from '../metrics/exposition.ts';
import type {Registry} from '../model/registry.ts';
import type {RoutingProvider} from '../provider/provider.ts';
import {blocksView} from './blocks-view.ts';
import {snapshotOf} from './snapshot.ts';
import {Overrider} from './overrides.ts';
import type {Supervisor} from '../supervisor/supervisor.ts';
import {Views} from './views.ts';

export interface ControlledDeps {
  clock: Clock;
  settings: Settings;
  events: EventLog;
  registry: Registry;
  provider: RoutingProvider;
  supervisor: Supervisor;
  exposition: Exposition;
  put: ControlledRouter['put'];
  reload: ControlledRouter['reload'];
  /** Clock.now when the router started. */
  startedAt: number;
}

export function controlledRouter(deps: ControlledDeps): ControlledRouter {
  const {clock, events, registry, provider, supervisor, exposition, put, reload} = deps;
  const {applications, drains} = supervisor;
  const overrides = new Overrider({clock, registry, events, drains, commit: () => supervisor.commit()});
  const views = new Views({...deps, drains});
  return {
    put,
    status: () => views.status(),
    services: () => views.services(),
    endpoints: () => views.endpoints(),
    nodes: () => views.nodes(),
    flows: () => views.flows(),
    applications: () => applications.views(),
    blocks: () => blocksView(registry, clock.now()),
    events: (since) => events.list(since),
    metrics: () => exposition.write(snapshotOf({registry, provider, events, applications, views})),
    reload,
    overrides,
  };
}
