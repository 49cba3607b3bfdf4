// The agent's objects in this network namespace, as `ip -json` shows them. They are marked: addresses by their label,
// rules and routes by their protocol number.

import {z} from 'zod';
import type {Exec} from '../../../router/base/exec.ts';
import {PROTOCOL, VIP_LABEL, VIP_TABLE} from '../../../router/base/marks.ts';

/**
 * Rules: to-the-router rules come before the local table, which moves from 0 to make room; before them those
 * for packets from a loopback address, health checks, which go to this node's own sockets.
 */
export const LOOPBACK_PREFERENCE = 4;
export const VIP_PREFERENCE = 5;
export const LOCAL_PREFERENCE = 10;

const addressesSchema = z.array(
  z.object({
    ifname: z.string().optional(),
    addr_info: z.array(z.object({local: z.string().optional(), label: z.string().optional()})).optional(),
  }),
);
const rulesSchema = z.array(
  z.object({
    priority: z.number(),
    src: z.string().optional(),
    dst: z.string().optional(),
    table: z.string(),
    protocol: z.union([z.string(), z.number()]).optional(),
  }),
);
const routesSchema = z.array(
  z.object({
    dst: z.string(),
    gateway: z.string().optional(),
    dev: z.string().optional(),
    prefsrc: z.string().optional(),
  }),
);

export interface HostView {
  /** VIPs that the agent put on lo. */
  ours: Set<string>;
  /** IPv4 address → interface, for all others. */
  foreign: Map<string, string>;
  /** VIPs that have a rule. */
  ruled: Set<string>;
  /** VIP → "via GATEWAY dev DEV src ADDRESS". */
  routed: Map<string, string>;
  localFirst: boolean;
  localMoved: boolean;
  /** There is the rule for loopback addresses. */
  loopbackLocal: boolean;
}

function parse<T>(schema: z.ZodType<T>, text: string): T {
  return schema.parse(JSON.parse(text.trim() === '' ? '[]' : text));
}

export async function readHost(exec: Exec): Promise<HostView> {
  const addresses = parse(addressesSchema, await exec.run('ip', ['-4', '-json', 'address', 'show']));
  const rules = parse(rulesSchema, await exec.run('ip', ['-4', '-json', 'rule', 'show']));
  // A table that was never used is an error for iproute2; then it is empty.
  const routes = parse(
    routesSchema,
    await exec.run('ip', ['-4', '-json', 'route', 'show', 'table', String(VIP_TABLE)]).catch(() => ''),
  );
  const view: HostView = {
    ours: new Set(),
    foreign: new Map(),
    ruled: new Set(),
    routed: new Map(
      routes.map(({dst, gateway, dev, prefsrc}) => [dst, `via ${gateway} dev ${dev} src ${prefsrc}`]),
    ),
    localFirst: false,
    localMoved: false,
    loopbackLocal: false,
  };
  for (const {ifname = '', addr_info = []} of addresses) {
    for (const {local, label} of addr_info) {
      if (local === undefined) continue;
      if (label === VIP_LABEL) view.ours.add(local);
      else view.foreign.set(local, ifname);
    }
  }
  for (const rule of rules) {
    const isOurs = String(rule.protocol) === PROTOCOL;
    if (rule.table === 'local' && rule.priority === 0) view.localFirst = true;
    if (rule.table === 'local' && isOurs && rule.src === 'all') view.localMoved = true;
    if (rule.table === 'local' && isOurs && rule.src === '127.0.0.0') view.loopbackLocal = true;
    if (rule.table === String(VIP_TABLE) && isOurs && rule.dst !== undefined) view.ruled.add(rule.dst);
  }
  return view;
}
