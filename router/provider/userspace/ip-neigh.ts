// What `ip neigh` says (iproute2 6.1): the table as JSON, the monitor as lines of text (it knows no JSON).

import {z} from 'zod';
import {isIpv4, isMac} from '../../base/address.ts';

export interface Neighbour {
  address: string;
  interface: string;
  /** null: the node does not answer (FAILED, INCOMPLETE) or the entry was deleted. */
  mac: string | null;
  managed: boolean;
  permanent: boolean;
}

const tableSchema = z.array(
  z.object({
    dst: z.string(),
    dev: z.string(),
    lladdr: z.string().optional(),
    managed: z.null().optional(),
    state: z.array(z.string()).default([]),
  }),
);

const deadStates = ['FAILED', 'INCOMPLETE', 'NONE'];

function macOf(text: string | undefined, states: readonly string[]): string | null {
  const dead = states.some((state) => deadStates.includes(state));
  return text !== undefined && isMac(text) && !dead ? text : null;
}

export function parseTable(json: string): Neighbour[] {
  const entries = tableSchema.parse(JSON.parse(json.trim() || '[]'));
  return entries.map((entry) => ({
    address: entry.dst,
    interface: entry.dev,
    mac: macOf(entry.lladdr, entry.state),
    managed: entry.managed === null,
    permanent: entry.state.includes('PERMANENT'),
  }));
}

/** "10.88.0.11 dev eth1 lladdr 02:00:00:00:00:05 REACHABLE", "Deleted 10.88.0.11 dev eth1 … FAILED" */
export function parseMonitorLine(line: string): Neighbour | null {
  const words = line.trim().split(/\s+/);
  const deleted = words[0] === 'Deleted';
  if (deleted) words.shift();
  const after = (word: string) => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined);
  const [address] = words;
  const device = after('dev');
  if (address === undefined || !isIpv4(address) || device === undefined) return null;
  return {
    address,
    interface: device,
    mac: deleted ? null : macOf(after('lladdr'), words),
    managed: words.includes('managed'),
    permanent: words.includes('PERMANENT'),
  };
}
