// What /metrics shows besides the views of operators. Nothing here takes longer when there are more flows.

import type {SeriesGroup} from '../metrics/exposition.ts';
import {routerSeries} from '../metrics/series.ts';
import type {Measures} from '../metrics/series.ts';
import type {Registry} from '../model/registry.ts';
import type {RoutingProvider} from '../provider/provider.ts';
import type {Applications} from '../supervisor/applications.ts';
import type {EventLog} from '../supervisor/event-log.ts';
import {resources} from './resources.ts';
import type {RouterApi} from './router-api.ts';

export interface MeasuresDeps {
  registry: Registry;
  provider: RoutingProvider;
  events: EventLog;
  applications: Applications;
}

export function measuresOf({registry, provider, events, applications}: MeasuresDeps): Measures {
  const {counters, vips, interfaces, forwarders} = provider.stats();
  return {
    counters,
    vips,
    flowTable: provider.flows && {flows: applications.flows, capacity: provider.flows.capacity},
    applications: registry.applications,
    accounts: applications.accounts(),
    interfaces,
    forwarders,
    blocksRefused: registry.ports.blocks.refusals,
    events: events.counts(),
  };
}

/** Resources without series are not read: some walk the flow table. */
export const seriesGroups: readonly SeriesGroup<RouterApi, unknown>[] = [
  ...Object.values(resources).filter(({series}) => series.length > 0),
  {read: (router: RouterApi) => router.measures(), series: routerSeries},
];
