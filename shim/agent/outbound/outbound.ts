// A program's socket is about to talk to somebody: it gets its source first. An unbound one is bound to the
// application's (first) virtual IP and a port out of the node's block, so that answers find this node. One that is
// bound to a service's port is pinned: the router learns of the conversation first. All others stay as they are. A
// bind that leaves the port to the kernel gets one of the block too.

import os from 'node:os';
import type {
  AgentNative,
  AnswerScope,
  SocketAddress,
  ShimRequest,
  SocketFacts,
} from '../../../addon/agent.ts';
import {messageOf} from '../../../router/base/error.ts';
import type {Clock} from '../../../router/base/clock.ts';
import type {Logger} from '../../../router/base/logger.ts';
import type {
  ApplicationConfig,
  Mode,
  NodeEndpoint,
  NodeConfig,
  PortBlock,
  Protocol,
} from '../../../router/protocol/messages.ts';
import {type Refusal, mayBind, refusal} from '../bind-rules.ts';
import type {Instance} from '../instances.ts';
import {parseSockaddr} from '../sockaddr.ts';
import type {Blocks} from './blocks.ts';
import type {Claims} from './claims.ts';
import type {Destinations} from './destinations.ts';
import type {Openers} from './openers.ts';

const {EADDRINUSE, EADDRNOTAVAIL, ENOPROTOOPT} = os.constants.errno;

/** How long it is remembered which blocks a socket has tried in vain. */
const TRIED_MS = 10_000;
/** How often the log tells of refusals: a program may try again as fast as it can. */
const TELL_MS = 10_000;

export interface OutboundParts {
  native: Pick<AgentNative, 'socketFacts' | 'bindInBlock'>;
  /** The router's orders; resolves with null if there are none within the time a program waits. */
  orders(): Promise<NodeConfig | null>;
  instanceOf(pid: number): Instance | null;
  ensureAddress(vip: string): Promise<void>;
  blocks: Pick<Blocks, 'obtain' | 'exhausted' | 'around'>;
  destinations: Pick<Destinations, 'kindOf'>;
  claims: Pick<Claims, 'pin'>;
  openers: Pick<Openers, 'add'>;
  /** The node's address, where NAT-mode sockets are (NAT). */
  address: () => string;
  /** The kernel's own range of ports. */
  portRange(): {first: number; last: number};
  clock: Clock;
  log: Logger;
}

/** The answer to a program that is about to connect or send. */
export type OutboundAnswer = AnswerScope | Refusal;

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

/** The VIP whose block gives the socket its port; null for a socket that has its source. */
function sourceOf({localAddress, localPort}: SocketFacts, {vips}: ApplicationConfig): string | null {
  if (localPort !== 0) return null;
  if (isWildcard(localAddress)) return vips[0] ?? null;
  // Bound by us before, for a connection that has failed or ended; or by a program that chose no port.
  return vips.includes(localAddress) ? localAddress : null;
}

export class Outbound {
  readonly #parts: OutboundParts;
  /** Cookie → blocks in which the kernel found no port for the socket's remote. */
  readonly #tried = new Map<bigint, {blocks: PortBlock[]; since: number}>();
  #kernelChooses = true;
  #refused = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
  }

  /** Before a connect, or a send to a remote that the library does not know. Never rejects. */
  async open(request: ShimRequest): Promise<OutboundAnswer> {
    try {
      const answer = await this.#open(request);
      if (typeof answer === 'object' && answer.reason !== '') this.#tell(request, answer);
      return answer;
    } catch (error) {
      this.#parts.log.error({program: request.pid}, `${request.kind} failed: ${messageOf(error)}`);
      return refusal(EADDRNOTAVAIL, messageOf(error));
    }
  }

  async #open(request: ShimRequest): Promise<OutboundAnswer> {
    const {native, destinations} = this.#parts;
    // The kernel has found no port for what is left to it: it would find none again.
    const leave = (scope: AnswerScope): OutboundAnswer =>
      request.exhausted ? refusal(EADDRNOTAVAIL, '') : scope;
    const remote = parseSockaddr(request.address);
    const instance = this.#parts.instanceOf(request.pid);
    // Who belongs to no application talks as ever.
    if (instance === null || remote === null) return leave('socket');
    const facts = native.socketFacts(request.descriptor);
    if (!facts.sameNamespace || facts.protocol === 'other') return leave('socket');
    const orders = await this.#parts.orders();
    if (orders === null) return refusal(EADDRNOTAVAIL, "this node's agent has no answer from the router yet");
    const destination = destinations.kindOf(remote.address, orders.direct ?? []);
    if (destination === 'broadcast') return leave('remote');
    const application = orders.applications.find(({name}) => name === instance.application);
    if (application === undefined || facts.v6only) return leave('socket');
    const own = this.#serviceOf(facts, facts.protocol, orders.mode, application);
    // Whoever answers to a service's port does so by the router, on the nodes' own network too.
    if (own !== null && !request.exhausted) return this.#pin(request, own, remote);
    if (destination === 'direct') return leave('remote');
    const vip = sourceOf(facts, application);
    if (vip === null) return leave('socket');
    const choice = facts.protocol === 'tcp' ? 'at-connect' : 'at-bind';
    return (await this.#give(request, facts, vip, choice, remote)) ?? 'socket';
  }

  /** From a service's port: the router must lead the answers here before there are any. */
  async #pin(request: ShimRequest, own: NodeEndpoint, remote: SocketAddress): Promise<OutboundAnswer> {
    const {openers, claims} = this.#parts;
    // A datagram socket is an endpoint until it is connected.
    if (request.kind === 'connect') openers.add(own);
    const {protocol, vip, port, nodePort} = own;
    const physical = nodePort === undefined ? {} : {nodePort};
    const client = {client: remote.address, clientPort: remote.port};
    return (await claims.pin({protocol, vip, port, ...physical, ...client, opening: true})) ?? 'remote';
  }

  /** The service whose port the socket is bound to; null if it is none. */
  #serviceOf(
    facts: SocketFacts,
    protocol: Protocol,
    mode: Mode,
    application: ApplicationConfig,
  ): NodeEndpoint | null {
    const {localAddress, localPort, virtualAddress} = facts;
    if (mode === 'nat' && localAddress !== this.#parts.address()) return null;
    const name = mode === 'nat' ? virtualAddress : {vip: localAddress, port: localPort};
    if (name === null || !application.vips.includes(name.vip)) return null;
    if (!mayBind(application, protocol, name.port)) return null;
    if (this.#parts.blocks.around(name.vip, name.port) !== null) return null;
    const nodePort = mode === 'nat' ? {nodePort: localPort} : {};
    return {application: application.name, ...name, protocol, instances: 0, ...nodePort};
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

  async #give(
    request: ShimRequest,
    facts: SocketFacts,
    vip: string,
    choice: 'at-connect' | 'at-bind',
    remote: SocketAddress | null,
  ): Promise<Refusal | null> {
    const {blocks} = this.#parts;
    const tried = this.#triedBy(request, facts);
    for (;;) {
      const block = await blocks.obtain(vip, tried);
      if ('errno' in block) return block;
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
    remote: SocketAddress | null,
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

  #tell({pid, kind}: ShimRequest, {errno, reason}: Refusal): void {
    const {clock, log} = this.#parts;
    this.#refused += 1;
    if (clock.now() - this.#toldAt < TELL_MS) return;
    this.#toldAt = clock.now();
    log.warn({program: pid, errno, refused: this.#refused}, `${kind} refused: ${reason}`);
  }
}
