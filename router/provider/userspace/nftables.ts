// Keeps the host's own stack away from packets that are ours: one netdev table, dropped at ingress, after our
// packet sockets have seen them. Each change replaces the whole table in one transaction, so a table that a
// crashed router left is reconciled by the same means.

import type {Exec} from '../../base/exec.ts';
import {messageOf} from '../../base/error.ts';

const TABLE = 'table netdev coscanet';
const NOT_THERE = /No such file or directory/;

export interface Ruled {
  name: string;
  /** What hosts on this side send through the router is forwarded in user space: the kernel must not do it too. */
  routed: boolean;
}

/** The kernel keeps what it is asked itself; ARP and neighbour discovery go on. */
const ROUTED_RULE = `
    meta protocol { ip, ip6 } fib daddr type != { local, broadcast, multicast } drop`;

/** The transaction that installs the table, whatever was there before. */
export function ruleset(interfaces: readonly Ruled[], vips: readonly string[]): string {
  const elements = vips.length > 0 ? `\n    elements = { ${vips.join(', ')} }` : '';
  const chains = interfaces.map(
    ({name, routed}, index) => `
  chain ingress${index} {
    type filter hook ingress device "${name}" priority -500; policy accept;
    ip daddr @vips drop
    arp daddr ip @vips drop${routed ? ROUTED_RULE : ''}
  }`,
  );
  // Declared before it is deleted, so that deleting never fails.
  return `${TABLE} {}
delete ${TABLE}
${TABLE} {
  comment "coscanet-router: packets to virtual IPs are forwarded in user space"
  set vips {
    type ipv4_addr${elements}
  }${chains.join('')}
}
`;
}

export async function installTable(
  exec: Exec,
  interfaces: readonly Ruled[],
  vips: readonly string[],
): Promise<void> {
  await exec.run('nft', ['-f', '-'], ruleset(interfaces, vips));
}

/** Removes the table; no error if it is not there. */
export async function removeTable(exec: Exec): Promise<void> {
  try {
    await exec.run('nft', ['delete', 'table', 'netdev', 'coscanet']);
  } catch (error) {
    if (!NOT_THERE.test(messageOf(error))) throw error;
  }
}
