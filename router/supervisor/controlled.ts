// What the control server may ask of a running router, and which part answers.

import type {Segment} from '../../addon/router.ts';
import type {Clock} from '../base/clock.ts';
import type {Settings} from '../config/settings.ts';
import type {EventLog} from '../control/event-log.ts';
import type {ControlledRouter} from '../control/server.ts';
import type {Exposition} from '../metrics/exposition.ts';
import type {Registry} from '../model/registry.ts';
import type {RoutingProvider} from '../provider/provider.ts';
import {blocksView} from './blocks-view.ts';
import {welcomeOwnNode} from './own-node.ts';
import {Reloader} from './reload.ts';
import {snapshotOf} from './snapshot.ts';
import {Steering} from './steering.ts';
import type {Supervisor} from './supervisor.ts';
import {Views} from './views.ts';

export interface ControlledDeps {
  clock: Clock;
  settings: Settings;
  segment: Segment;
  events: EventLog;
  registry: Registry;
  provider: RoutingProvider;
  supervisor: Supervisor;
  exposition: Exposition;
  /** Reads the configuration again, for a reload. */
  read: () => Promise<Settings>;
  readSecret: (settings: Settings) => void;
  /** Clock.now when the router started. */
  startedAt: number;
}

export function controlledRouter(deps: ControlledDeps): ControlledRouter {
  const {clock, settings, segment, events, registry, provider, supervisor, exposition} = deps;
  const {applications, drains} = supervisor;
  const reloader = new Reloader({...deps, maxVips: segment.limits.vips}, settings);
  const steering = new Steering({clock, registry, events, drains, commit: () => supervisor.commit()});
  const views = new Views({...deps, drains});
  return {
    put: welcomeOwnNode(
      (node, state) => supervisor.put(node, state),
      settings.sides.map((side) => side.network.address),
      provider.method.routes,
    ),
    status: () => views.status(),
    services: () => views.services(),
    endpoints: () => views.endpoints(),
    nodes: () => views.nodes(),
    flows: () => views.flows(),
    applications: () => applications.views(),
    blocks: () => blocksView(registry, clock.now()),
    events: (since) => events.list(since),
    metrics: () => exposition.write(snapshotOf({registry, provider, segment, events, applications, views})),
    reload: () => reloader.reload(),
    steering,
  };
}
