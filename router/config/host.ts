// What the configuration must agree with on this host: the interfaces, their MACs and addresses.

import {z} from 'zod';
import type {InterfaceRole} from '../../addon/router.ts';
import {inNetwork, isEdgeOf, isIpv4} from '../base/address.ts';
import type {Network, SocketAddress} from '../base/address.ts';
import type {Exec} from '../base/exec.ts';
import {VIP_LABEL} from '../base/marks.ts';
import type {Mode} from '../protocol/messages.ts';
import type {Application} from '../model/application/application.ts';
import type {Side} from '../model/side.ts';
import {likely} from './nearest.ts';
import type {Problem} from './problem.ts';

const linksSchema = z.array(
  z.object({
    ifname: z.string(),
    ifindex: z.number(),
    flags: z.array(z.string()),
    mtu: z.number(),
    link_type: z.string(),
    address: z.string().optional(),
    addr_info: z.array(
      z.object({
        family: z.string(),
        local: z.string().optional(),
        prefixlen: z.number(),
        scope: z.string(),
        label: z.string().optional(),
      }),
    ),
  }),
);
export type Links = z.infer<typeof linksSchema>;

export async function readLinks(exec: Exec): Promise<Links> {
  return linksSchema.parse(JSON.parse(await exec.run('ip', ['-j', 'addr', 'show'])));
}

/** The IPv4 networks that are on the interface. */
export function networksOf(link: Links[number]): Network[] {
  return link.addr_info.flatMap(({family, scope, local, prefixlen}) =>
    family === 'inet' && scope === 'global' && local !== undefined
      ? [{address: local, prefix: prefixlen}]
      : [],
  );
}

/** The interface as a side of the router, or what is wrong with it. */
function sideFrom(name: string, role: InterfaceRole, links: Links): Side | string {
  const link = links.find((one) => one.ifname === name);
  const names = links.map((one) => one.ifname).filter((one) => one !== 'lo');
  if (!link) {
    const guess = likely(name, names);
    const meant = guess === null ? '' : ` (did you mean "${guess}"?)`;
    return `interface ${name} does not exist${meant}; there are: ${names.join(', ') || 'none'}`;
  }
  if (link.link_type !== 'ether' || link.address === undefined)
    return `interface ${name} has no Ethernet address (its type is ${link.link_type})`;
  if (!link.flags.includes('UP')) return `interface ${name} is down: ip link set ${name} up`;
  const onLink = networksOf(link);
  const [network] = onLink;
  if (!network) return `interface ${name} has no IPv4 address`;
  return {name, role, mac: link.address, mtu: link.mtu, network, onLink, index: link.ifindex};
}

export interface InterfaceNames {
  external: {name: string; path: Problem['path']};
  internal: {name: string; path: Problem['path']};
}

/** External first; one side when both are the same interface. */
export function sidesOf(names: InterfaceNames, links: Links): {sides: Side[]; problems: Problem[]} {
  const external = {...names.external, role: 'external' as const};
  const internal = {...names.internal, role: 'internal' as const};
  const wanted = external.name === internal.name ? [external] : [external, internal];
  const found = wanted.map(({name, role, path}) => ({side: sideFrom(name, role, links), path}));
  const sides = found.flatMap(({side}) => (typeof side === 'string' ? [] : [side]));
  const problems = found.flatMap(({side, path}) => (typeof side === 'string' ? [{path, message: side}] : []));
  return {sides, problems};
}

/** Why nobody could reach the VIP, or null. One on no network of ours is routed to us. */
function vipProblem(vip: string, mode: Mode, sides: readonly Side[]): string | null {
  const side = sides.find((one) => one.onLink.some((network) => inNetwork(vip, network)));
  if (!side) return null;
  if (side.onLink.some((network) => isEdgeOf(vip, network)))
    return `${vip} is the network or broadcast address of ${side.name}`;
  const {address, prefix} = side.network;
  // Clients on the external side do not look for it there; with direct server return, nodes may be the clients.
  if (mode === 'nat' && side !== sides[0])
    return `${vip} lies in the nodes' own network (${side.name} ${address}/${prefix}), which nobody outside sees: take one of the external network, or of a network that is routed to the router`;
  return null;
}

/** The interfaces that this host's own addresses are on. */
function ownAddresses(links: Links): ReadonlyMap<string, string> {
  // Not of this host as a node, which its agent made.
  return new Map(
    links.flatMap(({ifname, addr_info}) =>
      addr_info
        .filter(({label}) => label !== VIP_LABEL)
        .flatMap(({local}): [string, string][] => (local === undefined ? [] : [[local, ifname]])),
    ),
  );
}

/** Whoever reaches it reads all: an address of one network is named, never all of them at once. */
export function metricsProblems(metrics: SocketAddress, control: SocketAddress, links: Links): Problem[] {
  const {address, port} = metrics;
  const own = [...ownAddresses(links).keys()].filter(isIpv4);
  const path = ['metrics'];
  if (!own.includes(address))
    return [{path, message: `${address} is not an address of this host; there are: ${own.join(', ')}`}];
  if (address !== control.address || port !== control.port) return [];
  return [{path, message: `${address}:${port} is the control address: take another port`}];
}

/** VIPs that this host has itself, or that no client could reach. */
export function vipProblems(
  mode: Mode,
  applications: readonly Application[],
  sides: readonly Side[],
  links: Links,
): Problem[] {
  const own = ownAddresses(links);
  return applications.flatMap((application, index) =>
    application.vips.flatMap((vip, place) => {
      const path = ['applications', index, 'vips', place];
      const holder = own.get(vip);
      if (holder !== undefined)
        return [
          {path, message: `${vip} is the router's own address (on ${holder}); a virtual IP is nobody's`},
        ];
      const message = vipProblem(vip, mode, sides);
      return message === null ? [] : [{path, message}];
    }),
  );
}
