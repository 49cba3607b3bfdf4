// The kernel's own range for ports that a program does not choose: blocks lie inside.

import fs from 'node:fs';

const FILE = '/proc/sys/net/ipv4/ip_local_port_range';

export interface OwnPorts {
  first: number;
  last: number;
}

/** Of this network namespace. */
export function readPortRange(): OwnPorts {
  const [first = '', last = ''] = fs.readFileSync(FILE, 'utf8').trim().split(/\s+/);
  return {first: Number(first), last: Number(last)};
}
