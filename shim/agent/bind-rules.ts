// Decides a bind: pure rules over the node's configuration. No kernel, no state.

import os from 'node:os';
import {containsPort, formatPorts} from '../../router/protocol/messages.ts';
import type {ApplicationConfig, Protocol} from '../../router/protocol/messages.ts';

const {EACCES, EADDRNOTAVAIL} = os.constants.errno;

export interface BindRequest {
  /** As parseSockaddr gives it; "0.0.0.0" and "::" are wildcards. */
  address: string;
  /** 0: any. */
  port: number;
  protocol: Protocol;
  /** An IPv6 socket that takes IPv6 only. */
  v6only: boolean;
}

export interface Refusal {
  errno: number;
  /** One line for people. */
  reason: string;
}

export const refusal = (errno: number, reason: string): Refusal => ({errno, reason});

export type BindDecision =
  /** Bind to this virtual IP. `others` are the application's further ones, which one socket cannot have too. */
  | {kind: 'vip'; vip: string; others: string[]}
  /** A wildcard of a family in which the application has no virtual IP: bound to loopback, never registered. */
  | {kind: 'loopback'; address: string}
  /** Bind to this virtual IP, with any port of the node's blocks. */
  | {kind: 'any-port'; vip: string}
  /** Not managed: the kernel binds as the program says. */
  | {kind: 'kernel'}
  | {kind: 'refused'; refusal: Refusal};

export function mayBind(application: ApplicationConfig, protocol: Protocol, port: number): boolean {
  return containsPort(application.ports, protocol, port);
}

function refused(errno: number, reason: string): BindDecision {
  return {kind: 'refused', refusal: refusal(errno, reason)};
}

/** Port 0. For IPv6 alone, and for addresses that are not the application's, the kernel chooses as ever. */
function decideAnyPort(
  application: ApplicationConfig,
  request: BindRequest,
  isWildcard: boolean,
): BindDecision {
  const vip = isWildcard ? application.vips[0] : request.address;
  const managed = vip !== undefined && application.vips.includes(vip) && !(isWildcard && request.v6only);
  return managed ? {kind: 'any-port', vip} : {kind: 'kernel'};
}

/** The rules of one application, applied to one request. */
export function decideBind(application: ApplicationConfig, request: BindRequest): BindDecision {
  const [first, ...others] = application.vips;
  const isWildcard = request.address === '0.0.0.0' || request.address === '::';
  if (request.port === 0) return decideAnyPort(application, request, isWildcard);
  if (first === undefined || (!isWildcard && !application.vips.includes(request.address))) {
    const vips = application.vips.join(', ');
    return refused(
      EADDRNOTAVAIL,
      `${request.address} is not an address of application ${application.name} (${vips})`,
    );
  }
  if (!mayBind(application, request.protocol, request.port)) {
    const ports = formatPorts(application.ports);
    return refused(
      EACCES,
      `port ${request.port}/${request.protocol} is not among the ports of application ${application.name} (${ports || 'none'})`,
    );
  }
  if (!isWildcard) return {kind: 'vip', vip: request.address, others: []};
  return request.v6only ? {kind: 'loopback', address: '::1'} : {kind: 'vip', vip: first, others};
}

/** The refusal for a process of an application that the router does not know. */
export function unknownApplication(name: string, applications: readonly ApplicationConfig[]): Refusal {
  const known = applications.map((application) => application.name).join(', ');
  return {
    errno: EADDRNOTAVAIL,
    reason: `the router knows no application ${name} (it has: ${known || 'none'})`,
  };
}
