// This node's own address, by which the router reaches it (--address): is it on an interface of this host? An agent
// that registers another gets its application's connections sent to whoever has that one, or to nobody.

import type {AgentNative} from '../../../addon/agent.ts';
import {messageOf} from '../../../router/base/error.ts';
import type {Logger} from '../../../router/base/logger.ts';
import {VIP_LABEL} from '../../../router/base/marks.ts';

export type AddressTables = Pick<AgentNative, 'getLinks' | 'getAddresses' | 'watchKernel'>;

/** What is wrong with it, with the addresses that there are; null: it is there. */
export function addressProblem(native: AddressTables, address: string): string | null {
  // Virtual IPs are of the whole, whatever host has them.
  const own = native.getAddresses().filter(({family, label}) => family === 4 && label !== VIP_LABEL);
  if (own.some((one) => one.address === address)) return null;
  const names = new Map(native.getLinks().map(({index, name}) => [index, name]));
  const others = own.filter(({scope}) => scope === 'global');
  const list = others.map((one) => `${one.address} (${names.get(one.index) ?? 'an interface that is gone'})`);
  return `${address} is on no interface of this host; there are: ${list.join(', ') || 'none'}`;
}

export interface OwnAddressDeps {
  native: AddressTables;
  log: Logger;
  address: string;
  /** What follows while it is missing: "waiting". */
  consequence: string;
}

/** Follows the address, and says in the log when it is missing and when it is there again. */
export class OwnAddress {
  readonly #deps: OwnAddressDeps;
  readonly #onThere: () => void;
  #watcher: ReturnType<AddressTables['watchKernel']> | null = null;
  /** null: not looked yet. */
  #there: boolean | null = null;

  /** `onThere`: it is there, for the first time or again. */
  constructor(deps: OwnAddressDeps, onThere: () => void = () => {}) {
    this.#deps = deps;
    this.#onThere = onThere;
  }

  start(): void {
    const look = () => this.#look();
    this.#watcher = this.#deps.native.watchKernel({addresses: true}, look, look);
    this.#look();
  }

  close(): void {
    this.#watcher?.close();
  }

  #look(): void {
    try {
      this.#tell(addressProblem(this.#deps.native, this.#deps.address));
    } catch (error) {
      this.#deps.log.error({}, `cannot read the addresses of this host: ${messageOf(error)}`);
    }
  }

  #tell(problem: string | null): void {
    const {log, address, consequence} = this.#deps;
    const before = this.#there;
    this.#there = problem === null;
    if (this.#there === before) return;
    if (problem !== null) {
      log.error({}, `${consequence}: ${problem}`);
      return;
    }
    if (before === false) log.info({}, `address ${address} is there`);
    this.#onThere();
  }
}
