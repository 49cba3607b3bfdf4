// Keeps the host's own stack away from packets that are ours: one netdev table, dropped at ingress, after our
// packet sockets have seen them. Each change replaces the whole table in one transaction, so a table that a
// crashed router left is reconciled by the same means.

import type {Exec} from '../../base/exec.ts';
import {messageOf} from '../../base/error.ts';

const TABLE = 'table netdev coscanet';
const NOT_THERE = /No such file or directory/;

export interface Ruled {
  name: string;
  /** What hosts there send through the router is forwarded in user space: the kernel must not do it too. */
  routed: boolean;
  /** Our own: nothing that comes in is for the host's stack. */
  ours: boolean;
}

/** The kernel keeps what it is asked itself; ARP and neighbor discovery go on. */
const ROUTED_RULE = `
    meta protocol { ip, ip6 } fib daddr type != { local, broadcast, multicast } drop`;

const ADDRESS_RULES = `
    ip daddr @forwarded drop
    arp daddr ip @forwarded drop`;

/** The transaction that installs the table, whatever was there before. `addresses`: what comes for them is ours. */
export function ruleset(interfaces: readonly Ruled[], addresses: readonly string[]): string {
  const elements = addresses.length > 0 ? `\n    elements = { ${addresses.join(', ')} }` : '';
  const chains = interfaces.map(
    ({name, routed, ours}, index) => `
  chain ingress${index} {
    type filter hook ingress device "${name}" priority -500; policy ${ours ? 'drop' : 'accept'};${
      ours ? '' : ADDRESS_RULES
    }${routed ? ROUTED_RULE : ''}
  }`,
  );
  // Declared before it is deleted, so that deleting never fails.
  return `${TABLE} {}
delete ${TABLE}
${TABLE} {
  comment "coscanet-router: packets to virtual IPs are forwarded in user space"
  set forwarded {
    type ipv4_addr${elements}
  }${chains.join('')}
}
`;
}

export async function installTable(
  exec: Exec,
  interfaces: readonly Ruled[],
  addresses: readonly string[],
): Promise<void> {
  await exec.run('nft', ['-f', '-'], ruleset(interfaces, addresses));
}

/** Removes the table; no error if it is not there. */
export async function removeTable(exec: Exec): Promise<void> {
  try {
    await exec.run('nft', ['delete', 'table', 'netdev', 'coscanet']);
  } catch (error) {
    if (!NOT_THERE.test(messageOf(error))) throw error;
  }
}
