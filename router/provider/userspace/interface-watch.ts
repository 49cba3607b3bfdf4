// The router's interfaces while it runs. A new MAC, MTU or network is followed; what cannot be followed (the
// interface is down, gone or made anew, the router's address is lost) is said, and when it is over too.

import type {KernelChange, KernelWatcher, RtnetlinkNative} from '../../../addon/rtnetlink.ts';
import {messageOf} from '../../base/error.ts';
import type {Logger} from '../../base/logger.ts';
import {networksOf, readInterfaces} from '../../config/host.ts';
import type {HostInterface} from '../../config/host.ts';
import type {Side} from '../../model/side.ts';

export interface InterfaceWatchDeps {
  native: Pick<RtnetlinkNative, 'watchKernel' | 'getLinks' | 'getAddresses'>;
  log: Logger;
  /** As they were when the configuration was read. */
  sides: readonly Side[];
  /** MAC, MTU or networks of a side are others now. */
  onChange(side: Side, what: string): void;
  /** null: no longer. */
  onTrouble(side: Side, trouble: string | null): void;
}

export class InterfaceWatch {
  readonly #deps: InterfaceWatchDeps;
  /** By name. */
  readonly #troubles = new Map<string, string>();
  #sides: readonly Side[];
  #watcher: KernelWatcher | null = null;

  constructor(deps: InterfaceWatchDeps) {
    this.#deps = deps;
    this.#sides = deps.sides;
  }

  /** External first. */
  get sides(): readonly Side[] {
    return this.#sides;
  }

  start(): void {
    this.#watcher = this.#deps.native.watchKernel(
      {links: true, addresses: true},
      (changes) => {
        if (changes.some((change) => this.#concerns(change))) this.#read();
      },
      () => this.#read(),
    );
    // What has changed since the configuration was read.
    this.#read();
  }

  close(): void {
    this.#watcher?.close();
  }

  #concerns(change: KernelChange): boolean {
    if (change.kind === 'link')
      return this.#sides.some(({index, name}) => change.link.index === index || change.link.name === name);
    return change.kind === 'address' && this.#sides.some(({index}) => change.address.index === index);
  }

  #read(): void {
    try {
      this.#compare(readInterfaces(this.#deps.native));
    } catch (error) {
      this.#deps.log.error({error: messageOf(error)}, 'cannot read the interfaces');
    }
  }

  #compare(interfaces: readonly HostInterface[]): void {
    const before = this.#sides;
    const looks = before.map((side) => lookAt(side, interfaces));
    this.#sides = looks.map(({side}) => side);
    for (const [n, {side, trouble}] of looks.entries()) {
      const old = before[n] ?? side;
      const what = difference(old, side);
      if (what !== '') this.#deps.onChange(side, what);
      if ((this.#troubles.get(side.name) ?? null) === trouble) continue;
      if (trouble === null) this.#troubles.delete(side.name);
      else this.#troubles.set(side.name, trouble);
      this.#deps.onTrouble(side, trouble);
    }
  }
}

/** The side as it is now, or as it was with what is wrong with it. */
function lookAt(side: Side, interfaces: readonly HostInterface[]): {side: Side; trouble: string | null} {
  const found = interfaces.find((one) => one.name === side.name);
  if (found === undefined) return {side, trouble: 'it is gone'};
  if (found.index !== side.index || found.mac === null)
    return {side, trouble: 'it is another interface than at the start: restart the router'};
  const onLink = networksOf(found);
  const now = {...side, mac: found.mac, mtu: found.mtu, onLink};
  const {address} = side.network;
  if (!found.up) return {side: now, trouble: 'it is down'};
  const lost = !onLink.some((network) => network.address === address);
  return {side: now, trouble: lost ? `its address ${address} is gone: restart the router` : null};
}

/** "MAC 02:…:01 → 02:…:02, MTU 1500 → 1400", or "". */
function difference(old: Side, now: Side): string {
  const networks = ({onLink}: Side) => onLink.map(({address, prefix}) => `${address}/${prefix}`).join(' ');
  const aspects: [string, string | number, string | number][] = [
    ['MAC', old.mac, now.mac],
    ['MTU', old.mtu, now.mtu],
    ['addresses', networks(old), networks(now)],
  ];
  const changed = aspects.filter(([, before, after]) => before !== after);
  return changed.map(([aspect, before, after]) => `${aspect} ${before} → ${after}`).join(', ');
}
