// Keeps the host's own stack away from packets that belong to the VIPs: one netdev table, dropped at ingress,
// after our packet sockets have seen them. Each change replaces the whole table in one transaction, so a table
// that a crashed router left is reconciled by the same means.

import type {Exec} from '../../base/exec.ts';
import {messageOf} from '../../base/error.ts';

const TABLE = 'table netdev coscanet';
const NOT_THERE = /No such file or directory/;

/** The transaction that installs the table, whatever was there before. */
export function ruleset(interfaces: readonly string[], vips: readonly string[]): string {
  const elements = vips.length > 0 ? `\n    elements = { ${vips.join(', ')} }` : '';
  const chains = interfaces.map(
    (name, index) => `
  chain ingress${index} {
    type filter hook ingress device "${name}" priority -500; policy accept;
    ip daddr @vips drop
    arp daddr ip @vips drop
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
  interfaces: readonly string[],
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
