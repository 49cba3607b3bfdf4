// The router's interfaces while it runs. A new MAC, MTU or network is followed; what cannot be followed (the
// interface is down, gone or made anew, the router's address is lost) is said, and when it is over too. When another
// interface or address is there in its place, the router has to be started anew with it.

import type {KernelChange, KernelWatcher, RtnetlinkNative} from '../../../addon/rtnetlink.ts';
import type {Clock, Timer} from '../../base/clock.ts';
import {messageOf} from '../../base/error.ts';
import type {Logger} from '../../base/logger.ts';
import {interfaceFrom, networksOf, readInterfaces} from '../../config/host.ts';
import type {HostInterface} from '../../config/host.ts';
import type {Interface} from '../../model/interface.ts';
import type {InterfaceTrouble} from '../provider.ts';

/** Something else in an interface's or address' place has to stay for so long: what configures them does it in steps. */
const SETTLED_MS = 2000;

export interface InterfaceWatchDeps {
  native: Pick<RtnetlinkNative, 'watchKernel' | 'getLinks' | 'getAddresses'>;
  clock: Clock;
  log: Logger;
  /** As they were when the configuration was read. */
  interfaces: readonly Interface[];
  /** MAC, MTU or networks of an interface are others now. */
  onChange(own: Interface, what: string): void;
  /** null: no longer. */
  onTrouble(own: Interface, trouble: string | null): void;
  /** Its link was interrupted, if for a moment: what switches knew of it may be forgotten. */
  onLinkBack(own: Interface): void;
  /** An interface is there again, but as another interface or with another address than the data plane knows. */
  onOutdated(reason: string): void;
}

export class InterfaceWatch {
  readonly #deps: InterfaceWatchDeps;
  /** By name. */
  readonly #troubles = new Map<string, InterfaceTrouble>();
  /** Names of those whose link was interrupted since it was last well. */
  readonly #interrupted = new Set<string>();
  #interfaces: readonly Interface[];
  #watcher: KernelWatcher | null = null;
  #outdated: {reason: string; timer: Timer} | null = null;

  constructor(deps: InterfaceWatchDeps) {
    this.#deps = deps;
    this.#interfaces = deps.interfaces;
  }

  /** External first. */
  get interfaces(): readonly Interface[] {
    return this.#interfaces;
  }

  /** null: it can do its work. */
  troubleOf(name: string): InterfaceTrouble | null {
    return this.#troubles.get(name) ?? null;
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
    this.#outdated?.timer.cancel();
  }

  #concerns(change: KernelChange): boolean {
    if (change.kind === 'link')
      return this.#interfaces.some(
        ({index, name}) => change.link.index === index || change.link.name === name,
      );
    if (change.kind !== 'address') return false;
    // While one is missing, another interface may get its address.
    return this.#troubles.size > 0 || this.#interfaces.some(({index}) => change.address.index === index);
  }

  #read(): void {
    try {
      this.#compare(readInterfaces(this.#deps.native));
    } catch (error) {
      this.#deps.log.error({error: messageOf(error)}, 'cannot read the interfaces');
    }
  }

  #trouble(name: string, what: string): void {
    const since = this.#troubles.get(name)?.since ?? this.#deps.clock.now();
    this.#troubles.set(name, {what, since});
  }

  #follow(reason: string | null): void {
    if (reason === (this.#outdated?.reason ?? null)) return;
    this.#outdated?.timer.cancel();
    this.#outdated = null;
    if (reason === null) return;
    const tell = () => this.#deps.onOutdated(reason);
    this.#outdated = {reason, timer: this.#deps.clock.after(SETTLED_MS, tell)};
  }

  #compare(onHost: readonly HostInterface[]): void {
    this.#follow(replacement(this.#interfaces, onHost));
    const before = this.#interfaces;
    const looks = before.map((own) => lookAt(own, onHost));
    this.#interfaces = looks.map(({own}) => own);
    for (const [n, {own, trouble}] of looks.entries()) {
      const old = before[n] ?? own;
      const what = difference(old, own);
      if (what !== '') this.#deps.onChange(own, what);
      if (trouble !== null) this.#interrupted.add(own.name);
      else if (this.#interrupted.delete(own.name)) this.#deps.onLinkBack(own);
      if ((this.#troubles.get(own.name)?.what ?? null) === trouble) continue;
      if (trouble === null) this.#troubles.delete(own.name);
      else this.#trouble(own.name, trouble);
      this.#deps.onTrouble(own, trouble);
    }
  }
}

function isInterruption(change: KernelChange): change is Extract<KernelChange, {kind: 'link'}> {
  return change.kind === 'link' && (change.deleted || !change.link.up || !change.link.carrier);
}

/** What is there in place of an interface that is lost; null: none is lost, or there is nothing (yet) instead. */
function replacement(interfaces: readonly Interface[], onHost: readonly HostInterface[]): string | null {
  for (const own of interfaces) {
    if (!lookAt(own, onHost).isLost) continue;
    const now = interfaceFrom(own.name, own.role, onHost);
    if ('message' in now) return null;
    const {address, prefix} = now.network;
    return `interface ${own.name} is number ${now.index} with ${address}/${prefix} now`;
  }
  return null;
}

interface Look {
  own: Interface;
  trouble: string | null;
  /** Only a new start helps, unless it comes back as it was. */
  isLost: boolean;
}

/** The interface as it is now, or as it was with what is wrong with it. */
function lookAt(own: Interface, onHost: readonly HostInterface[]): Look {
  const found = onHost.find((one) => one.name === own.name);
  if (found === undefined) return {own, trouble: 'it is gone', isLost: true};
  if (found.index !== own.index || found.mac === null)
    return {own, trouble: 'it is another interface than at the start', isLost: true};
  const onLink = networksOf(found);
  const now = {...own, mac: found.mac, mtu: found.mtu, onLink};
  const {address} = own.network;
  if (!found.up) return {own: now, trouble: 'it is down', isLost: false};
  if (!found.carrier)
    return {own: now, trouble: 'it has no carrier (its cable, or the other end)', isLost: false};
  const isLost = !onLink.some((network) => network.address === address);
  return {own: now, trouble: isLost ? `its address ${address} is gone` : null, isLost};
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
