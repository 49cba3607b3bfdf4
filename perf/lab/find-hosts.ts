// Three real machines and how they stand to each other: their own answers, not the operator's words.

import {z} from 'zod';
import {SshHost} from './host.ts';
import type {Host} from './host.ts';

export interface HostsOptions {
  /** "client=root@a,router=root@b,node=root@c": what ssh is to be told. */
  hosts: string;
  /** A virtual IP that is free to use, of a network that router and node are on. */
  vip: string;
  /** The router's network to the node, if it is another: "10.88.0.0/24". */
  inside?: string | undefined;
  /** The command, as "ssh -F file". */
  ssh: string;
}

const ROLES = ['client', 'router', 'node'] as const;
type Role = (typeof ROLES)[number];

/** One address of a machine, and the interface that has it. */
export interface Place {
  address: string;
  prefix: number;
  device: string;
}

export interface Hosts extends Record<Role, Host> {
  site: string;
  vip: string;
  clientDevice: string;
  routerOutside: Place;
  routerInside: Place;
  /** Where the node answers clients itself; absent where it is behind the router alone. */
  nodeOutside: Place | null;
  nodeInside: Place;
}

const addressesSchema = z.array(
  z.object({
    ifname: z.string(),
    addr_info: z.array(z.object({local: z.string().optional(), prefixlen: z.number().optional()})),
  }),
);

const numberOf = (address: string) =>
  address.split('.').reduce((value, byte) => value * 256 + Number(byte), 0);

export function isIn(address: string, network: string, prefix: number): boolean {
  const size = 2 ** (32 - prefix);
  return Math.floor(numberOf(address) / size) === Math.floor(numberOf(network) / size);
}

export function parseHosts(text: string): Record<Role, string> {
  const named = new Map(text.split(',').map((part) => part.split(/=(.*)/s).slice(0, 2) as [string, string]));
  for (const role of ROLES)
    if (!named.get(role)) throw new Error(`--hosts: ${role} is missing; write client=…,router=…,node=…`);
  for (const name of named.keys())
    if (!ROLES.some((role) => role === name))
      throw new Error(`--hosts: "${name}" is none of ${ROLES.join(', ')}`);
  return {
    client: named.get('client') ?? '',
    router: named.get('router') ?? '',
    node: named.get('node') ?? '',
  };
}

async function placesOf(host: Host): Promise<Place[]> {
  const links = addressesSchema.parse(JSON.parse(await host.run(['ip', '-j', '-4', 'address'])));
  return links.flatMap(({ifname, addr_info: infos}) =>
    infos.flatMap(({local, prefixlen}) =>
      local === undefined || prefixlen === undefined || ifname === 'lo'
        ? []
        : [{address: local, prefix: prefixlen, device: ifname}],
    ),
  );
}

export async function findHosts(options: HostsOptions, signal: AbortSignal): Promise<Hosts> {
  const names = parseHosts(options.hosts);
  const reach = (role: Role) => new SshHost(role, [...options.ssh.split(' '), names[role]], signal);
  const [client, router, node] = [reach('client'), reach('router'), reach('node')];
  const [routerPlaces, nodePlaces] = [await placesOf(router), await placesOf(node)];
  const [insideAddress = '', insidePrefix = '32'] = (options.inside ?? `${options.vip}/0`).split('/');

  const outside = (places: Place[]) =>
    places.find(({address, prefix}) => prefix < 32 && isIn(options.vip, address, prefix)) ?? null;
  const inside = (places: Place[]) =>
    options.inside === undefined
      ? outside(places)
      : (places.find(({address}) => isIn(address, insideAddress, Number(insidePrefix))) ?? null);

  const must = (place: Place | null, what: string): Place => {
    if (place) return place;
    throw new Error(`${what} has no address there; --vip is of the outer network, --inside the inner one`);
  };
  const routerOutside = must(outside(routerPlaces), `the router's outer side`);
  const routerInside = must(inside(routerPlaces), `the router's inner side`);
  const nodeInside = must(inside(nodePlaces), 'the node');
  const route = z
    .array(z.object({dev: z.string()}))
    .length(1)
    .parse(JSON.parse(await client.run(['ip', '-j', 'route', 'get', routerOutside.address])));
  return {
    client,
    router,
    node,
    vip: options.vip,
    site: options.hosts,
    routerOutside,
    routerInside,
    nodeInside,
    nodeOutside: outside(nodePlaces),
    clientDevice: route[0]?.dev ?? '',
  };
}
