// Which VIPs are ours to answer for. A VIP is looked for on the network that it belongs to when it is reserved (and
// again, in the background, whenever it is assigned), so that assigning takes no time: it is active at once
// and announced by gratuitous ARP there, then every minute (switches forget after five). One that is on no network
// of ours is routed to us: nobody looks for it by ARP, and whoever answered would only be a proxy. The router's own
// addresses are announced likewise: where every VIP is routed to us, a switch may hear nothing else from us.
//
//   reserved ──assign──► active ──release──► reserved
//                 │        │ another host answers
//                 │        └► conflict, looked for again every 10 s until nobody answers
//                 └─ another host comes later: defended (vip-defence.ts)

import type {ArpConflict, RouterNative} from '../../../addon/router.ts';
import {inNetwork} from '../../base/address.ts';
import type {Clock, Timer} from '../../base/clock.ts';
import {messageOf, UserError} from '../../base/error.ts';
import type {Logger} from '../../base/logger.ts';
import type {Interface} from '../../model/interface.ts';
import type {ProviderEvents, ProviderStats} from '../provider.ts';
import {Announcements} from './announcements.ts';
import {VipDefence} from './vip-defence.ts';

const PROBES = 3;
const PROBE_INTERVAL_MS = 100;
const RETRY_MS = 10_000;
const ANNOUNCE_MS = 60_000;
const LISTEN_MS = 100;

export interface ClaimDeps {
  native: Pick<RouterNative, 'detectAddressConflict' | 'announceAddress'>;
  clock: Clock;
  log: Logger;
  /** As they are now; hearing our own MACs is no conflict. */
  interfaces: () => readonly Pick<Interface, 'name' | 'mac' | 'network' | 'onLink'>[];
  /** Segment.arpConflicts. */
  conflicts: () => readonly ArpConflict[];
  events: ProviderEvents;
}

interface Claim {
  assigned: boolean;
  /** MAC of another host that uses the address. */
  rival: string | null;
}

export class VipClaims {
  readonly #deps: ClaimDeps;
  readonly #claims = new Map<string, Claim>();
  readonly #timers: Timer[] = [];
  readonly #announcements: Announcements;
  readonly #defence: VipDefence;
  #closed = false;

  constructor(deps: ClaimDeps) {
    this.#deps = deps;
    this.#announcements = new Announcements(deps.clock);
    this.#defence = new VipDefence({
      ...deps,
      isActive: (vip) => this.#isActive(vip),
      isOwn: (mac) => deps.interfaces().some((own) => own.mac === mac),
      announce: (vip) => this.#announce(vip),
      onRival: (vip, mac, ingress) => this.#tellRival(vip, mac, ingress),
    });
    this.#timers.push(deps.clock.every(LISTEN_MS, () => this.#defence.look()));
    this.#timers.push(deps.clock.every(ANNOUNCE_MS, () => this.#announceAll()));
    this.#timers.push(deps.clock.every(RETRY_MS, () => void this.#retry()));
  }

  /**
   * Takes `vips` as the known ones; those in `adopted` are active already. Rejects if another host uses one.
   * Returns the new ones among them that are on no network of ours.
   */
  async reserve(vips: readonly string[], adopted: readonly string[]): Promise<string[]> {
    const added = vips.filter((vip) => !this.#claims.has(vip));
    const found = await Promise.all(
      added.map(async (vip) => ({vip, rival: adopted.includes(vip) ? null : await this.#rivalOf(vip)})),
    );
    const taken = found.filter(({rival}) => rival !== null);
    if (taken.length > 0) {
      const lines = taken.map(
        ({vip, rival}) =>
          `virtual IP ${vip} is already used by the host with MAC ${rival} on ${this.#interfacesOf(vip).join(', ')}`,
      );
      throw new UserError(lines.join('\n'));
    }
    for (const [vip, claim] of this.#claims)
      if (!vips.includes(vip) && !claim.assigned) this.#claims.delete(vip);
    for (const vip of added) this.#claims.set(vip, {assigned: adopted.includes(vip), rival: null});
    for (const vip of added) if (adopted.includes(vip)) this.#startAnnouncing(vip);
    return added.filter((vip) => this.#interfacesOf(vip).length === 0);
  }

  assign(vip: string): void {
    const claim = this.#claims.get(vip) ?? {assigned: false, rival: null};
    this.#claims.set(vip, claim);
    if (claim.assigned) return;
    claim.assigned = true;
    if (claim.rival === null) this.#activate(vip);
    void this.#look(vip, claim);
  }

  release(vip: string): void {
    const claim = this.#claims.get(vip);
    if (!claim?.assigned) return;
    claim.assigned = false;
    this.#announcements.stop(vip);
    this.#defence.forget(vip);
    this.#deps.events.onVip('vip-released', vip);
  }

  states(): ProviderStats['vips'] {
    return [...this.#claims].map(([address, claim]) => {
      const state = claim.rival !== null ? 'conflict' : claim.assigned ? 'active' : 'inactive';
      const rival = claim.rival ?? this.#defence.rivalOf(address);
      return {address, state, ...(rival === null ? {} : {rival})};
    });
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#announcements.close();
    this.#defence.close();
  }

  #isActive(vip: string): boolean {
    const claim = this.#claims.get(vip);
    return claim?.assigned === true && claim.rival === null;
  }

  #tellRival(vip: string, mac: string, ingress: number): void {
    if (!this.#claims.has(vip)) return;
    const name = this.#deps.interfaces()[ingress]?.name ?? 'the host itself';
    const defended = this.#isActive(vip) ? ': defended' : '';
    this.#deps.events.onVip(
      'vip-conflict',
      vip,
      `the host with MAC ${mac} on ${name} uses it, too${defended}`,
    );
  }

  async #rivalOf(vip: string): Promise<string | null> {
    const {native, interfaces} = this.#deps;
    const names = this.#interfacesOf(vip);
    const found = await Promise.all(
      names.map((name) => native.detectAddressConflict(name, vip, PROBES, PROBE_INTERVAL_MS)),
    );
    const own = interfaces().map((one) => one.mac);
    return found.find((mac) => mac !== null && !own.includes(mac)) ?? null;
  }

  /** Where the VIP is looked for by ARP. */
  #interfacesOf(vip: string): string[] {
    const near = this.#deps
      .interfaces()
      .filter((one) => one.onLink.some((network) => inNetwork(vip, network)));
    return near.map((one) => one.name);
  }

  #activate(vip: string): void {
    this.#deps.events.onVip('vip-claimed', vip);
    this.#startAnnouncing(vip);
  }

  #startAnnouncing(vip: string): void {
    this.#announcements.start(vip, () => this.#announce(vip));
  }

  /** Looks for another host; what it finds decides whether the VIP stays (or becomes) active. */
  async #look(vip: string, claim: Claim): Promise<void> {
    try {
      const rival = await this.#rivalOf(vip);
      if (this.#closed || this.#claims.get(vip) !== claim) return;
      const before = claim.rival;
      claim.rival = rival;
      if (rival !== null && rival !== before) {
        this.#deps.log.error({vip, mac: rival}, 'virtual IP is used by another host; it stays inactive');
        this.#deps.events.onVip('vip-conflict', vip, `used by the host with MAC ${rival}`);
      }
      if (rival === null && before !== null && claim.assigned) this.#activate(vip);
      if ((rival === null) !== (before === null)) this.#deps.events.onChange();
    } catch (error) {
      this.#deps.log.error({vip, error: messageOf(error)}, 'cannot look for other users of the virtual IP');
    }
  }

  async #retry(): Promise<void> {
    const rivals = [...this.#claims].filter(([, claim]) => claim.rival !== null);
    await Promise.all(rivals.map(([vip, claim]) => this.#look(vip, claim)));
  }

  /** The router's own address on the interface. */
  announceOwn(name: string): void {
    this.#announcements.start(name, () => this.#announceAddressOf(name));
  }

  /** The interface has another MAC, or its link is back: what is behind it must hear of it. */
  announceInterface(name: string): void {
    this.announceOwn(name);
    for (const vip of this.#claims.keys())
      if (this.#isActive(vip) && this.#interfacesOf(vip).includes(name)) this.#startAnnouncing(vip);
  }

  #announce(vip: string): void {
    if (!this.#isActive(vip)) return;
    for (const name of this.#interfacesOf(vip)) this.#say(name, vip);
  }

  #announceAddressOf(name: string): void {
    const own = this.#deps.interfaces().find((one) => one.name === name);
    if (own) this.#say(name, own.network.address);
  }

  #say(interfaceName: string, address: string): void {
    if (this.#closed) return;
    const {native, log} = this.#deps;
    try {
      native.announceAddress(interfaceName, address);
    } catch (error) {
      log.warn({address, interface: interfaceName, error: messageOf(error)}, 'cannot announce the address');
    }
  }

  #announceAll(): void {
    for (const {name} of this.#deps.interfaces()) this.#announceAddressOf(name);
    for (const vip of this.#claims.keys()) this.#announce(vip);
  }
}
