// The external interface's gateway: the next hop of the host's own default route there. It is where packets leave
// whose next hop no packet has told. The kernel's table is read again whenever it may have another.

import type {KernelChange, KernelRoute, KernelWatcher, RtnetlinkNative} from '../../../addon/rtnetlink.ts';
import {messageOf} from '../../base/error.ts';
import type {Logger} from '../../base/logger.ts';

const MAIN_TABLE = 254;

/** The next hop of the interface's best default route, or null. */
export function gatewayOf(routes: readonly KernelRoute[], name: string): string | null {
  const best = routes.filter((route) => route.prefix === 0).toSorted((a, b) => a.metric - b.metric);
  const hops = best.flatMap((route) => route.hops);
  return hops.find((hop) => hop.interface === name && hop.gateway !== null)?.gateway ?? null;
}

export interface GatewayDeps {
  native: Pick<RtnetlinkNative, 'watchKernel' | 'getLinks' | 'getRoutes'>;
  log: Logger;
  /** The interface whose default route counts. */
  external: string;
  onChange(): void;
}

export class Gateway {
  readonly #deps: GatewayDeps;
  #watcher: KernelWatcher | null = null;
  #address: string | null = null;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
  }

  /** null: there is no default route. */
  get address(): string | null {
    return this.#address;
  }

  start(): void {
    // Addresses and links too: the routes that go with them go in silence.
    this.#watcher = this.#deps.native.watchKernel(
      {routes: true, links: true, addresses: true},
      (changes) => {
        if (changes.some((change) => this.#concerns(change))) this.#reread();
      },
      () => this.#reread(),
    );
    this.#address = this.#read();
    this.#say();
  }

  close(): void {
    this.#watcher?.close();
  }

  #concerns(change: KernelChange): boolean {
    if (change.kind === 'route') return change.route.table === MAIN_TABLE && change.route.prefix === 0;
    return change.kind === 'address' || (change.kind === 'link' && change.link.name === this.#deps.external);
  }

  #read(): string | null {
    const {native, external} = this.#deps;
    // In this order: the kernel tells of a link before it takes its routes away, and answers for links afterwards.
    const isUp = native.getLinks().some((link) => link.name === external && link.up);
    return isUp ? gatewayOf(native.getRoutes(MAIN_TABLE), external) : null;
  }

  #say(): void {
    const {log, external} = this.#deps;
    if (this.#address !== null) log.info({gateway: this.#address, interface: external}, 'gateway');
    else
      log.warn(
        {interface: external},
        'no default route on the external side: nodes reach only hosts that have sent something first',
      );
  }

  #reread(): void {
    try {
      const address = this.#read();
      if (address === this.#address) return;
      this.#address = address;
      this.#say();
      this.#deps.onChange();
    } catch (error) {
      this.#deps.log.error({error: messageOf(error)}, 'cannot read the default route');
    }
  }
}
