// Summaries of applications: their endpoints by state, and the capacity of the nodes that serve. Pure.

import type {ApplicationView} from '../protocol/views.ts';
import type {Application} from '../model/application/application.ts';
import type {EndpointRecord} from '../model/records.ts';
import {serviceKey} from '../model/records.ts';
import type {EndpointStatus, EndpointStatuses} from '../policy/endpoint-status.ts';
import type {NodeShare} from './application-level.ts';

export interface ApplicationSummary {
  endpoints: ApplicationView['endpoints'];
  /** That serve. */
  instances: number;
  nodes: NodeShare[];
}

type Group = keyof ApplicationSummary['endpoints'];

/** What a node has of an application, by service: an instance that listens on several ports is seen on each. */
type Services = Map<string, {instances: number; capacity: number}>;

interface Tally {
  application: Application;
  endpoints: ApplicationSummary['endpoints'];
  nodes: Map<string, {services: Services; level: EndpointStatus['level']}>;
}

function groupOf(status: EndpointStatus, serves: boolean): Group {
  if (serves) return 'serving';
  const {state} = status;
  if (state === 'draining') return 'drained';
  return state === 'failing' || state === 'unreachable' ? state : 'idle';
}

function add(
  {application, endpoints, nodes}: Tally,
  record: EndpointRecord,
  status: EndpointStatus,
  group: Group,
) {
  endpoints[group] += 1;
  if (group !== 'serving') return;
  const {level, weight} = status;
  const node = nodes.get(record.node) ?? {services: new Map(), level};
  nodes.set(record.node, node);
  const key = serviceKey(record);
  const {instances, capacity} = node.services.get(key) ?? {instances: 0, capacity: 0};
  node.services.set(key, {
    instances: instances + record.instances,
    // Its weight without what its level takes of it.
    capacity: capacity + weight / application.weights[level],
  });
}

function most(services: Services, of: 'instances' | 'capacity'): number {
  return Math.max(0, ...[...services.values()].map((service) => service[of]));
}

/**
 * By application, in the order of the configuration. `serves`: is it in a ring? On one node, instances of one
 * application on different ports count as if they were the same.
 */
export function summariesOf(
  applications: readonly Application[],
  records: readonly EndpointRecord[],
  statuses: EndpointStatuses,
  serves: (record: EndpointRecord) => boolean,
): Map<string, ApplicationSummary> {
  const tallies = new Map(
    applications.map((application): [string, Tally] => {
      const endpoints = {serving: 0, drained: 0, failing: 0, unreachable: 0, idle: 0};
      return [application.name, {application, endpoints, nodes: new Map()}];
    }),
  );
  for (const record of records) {
    const [tally, status] = [tallies.get(record.application), statuses.find(record)];
    if (tally && status && record.state !== 'closed')
      add(tally, record, status, groupOf(status, serves(record)));
  }
  const censuses = [...tallies].map(([name, {endpoints, nodes}]): [string, ApplicationSummary] => {
    const all = [...nodes.values()];
    const instances = all.reduce((sum, {services}) => sum + most(services, 'instances'), 0);
    const shares = all.map(({services, level}) => ({level, capacity: most(services, 'capacity')}));
    return [name, {endpoints, instances, nodes: shares}];
  });
  return new Map(censuses);
}
