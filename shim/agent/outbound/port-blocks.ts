// The node's port blocks: ports of a virtual IP that are leased to this node by the router. The first one is
// requested when a program needs it, a further one when one is exhausted; each is released when no socket has
// used it for a while. They are in the state file, so that the next agent has them before the router answers.

import os from 'node:os';
import type {AgentNative} from '../../../addon/agent.ts';
import type {Clock} from '../../../router/base/clock.ts';
import type {Logger} from '../../../router/base/logger.ts';
import type {NodeConfig, NodeState, PortBlock} from '../../../router/protocol/messages.ts';
import {refusal} from '../bind-rules.ts';
import type {Refusal} from '../bind-rules.ts';

/** A program waits 5 s; the reason must reach it before. */
const LEASE_WAIT_MS = 4500;
/** The most that one node may want of one VIP (router/protocol/messages.ts). */
const MAX_BLOCKS = 64;

export interface PortBlocksDeps {
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

export class PortBlocks {
  readonly #deps: PortBlocksDeps;
  /** Key → the block and when it was last given to a socket; those that sockets get first come first. */
  readonly #held = new Map<string, {block: PortBlock; used: number}>();
  /** Programs that wait for a block of the VIP that is none of `tried`. */
  readonly #waiting = new Set<{vip: string; tried: readonly PortBlock[]}>();
  /** Released, but the router may not know yet. */
  readonly #released = new Set<string>();
  /** VIP → why it has no more blocks. */
  #refusals = new Map<string, {reason: string; retryMs?: number | undefined}>();
  /** Without a state file, the router's first answer tells what the node has. */
  #known: boolean;

  constructor(deps: PortBlocksDeps) {
    this.#deps = deps;
    for (const block of deps.stored.blocks) this.#hold(block);
    this.#known = deps.stored.blocks.length > 0;
  }

  /** The blocks of a VIP, the one to be used first first. */
  of(vip: string): PortBlock[] {
    return [...this.#held.values()].flatMap(({block}) => (block.vip === vip ? [block] : []));
  }

  /** The block that a port belongs to. */
  containing(vip: string, port: number): PortBlock | null {
    return this.of(vip).find((block) => holds(block, vip, port)) ?? null;
  }

  /** What the node tells the router; undefined if it does not know yet. */
  report(): NodeState['outbound'] {
    const held = [...this.#held.values()].map(({block}) => block.vip);
    const unserved = [...this.#waiting].filter(({vip, tried}) => this.#find(vip, tried) === null);
    const vips = new Set([...held, ...unserved.map(({vip}) => vip)]);
    if (!this.#known && vips.size === 0) return undefined;
    return [...vips].map((vip) => {
      const blocks = this.of(vip);
      // One more for all that wait: the next exhaustion requests again.
      return {vip, wanted: blocks.length + (unserved.some((one) => one.vip === vip) ? 1 : 0), held: blocks};
    });
  }

  /** What the router answers. */
  onConfig(config: Pick<NodeConfig, 'blocks' | 'blocksRefused'>): void {
    const {log} = this.#deps;
    this.#known = true;
    this.#refusals = new Map((config.blocksRefused ?? []).map((one) => [one.vip, one]));
    const leased = config.blocks ?? [];
    const keys = new Set(leased.map(keyOf));
    for (const key of this.#released) if (!keys.has(key)) this.#released.delete(key);
    const before = [...this.#held.keys()].join();
    for (const [key, {block}] of this.#held) {
      // A router that started anew first collects who holds what.
      if (keys.has(key) || this.#refusals.get(block.vip)?.retryMs !== undefined) continue;
      this.#held.delete(key);
      log.warn({block}, `the router leases ports ${key} to this node no longer`);
    }
    for (const block of leased) {
      if (this.#held.has(keyOf(block)) || this.#released.has(keyOf(block))) continue;
      this.#hold(block);
      log.info({block}, `ports ${keyOf(block)} are this node's`);
    }
    if ([...this.#held.keys()].join() !== before) this.#store();
  }

  /** A block of the VIP that is none of `tried`; if there is no such, the router is asked for one more. */
  async acquire(vip: string, tried: readonly PortBlock[]): Promise<PortBlock | Refusal> {
    const found = this.#use(vip, tried);
    if (found !== null) return found;
    if (this.of(vip).length >= MAX_BLOCKS) return this.#refuse(vip, 'a node gets no more than that');
    const waiting = {vip, tried};
    this.#waiting.add(waiting);
    const more = await this.#lease(vip, tried);
    this.#waiting.delete(waiting);
    return more;
  }

  async #lease(vip: string, tried: readonly PortBlock[]): Promise<PortBlock | Refusal> {
    const {clock} = this.#deps;
    const deadline = clock.now() + LEASE_WAIT_MS;
    for (;;) {
      const answered = await this.#deps.send(deadline - clock.now());
      const more = this.#use(vip, tried);
      if (more !== null) return more;
      if (!answered) return this.#refuse(vip, 'the router does not answer');
      const told = this.#refusals.get(vip);
      if (told?.retryMs === undefined || clock.now() + told.retryMs > deadline) {
        return this.#refuse(vip, told?.reason ?? 'the router leases none');
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

  /** Releases the blocks that no socket got since `since` and none has. Returns whether there were any. */
  releaseUnused(since: number): boolean {
    let any = false;
    for (const [key, {block, used}] of this.#held) {
      if (used > since || this.#deps.native.portsInUse(block.vip, block.first, block.last)) continue;
      this.#held.delete(key);
      this.#released.add(key);
      any = true;
      this.#deps.log.info({block}, `ports ${key} are released`);
    }
    if (any) this.#store();
    return any;
  }

  #hold(block: PortBlock): void {
    this.#held.set(keyOf(block), {block, used: this.#deps.clock.now()});
  }

  #find(vip: string, tried: readonly PortBlock[]) {
    const keys = new Set(tried.map(keyOf));
    return [...this.#held.values()].find(({block}) => block.vip === vip && !keys.has(keyOf(block))) ?? null;
  }

  #use(vip: string, tried: readonly PortBlock[]): PortBlock | null {
    const found = this.#find(vip, tried);
    if (found !== null) found.used = this.#deps.clock.now();
    return found?.block ?? null;
  }

  #refuse(vip: string, why: string): Refusal {
    const blocks = this.of(vip).map((block) => `${block.first}-${block.last}`);
    const have = blocks.length === 0 ? '' : ` beside ${blocks.join(', ')}, where none is free`;
    return refusal(os.constants.errno.EADDRNOTAVAIL, `no ports of ${vip} for this node${have}: ${why}`);
  }

  #store(): void {
    this.#deps.stored.setBlocks([...this.#held.values()].map(({block}) => block));
  }
}
