// A program's socket is about to talk to somebody: it gets its source first. An unbound one is bound to the
// application's (first) virtual IP and a port out of the node's block, so that answers find this node; what is
// bound already stays as it is. Likewise a bind that leaves the port to the kernel.

import os from 'node:os';
import type {AgentNative, AnswerScope, RemoteName, ShimRequest, SocketFacts} from '../../../addon/agent.ts';
import {messageOf} from '../../../router/base/error.ts';
import type {Clock} from '../../../router/base/clock.ts';
import type {Logger} from '../../../router/base/logger.ts';
import type {NodeOrders, PortBlock} from '../../../router/control/protocol.ts';
import {type Refusal, refusal} from '../bind-rules.ts';
import type {Instance} from '../instances.ts';
import {parseSockaddr} from '../sockaddr.ts';
import type {Blocks} from './blocks.ts';
import type {Destinations} from './destinations.ts';

const {EADDRINUSE, EADDRNOTAVAIL, ENOPROTOOPT} = os.constants.errno;

/** How long it is remembered which blocks a socket has tried in vain. */
const TRIED_MS = 10_000;
/** How often the log tells of exhausted ports. */
const TELL_MS = 10_000;

export interface OutboundParts {
  native: Pick<AgentNative, 'socketFacts' | 'bindInBlock'>;
  /** The router's orders; resolves with null if there are none within the time a program waits. */
  orders(): Promise<NodeOrders | null>;
  instanceOf(pid: number): Instance | null;
  ensureAddress(vip: string): Promise<void>;
  blocks: Pick<Blocks, 'obtain' | 'exhausted' | 'around'>;
  destinations: Pick<Destinations, 'isDirect'>;
  /** The kernel's own range of ports. */
  portRange(): {first: number; last: number};
  clock: Clock;
  log: Logger;
}

/** The answer to a program that is about to connect or send. */
export type OutboundAnswer = AnswerScope | Refusal;

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

export class Outbound {
  readonly #parts: OutboundParts;
  /** Cookie → blocks in which the kernel found no port for the socket's remote. */
  readonly #tried = new Map<bigint, {blocks: PortBlock[]; since: number}>();
  #kernelChooses = true;
  #exhausted = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
  }

  /** Before a connect, or a send to a remote that the library does not know. Never rejects. */
  async open(request: ShimRequest): Promise<OutboundAnswer> {
    try {
      return await this.#open(request);
    } catch (error) {
      this.#parts.log.error({program: request.pid}, `${request.kind} failed: ${messageOf(error)}`);
      return refusal(EADDRNOTAVAIL, messageOf(error));
    }
  }

  async #open(request: ShimRequest): Promise<OutboundAnswer> {
    const {native, destinations} = this.#parts;
    const remote = parseSockaddr(request.address);
    const instance = this.#parts.instanceOf(request.pid);
    // Who belongs to no application talks as ever.
    if (instance === null || remote === null) return 'socket';
    const facts = native.socketFacts(request.descriptor);
    if (!facts.sameNamespace || facts.protocol === 'other') return 'socket';
    const orders = await this.#parts.orders();
    if (orders === null) return refusal(EADDRNOTAVAIL, "this node's agent has no answer from the router yet");
    if (destinations.isDirect(remote.address, orders.direct ?? [])) return 'remote';
    const vip = this.#sourceOf(facts, orders, instance);
    if (vip === null || facts.v6only) return request.exhausted ? refusal(EADDRNOTAVAIL, '') : 'socket';
    const choice = facts.protocol === 'tcp' ? 'at-connect' : 'at-bind';
    return (await this.#give(request, facts, vip, choice, remote)) ?? 'socket';
  }

  /** A bind that leaves the port to the kernel. */
  async bind(request: ShimRequest, facts: SocketFacts, vip: string): Promise<Refusal | null> {
    return this.#give(request, facts, vip, 'at-bind', null);
  }

  /** Forgets what is old. */
  tidy(): void {
    const since = this.#parts.clock.now() - TRIED_MS;
    for (const [cookie, tried] of this.#tried) if (tried.since < since) this.#tried.delete(cookie);
  }

  /** The VIP whose block gives the socket its port; null for a socket that has its source. */
  #sourceOf(facts: SocketFacts, orders: NodeOrders, instance: Instance): string | null {
    const application = orders.applications.find((other) => other.name === instance.application);
    const {localAddress, localPort} = facts;
    if (application === undefined || localPort !== 0) return null;
    if (isWildcard(localAddress)) return application.vips[0] ?? null;
    // Bound by us before, for a connection that has failed or ended; or by a program that chose no port.
    return application.vips.includes(localAddress) ? localAddress : null;
  }

  async #give(
    request: ShimRequest,
    facts: SocketFacts,
    vip: string,
    choice: 'at-connect' | 'at-bind',
    remote: RemoteName | null,
  ): Promise<Refusal | null> {
    const {blocks} = this.#parts;
    const tried = this.#triedBy(request, facts);
    for (;;) {
      const block = await blocks.obtain(vip, tried);
      if ('errno' in block) return this.#tell(block);
      await this.#parts.ensureAddress(vip);
      if (request.gone()) return refusal(EADDRNOTAVAIL, 'the program did not wait');
      const errno = this.#bindIn(request.descriptor, block, choice, remote);
      if (errno === 0 && choice === 'at-connect') this.#remember(facts.cookie, [...tried, block]);
      if (errno !== EADDRINUSE) return errno === 0 ? null : refusal(errno, '');
      blocks.exhausted(block);
      tried.push(block);
    }
  }

  #bindIn(
    descriptor: number,
    block: PortBlock,
    choice: 'at-connect' | 'at-bind',
    remote: RemoteName | null,
  ): number {
    const {native, log} = this.#parts;
    const {first, last} = this.#parts.portRange();
    if (this.#kernelChooses && first <= block.first && block.last <= last) {
      const errno = native.bindInBlock(descriptor, block, choice, null);
      if (errno !== ENOPROTOOPT) return errno;
      this.#kernelChooses = false;
      log.info(
        {},
        'this kernel (before Linux 6.3) knows no port ranges of sockets: the agent chooses ports itself',
      );
    }
    return native.bindInBlock(descriptor, block, 'agent', choice === 'at-connect' ? remote : null);
  }

  /** The blocks that the socket has tried for this connect, when the kernel has just found the last one exhausted. */
  #triedBy(request: ShimRequest, facts: SocketFacts): PortBlock[] {
    const tried = this.#tried.get(facts.cookie)?.blocks ?? [];
    if (!request.exhausted) return [];
    const last = tried.at(-1);
    if (last !== undefined) this.#parts.blocks.exhausted(last);
    return [...tried];
  }

  #remember(cookie: bigint, blocks: PortBlock[]): void {
    this.#tried.set(cookie, {blocks, since: this.#parts.clock.now()});
  }

  #tell(refused: Refusal): Refusal {
    const {clock, log} = this.#parts;
    this.#exhausted += 1;
    if (clock.now() - this.#toldAt < TELL_MS) return refused;
    this.#toldAt = clock.now();
    log.warn({exhausted: this.#exhausted}, `a program got no port: ${refused.reason}`);
    return refused;
  }
}
