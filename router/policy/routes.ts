// From what is registered to what is wanted: the routes that a provider realises. Pure.

import type {Application} from '../model/application.ts';
import {defaultTimeouts} from '../model/application.ts';
import type {EndpointRecord} from '../model/records.ts';
import {serviceKey} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {Route, RouteEndpoint} from '../model/route.ts';
import {weightOf} from './weight.ts';
import type {Level} from '../control/protocol.ts';

/** The load level that an endpoint's node reports for its application; nothing reported counts as medium. */
export function levelOf(record: EndpointRecord, registry: Registry): Level {
  const node = registry.node(record.node);
  return node?.levels[record.application] ?? 'medium';
}

function toRouteEndpoint(record: EndpointRecord, registry: Registry): RouteEndpoint {
  const open = record.state === 'up' || record.state === 'doubt';
  return {
    slot: record.slot,
    incarnation: record.incarnation,
    address: record.address,
    nodePort: record.nodePort,
    weight: open ? weightOf(record.instances, levelOf(record, registry)) : 0,
    open,
  };
}

export function routesOf(registry: Registry): Route[] {
  const applications = new Map<string, Application>(
    registry.applications.map((known) => [known.name, known]),
  );
  const byService = new Map<string, EndpointRecord[]>();
  for (const record of registry.endpoints()) {
    const key = serviceKey(record);
    const records = byService.get(key);
    if (records) records.push(record);
    else byService.set(key, [record]);
  }
  return registry.services().map((service) => {
    const records = byService.get(serviceKey(service)) ?? [];
    const owner = records.find((record) => record.state !== 'closed') ?? records[0];
    const timeouts = applications.get(owner?.application ?? '')?.timeouts ?? defaultTimeouts;
    return {...service, timeouts, endpoints: records.map((record) => toRouteEndpoint(record, registry))};
  });
}
