// Selects the source of a socket that is about to connect or send. An unbound one is bound to the application's (first)
// virtual IP and a port of the node's block, so that replies reach this node. The flow of one that is bound to a
// service's port is reported to the router first. All others stay as they are. A bind to port 0 gets a port of the
// block too.

import os from 'node:os';
import type {
  AgentNative,
  AnswerScope,
  SocketAddress,
  ShimRequest,
  SocketFacts,
} from '../../../addon/agent.ts';
import type {Clock} from '../../../router/base/clock.ts';
import {messageOf} from '../../../router/base/error.ts';
import type {Logger} from '../../../router/base/logger.ts';
import type {
  ApplicationConfig,
  Mode,
  NodeEndpoint,
  NodeConfig,
  PortBlock,
  Protocol,
} from '../../../router/protocol/messages.ts';
import {mayBind, refusal} from '../bind-rules.ts';
import type {Refusal} from '../bind-rules.ts';
import type {Instance} from '../instances.ts';
import type {Modes} from '../mode/modes.ts';
import {parseSockaddr} from '../sockaddr.ts';
import type {ActiveOpenEndpoints} from './active-open-endpoints.ts';
import type {Destinations} from './destinations.ts';
import type {FlowReports} from './flow-reports.ts';
import type {PortBlocks} from './port-blocks.ts';

const {EADDRINUSE, EADDRNOTAVAIL, ENOPROTOOPT} = os.constants.errno;

/** How long it is remembered which blocks a socket has tried in vain. */
const TRIED_MS = 10_000;
/** Between log lines of refusals: a program may try again as fast as it can. */
const LOG_PAUSE_MS = 10_000;

export interface SourceSelectorDeps {
  native: Pick<AgentNative, 'socketFacts' | 'bindInBlock'>;
  /** The node's configuration; resolves with null if there is none within the time a program waits. */
  awaitConfig(): Promise<NodeConfig | null>;
  instanceOf(pid: number): Instance | null;
  ensureVip(vip: string): Promise<void>;
  blocks: Pick<PortBlocks, 'acquire' | 'exhausted' | 'containing'>;
  destinations: Pick<Destinations, 'kindOf'>;
  flowReports: Pick<FlowReports, 'reportOpening'>;
  activeOpens: Pick<ActiveOpenEndpoints, 'add'>;
  modes: Pick<Modes, 'of'>;
  /** The kernel's own range of ports. */
  portRange(): {first: number; last: number};
  clock: Clock;
  log: Logger;
}

/** The answer to a program that is about to connect or send. */
export type SourceAnswer = AnswerScope | Refusal;

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

/** The VIP whose block gives the socket its port; null for a socket that is bound. */
function vipOfUnbound({localAddress, localPort}: SocketFacts, {vips}: ApplicationConfig): string | null {
  if (localPort !== 0) return null;
  if (isWildcard(localAddress)) return vips[0] ?? null;
  // Bound by the agent before, for a connection that has failed or ended; or by a program to port 0.
  return vips.includes(localAddress) ? localAddress : null;
}

export class SourceSelector {
  readonly #deps: SourceSelectorDeps;
  /** Cookie → blocks in which the kernel found no port for the socket's remote. */
  readonly #tried = new Map<bigint, {blocks: PortBlock[]; since: number}>();
  #kernelChooses = true;
  #refused = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: SourceSelectorDeps) {
    this.#deps = deps;
  }

  /** Before a connect, or a send to a remote without a cached answer. Never rejects. */
  async select(request: ShimRequest): Promise<SourceAnswer> {
    try {
      const answer = await this.#select(request);
      if (typeof answer === 'object' && answer.reason !== '') this.#logRefusal(request, answer);
      return answer;
    } catch (error) {
      this.#deps.log.error({program: request.pid}, `${request.kind} failed: ${messageOf(error)}`);
      return refusal(EADDRNOTAVAIL, messageOf(error));
    }
  }

  async #select(request: ShimRequest): Promise<SourceAnswer> {
    const {native, destinations} = this.#deps;
    // Left to the kernel, which has found no port: it would find none again.
    const leave = (scope: AnswerScope): SourceAnswer =>
      request.exhausted ? refusal(EADDRNOTAVAIL, '') : scope;
    const remote = parseSockaddr(request.address);
    const instance = this.#deps.instanceOf(request.pid);
    // A process of no application is left alone.
    if (instance === null || remote === null) return leave('socket');
    const facts = native.socketFacts(request.descriptor);
    if (!facts.sameNamespace || facts.protocol === 'other') return leave('socket');
    const config = await this.#deps.awaitConfig();
    if (config === null) return refusal(EADDRNOTAVAIL, "this node's agent has no answer from the router yet");
    const destination = destinations.kindOf(remote.address, config.direct ?? []);
    if (destination === 'broadcast') return leave('remote');
    const application = config.applications.find(({name}) => name === instance.application);
    if (application === undefined || facts.v6only) return leave('socket');
    const own = this.#serviceOf(facts, facts.protocol, config.mode, application);
    // Replies to a service's port pass the router, from the nodes' own network too.
    if (own !== null && !request.exhausted) return this.#reportFlow(request, own, remote);
    if (destination === 'direct') return leave('remote');
    const vip = vipOfUnbound(facts, application);
    if (vip === null) return leave('socket');
    const choice = facts.protocol === 'tcp' ? 'at-connect' : 'at-bind';
    return (await this.#bindFromBlocks(request, facts, vip, choice, remote)) ?? 'socket';
  }

  /** From a service's port: the router must know the flow before its first reply. */
  async #reportFlow(request: ShimRequest, own: NodeEndpoint, remote: SocketAddress): Promise<SourceAnswer> {
    const {activeOpens, flowReports} = this.#deps;
    // A datagram socket is an endpoint until it is connected.
    if (request.kind === 'connect') activeOpens.add(own);
    const {protocol, vip, port, nodePort} = own;
    const nodeSide = nodePort === undefined ? {} : {nodePort};
    const client = {client: remote.address, clientPort: remote.port};
    return (
      (await flowReports.reportOpening({protocol, vip, port, ...nodeSide, ...client, opening: true})) ??
      'remote'
    );
  }

  /** The service whose port the socket is bound to; null if it is none. */
  #serviceOf(
    facts: SocketFacts,
    protocol: Protocol,
    mode: Mode,
    application: ApplicationConfig,
  ): NodeEndpoint | null {
    const service = this.#deps.modes.of(mode).serviceOf(facts);
    if (service === null || !application.vips.includes(service.vip)) return null;
    if (!mayBind(application, protocol, service.port)) return null;
    if (this.#deps.blocks.containing(service.vip, service.port) !== null) return null;
    return {application: application.name, ...service, protocol, instances: 0};
  }

  /** A bind to port 0. */
  async bindAnyPort(request: ShimRequest, facts: SocketFacts, vip: string): Promise<Refusal | null> {
    return this.#bindFromBlocks(request, facts, vip, 'at-bind', null);
  }

  /** Forgets old entries. */
  forgetOld(): void {
    const since = this.#deps.clock.now() - TRIED_MS;
    for (const [cookie, tried] of this.#tried) if (tried.since < since) this.#tried.delete(cookie);
  }

  async #bindFromBlocks(
    request: ShimRequest,
    facts: SocketFacts,
    vip: string,
    choice: 'at-connect' | 'at-bind',
    remote: SocketAddress | null,
  ): Promise<Refusal | null> {
    const {blocks} = this.#deps;
    const tried = this.#triedBy(request, facts);
    for (;;) {
      const block = await blocks.acquire(vip, tried);
      if ('errno' in block) return block;
      await this.#deps.ensureVip(vip);
      if (request.gone()) return refusal(EADDRNOTAVAIL, 'the program did not wait');
      const errno = this.#bindInBlock(request.descriptor, block, choice, remote);
      if (errno === 0 && choice === 'at-connect') this.#remember(facts.cookie, [...tried, block]);
      if (errno !== EADDRINUSE) return errno === 0 ? null : refusal(errno, '');
      blocks.exhausted(block);
      tried.push(block);
    }
  }

  #bindInBlock(
    descriptor: number,
    block: PortBlock,
    choice: 'at-connect' | 'at-bind',
    remote: SocketAddress | null,
  ): number {
    const {native, log} = this.#deps;
    const {first, last} = this.#deps.portRange();
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
    if (last !== undefined) this.#deps.blocks.exhausted(last);
    return [...tried];
  }

  #remember(cookie: bigint, blocks: PortBlock[]): void {
    this.#tried.set(cookie, {blocks, since: this.#deps.clock.now()});
  }

  #logRefusal({pid, kind}: ShimRequest, {errno, reason}: Refusal): void {
    const {clock, log} = this.#deps;
    this.#refused += 1;
    if (clock.now() - this.#loggedAt < LOG_PAUSE_MS) return;
    this.#loggedAt = clock.now();
    log.warn({program: pid, errno, refused: this.#refused}, `${kind} refused: ${reason}`);
  }
}
