// Everything that /metrics shows, at one time. Nothing here takes longer when there are more flows.

import type {EventLog} from '../supervisor/event-log.ts';
import type {Snapshot} from '../metrics/series.ts';
import type {Registry} from '../model/registry.ts';
import type {RoutingProvider} from '../provider/provider.ts';
import type {Applications} from '../supervisor/applications.ts';
import {blocksByVip} from './blocks-view.ts';
import type {Views} from './views.ts';

export interface SnapshotDeps {
  registry: Registry;
  provider: RoutingProvider;
  events: EventLog;
  applications: Applications;
  views: Views;
}

export function snapshotOf({registry, provider, events, applications, views}: SnapshotDeps): Snapshot {
  const {counters, vips, forwarders} = provider.stats();
  return {
    counters,
    vips,
    flowTable: provider.flows && {flows: applications.flows, capacity: provider.flows.capacity},
    applications: applications.views(),
    accounts: applications.accounts(),
    nodes: views.nodes(),
    forwarders,
    blocks: blocksByVip(registry),
    blocksRefused: registry.ports.blocks.refusals,
    events: events.counts(),
  };
}
