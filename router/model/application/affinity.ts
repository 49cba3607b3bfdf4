// Affinity: the new flows of a client go where its last one went, until it has been silent for a time. Pure.

import type {PortRange, Protocol} from '../../protocol/messages.ts';
import {containsPort} from '../../protocol/ports.ts';
import {serviceKey} from '../records.ts';

export interface Affinity {
  /** How many bits of the client's address count: with 24, a network of 256 addresses is one client. */
  prefix: number;
  /** Seconds. */
  timeout: number;
  /**
   * each: a choice for each port · together: one node for all ports of the application · ranges: one node for these
   * ports, no affinity for others.
   */
  ports: 'each' | 'together' | PortRange[];
}

export const defaultAffinity: Affinity = {prefix: 32, timeout: 1800, ports: 'each'};

interface Service {
  vip: string;
  protocol: Protocol;
  port: number;
}

const ofApplication = (name: string) => `application ${name}`;

/** The name of what a service shares its clients' choices with; null if it has no affinity. */
export function affinityGroup(application: string, {ports}: Affinity, service: Service): string | null {
  if (ports === 'each') return serviceKey(service);
  const belongs = ports === 'together' || containsPort(ports, service.protocol, service.port);
  return belongs ? ofApplication(application) : null;
}

/** All names that `affinityGroup` may give. */
export function groupNames(
  applications: readonly {name: string}[],
  services: readonly Service[],
): Set<string> {
  return new Set([...applications.map(({name}) => ofApplication(name)), ...services.map(serviceKey)]);
}
