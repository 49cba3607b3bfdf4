// The kernel settings that a virtual IP on lo needs to do no harm: set before the first one, restored when the agent
// ends.
//
//   all.arp_ignore=1, all.arp_announce=2   the node never answers ARP for a VIP, nor names it in its own ARP
//   rp_filter 1 → 2                        packets of clients arrive by the router's side, not by their own route
//   IF.accept_local=1                      the router may send a node what the node itself sent to a VIP
//   tcp_migrate_req=1                      connections queued at a closed listener move to its siblings

import fs from 'node:fs';
import path from 'node:path';
import {codeOf} from '../../../router/base/error.ts';
import type {SavedSysctls, StateFile} from './state-file.ts';

const ROOT = '/proc/sys/net/ipv4';

function read(name: string): string | null {
  try {
    return fs.readFileSync(path.join(ROOT, name), 'utf8').trim();
  } catch {
    return null; // an older kernel, or an interface that has gone
  }
}

/** What to change: path below /proc/sys/net/ipv4 → value. Values that do as well already stay. */
function wanted(routerInterface: string): Map<string, string> {
  const changes = new Map<string, string>();
  const atLeast = (name: string, value: number) => {
    const now = read(name);
    if (now !== null && Number(now) < value) changes.set(name, String(value));
  };
  atLeast('conf/all/arp_ignore', 1);
  atLeast('conf/all/arp_announce', 2);
  atLeast(`conf/${routerInterface}/accept_local`, 1);
  atLeast('tcp_migrate_req', 1);
  // The larger of `all` and the interface's own counts: 0 is no cure for a strict 1, 2 is.
  for (const name of fs.readdirSync(path.join(ROOT, 'conf'))) {
    if (name !== 'default' && read(`conf/${name}/rp_filter`) === '1')
      changes.set(`conf/${name}/rp_filter`, '2');
  }
  return changes;
}

/** Applies the settings; what was there before is saved first. Returns the names of those it changed. */
export function applySysctls(routerInterface: string, state: StateFile): string[] {
  const changes = wanted(routerInterface);
  if (changes.size === 0) return [];
  const saved: SavedSysctls = {...state.sysctls};
  for (const [name, ours] of changes) saved[name] = {before: saved[name]?.before ?? read(name) ?? ours, ours};
  state.setSysctls(saved);
  for (const [name, ours] of changes) fs.writeFileSync(path.join(ROOT, name), ours);
  return [...changes.keys()];
}

/** Restores what is still as the agent set it. */
export function restoreSysctls(state: StateFile): void {
  for (const [name, {before, ours}] of Object.entries(state.sysctls)) {
    if (read(name) !== ours) continue;
    try {
      fs.writeFileSync(path.join(ROOT, name), before);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}
