// Who else says in ARP that a VIP is its own, after it has become ours: forwarders see it, and never believe it. Who
// heard the other host must hear us: at once, but at most once each 10 s, or two routers that both defend would fill
// the network (RFC 5227 §2.4 c).

import type {ArpConflict} from '../../../addon/router.ts';
import type {Clock, Timer} from '../../base/clock.ts';

const DEFEND_MS = 10_000;
/** Silent so long, the other host has given up. */
const OVER_MS = 60_000;

export interface VipDefenceDeps {
  clock: Clock;
  /** What forwarders have seen since the last call. */
  conflicts: () => readonly ArpConflict[];
  /** Is the VIP ours, so that we answer for it? */
  isActive: (vip: string) => boolean;
  isOwn: (mac: string) => boolean;
  announce: (vip: string) => void;
  /** It is new that this host uses the VIP. `ingress`: by which interface it was heard. */
  onRival: (vip: string, mac: string, ingress: number) => void;
}

interface Rivalry {
  /** Of who was heard last. */
  mac: string;
  heardAt: number;
  /** The MAC that `onRival` was told last. */
  told: string;
  /** Runs for 10 s after a defence. */
  pause: Timer | null;
  /** Heard in the pause. */
  pending: ArpConflict | null;
}

export class VipDefence {
  readonly #deps: VipDefenceDeps;
  readonly #rivalries = new Map<string, Rivalry>();

  constructor(deps: VipDefenceDeps) {
    this.#deps = deps;
  }

  /** Looks for what forwarders have seen. */
  look(): void {
    for (const conflict of this.#deps.conflicts()) if (!this.#deps.isOwn(conflict.mac)) this.#heard(conflict);
  }

  /** MAC of the other host that was heard within the last minute. */
  rivalOf(vip: string): string | null {
    const rivalry = this.#rivalries.get(vip);
    return rivalry && !this.#isOver(rivalry) ? rivalry.mac : null;
  }

  /** The VIP is ours no longer. */
  forget(vip: string): void {
    this.#rivalries.get(vip)?.pause?.cancel();
    this.#rivalries.delete(vip);
  }

  close(): void {
    for (const vip of this.#rivalries.keys()) this.forget(vip);
  }

  #isOver({heardAt}: Rivalry): boolean {
    return this.#deps.clock.now() - heardAt >= OVER_MS;
  }

  #heard(conflict: ArpConflict): void {
    const {vip, mac} = conflict;
    const known = this.#rivalries.get(vip);
    const rivalry = known ?? {mac, heardAt: 0, told: '', pause: null, pending: null};
    if (!known) this.#rivalries.set(vip, rivalry);
    else if (this.#isOver(known)) known.told = '';
    rivalry.mac = mac;
    rivalry.heardAt = this.#deps.clock.now();
    if (rivalry.pause === null) this.#defend(rivalry, conflict);
    else rivalry.pending = conflict;
  }

  #defend(rivalry: Rivalry, {vip, mac, ingress}: ArpConflict): void {
    const {clock, isActive, announce, onRival} = this.#deps;
    if (isActive(vip)) announce(vip);
    if (rivalry.told !== mac) onRival(vip, mac, ingress);
    rivalry.told = mac;
    rivalry.pending = null;
    rivalry.pause = clock.after(DEFEND_MS, () => {
      rivalry.pause = null;
      if (rivalry.pending) this.#defend(rivalry, rivalry.pending);
    });
  }
}
