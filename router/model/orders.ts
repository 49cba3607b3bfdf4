// What a node needs to know: the answer to its PUT. Pure.

import {LEASE_MS, RENEW_MS} from '../control/protocol.ts';
import type {NodeOrders} from '../control/protocol.ts';
import {portsOf} from './application.ts';
import type {Registry} from './registry.ts';

export function ordersFor(
  registry: Registry,
  routerAddress: string,
  vipPlacement: NodeOrders['vipPlacement'],
  refused: NodeOrders['refused'],
): NodeOrders {
  const {applications} = registry;
  return {
    mode: 'dsr',
    leaseMs: LEASE_MS,
    renewMs: RENEW_MS,
    router: {address: routerAddress, generation: registry.generation},
    vipPlacement,
    applications: applications.map((one) => ({
      name: one.name,
      tenant: one.tenant,
      vips: one.vips,
      ports: portsOf(one, applications),
    })),
    refused,
  };
}
