// Ports that one node alone may have at a time: one is leased to the first node that asks, until its messages lack it,
// it leaves or is given up; a suspect node keeps its leases. Pure. `changed` is called whenever the next supervisor must know.

import {LEASE_MS} from '../../protocol/messages.ts';
import type {ExclusivePort, NodeConfig} from '../../protocol/messages.ts';
import {serviceKey} from '../records.ts';

export interface ExclusiveLease extends ExclusivePort {
  node: string;
}

type Refused = NonNullable<NodeConfig['exclusiveRefused']>;

/** What a node reports in one message. */
export interface ExclusiveReport {
  wanted: readonly ExclusivePort[];
  /** Is there a socket bound to it already? */
  isBound: (port: ExclusivePort) => boolean;
  /** Why nobody may have it, or null. */
  refusal: (port: ExclusivePort) => string | null;
}

export class ExclusivePorts {
  readonly #changed: () => void;
  readonly #leases = new Map<string, ExclusiveLease>();
  readonly #refused = new Map<string, Refused>();
  #settledAt = 0;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Without a checkpoint: for one lease nodes only get what they have bound, the rest is not decided. */
  begin(now: number): void {
    this.#settledAt = now + LEASE_MS;
  }

  all(): ExclusiveLease[] {
    return [...this.#leases.values()];
  }

  ofNode(name: string): ExclusivePort[] {
    const mine = this.all().filter((one) => one.node === name);
    return mine.map(({application, vip, protocol, port}) => ({application, vip, protocol, port}));
  }

  refusedOf(name: string): Refused {
    return this.#refused.get(name) ?? [];
  }

  /** The node that has the port, if any. */
  ownerOf(port: Omit<ExclusivePort, 'application'>): string | undefined {
    return this.#leases.get(serviceKey(port))?.node;
  }

  report(node: string, {wanted, isBound, refusal}: ExclusiveReport, now: number): void {
    const refused: Refused = [];
    this.#refused.set(node, refused);
    const permitted = wanted.filter((port) => {
      const reason = refusal(port);
      if (reason !== null) refused.push({port, reason});
      return reason === null;
    });
    this.#keepOnly(node, new Set(permitted.map(serviceKey)));
    for (const port of permitted) {
      const owner = this.ownerOf(port);
      if (owner !== undefined && owner !== node)
        refused.push({
          port,
          reason: `${port.vip}:${port.port}/${port.protocol} is exclusive, and ${owner} has it`,
        });
      if (owner !== undefined || (now < this.#settledAt && !isBound(port))) continue;
      this.#leases.set(serviceKey(port), {...port, node});
      this.#changed();
    }
  }

  /** The node has left or is given up. */
  release(node: string): void {
    this.#refused.delete(node);
    this.#keepOnly(node, new Set());
  }

  /** Ends what is exclusive no more. */
  configure(refusal: ExclusiveReport['refusal']): void {
    for (const lease of this.all()) if (refusal(lease) !== null) this.#drop(lease);
  }

  restore(leases: readonly ExclusiveLease[]): void {
    for (const lease of leases) this.#leases.set(serviceKey(lease), lease);
  }

  #keepOnly(node: string, keys: ReadonlySet<string>): void {
    for (const lease of this.all())
      if (lease.node === node && !keys.has(serviceKey(lease))) this.#drop(lease);
  }

  #drop(lease: ExclusiveLease): void {
    this.#leases.delete(serviceKey(lease));
    this.#changed();
  }
}
