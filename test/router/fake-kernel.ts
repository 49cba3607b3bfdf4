// The kernel's tables in memory: whoever watches hears of what a test changes.

import {isDeepStrictEqual} from 'node:util';
import type {
  InterfaceAddress,
  KernelChange,
  KernelNeighbor,
  KernelRoute,
  KernelRule,
  KernelTables,
  KernelWatcher,
  Link,
  RtnetlinkNative,
} from '../../addon/rtnetlink.ts';

interface FakeInterface {
  name: string;
  index: number;
  mac: string;
  mtu: number;
  up?: boolean;
  carrier?: boolean;
  /** With a prefix of 24 bits. */
  address: string;
}

const tableOf = {link: 'links', address: 'addresses', route: 'routes', neighbor: 'neighbors'} as const;

interface Watcher {
  tables: KernelTables;
  onChanges: (changes: KernelChange[]) => void;
  onOverflow: () => void;
}

export class FakeKernel implements RtnetlinkNative {
  #links: Link[] = [];
  #addresses: InterfaceAddress[] = [];
  #routes: KernelRoute[] = [];
  readonly #neighbors = new Map<string, KernelNeighbor>();
  readonly #watchers = new Set<Watcher>();
  /** Thrown by the next dumps. */
  dumpError: Error | null = null;

  watchKernel(
    tables: KernelTables,
    onChanges: (changes: KernelChange[]) => void,
    onOverflow: () => void,
  ): KernelWatcher {
    const watcher = {tables, onChanges, onOverflow};
    this.#watchers.add(watcher);
    return {close: () => void this.#watchers.delete(watcher)};
  }

  #dump<T>(table: Iterable<T>): T[] {
    if (this.dumpError) throw this.dumpError;
    return [...table];
  }
  getLinks(): Link[] {
    return this.#dump(this.#links);
  }
  getAddresses(): InterfaceAddress[] {
    return this.#dump(this.#addresses);
  }
  getRoutes(table: number): KernelRoute[] {
    return this.#dump(this.#routes).filter((route) => route.table === table);
  }
  getRules(): KernelRule[] {
    return this.#dump([]);
  }
  getNeighbors(): KernelNeighbor[] {
    return this.#dump(this.#neighbors.values());
  }

  /** How many watch. */
  get watching(): number {
    return this.#watchers.size;
  }

  /** "neighbor", "link", …: what is watched. */
  get watched(): string[] {
    const kinds = ['link', 'address', 'route', 'neighbor'] as const;
    return kinds.filter((kind) => [...this.#watchers].some(({tables}) => tables[tableOf[kind]]));
  }

  #tell(changes: KernelChange[]): void {
    for (const {tables, onChanges} of this.#watchers) {
      const heard = changes.filter(({kind}) => tables[tableOf[kind]]);
      if (heard.length > 0) onChanges(heard);
    }
  }

  /** Changes were lost. */
  overflow(): void {
    for (const {onOverflow} of this.#watchers) onOverflow();
  }

  /** `mac` null: it does not answer. `silently`: the change is lost. */
  setNeighbor(
    address: string,
    name: string,
    mac: string | null,
    more: Partial<KernelNeighbor> = {},
    silently = false,
  ): void {
    const state = mac === null ? 'failed' : 'reachable';
    const neighbor = {
      index: 3,
      interface: name,
      family: 4 as const,
      address,
      mac,
      state,
      managed: false,
      ...more,
    };
    this.#neighbors.set(address, neighbor);
    if (!silently) this.#tell([{kind: 'neighbor', deleted: false, neighbor}]);
  }

  deleteNeighbor(address: string, more: Partial<KernelNeighbor> = {}): void {
    const neighbor = this.#neighbors.get(address);
    if (!neighbor) return;
    this.#neighbors.delete(address);
    this.#tell([{kind: 'neighbor', deleted: true, neighbor: {...neighbor, ...more}}]);
  }

  /** All of the main table. `silently`: as when they go with their interface. */
  setRoutes(routes: readonly KernelRoute[], silently = false): void {
    const changes = (list: readonly KernelRoute[], deleted: boolean): KernelChange[] =>
      list.map((route) => ({kind: 'route', deleted, replaced: false, route}));
    const before = this.#routes;
    this.#routes = [...routes];
    if (!silently) this.#tell([...changes(before, true), ...changes(this.#routes, false)]);
  }

  /** All of them. `silently`: the changes are lost. */
  setInterfaces(interfaces: readonly FakeInterface[], silently = false): void {
    const linksBefore = this.#links;
    const gone = linksBefore.filter((link) => !interfaces.some((one) => one.index === link.index));
    this.#links = interfaces.map(({name, index, mac, mtu, up = true, carrier = up}) => {
      const operState = up && carrier ? 'up' : 'down';
      return {index, name, type: 'ether', mac, mtu, up, carrier, operState};
    });
    const before = this.#addresses;
    this.#addresses = interfaces.map(({index, address}) => {
      return {index, family: 4, address, prefix: 24, scope: 'global', label: null};
    });
    if (silently) return;
    const addresses = (list: readonly InterfaceAddress[], deleted: boolean): KernelChange[] =>
      list.map((address) => ({kind: 'address', deleted, address}));
    this.#tell([
      ...gone.map((link): KernelChange => ({kind: 'link', deleted: true, link})),
      ...added(this.#links, linksBefore).map((link): KernelChange => ({kind: 'link', deleted: false, link})),
      ...addresses(added(before, this.#addresses), true),
      ...addresses(added(this.#addresses, before), false),
    ]);
  }
}

/** Those that are not among others. */
function added<T>(list: readonly T[], others: readonly T[]): T[] {
  return list.filter((one) => !others.some((other) => isDeepStrictEqual(one, other)));
}

/** A default route of the main table. */
export function defaultRoute(gateway: string | null, name: string, metric = 0): KernelRoute {
  return {
    destination: '0.0.0.0',
    prefix: 0,
    table: 254,
    type: 'unicast',
    protocol: 3,
    metric,
    scope: 'global',
    source: null,
    hops: [{interface: name, gateway}],
  };
}
