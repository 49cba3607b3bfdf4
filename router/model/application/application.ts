// An application owns VIPs and says which ports its instances may bind on them. Pure.

import type {FlowTimeouts} from '../../../addon/router.ts';
import {defaultHealthRules} from '../../protocol/health.ts';
import type {HealthRules} from '../../protocol/health.ts';
import {defaultLoadRules} from '../../protocol/load.ts';
import type {LoadRules} from '../../protocol/load.ts';
import type {Level} from '../../protocol/terms.ts';
import type {Affinity} from './affinity.ts';
import {defaultAutoscaling} from './autoscaling.ts';
import type {Autoscaling} from './autoscaling.ts';
import {allPorts, normalizePorts, subtractPorts} from '../../protocol/ports.ts';
import type {PortRange} from '../../protocol/ports.ts';
import type {Span} from '../ports/spans.ts';

export type {FlowTimeouts} from '../../../addon/router.ts';

export interface Application {
  name: string;
  tenant: string;
  vips: string[];
  /** null: every port that no other application has on the same VIP. */
  ports: PortRange[] | null;
  /** Of its ports, those that one node alone may have at a time. */
  exclusive: PortRange[];
  timeouts: FlowTimeouts;
  /** What each instance counts by its node's load level. */
  weights: Record<Level, number>;
  /** How long a new endpoint's share rises; 0: it has all of it at once. */
  slowStartMs: number;
  /** null: each flow is scheduled by itself. */
  affinity: Affinity | null;
  /** How its agents rate the load of their nodes. */
  load: LoadRules;
  /** How its agents check its endpoints from the inside. */
  health: HealthRules;
  /** When more nodes are recommended, or fewer. */
  autoscaling: Autoscaling;
}

export const defaultTimeouts: FlowTimeouts = {syn: 30, established: 8100, closing: 60, udp: 180};
export const defaultWeights: Readonly<Record<Level, number>> = {low: 4, medium: 2, high: 1};
/** What an application has of which the configuration says nothing. */
export const applicationDefaults = {
  exclusive: [] as PortRange[],
  timeouts: defaultTimeouts,
  weights: defaultWeights,
  slowStartMs: 0,
  affinity: null,
  load: defaultLoadRules,
  health: defaultHealthRules,
  autoscaling: defaultAutoscaling,
};

/** What the application's instances may bind, on each of its VIPs. */
export function portsOf(application: Application, all: readonly Application[]): PortRange[] {
  if (application.ports) return normalizePorts(application.ports);
  const taken = all
    .filter((other) => other.name !== application.name)
    .filter((other) => other.vips.some((vip) => application.vips.includes(vip)))
    .flatMap((other) => other.ports ?? []);
  return subtractPorts(allPorts, taken);
}

/** All VIPs, each once, in the order of the configuration. */
export function vipsOf(all: readonly Application[]): string[] {
  return [...new Set(all.flatMap((application) => application.vips))];
}

/** Ports that the configuration names for services on a VIP, whatever the protocol. */
export function portsNamedOn(vip: string, all: readonly Application[]): Span[] {
  return all.filter((one) => one.vips.includes(vip)).flatMap((one) => one.ports ?? []);
}

export function exclusivePortsOn(vip: string, all: readonly Application[]): Span[] {
  return all.filter((one) => one.vips.includes(vip)).flatMap((one) => one.exclusive);
}
