// From what is registered to what is wanted: the routes that a provider realises. Pure.

import {defaultTimeouts} from '../model/application.ts';
import type {EndpointRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {BlockRoute, Route, RouteEndpoint} from '../model/route.ts';
import {Standings} from './standing.ts';

function toRouteEndpoint(record: EndpointRecord, standings: Standings): RouteEndpoint {
  const {weight, open} = standings.of(record);
  const {slot, incarnation, address, nodePort} = record;
  return {slot, incarnation, address, nodePort, weight, open};
}

export function routesOf(registry: Registry, standings = new Standings(registry)): Route[] {
  return registry.services().map((service) => {
    const records = standings.records(service);
    const owner = records.find((record) => record.state !== 'closed') ?? records[0];
    const timeouts = standings.application(owner?.application ?? '')?.timeouts ?? defaultTimeouts;
    return {...service, timeouts, endpoints: records.map((record) => toRouteEndpoint(record, standings))};
  });
}

export function blockRoutesOf(registry: Registry): BlockRoute[] {
  return registry.leadingBlocks().map(({vip, first, last, address}) => ({vip, first, last, address}));
}
