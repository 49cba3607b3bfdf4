// From what is registered to what is wanted: the routes that a provider realises. Pure.

import {Memo} from '../base/memo.ts';
import {affinityGroup} from '../model/application/affinity.ts';
import {defaultTimeouts} from '../model/application/application.ts';
import type {Application} from '../model/application/application.ts';
import type {EndpointRecord, ServiceRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {BlockRoute, Route, RouteAffinity, RouteEndpoint} from './desired-state.ts';
import {EndpointStatuses} from './endpoint-status.ts';

function toRouteEndpoint(
  record: EndpointRecord,
  registry: Registry,
  statuses: EndpointStatuses,
): RouteEndpoint {
  const {weight, open, affinityMember} = statuses.of(record);
  const {slot, generation, address, nodePort, instances} = record;
  const node = registry.nodeIds.of(record.node);
  const outboundOnly = instances === 0;
  return {slot, generation, address, nodePort, weight, open, outboundOnly, affinityMember, node};
}

function affinityOf(
  registry: Registry,
  application: Application,
  service: ServiceRecord,
): RouteAffinity | undefined {
  if (!application.affinity) return undefined;
  const {prefix, timeout} = application.affinity;
  const name = affinityGroup(application.name, application.affinity, service);
  const group = name === null ? undefined : registry.groupIds.of(name);
  return group === undefined ? undefined : {group, prefix, timeout};
}

interface Made {
  version: number;
  route: Route;
}

/** All routes; made again, and other objects then, for services of which anything is new. */
export class Routes {
  readonly #registry: Registry;
  readonly #made = new Memo<ServiceRecord, Made>();
  readonly statuses: EndpointStatuses;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.statuses = new EndpointStatuses(registry);
  }

  all(): Route[] {
    this.statuses.refresh();
    return this.#registry.services().map((service) => {
      const version = this.#registry.versionOf(service);
      const make = () => ({version, route: this.#make(service)});
      return this.#made.get(service, make, (made) => made.version === version).route;
    });
  }

  #make(service: ServiceRecord): Route {
    const [registry, statuses] = [this.#registry, this.statuses];
    const records = registry.endpointsOf(service);
    const owner = records.find((record) => record.state !== 'closed') ?? records[0];
    const application = statuses.application(owner?.application ?? '');
    const affinity = application && affinityOf(registry, application, service);
    return {
      ...service,
      timeouts: application?.timeouts ?? defaultTimeouts,
      ...(affinity ? {affinity} : {}),
      endpoints: records.map((record) => toRouteEndpoint(record, registry, statuses)),
    };
  }
}

export function blockRoutesOf(registry: Registry): BlockRoute[] {
  return registry.leadingBlocks().map(({vip, first, last, address}) => ({vip, first, last, address}));
}
