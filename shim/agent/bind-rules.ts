// What becomes of a bind: pure rules over what the router ordered. No kernel, no state.

import os from 'node:os';
import {containsPort, formatPorts} from '../../router/protocol/messages.ts';
import type {ApplicationConfig, Protocol} from '../../router/protocol/messages.ts';

const {EACCES, EADDRNOTAVAIL} = os.constants.errno;

export interface BindWish {
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
  | {kind: 'stand-in'; address: string}
  /** Bind to this virtual IP, with any port that is this node's own. */
  | {kind: 'own-port'; vip: string}
  /** Not ours: the kernel is to do as the program says. */
  | {kind: 'kernel'}
  | {kind: 'refused'; refusal: Refusal};

export function mayBind(application: ApplicationConfig, protocol: Protocol, port: number): boolean {
  return containsPort(application.ports, protocol, port);
}

function refused(errno: number, reason: string): BindDecision {
  return {kind: 'refused', refusal: refusal(errno, reason)};
}

/** A port that the kernel is to choose: of IPv6 alone, and of addresses that are not the application's, it does. */
function decideAnyPort(application: ApplicationConfig, wish: BindWish, isWildcard: boolean): BindDecision {
  const vip = isWildcard ? application.vips[0] : wish.address;
  const isOurs = vip !== undefined && application.vips.includes(vip) && !(isWildcard && wish.v6only);
  return isOurs ? {kind: 'own-port', vip} : {kind: 'kernel'};
}

/** The rules of one application, applied to one wish. */
export function decideBind(application: ApplicationConfig, wish: BindWish): BindDecision {
  const [first, ...others] = application.vips;
  const isWildcard = wish.address === '0.0.0.0' || wish.address === '::';
  if (wish.port === 0) return decideAnyPort(application, wish, isWildcard);
  if (first === undefined || (!isWildcard && !application.vips.includes(wish.address))) {
    const vips = application.vips.join(', ');
    return refused(
      EADDRNOTAVAIL,
      `${wish.address} is not an address of application ${application.name} (${vips})`,
    );
  }
  if (!mayBind(application, wish.protocol, wish.port)) {
    const ports = formatPorts(application.ports);
    return refused(
      EACCES,
      `port ${wish.port}/${wish.protocol} is not among the ports of application ${application.name} (${ports || 'none'})`,
    );
  }
  if (!isWildcard) return {kind: 'vip', vip: wish.address, others: []};
  return wish.v6only ? {kind: 'stand-in', address: '::1'} : {kind: 'vip', vip: first, others};
}

/** The refusal for a process of an application that the router does not know. */
export function unknownApplication(name: string, applications: readonly ApplicationConfig[]): Refusal {
  const known = applications.map((application) => application.name).join(', ');
  return {
    errno: EADDRNOTAVAIL,
    reason: `the router knows no application ${name} (it has: ${known || 'none'})`,
  };
}
