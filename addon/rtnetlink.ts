// The kernel's tables of interfaces, addresses, IPv4 routes and rules, and neighbors in this network namespace
// (rtnetlink(7)): dumps, and what changes in them (but rules). Every function throws an Error with `code` (an errno name) when the kernel refuses.
//
// To follow a table: watch first, then dump, and dump again on each overflow. Nothing is missed; a change from before
// the dump may come after it, but then the later ones of the same entry come too.

/** A number for which there is no name is given as text, "74". */
type Named<Name extends string> = Name | (string & {});

export interface Link {
  index: number;
  name: string;
  type: Named<'ether' | 'loopback' | 'none'>;
  /** Of an Ethernet interface; others have none or another kind. */
  mac: string | null;
  mtu: number;
  /** Administratively (IFF_UP). */
  up: boolean;
  /** There is a peer (IFF_LOWER_UP). */
  carrier: boolean;
  /** RFC 2863. */
  operState: Named<'unknown' | 'notpresent' | 'down' | 'lowerlayerdown' | 'testing' | 'dormant' | 'up'>;
}

export interface InterfaceAddress {
  /** Of its interface. */
  index: number;
  family: 4 | 6;
  /** Our own, also where there is but one peer. */
  address: string;
  prefix: number;
  scope: Named<'global' | 'site' | 'link' | 'host'>;
  label: string | null;
}

export interface NextHop {
  /** Name of the interface by which it leaves, as it is now; null: none, or it is gone. */
  interface: string | null;
  /** IPv4; null: on the link, or by a gateway of another family. */
  gateway: string | null;
}

export interface KernelRoute {
  destination: string;
  prefix: number;
  /** 254: main. */
  table: number;
  type: Named<'unicast' | 'local' | 'broadcast' | 'blackhole' | 'unreachable' | 'prohibit'>;
  /** Who made it (RTPROT_*): 2 the kernel, 4 an administrator. */
  protocol: number;
  metric: number;
  scope: Named<'global' | 'site' | 'link' | 'host'>;
  /** The preferred source address. */
  source: string | null;
  hops: NextHop[];
}

export interface KernelNeighbor {
  /** Of its interface. */
  index: number;
  /** The interface's name, as it is now; null: it is gone. */
  interface: string | null;
  family: 4 | 6;
  address: string;
  mac: string | null;
  state: Named<
    'none' | 'incomplete' | 'reachable' | 'stale' | 'delay' | 'probe' | 'failed' | 'noarp' | 'permanent'
  >;
  /** The kernel keeps it fresh by itself (NTF_EXT_MANAGED). */
  managed: boolean;
}

/** Which packets use which table of routes (IPv4). */
export interface KernelRule {
  /** The lowest is asked first. */
  priority: number;
  /** 255: local, 254: main. */
  table: number;
  /** null: all. */
  source: string | null;
  sourcePrefix: number;
  destination: string | null;
  destinationPrefix: number;
  /** Name of the interface by which they come, "lo": the host's own; null: all. */
  input: string | null;
  /** Who made it, as for routes. */
  protocol: number;
}

/**
 * A deleted entry is as it was last. Of IPv4 routes the kernel does not report all: those that end with an interface
 * or an address go in silence.
 */
export type KernelChange = {deleted: boolean} & (
  | {kind: 'link'; link: Link}
  | {kind: 'address'; address: InterfaceAddress}
  /** `replaced`: the first route with this destination and metric is gone. */
  | {kind: 'route'; route: KernelRoute; replaced: boolean}
  | {kind: 'neighbor'; neighbor: KernelNeighbor}
);

export interface KernelTables {
  links?: boolean;
  addresses?: boolean;
  routes?: boolean;
  neighbors?: boolean;
  /** Room for changes that wait to be read; 1 MiB if absent. */
  receiveBytes?: number;
}

export interface KernelWatcher {
  close(): void;
}

export interface RtnetlinkNative {
  /** `onChanges`: in order, those that came together at once. `onOverflow`: changes were lost, dump now. */
  watchKernel(
    tables: KernelTables,
    onChanges: (changes: KernelChange[]) => void,
    onOverflow: () => void,
  ): KernelWatcher;
  getLinks(): Link[];
  getAddresses(): InterfaceAddress[];
  /** Empty if there is no such table. */
  getRoutes(table: number): KernelRoute[];
  getRules(): KernelRule[];
  getNeighbors(): KernelNeighbor[];
}
