// What nodes report: flows of their own endpoints that the flow table shall have. Pure.

import type {FlowImport} from '../../addon/router.ts';
import type {FlowReport, NodeConfig} from '../protocol/messages.ts';
import type {FlowTimeouts} from './application/application.ts';
import type {EndpointRecord} from './records.ts';

/** A connection that a node is about to open is forgotten after this long, unless the other end answers. */
export const OPENING_SECONDS = 150;

export interface ResolvedReports {
  /** Of the same length and order as `imports`. */
  reports: FlowReport[];
  imports: FlowImport[];
  refused: NonNullable<NodeConfig['flowsRefused']>;
}

export interface ReportedEndpoints {
  /** The node's own endpoint that a report names. */
  endpointOf(report: FlowReport): EndpointRecord | undefined;
  timeoutsOf(record: EndpointRecord): FlowTimeouts;
}

/**
 * A connection outlives the socket that it came by, so one of an endpoint that is closed by now counts; a datagram
 * goes elsewhere when its endpoint is gone.
 */
function isTaken(report: FlowReport, record: EndpointRecord | undefined): record is EndpointRecord {
  return record !== undefined && (report.protocol === 'tcp' || record.state === 'up');
}

export function resolveFlowReports(
  reports: readonly FlowReport[],
  world: ReportedEndpoints,
): ResolvedReports {
  const resolved: ResolvedReports = {reports: [], imports: [], refused: []};
  for (const report of reports) {
    const {protocol, vip, port, client, clientPort} = report;
    const record = world.endpointOf(report);
    if (!isTaken(report, record)) {
      const reason = `the node has no endpoint ${vip}:${port}/${protocol} that the router knows`;
      resolved.refused.push({flow: report, reason});
      continue;
    }
    const timeouts = world.timeoutsOf(record);
    const lasting = protocol === 'udp' ? timeouts.udp : timeouts.established;
    const timeout = report.opening ? Math.min(lasting, OPENING_SECONDS) : lasting;
    const endpoint = {endpointSlot: record.slot, endpointGeneration: record.generation};
    resolved.reports.push(report);
    resolved.imports.push({protocol, client, clientPort, vip, port, ...endpoint, timeout});
  }
  return resolved;
}
