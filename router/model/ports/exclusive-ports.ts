// Ports that one node alone may have at a time: it is leased to the first that asks until its messages lack it, it
// leaves or is given up; a suspect node keeps. Pure. `changed` is called whenever the next supervisor must know.

import {LEASE_MS} from '../../protocol/messages.ts';
import type {ExclusivePort, NodeConfig} from '../../protocol/messages.ts';
import {serviceKey} from '../records.ts';

export interface ExclusiveHolder extends ExclusivePort {
  node: string;
}

type Refused = NonNullable<NodeConfig['exclusiveRefused']>;

/** What a node says in one message. */
export interface ExclusiveReport {
  wanted: readonly ExclusivePort[];
  /** Is there a socket bound to it already? */
  isBound: (port: ExclusivePort) => boolean;
  /** Why nobody may have it, or null. */
  refusal: (port: ExclusivePort) => string | null;
}

export class ExclusivePorts {
  readonly #changed: () => void;
  readonly #holders = new Map<string, ExclusiveHolder>();
  readonly #refused = new Map<string, Refused>();
  #settledAt = 0;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Nothing is remembered: for a while nodes only get what they have bound, the rest is not decided. */
  begin(now: number): void {
    this.#settledAt = now + LEASE_MS;
  }

  all(): ExclusiveHolder[] {
    return [...this.#holders.values()];
  }

  ofNode(name: string): ExclusivePort[] {
    const mine = this.all().filter((one) => one.node === name);
    return mine.map(({application, vip, protocol, port}) => ({application, vip, protocol, port}));
  }

  refusedOf(name: string): Refused {
    return this.#refused.get(name) ?? [];
  }

  /** The node that has the port, if any. */
  holderOf(port: Omit<ExclusivePort, 'application'>): string | undefined {
    return this.#holders.get(serviceKey(port))?.node;
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
      const holder = this.holderOf(port);
      if (holder !== undefined && holder !== node)
        refused.push({
          port,
          reason: `${port.vip}:${port.port}/${port.protocol} is exclusive, and ${holder} has it`,
        });
      if (holder !== undefined || (now < this.#settledAt && !isBound(port))) continue;
      this.#holders.set(serviceKey(port), {...port, node});
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
    for (const holder of this.all()) if (refusal(holder) !== null) this.#drop(holder);
  }

  restore(holders: readonly ExclusiveHolder[]): void {
    for (const holder of holders) this.#holders.set(serviceKey(holder), holder);
  }

  #keepOnly(node: string, keys: ReadonlySet<string>): void {
    for (const holder of this.all())
      if (holder.node === node && !keys.has(serviceKey(holder))) this.#drop(holder);
  }

  #drop(holder: ExclusiveHolder): void {
    this.#holders.delete(serviceKey(holder));
    this.#changed();
  }
}
