// Names of nodes and endpoints for overrides, from coarse to fine. What is set for a name is for all that have it.
//
//   node1                               all that node1 serves
//   node1:10.77.0.100:80/tcp            what it serves there: an endpoint (NAT: all of its instances)
//   node1:10.77.0.100:80/tcp@32768      NAT: the one instance whose port on the node that is

import type {Protocol} from '../protocol/messages.ts';

export interface Named {
  node: string;
  vip: string;
  protocol: Protocol;
  port: number;
  nodePort?: number | undefined;
}

/** Coarse to fine; the last names this endpoint alone. */
export function namesOf({node, vip, protocol, port, nodePort}: Named): string[] {
  const served = `${node}:${vip}:${port}/${protocol}`;
  return nodePort === undefined ? [node, served] : [node, served, `${served}@${nodePort}`];
}

/** What `coscanet endpoints` prints. */
export function endpointName(endpoint: Named): string {
  return namesOf(endpoint).at(-1) ?? '';
}
