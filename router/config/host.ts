// What the configuration must agree with on this host: the interfaces, their MACs and addresses.

import type {InterfaceRole} from '../../addon/router.ts';
import type {InterfaceAddress, Link, RtnetlinkNative} from '../../addon/rtnetlink.ts';
import {inNetwork, isEdgeOf, isIpv4} from '../base/address.ts';
import type {Network, SocketAddress} from '../base/address.ts';
import {VIP_LABEL} from '../base/marks.ts';
import type {Mode} from '../protocol/messages.ts';
import type {Application} from '../model/application/application.ts';
import type {Interface} from '../model/interface.ts';
import {likely} from './nearest.ts';
import type {Problem} from './problem.ts';

/** An interface of this host, with its addresses. */
export interface HostInterface extends Link {
  addresses: readonly InterfaceAddress[];
}

export function readInterfaces(
  native: Pick<RtnetlinkNative, 'getLinks' | 'getAddresses'>,
): readonly HostInterface[] {
  const interfaces = native.getLinks().map((link) => ({...link, addresses: [] as InterfaceAddress[]}));
  const byIndex = new Map(interfaces.map((one) => [one.index, one]));
  for (const address of native.getAddresses()) byIndex.get(address.index)?.addresses.push(address);
  return interfaces;
}

/** The IPv4 networks that are on the interface. */
export function networksOf({addresses}: Pick<HostInterface, 'addresses'>): Network[] {
  const networks = addresses.filter(({family, scope}) => family === 4 && scope === 'global');
  return networks.map(({address, prefix}) => ({address, prefix}));
}

/** Why an interface is of no use to the router, and whether that may change without a hand on the configuration. */
interface Unusable {
  message: string;
  mayCome: boolean;
}

const yetUnusable = (message: string): Unusable => ({message, mayCome: true});

/** The interface in this role, or what is wrong with it. */
export function interfaceFrom(
  name: string,
  role: InterfaceRole,
  onHost: readonly HostInterface[],
): Interface | Unusable {
  const link = onHost.find((one) => one.name === name);
  const names = onHost.map((one) => one.name).filter((one) => one !== 'lo');
  if (!link) {
    const guess = likely(name, names);
    const meant = guess === null ? '' : ` (did you mean "${guess}"?)`;
    return yetUnusable(`interface ${name} does not exist${meant}; there are: ${names.join(', ') || 'none'}`);
  }
  if (link.type !== 'ether' || link.mac === null)
    return {message: `interface ${name} has no Ethernet address (its type is ${link.type})`, mayCome: false};
  if (!link.up) return yetUnusable(`interface ${name} is down: ip link set ${name} up`);
  const onLink = networksOf(link);
  const [network] = onLink;
  if (!network) return yetUnusable(`interface ${name} has no IPv4 address`);
  return {name, role, mac: link.mac, mtu: link.mtu, network, onLink, index: link.index};
}

export interface InterfaceNames {
  external: {name: string; path: Problem['path']};
  internal: {name: string; path: Problem['path']};
}

/** External first; one when both are the same interface. `missing`: what may come to the host. */
export function resolveInterfaces(
  names: InterfaceNames,
  onHost: readonly HostInterface[],
): {interfaces: Interface[]; problems: Problem[]; missing: Problem[]} {
  const external = {...names.external, role: 'external' as const};
  const internal = {...names.internal, role: 'internal' as const};
  const wanted = external.name === internal.name ? [external] : [external, internal];
  const found = wanted.map(({name, role, path}) => ({one: interfaceFrom(name, role, onHost), path}));
  const interfaces = found.flatMap(({one}) => ('message' in one ? [] : [one]));
  const unusable = (mayCome: boolean): Problem[] =>
    found.flatMap(({one, path}) =>
      'message' in one && one.mayCome === mayCome ? [{path, message: one.message}] : [],
    );
  return {interfaces, problems: unusable(false), missing: unusable(true)};
}

/** Why nobody could reach the VIP, or null. One on no network of ours is routed to us. */
function vipProblem(vip: string, mode: Mode, interfaces: readonly Interface[]): string | null {
  const own = interfaces.find((one) => one.onLink.some((network) => inNetwork(vip, network)));
  if (!own) return null;
  if (own.onLink.some((network) => isEdgeOf(vip, network)))
    return `${vip} is the network or broadcast address of ${own.name}`;
  const {address, prefix} = own.network;
  // Clients on the external network do not look for it there; with direct server return, nodes may be the clients.
  if (mode === 'nat' && own !== interfaces[0])
    return `${vip} lies in the nodes' own network (${own.name} ${address}/${prefix}), which nobody outside sees: take one of the external network, or of a network that is routed to the router`;
  return null;
}

/** The interfaces that this host's own addresses are on. */
function ownAddresses(onHost: readonly HostInterface[]): ReadonlyMap<string, string> {
  // Not of this host as a node, which its agent made.
  return new Map(
    onHost.flatMap(({name, addresses}) =>
      addresses
        .filter(({label}) => label !== VIP_LABEL)
        .map(({address}): [string, string] => [address, name]),
    ),
  );
}

/** Whoever reaches it reads all: an address of one network is named, never all of them at once. */
export function metricsProblems(
  metrics: SocketAddress,
  control: SocketAddress,
  onHost: readonly HostInterface[],
): Problem[] {
  const {address, port} = metrics;
  const own = [...ownAddresses(onHost).keys()].filter(isIpv4);
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
  interfaces: readonly Interface[],
  onHost: readonly HostInterface[],
): Problem[] {
  const own = ownAddresses(onHost);
  return applications.flatMap((application, index) =>
    application.vips.flatMap((vip, at) => {
      const path = ['applications', index, 'vips', at];
      const holder = own.get(vip);
      if (holder !== undefined)
        return [
          {path, message: `${vip} is the router's own address (on ${holder}); a virtual IP is nobody's`},
        ];
      const message = vipProblem(vip, mode, interfaces);
      return message === null ? [] : [{path, message}];
    }),
  );
}
