// What nodes claim: conversations of their own endpoints that the flow table shall know. Pure.

import type {FlowImport} from '../../addon/router.ts';
import type {Claim, NodeConfig} from '../protocol/messages.ts';
import type {FlowTimeouts} from './application/application.ts';
import type {EndpointRecord} from './records.ts';

/** A connection that a node is about to open is forgotten after this long, unless the other end answers. */
export const OPENING_SECONDS = 150;

export interface ResolvedClaims {
  /** Of the same length and order as `flows`. */
  claims: Claim[];
  flows: FlowImport[];
  refused: NonNullable<NodeConfig['claimsRefused']>;
}

export interface ClaimWorld {
  /** The node's own endpoint that a claim names. */
  endpointOf(claim: Claim): EndpointRecord | undefined;
  timeoutsOf(record: EndpointRecord): FlowTimeouts;
}

/**
 * A connection outlives the socket that it came by, so one of an endpoint that is closed by now counts; a datagram
 * goes elsewhere when its endpoint is gone.
 */
function isTaken(claim: Claim, record: EndpointRecord | undefined): record is EndpointRecord {
  return record !== undefined && (claim.protocol === 'tcp' || record.state === 'up');
}

export function resolveClaims(claims: readonly Claim[], world: ClaimWorld): ResolvedClaims {
  const resolved: ResolvedClaims = {claims: [], flows: [], refused: []};
  for (const claim of claims) {
    const {protocol, vip, port, client, clientPort} = claim;
    const record = world.endpointOf(claim);
    if (!isTaken(claim, record)) {
      const reason = `the node has no endpoint ${vip}:${port}/${protocol} that the router knows`;
      resolved.refused.push({claim, reason});
      continue;
    }
    const timeouts = world.timeoutsOf(record);
    const lasting = protocol === 'udp' ? timeouts.udp : timeouts.established;
    const timeout = claim.opening ? Math.min(lasting, OPENING_SECONDS) : lasting;
    const endpoint = {endpointSlot: record.slot, endpointGeneration: record.generation};
    resolved.claims.push(claim);
    resolved.flows.push({protocol, client, clientPort, vip, port, ...endpoint, timeout});
  }
  return resolved;
}
