// The node's port blocks: ports of a virtual IP that are this node's own, leased by the router. The first one is
// asked for when a program needs it, a further one when one is exhausted; each is given back when no socket has
// used it for a while. They are in the state file, so that the next agent knows them before the router answers.

import os from 'node:os';
import type {AgentNative} from '../../../addon/agent.ts';
import type {Clock} from '../../../router/base/clock.ts';
import type {Logger} from '../../../router/base/logger.ts';
import type {NodeConfig, NodeState, PortBlock} from '../../../router/protocol/messages.ts';
import {type Refusal, refusal} from '../bind-rules.ts';

/** A program waits 5 s; the reason must reach it before. */
const LEASE_WAIT_MS = 4500;
/** The most that one node may want of one VIP (router/protocol/messages.ts). */
const MAX_BLOCKS = 64;

export interface BlocksParts {
  native: Pick<AgentNative, 'portsInUse'>;
  /** What an earlier agent left, and where each change is kept. */
  stored: {blocks: readonly PortBlock[]; setBlocks(blocks: readonly PortBlock[]): void};
  /** Sends the state; true when the router has answered it. */
  send(waitMs: number): Promise<boolean>;
  clock: Clock;
  log: Logger;
}

const keyOf = (block: PortBlock): string => `${block.vip} ${block.first}-${block.last}`;
const holds = (block: PortBlock, vip: string, port: number): boolean =>
  block.vip === vip && block.first <= port && port <= block.last;

const pause = (clock: Clock, ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));

export class Blocks {
  readonly #parts: BlocksParts;
  /** Key → the block and when it was last given to a socket; those that sockets get first come first. */
  readonly #held = new Map<string, {block: PortBlock; used: number}>();
  /** Programs that wait for a block of the VIP that is none of `tried`. */
  readonly #waiting = new Set<{vip: string; tried: readonly PortBlock[]}>();
  /** Given up, but the router may not know yet. */
  readonly #givenUp = new Set<string>();
  /** VIP → why it has no more blocks. */
  #refusals = new Map<string, {reason: string; retryMs?: number | undefined}>();
  /** Without a state file, the router's first answer tells what the node has. */
  #isKnown: boolean;

  constructor(parts: BlocksParts) {
    this.#parts = parts;
    for (const block of parts.stored.blocks) this.#hold(block);
    this.#isKnown = parts.stored.blocks.length > 0;
  }

  /** The blocks of a VIP, the one to be used first first. */
  of(vip: string): PortBlock[] {
    return [...this.#held.values()].flatMap(({block}) => (block.vip === vip ? [block] : []));
  }

  /** The block that a port belongs to. */
  around(vip: string, port: number): PortBlock | null {
    return this.of(vip).find((block) => holds(block, vip, port)) ?? null;
  }

  /** What the node tells the router; undefined if it does not know yet. */
  report(): NodeState['outbound'] {
    const held = [...this.#held.values()].map(({block}) => block.vip);
    const needy = [...this.#waiting].filter(({vip, tried}) => this.#find(vip, tried) === null);
    const vips = new Set([...held, ...needy.map(({vip}) => vip)]);
    if (!this.#isKnown && vips.size === 0) return undefined;
    return [...vips].map((vip) => {
      const blocks = this.of(vip);
      // One more for all that wait: the next exhaustion asks again.
      return {vip, wanted: blocks.length + (needy.some((one) => one.vip === vip) ? 1 : 0), held: blocks};
    });
  }

  /** What the router answers. */
  onOrders(orders: Pick<NodeConfig, 'blocks' | 'blocksRefused'>): void {
    const {log} = this.#parts;
    this.#isKnown = true;
    this.#refusals = new Map((orders.blocksRefused ?? []).map((one) => [one.vip, one]));
    const leased = orders.blocks ?? [];
    const keys = new Set(leased.map(keyOf));
    for (const key of this.#givenUp) if (!keys.has(key)) this.#givenUp.delete(key);
    const before = [...this.#held.keys()].join();
    for (const [key, {block}] of this.#held) {
      // A router that began anew hears first who holds what.
      if (keys.has(key) || this.#refusals.get(block.vip)?.retryMs !== undefined) continue;
      this.#held.delete(key);
      log.warn({block}, `the router leases ports ${key} to this node no longer`);
    }
    for (const block of leased) {
      if (this.#held.has(keyOf(block)) || this.#givenUp.has(keyOf(block))) continue;
      this.#hold(block);
      log.info({block}, `ports ${keyOf(block)} are this node's`);
    }
    if ([...this.#held.keys()].join() !== before) this.#store();
  }

  /** A block of the VIP that is none of `tried`; if there is no such, the router is asked for one more. */
  async obtain(vip: string, tried: readonly PortBlock[]): Promise<PortBlock | Refusal> {
    const found = this.#use(vip, tried);
    if (found !== null) return found;
    if (this.of(vip).length >= MAX_BLOCKS) return this.#none(vip, 'a node gets no more than that');
    const waiting = {vip, tried};
    this.#waiting.add(waiting);
    const more = await this.#lease(vip, tried);
    this.#waiting.delete(waiting);
    return more;
  }

  async #lease(vip: string, tried: readonly PortBlock[]): Promise<PortBlock | Refusal> {
    const {clock} = this.#parts;
    const deadline = clock.now() + LEASE_WAIT_MS;
    for (;;) {
      const answered = await this.#parts.send(deadline - clock.now());
      const more = this.#use(vip, tried);
      if (more !== null) return more;
      if (!answered) return this.#none(vip, 'the router does not answer');
      const told = this.#refusals.get(vip);
      if (told?.retryMs === undefined || clock.now() + told.retryMs > deadline) {
        return this.#none(vip, told?.reason ?? 'the router leases none');
      }
      await pause(clock, told.retryMs);
    }
  }

  /** The kernel found nothing free in this block: others come first from now on. */
  exhausted(block: PortBlock): void {
    const entry = this.#held.get(keyOf(block));
    if (entry === undefined) return;
    this.#held.delete(keyOf(block));
    this.#held.set(keyOf(block), entry);
  }

  /** Gives back the blocks that no socket got since `since` and none has. Returns whether there were any. */
  releaseUnused(since: number): boolean {
    let released = false;
    for (const [key, {block, used}] of this.#held) {
      if (used > since || this.#parts.native.portsInUse(block.vip, block.first, block.last)) continue;
      this.#held.delete(key);
      this.#givenUp.add(key);
      released = true;
      this.#parts.log.info({block}, `ports ${key} are given back`);
    }
    if (released) this.#store();
    return released;
  }

  #hold(block: PortBlock): void {
    this.#held.set(keyOf(block), {block, used: this.#parts.clock.now()});
  }

  #find(vip: string, tried: readonly PortBlock[]) {
    const keys = new Set(tried.map(keyOf));
    return [...this.#held.values()].find(({block}) => block.vip === vip && !keys.has(keyOf(block))) ?? null;
  }

  #use(vip: string, tried: readonly PortBlock[]): PortBlock | null {
    const found = this.#find(vip, tried);
    if (found !== null) found.used = this.#parts.clock.now();
    return found?.block ?? null;
  }

  #none(vip: string, why: string): Refusal {
    const blocks = this.of(vip).map((block) => `${block.first}-${block.last}`);
    const have = blocks.length === 0 ? '' : ` beside ${blocks.join(', ')}, where none is free`;
    return refusal(os.constants.errno.EADDRNOTAVAIL, `no ports of ${vip} for this node${have}: ${why}`);
  }

  #store(): void {
    this.#parts.stored.setBlocks([...this.#held.values()].map(({block}) => block));
  }
}
