// Everything that /metrics shows, at one time. Nothing here takes longer when there are more flows.

import type {Segment} from '../../addon/router.ts';
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
  segment: Segment;
  events: EventLog;
  applications: Applications;
  views: Views;
}

export function snapshotOf({
  registry,
  provider,
  segment,
  events,
  applications,
  views,
}: SnapshotDeps): Snapshot {
  const {counters, vips} = provider.stats();
  return {
    counters,
    vips,
    flows: applications.flows,
    flowCapacity: segment.limits.flows,
    applications: applications.views(),
    accounts: applications.accounts(),
    nodes: views.nodes(),
    forwarders: segment.forwarders().filter((one) => one.pid !== 0),
    blocks: blocksByVip(registry),
    blocksRefused: registry.ports.blocks.refusals,
    events: events.counts(),
  };
}
