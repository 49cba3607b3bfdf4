// What the configuration must agree with on this host: the interfaces, their MACs and addresses.

import {z} from 'zod';
import {inNetwork, isEdgeOf} from '../base/address.ts';
import type {Exec} from '../base/exec.ts';
import type {Application} from '../model/application.ts';
import type {Side} from '../model/side.ts';
import {likely} from './nearest.ts';
import type {Problem} from './problem.ts';

const linksSchema = z.array(
  z.object({
    ifname: z.string(),
    flags: z.array(z.string()),
    mtu: z.number(),
    link_type: z.string(),
    address: z.string().optional(),
    addr_info: z.array(
      z.object({family: z.string(), local: z.string().optional(), prefixlen: z.number(), scope: z.string()}),
    ),
  }),
);
export type Links = z.infer<typeof linksSchema>;

export async function readLinks(exec: Exec): Promise<Links> {
  return linksSchema.parse(JSON.parse(await exec.run('ip', ['-j', 'addr', 'show'])));
}

/** The interface as a side of the router, or what is wrong with it. */
function sideFrom(name: string, links: Links): Side | string {
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
  const address = link.addr_info.find((one) => one.family === 'inet' && one.scope === 'global');
  if (address?.local === undefined) return `interface ${name} has no IPv4 address`;
  const network = {address: address.local, prefix: address.prefixlen};
  return {name, mac: link.address, mtu: link.mtu, network};
}

export interface InterfaceNames {
  external: {name: string; path: Problem['path']};
  internal: {name: string; path: Problem['path']};
}

/** External first; one side when both are the same interface. */
export function sidesOf(names: InterfaceNames, links: Links): {sides: Side[]; problems: Problem[]} {
  const wanted =
    names.external.name === names.internal.name ? [names.external] : [names.external, names.internal];
  const found = wanted.map(({name, path}) => ({side: sideFrom(name, links), path}));
  const sides = found.flatMap(({side}) => (typeof side === 'string' ? [] : [side]));
  const problems = found.flatMap(({side, path}) => (typeof side === 'string' ? [{path, message: side}] : []));
  return {sides, problems};
}

/** VIPs that this host has itself, or that no host of its networks can have. */
export function vipProblems(
  applications: readonly Application[],
  sides: readonly Side[],
  links: Links,
): Problem[] {
  const own = new Map(
    links.flatMap((link) => link.addr_info.map((one) => [one.local ?? '', link.ifname] as const)),
  );
  return applications.flatMap((application, index) =>
    application.vips.flatMap((vip, place) => {
      const path = ['applications', index, 'vips', place];
      const holder = own.get(vip);
      if (holder !== undefined)
        return [
          {path, message: `${vip} is the router's own address (on ${holder}); a virtual IP is nobody's`},
        ];
      const side = sides.find((one) => inNetwork(vip, one.network));
      if (side && isEdgeOf(vip, side.network))
        return [{path, message: `${vip} is the network or broadcast address of ${side.name}`}];
      return [];
    }),
  );
}
