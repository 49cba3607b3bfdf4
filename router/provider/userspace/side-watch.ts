// The router's interfaces while it runs. A new MAC, MTU or network is followed; what cannot be followed (the
// interface is down, gone or made anew, the router's address is lost) is said, and when it is over too.

import {Following} from '../../base/following.ts';
import type {FollowingDeps} from '../../base/following.ts';
import {Rereading} from '../../base/rereading.ts';
import {networksOf, readLinks} from '../../config/host.ts';
import type {Links} from '../../config/host.ts';
import type {Side} from '../../model/side.ts';

export interface SideWatchDeps extends FollowingDeps {
  /** As they were when the configuration was read. */
  sides: readonly Side[];
  /** MAC, MTU or networks of a side are others now. */
  onChange(side: Side, what: string): void;
  /** null: no longer. */
  onTrouble(side: Side, trouble: string | null): void;
}

export class SideWatch {
  readonly #deps: SideWatchDeps;
  readonly #following: Following;
  readonly #rereading: Rereading;
  /** By name. */
  readonly #troubles = new Map<string, string>();
  #sides: readonly Side[];
  #closed = false;

  constructor(deps: SideWatchDeps) {
    this.#deps = deps;
    this.#sides = deps.sides;
    this.#rereading = new Rereading(deps.log, 'the interfaces', () => this.#read());
    const changed = () => void this.#rereading.now();
    this.#following = new Following(deps, ['ip', '-o', 'monitor', 'link', 'address'], changed, changed);
  }

  /** External first. */
  get sides(): readonly Side[] {
    return this.#sides;
  }

  start(): void {
    this.#following.start();
  }

  close(): void {
    this.#closed = true;
    this.#rereading.close();
    this.#following.stop();
  }

  async #read(): Promise<void> {
    const links = await readLinks(this.#deps.exec);
    if (this.#closed) return;
    const before = this.#sides;
    const looks = before.map((side) => lookAt(side, links));
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
function lookAt(side: Side, links: Links): {side: Side; trouble: string | null} {
  const link = links.find((one) => one.ifname === side.name);
  if (link === undefined) return {side, trouble: 'it is gone'};
  if (link.ifindex !== side.index || link.address === undefined)
    return {side, trouble: 'it is another interface than at the start: restart the router'};
  const onLink = networksOf(link);
  const now = {...side, mac: link.address, mtu: link.mtu, onLink};
  const {address} = side.network;
  if (!link.flags.includes('UP')) return {side: now, trouble: 'it is down'};
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
