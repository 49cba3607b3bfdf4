// Which VIPs are ours to answer for. A VIP is looked for on the external network when it is reserved (and
// again, in the background, whenever it is assigned), so that assigning takes no time: it is active at once
// and announced by gratuitous ARP on both sides, then every minute (switches forget after five).
//
//   reserved ──assign──► active ──release──► reserved
//                 │        │ another host answers
//                 └► conflict, looked for again every 10 s until nobody answers

import type {RouterNative} from '../../../addon/router.ts';
import type {Clock, Timer} from '../../base/clock.ts';
import {messageOf, UserError} from '../../base/error.ts';
import type {Logger} from '../../base/logger.ts';
import type {ProviderEvents, VipState} from '../provider.ts';

const PROBES = 3;
const PROBE_INTERVAL_MS = 100;
const RETRY_MS = 10_000;
const ANNOUNCE_MS = 60_000;
/** The first announcement may be lost: one more soon after. */
const SECOND_ANNOUNCE_MS = 1000;

export interface ClaimDeps {
  native: Pick<RouterNative, 'arpProbe' | 'arpAnnounce'>;
  clock: Clock;
  log: Logger;
  external: string;
  /** Every interface that announces; its first is `external` again. */
  interfaces: readonly string[];
  /** Our own MACs: hearing them is no conflict. */
  macs: readonly string[];
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
  #closed = false;

  constructor(deps: ClaimDeps) {
    this.#deps = deps;
    this.#timers.push(deps.clock.every(ANNOUNCE_MS, () => this.#announceAll()));
    this.#timers.push(deps.clock.every(RETRY_MS, () => void this.#retry()));
  }

  /** Takes `vips` as the known ones; those in `adopted` are active already. Rejects if another host uses one. */
  async reserve(vips: readonly string[], adopted: readonly string[]): Promise<void> {
    const added = vips.filter((vip) => !this.#claims.has(vip));
    const found = await Promise.all(
      added.map(async (vip) => ({vip, rival: adopted.includes(vip) ? null : await this.#rivalOf(vip)})),
    );
    const taken = found.filter(({rival}) => rival !== null);
    if (taken.length > 0) {
      const lines = taken.map(
        ({vip, rival}) =>
          `virtual IP ${vip} is already used by the host with MAC ${rival} on ${this.#deps.external}`,
      );
      throw new UserError(lines.join('\n'));
    }
    for (const [vip, claim] of this.#claims)
      if (!vips.includes(vip) && !claim.assigned) this.#claims.delete(vip);
    for (const vip of added) this.#claims.set(vip, {assigned: adopted.includes(vip), rival: null});
    for (const vip of added) if (adopted.includes(vip)) this.#announce(vip);
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
    this.#deps.events.onVip('vip-released', vip);
  }

  states(): {address: string; state: VipState}[] {
    return [...this.#claims].map(([address, claim]) => {
      const state = claim.rival !== null ? 'conflict' : claim.assigned ? 'active' : 'inactive';
      return {address, state};
    });
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
  }

  async #rivalOf(vip: string): Promise<string | null> {
    const mac = await this.#deps.native.arpProbe(this.#deps.external, vip, PROBES, PROBE_INTERVAL_MS);
    return mac === null || this.#deps.macs.includes(mac) ? null : mac;
  }

  #activate(vip: string): void {
    this.#deps.events.onVip('vip-claimed', vip);
    this.#announce(vip);
    this.#timers.push(this.#deps.clock.after(SECOND_ANNOUNCE_MS, () => this.#announce(vip)));
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

  #announce(vip: string): void {
    const claim = this.#claims.get(vip);
    if (this.#closed || !claim?.assigned || claim.rival !== null) return;
    for (const name of this.#deps.interfaces) {
      try {
        this.#deps.native.arpAnnounce(name, vip);
      } catch (error) {
        this.#deps.log.warn(
          {vip, interface: name, error: messageOf(error)},
          'cannot announce the virtual IP',
        );
      }
    }
  }

  #announceAll(): void {
    for (const vip of this.#claims.keys()) this.#announce(vip);
  }
}
