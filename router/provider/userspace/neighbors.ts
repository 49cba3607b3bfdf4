// The MAC addresses of nodes and gateway. The kernel keeps them fresh (`ip neigh … managed`); we only listen. An entry that
// the operator made permanent is used as it is and never touched.

import type {KernelChange, KernelNeighbor, KernelWatcher, RtnetlinkNative} from '../../../addon/rtnetlink.ts';
import type {Clock, Timer} from '../../base/clock.ts';
import {messageOf} from '../../base/error.ts';
import type {Exec} from '../../base/exec.ts';
import type {Logger} from '../../base/logger.ts';

/** Every so often the whole table is read, should an entry have been flushed. */
const REREAD_MS = 30_000;
const deadStates = new Set(['failed', 'incomplete', 'none']);

export interface NeighborDeps {
  native: Pick<RtnetlinkNative, 'watchKernel' | 'getNeighbors'>;
  exec: Exec;
  clock: Clock;
  log: Logger;
  /** The interface that reaches an address, or null. */
  interfaceOf(address: string): string | null;
  onChange(): void;
}

interface Entry {
  interface: string;
  /** The kernel's number of the interface, as it was heard last. */
  index: number;
  mac: string | null;
  reachable: boolean;
  /** Made by the operator. */
  foreign: boolean;
}

export class Neighbors {
  readonly #deps: NeighborDeps;
  readonly #entries = new Map<string, Entry>();
  #watcher: KernelWatcher | null = null;
  #timer: Timer | null = null;
  #closed = false;

  constructor(deps: NeighborDeps) {
    this.#deps = deps;
  }

  /** Begins to listen; reads what the kernel knows of `addresses` (and `remembered` where it does not) first. */
  async start(addresses: readonly string[], remembered: Readonly<Record<string, string>>): Promise<void> {
    this.#watcher = this.#deps.native.watchKernel(
      {neighbors: true},
      (changes) => this.#hear(changes),
      () => void this.#reread(),
    );
    for (const address of addresses) this.#remember(address, remembered[address] ?? null);
    await this.#reread();
    this.#timer = this.#deps.clock.every(REREAD_MS, () => void this.#reread());
  }

  get(address: string): Readonly<Entry> | null {
    return this.#entries.get(address) ?? null;
  }

  macs(): Record<string, string> {
    const known = [...this.#entries].filter(([, entry]) => entry.mac !== null);
    return Object.fromEntries(known.map(([address, entry]) => [address, entry.mac ?? '']));
  }

  /** Exactly these addresses are kept from now on. */
  watch(addresses: readonly string[]): void {
    const wanted = new Set(addresses);
    for (const [address, entry] of this.#entries)
      if (!wanted.has(address)) {
        this.#entries.delete(address);
        if (!entry.foreign) void this.#delete(address, entry);
      }
    const added = addresses.filter((address) => !this.#entries.has(address));
    for (const address of added) this.#remember(address, null);
    if (added.length > 0) void this.#reread();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher?.close();
    this.#timer?.cancel();
    const own = [...this.#entries].filter(([, entry]) => !entry.foreign);
    this.#entries.clear();
    await Promise.all(own.map(([address, entry]) => this.#delete(address, entry)));
  }

  #remember(address: string, mac: string | null): void {
    const name = this.#deps.interfaceOf(address);
    if (name === null || this.#entries.has(address)) return;
    this.#entries.set(address, {interface: name, index: 0, mac, reachable: mac !== null, foreign: false});
  }

  #hear(changes: readonly KernelChange[]): void {
    let changed = false;
    for (const change of changes)
      if (change.kind === 'neighbor') changed = this.#learn(change.neighbor, change.deleted) || changed;
    if (changed) this.#deps.onChange();
  }

  /** Takes in what the kernel says; true if a MAC changed. One that is known stays until another is learnt. */
  #learn(neighbor: KernelNeighbor, deleted: boolean): boolean {
    const entry = this.#entries.get(neighbor.address);
    if (!entry || !isOf(entry, neighbor)) return false;
    const heard = deleted || deadStates.has(neighbor.state) ? null : neighbor.mac;
    const mac = heard ?? entry.mac;
    const changed = mac !== entry.mac;
    entry.index = neighbor.index;
    entry.reachable = heard !== null;
    entry.mac = mac;
    if (changed) this.#deps.log.info({address: neighbor.address, mac}, 'neighbor');
    return changed;
  }

  /** Reads the table and asks the kernel to manage every watched entry that it does not manage yet. */
  async #reread(): Promise<void> {
    try {
      const table = new Map<string, KernelNeighbor>();
      let changed = false;
      for (const neighbor of this.#deps.native.getNeighbors()) {
        const entry = this.#entries.get(neighbor.address);
        if (!entry || !isOf(entry, neighbor)) continue;
        table.set(neighbor.address, neighbor);
        changed = this.#learn(neighbor, false) || changed;
      }
      if (changed) this.#deps.onChange();
      const all = [...this.#entries];
      await Promise.all(all.map(([address, entry]) => this.#manage(address, entry, table.get(address))));
    } catch (error) {
      this.#deps.log.error({error: messageOf(error)}, 'cannot read the neighbor table');
    }
  }

  async #manage(address: string, entry: Entry, known: KernelNeighbor | undefined): Promise<void> {
    entry.foreign = known?.state === 'permanent';
    if (entry.foreign || known?.managed || this.#closed) return;
    const args = ['neigh', 'replace', address, 'dev', entry.interface, 'managed'];
    await this.#deps.exec.run('ip', args);
    // Closed or no longer watched while the command ran.
    if (this.#entries.get(address) !== entry) await this.#delete(address, entry);
  }

  async #delete(address: string, entry: Entry): Promise<void> {
    try {
      await this.#deps.exec.run('ip', ['neigh', 'del', address, 'dev', entry.interface]);
    } catch (error) {
      this.#deps.log.debug({address, error: messageOf(error)}, 'no neighbor entry to remove');
    }
  }
}

/** Entries that go with their interface are told when it has no name any more. */
function isOf(entry: Entry, neighbor: KernelNeighbor): boolean {
  if (neighbor.interface === null) return neighbor.index === entry.index;
  return neighbor.interface === entry.interface;
}
