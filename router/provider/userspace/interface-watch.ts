// The router's interfaces while it runs. A new MAC, MTU or network is followed; what cannot be followed (the
// interface is down, gone or made anew, the router's address is lost) is said, and when it is over too.

import type {KernelChange, KernelWatcher, RtnetlinkNative} from '../../../addon/rtnetlink.ts';
import {messageOf} from '../../base/error.ts';
import type {Logger} from '../../base/logger.ts';
import {networksOf, readInterfaces} from '../../config/host.ts';
import type {HostInterface} from '../../config/host.ts';
import type {Interface} from '../../model/interface.ts';

export interface InterfaceWatchDeps {
  native: Pick<RtnetlinkNative, 'watchKernel' | 'getLinks' | 'getAddresses'>;
  log: Logger;
  /** As they were when the configuration was read. */
  interfaces: readonly Interface[];
  /** MAC, MTU or networks of an interface are others now. */
  onChange(own: Interface, what: string): void;
  /** null: no longer. */
  onTrouble(own: Interface, trouble: string | null): void;
  /** Its link was interrupted, if for a moment: what switches knew of it may be forgotten. */
  onLinkBack(own: Interface): void;
}

export class InterfaceWatch {
  readonly #deps: InterfaceWatchDeps;
  /** By name. */
  readonly #troubles = new Map<string, string>();
  /** Names of those whose link was interrupted since it was last well. */
  readonly #interrupted = new Set<string>();
  #interfaces: readonly Interface[];
  #watcher: KernelWatcher | null = null;

  constructor(deps: InterfaceWatchDeps) {
    this.#deps = deps;
    this.#interfaces = deps.interfaces;
  }

  /** External first. */
  get interfaces(): readonly Interface[] {
    return this.#interfaces;
  }

  start(): void {
    this.#watcher = this.#deps.native.watchKernel(
      {links: true, addresses: true},
      (changes) => {
        const ours = changes.filter((change) => this.#concerns(change));
        for (const change of ours) if (isInterruption(change)) this.#interrupted.add(change.link.name);
        if (ours.length > 0) this.#read();
      },
      () => {
        for (const {name} of this.#interfaces) this.#interrupted.add(name);
        this.#read();
      },
    );
    // What has changed since the configuration was read.
    this.#read();
  }

  close(): void {
    this.#watcher?.close();
  }

  #concerns(change: KernelChange): boolean {
    if (change.kind === 'link')
      return this.#interfaces.some(
        ({index, name}) => change.link.index === index || change.link.name === name,
      );
    return change.kind === 'address' && this.#interfaces.some(({index}) => change.address.index === index);
  }

  #read(): void {
    try {
      this.#compare(readInterfaces(this.#deps.native));
    } catch (error) {
      this.#deps.log.error({error: messageOf(error)}, 'cannot read the interfaces');
    }
  }

  #compare(onHost: readonly HostInterface[]): void {
    const before = this.#interfaces;
    const looks = before.map((own) => lookAt(own, onHost));
    this.#interfaces = looks.map(({own}) => own);
    for (const [n, {own, trouble}] of looks.entries()) {
      const old = before[n] ?? own;
      const what = difference(old, own);
      if (what !== '') this.#deps.onChange(own, what);
      if (trouble !== null) this.#interrupted.add(own.name);
      else if (this.#interrupted.delete(own.name)) this.#deps.onLinkBack(own);
      if ((this.#troubles.get(own.name) ?? null) === trouble) continue;
      if (trouble === null) this.#troubles.delete(own.name);
      else this.#troubles.set(own.name, trouble);
      this.#deps.onTrouble(own, trouble);
    }
  }
}

function isInterruption(change: KernelChange): change is Extract<KernelChange, {kind: 'link'}> {
  return change.kind === 'link' && (change.deleted || !change.link.up || !change.link.carrier);
}

/** The interface as it is now, or as it was with what is wrong with it. */
function lookAt(own: Interface, onHost: readonly HostInterface[]): {own: Interface; trouble: string | null} {
  const found = onHost.find((one) => one.name === own.name);
  if (found === undefined) return {own, trouble: 'it is gone'};
  if (found.index !== own.index || found.mac === null)
    return {own, trouble: 'it is another interface than at the start: restart the router'};
  const onLink = networksOf(found);
  const now = {...own, mac: found.mac, mtu: found.mtu, onLink};
  const {address} = own.network;
  if (!found.up) return {own: now, trouble: 'it is down'};
  if (!found.carrier) return {own: now, trouble: 'it has no carrier (its cable, or the other end)'};
  const lost = !onLink.some((network) => network.address === address);
  return {own: now, trouble: lost ? `its address ${address} is gone: restart the router` : null};
}

/** "MAC 02:…:01 → 02:…:02, MTU 1500 → 1400", or "". */
function difference(old: Interface, now: Interface): string {
  const networks = ({onLink}: Interface) =>
    onLink.map(({address, prefix}) => `${address}/${prefix}`).join(' ');
  const aspects: [string, string | number, string | number][] = [
    ['MAC', old.mac, now.mac],
    ['MTU', old.mtu, now.mtu],
    ['addresses', networks(old), networks(now)],
  ];
  const changed = aspects.filter(([, before, after]) => before !== after);
  return changed.map(([aspect, before, after]) => `${aspect} ${before} → ${after}`).join(', ');
}
