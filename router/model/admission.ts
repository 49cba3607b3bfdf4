// What the registry refuses, and the one line that says why. Pure.

import type {Network} from '../base/address.ts';
import {inNetwork} from '../base/address.ts';
import type {NodeEndpoint, NodeState} from '../protocol/messages.ts';
import type {Application} from './application/application.ts';
import {portsOf, vipsOf} from './application/application.ts';
import type {ForwardingMethod} from './method.ts';
import type {BlockLease} from './ports/port-blocks.ts';
import {containsPort, formatPorts} from '../protocol/ports.ts';
import type {NodeRecord} from './records.ts';

type Bound = Pick<NodeEndpoint, 'application' | 'vip' | 'protocol' | 'port'>;

/** Why the node's whole state is refused (409), or null. */
export function nodeRefusal(
  name: string,
  state: NodeState,
  nodes: Iterable<NodeRecord>,
  networks: readonly Network[],
  applications: readonly Application[],
  now: number,
): string | null {
  const {address} = state;
  if (vipsOf(applications).includes(address)) return `address ${address} is a virtual IP`;
  if (networks.some((network) => network.address === address))
    return `address ${address} is the router's own`;
  if (!networks.some((network) => inNetwork(address, network))) {
    const known = networks.map((network) => `${network.address}/${network.prefix}`).join(', ');
    return `address ${address} is on none of the router's networks (${known})`;
  }
  for (const node of nodes) {
    const alive = node.state === 'up' && node.leaseUntil > now;
    if (node.name !== name && node.address === address && alive)
      return `address ${address} belongs to node ${node.name}`;
    if (node.name !== name) continue;
    if (state.epoch < node.epoch) return `a newer agent holds the name ${name} (from ${node.address})`;
    if (state.epoch > node.epoch && node.address !== address && alive)
      return `another agent holds the name ${name} (from ${node.address}); its lease still runs`;
  }
  return null;
}

/** Why an endpoint is refused, or null. `permitted`: its application's ports, worked out once per state. */
export function endpointRefusal(
  endpoint: NodeEndpoint,
  method: ForwardingMethod,
  applications: readonly Application[],
  cache: Map<string, ReturnType<typeof portsOf>>,
): string | null {
  const application = applications.find((candidate) => candidate.name === endpoint.application);
  if (!application) {
    const names = applications.map((known) => known.name).join(', ') || 'none';
    return `unknown application "${endpoint.application}": configured are ${names}`;
  }
  if (!application.vips.includes(endpoint.vip))
    return `${endpoint.vip} is no virtual IP of ${application.name}: it has ${application.vips.join(', ')}`;
  const ports = cache.get(application.name) ?? portsOf(application, applications);
  cache.set(application.name, ports);
  if (!containsPort(ports, endpoint.protocol, endpoint.port))
    return `${application.name} may not use ${endpoint.port}/${endpoint.protocol}: its ports are ${formatPorts(ports) || 'none'}`;
  return method.refusal(endpoint);
}

/** Why an endpoint that was taken is closed. */
export const closings = {
  socket: 'its socket is closed; running connections go on',
  agentLeft: 'its agent has left; running connections go on',
  nodeLost: 'its node is lost',
  addressTaken: (by: string) => `node ${by} has its address now`,
  refused: (reason: string) => `it is refused: ${reason}; running connections go on`,
  forbidden: (reason: string) =>
    `the configuration no longer permits it: ${reason}; running connections go on`,
} as const;

export function isExclusive(
  {application, protocol, port}: Bound,
  applications: readonly Application[],
): boolean {
  const owner = applications.find((one) => one.name === application);
  return owner !== undefined && containsPort(owner.exclusive, protocol, port);
}

/** Why nobody may have the port as an exclusive one, or null. */
export function exclusiveRefusal(
  bound: Bound,
  applications: readonly Application[],
  block: BlockLease | undefined,
): string | null {
  const {application, vip, protocol, port} = bound;
  const owner = applications.find((one) => one.name === application);
  if (!owner?.vips.includes(vip)) return `${vip} is no virtual IP of application "${application}"`;
  if (!isExclusive(bound, applications))
    return `${port}/${protocol} is not exclusive: of ${application} are ${formatPorts(owner.exclusive) || 'no ports'}`;
  return blockRefusal(bound, block);
}

/** Why an endpoint cannot have a port that lies in a block, or null: forwarders send it to the block's node. */
export function blockRefusal(endpoint: Pick<Bound, 'port'>, block: BlockLease | undefined): string | null {
  if (!block) return null;
  const {vip, first, last, node} = block;
  return (
    `port ${endpoint.port} lies among those that ${node} opens connections from (${first}-${last} of ${vip}): ` +
    'name it in the configuration to keep it for services'
  );
}
