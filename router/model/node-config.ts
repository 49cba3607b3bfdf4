// A node's configuration: the answer to its PUT. Pure.

import {Memo} from '../base/memo.ts';
import {LEASE_MS, RENEW_MS} from '../protocol/messages.ts';
import type {NodeConfig} from '../protocol/messages.ts';
import {portsOf} from './application/application.ts';
import type {Application} from './application/application.ts';
import type {ForwardingMethod} from './method.ts';
import type {NodeRecord} from './records.ts';
import type {Registry} from './registry.ts';

/** Worked out once per configuration, not for every renewal of every node. */
const configs = new Memo<readonly Application[], NodeConfig['applications']>();

function applicationConfigs(applications: readonly Application[]): NodeConfig['applications'] {
  return applications.map((one) => ({
    name: one.name,
    tenant: one.tenant,
    vips: one.vips,
    ports: portsOf(one, applications),
    exclusive: one.exclusive,
    load: one.load,
    health: one.health,
  }));
}

export interface RouterAddress {
  /** The address that the node has the router under. */
  address: string;
  /** Networks that instances reach under their node's own address. */
  direct: readonly string[];
  /** Nodes report their flows to it. */
  tracksFlows: boolean;
}

export function nodeConfigFor(
  registry: Registry,
  router: RouterAddress,
  method: ForwardingMethod,
  node: Pick<NodeRecord, 'name' | 'refused'>,
): NodeConfig {
  const {generation, applications} = registry;
  const {blocks, exclusive} = registry.ports;
  return {
    mode: method.name,
    leaseMs: LEASE_MS,
    renewMs: RENEW_MS,
    router: {address: router.address, generation},
    vipPlacement: method.vipPlacement,
    applications: configs.get(applications, () => applicationConfigs(applications)),
    // The flow table began with the registry: what one remembers, the other still has.
    ...(router.tracksFlows ? {flowTable: generation} : {}),
    blocks: blocks.ofNode(node.name),
    blocksRefused: blocks.refusedOf(node.name),
    exclusive: exclusive.ofNode(node.name),
    exclusiveRefused: exclusive.refusedOf(node.name),
    direct: [...router.direct],
    refused: node.refused,
  };
}
