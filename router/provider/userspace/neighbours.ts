// The MAC addresses of nodes and gateway. The kernel keeps them fresh (`ip neigh … managed`); we only listen. An entry that
// the operator made permanent is used as it is and never touched.

import type {Timer} from '../../base/clock.ts';
import {messageOf} from '../../base/error.ts';
import {Following} from '../../base/following.ts';
import type {FollowingDeps} from '../../base/following.ts';
import type {Neighbour} from './ip-neigh.ts';
import {parseMonitorLine, parseTable} from './ip-neigh.ts';

/** Every so often the whole table is read, should an event have been lost or an entry flushed. */
const REREAD_MS = 30_000;

export interface NeighbourDeps extends FollowingDeps {
  /** The interface that reaches an address, or null. */
  interfaceOf(address: string): string | null;
  onChange(): void;
}

interface Entry {
  interface: string;
  mac: string | null;
  reachable: boolean;
  /** Made by the operator. */
  foreign: boolean;
}

export class Neighbours {
  readonly #deps: NeighbourDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #following: Following;
  #timer: Timer | null = null;
  #closed = false;

  constructor(deps: NeighbourDeps) {
    this.#deps = deps;
    this.#following = new Following(
      deps,
      ['ip', '-o', 'monitor', 'neigh'],
      (line) => this.#heard(line),
      () => void this.#reread(),
    );
  }

  /** Begins to listen; reads what the kernel knows of `addresses` (and `remembered` where it does not) first. */
  async start(addresses: readonly string[], remembered: Readonly<Record<string, string>>): Promise<void> {
    this.#following.start();
    for (const address of addresses) this.#remember(address, remembered[address] ?? null);
    await this.#reread();
    this.#timer = this.#deps.clock.every(REREAD_MS, () => void this.#reread());
  }

  path(address: string): Readonly<Entry> | null {
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
    this.#following.stop();
    this.#timer?.cancel();
    const own = [...this.#entries].filter(([, entry]) => !entry.foreign);
    this.#entries.clear();
    await Promise.all(own.map(([address, entry]) => this.#delete(address, entry)));
  }

  #remember(address: string, mac: string | null): void {
    const name = this.#deps.interfaceOf(address);
    if (name === null || this.#entries.has(address)) return;
    this.#entries.set(address, {interface: name, mac, reachable: mac !== null, foreign: false});
  }

  #heard(line: string): void {
    const neighbour = parseMonitorLine(line);
    if (neighbour && this.#learn(neighbour)) this.#deps.onChange();
  }

  /** Takes in what the kernel says; true if a path changed. A MAC once known stays until another is learnt. */
  #learn(neighbour: Neighbour): boolean {
    const entry = this.#entries.get(neighbour.address);
    if (!entry || entry.interface !== neighbour.interface) return false;
    const mac = neighbour.mac ?? entry.mac;
    const changed = mac !== entry.mac;
    entry.reachable = neighbour.mac !== null;
    entry.mac = mac;
    if (changed) this.#deps.log.info({address: neighbour.address, mac}, 'neighbour');
    return changed;
  }

  /** Reads the table and asks the kernel to manage every watched entry that it does not manage yet. */
  async #reread(): Promise<void> {
    try {
      const table = parseTable(await this.#deps.exec.run('ip', ['-j', '-4', 'neigh', 'show']));
      let changed = false;
      for (const neighbour of table) changed = this.#learn(neighbour) || changed;
      if (changed) this.#deps.onChange();
      await Promise.all([...this.#entries].map(([address, entry]) => this.#manage(address, entry, table)));
    } catch (error) {
      this.#deps.log.error({error: messageOf(error)}, 'cannot read the neighbour table');
    }
  }

  async #manage(address: string, entry: Entry, table: readonly Neighbour[]): Promise<void> {
    const known = table.find((one) => one.address === address && one.interface === entry.interface);
    entry.foreign = known?.permanent ?? false;
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
      this.#deps.log.debug({address, error: messageOf(error)}, 'no neighbour entry to remove');
    }
  }
}
