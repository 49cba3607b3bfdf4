// From what is registered to what is wanted: the routes that a provider realises. Pure.

import {affinityGroup} from '../model/affinity.ts';
import {defaultTimeouts} from '../model/application.ts';
import type {Application} from '../model/application.ts';
import type {EndpointRecord, ServiceRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {BlockRoute, Route, RouteAffinity, RouteEndpoint} from '../model/route.ts';
import {Standings} from './standing.ts';

function toRouteEndpoint(record: EndpointRecord, registry: Registry, standings: Standings): RouteEndpoint {
  const {weight, open, keepsClients} = standings.of(record);
  const {slot, incarnation, address, nodePort, instances} = record;
  const node = registry.nodeNumbers.of(record.node);
  const opensOnly = instances === 0;
  return {slot, incarnation, address, nodePort, weight, open, opensOnly, keepsClients, node};
}

function affinityOf(
  registry: Registry,
  application: Application,
  service: ServiceRecord,
): RouteAffinity | undefined {
  if (!application.affinity) return undefined;
  const {prefix, timeout} = application.affinity;
  const name = affinityGroup(application.name, application.affinity, service);
  const group = name === null ? undefined : registry.groupNumbers.of(name);
  return group === undefined ? undefined : {group, prefix, timeout};
}

export function routesOf(registry: Registry, standings = new Standings(registry)): Route[] {
  return registry.services().map((service) => {
    const records = standings.records(service);
    const owner = records.find((record) => record.state !== 'closed') ?? records[0];
    const application = standings.application(owner?.application ?? '');
    const affinity = application && affinityOf(registry, application, service);
    return {
      ...service,
      timeouts: application?.timeouts ?? defaultTimeouts,
      ...(affinity ? {affinity} : {}),
      endpoints: records.map((record) => toRouteEndpoint(record, registry, standings)),
    };
  });
}

export function blockRoutesOf(registry: Registry): BlockRoute[] {
  return registry.leadingBlocks().map(({vip, first, last, address}) => ({vip, first, last, address}));
}
