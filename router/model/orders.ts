// What a node needs to know: the answer to its PUT. Pure.

import {LEASE_MS, RENEW_MS} from '../control/protocol.ts';
import type {NodeOrders} from '../control/protocol.ts';
import {portsOf} from './application.ts';
import type {Application} from './application.ts';
import type {ForwardingMethod} from './method.ts';
import type {Registry} from './registry.ts';

type ApplicationOrders = NodeOrders['applications'];

/** Worked out once per configuration, not for every renewal of every node. */
const known = new WeakMap<readonly Application[], ApplicationOrders>();

function applicationOrders(applications: readonly Application[]): ApplicationOrders {
  const before = known.get(applications);
  if (before) return before;
  const orders = applications.map((one) => ({
    name: one.name,
    tenant: one.tenant,
    vips: one.vips,
    ports: portsOf(one, applications),
    load: one.load,
    health: one.health,
  }));
  known.set(applications, orders);
  return orders;
}

export function ordersFor(
  registry: Registry,
  routerAddress: string,
  method: ForwardingMethod,
  refused: NodeOrders['refused'],
): NodeOrders {
  return {
    mode: method.name,
    leaseMs: LEASE_MS,
    renewMs: RENEW_MS,
    router: {address: routerAddress, generation: registry.generation},
    vipPlacement: method.vipPlacement,
    applications: applicationOrders(registry.applications),
    refused,
  };
}
