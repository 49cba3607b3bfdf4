// Blocks of ports that are leased to nodes, for the connections that their instances open from a virtual IP.
// Pure. `changed` is called whenever the data plane or the next supervisor must know.
//
//   free ──a node wants more──► leased ──wanted no more, node left or given up──► quarantined ──15 min──► free
//                                 ▲──────────── the same node wants more ─────────────┘
//
// A block has one node at a time; each VIP has blocks of its own. What a node reports to hold is taken over if no other
// node has it: so a router that lost its checkpoint learns it again. Until every node has had the time to report
// (`begin`), no block is leased anew.

import {LEASE_MS} from '../../protocol/messages.ts';
import type {NodeConfig, NodeState, PortBlock} from '../../protocol/messages.ts';
import {candidates, isWhole, overlaps, UNIT} from './spans.ts';
import type {Span} from './spans.ts';

/** How long packets of old connections may still arrive. */
export const QUARANTINE_MS = 900_000;

export interface BlockLease extends PortBlock {
  node: string;
  /** The node's address: where packets to these ports go. */
  address: string;
  /** When it was given back (Clock.now); null: leased. */
  freedAt: number | null;
}

/** What blocks must keep clear of on a VIP. */
export interface PortUse {
  /** Served or exclusive: never in a block. */
  taken(vip: string): readonly Span[];
  /** Named in the configuration: in a block only where there is no other. */
  named(vip: string): readonly Span[];
  isVip(address: string): boolean;
}

type Refusals = NonNullable<NodeConfig['blocksRefused']>;
type Wanted = NonNullable<NodeState['outbound']>[number];
type Place = {name: string; address: string};

interface Reported {
  range: Span | undefined;
  refused: Refusals;
}

export class PortBlocks {
  readonly #capacity: number;
  readonly #changed: () => void;
  readonly #byVip = new Map<string, BlockLease[]>();
  readonly #reported = new Map<string, Reported>();
  #settledAt = 0;
  #refusals = 0;
  /** Ports in a block that is leased from now on; whole 64s. */
  size = 256;

  /** `capacity`: in 64s, of all blocks together. */
  constructor(capacity: number, changed: () => void) {
    this.#capacity = capacity;
    this.#changed = changed;
  }

  /** Without a checkpoint: for one lease nodes only get what they hold. */
  begin(now: number): void {
    this.#settledAt = now + LEASE_MS;
  }

  /** Leased and quarantined. */
  all(): BlockLease[] {
    return [...this.#byVip.values()].flat();
  }

  ofNode(name: string): PortBlock[] {
    const mine = this.all().filter((one) => one.node === name && one.freedAt === null);
    return mine.map(({vip, first, last}) => ({vip, first, last}));
  }

  refusedOf(name: string): Refusals {
    return this.#reported.get(name)?.refused ?? [];
  }

  /** How often a node could not have what it wanted of a VIP. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Who has the port, be it in quarantine. */
  ownerOf(vip: string, port: number): BlockLease | undefined {
    return this.#byVip.get(vip)?.find((one) => one.first <= port && port <= one.last);
  }

  /** How many more could be leased in the ranges that nodes have reported. */
  freeOf(vip: string): number {
    const ranges = [...this.#reported.values()].flatMap(({range}) => (range ? [range] : []));
    if (ranges.length === 0) return 0;
    const hull = {
      first: Math.min(...ranges.map((range) => range.first)),
      last: Math.max(...ranges.map((range) => range.last)),
    };
    const held = this.#byVip.get(vip) ?? [];
    const free = candidates(hull, this.size, '').filter((one) => !overlaps(one, held));
    return Math.min(free.length, this.#room());
  }

  /** What a node reports: from now on it has exactly as many as it wants, as far as there are any. */
  report(node: Place, state: Pick<NodeState, 'outbound' | 'portRange'>, use: PortUse, now: number): void {
    const before = this.refusedOf(node.name);
    const reported: Reported = {range: state.portRange, refused: []};
    this.#reported.set(node.name, reported);
    for (const lease of this.#leased(node.name)) {
      if (lease.address !== node.address) this.#changed();
      lease.address = node.address;
    }
    if (!state.outbound) return;
    const vips = new Set(state.outbound.map((one) => one.vip));
    for (const lease of this.#leased(node.name)) if (!vips.has(lease.vip)) this.#free(lease, now);
    for (const wanted of state.outbound) {
      const refused = use.isVip(wanted.vip)
        ? this.#serve(node, wanted, state.portRange, use, now)
        : {reason: `${wanted.vip} is no virtual IP of this router`, retryMs: undefined};
      if (refused === null) continue;
      reported.refused.push({vip: wanted.vip, ...refused});
      // It asks again with each renewal.
      const known = before.some((one) => one.vip === wanted.vip && one.retryMs === undefined);
      if (!known && refused.retryMs === undefined) this.#refusals++;
    }
  }

  /** The node has left or is given up. */
  release(name: string, now: number): void {
    this.#reported.delete(name);
    for (const lease of this.#leased(name)) this.#free(lease, now);
  }

  /** Ends quarantines. */
  prune(now: number): void {
    for (const [vip, leases] of this.#byVip) {
      const kept = leases.filter((one) => one.freedAt === null || now - one.freedAt < QUARANTINE_MS);
      if (kept.length === leases.length) continue;
      this.#changed();
      if (kept.length > 0) this.#byVip.set(vip, kept);
      else this.#byVip.delete(vip);
    }
  }

  /** Leases of VIPs that are configured no more end. */
  configure(use: PortUse, now: number): void {
    for (const lease of this.all())
      if (!use.isVip(lease.vip) && lease.freedAt === null) this.#free(lease, now);
  }

  checkpoint(): (Omit<BlockLease, 'freedAt'> & {freed: boolean})[] {
    return this.all().map(({freedAt, ...lease}) => ({...lease, freed: freedAt !== null}));
  }

  /** Goes on where another registry ended; quarantines begin again, for how much of them is over is not kept. */
  restore(checkpoint: ReturnType<PortBlocks['checkpoint']>, now: number): void {
    for (const {freed, ...lease} of checkpoint) this.#add({...lease, freedAt: freed ? now : null});
  }

  #leased(name: string): BlockLease[] {
    return this.all().filter((one) => one.node === name && one.freedAt === null);
  }

  #free(lease: BlockLease, now: number): void {
    lease.freedAt = now;
    this.#changed();
  }

  #add(lease: BlockLease): void {
    const leases = this.#byVip.get(lease.vip);
    if (leases) leases.push(lease);
    else this.#byVip.set(lease.vip, [lease]);
    this.#changed();
  }

  /** Gives the node what it wants of one VIP; or why not all of it. */
  #serve(
    node: Place,
    wanted: Wanted,
    range: Span | undefined,
    use: PortUse,
    now: number,
  ): Omit<Refusals[number], 'vip'> | null {
    const {vip} = wanted;
    let reason: string | null = null;
    for (const held of wanted.held) reason = this.#adopt(node, {...held, vip}, range) ?? reason;
    const mine = this.#leased(node.name).filter((one) => one.vip === vip);
    for (const lease of surplus(mine, wanted)) this.#free(lease, now);
    for (let missing = wanted.wanted - mine.length; missing > 0; missing--) {
      if (this.#retake(node, vip)) continue;
      if (now < this.#settledAt) {
        const retryMs = Math.ceil(this.#settledAt - now);
        return {reason: 'the router has just begun anew and first hears who holds which ports', retryMs};
      }
      const problem = this.#lease(node, vip, range, use);
      if (problem !== null) return {reason: problem};
    }
    return reason === null ? null : {reason};
  }

  /** Takes over what the node holds; or why that is not its own. */
  #adopt(node: Place, held: PortBlock, range: Span | undefined): string | null {
    const text = `ports ${held.first}-${held.last} of ${held.vip}`;
    const others = (this.#byVip.get(held.vip) ?? []).filter((one) => overlaps(held, [one]));
    const [same] = others;
    if (same && same.node === node.name && same.first === held.first && same.last === held.last) {
      if (same.freedAt !== null) this.#take(same, node);
      return null;
    }
    if (same) return `${text} are not the node's: ${same.first}-${same.last} are of ${same.node}`;
    if (!isWhole(held)) return `${text} are not whole ${UNIT}s`;
    if (!range || held.first < range.first || held.last > range.last)
      return `${text} are not in the node's own range`;
    if (this.#room(held.last - held.first + 1) < 1) return 'the table of port blocks is full';
    this.#add({...held, node: node.name, address: node.address, freedAt: null});
    return null;
  }

  /** The node's own in quarantine, which nobody else could have. */
  #retake(node: Place, vip: string): boolean {
    const resting = this.#byVip.get(vip)?.find((one) => one.node === node.name && one.freedAt !== null);
    if (resting) this.#take(resting, node);
    return resting !== undefined;
  }

  #take(lease: BlockLease, node: Place): void {
    lease.freedAt = null;
    lease.address = node.address;
    this.#changed();
  }

  /** Leases one more; or why there is none. */
  #lease(node: Place, vip: string, range: Span | undefined, use: PortUse): string | null {
    if (!range) return 'the node has not told its port range';
    if (this.#room() < 1) return 'the table of port blocks is full';
    const held = this.#byVip.get(vip) ?? [];
    const clear = candidates(range, this.size, node.name).filter(
      (one) => !overlaps(one, held) && !overlaps(one, use.taken(vip)),
    );
    const named = use.named(vip);
    const block = clear.find((one) => !overlaps(one, named)) ?? clear[0];
    if (block) {
      this.#add({vip, ...block, node: node.name, address: node.address, freedAt: null});
      return null;
    }
    const resting = held.filter((one) => one.freedAt !== null).length;
    const all = `no block of ${this.size} ports is left in ${range.first}-${range.last} of ${vip}`;
    return `${all}: ${held.length - resting} are leased, ${resting} in quarantine`;
  }

  /** How many blocks of `ports` more the table can hold. */
  #room(ports: number = this.size): number {
    const used = this.all().reduce((sum, one) => sum + (one.last - one.first + 1) / UNIT, 0);
    return Math.floor((this.#capacity - used) / (ports / UNIT));
  }
}

/** Those beyond what the node wants: first what it does not report to hold, then the last that it reports. */
function surplus(mine: readonly BlockLease[], {wanted, held}: Wanted): BlockLease[] {
  const rank = (lease: BlockLease) => {
    const index = held.findIndex((one) => one.first === lease.first);
    return index < 0 ? Infinity : index;
  };
  return [...mine].sort((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(wanted);
}
