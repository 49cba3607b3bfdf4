// A program's bind: identifies the caller, checks the rules, makes sure that the address is there, then binds the
// program's own socket.

import os from 'node:os';
import type {AgentNative, ShimRequest, SocketFacts} from '../../addon/agent.ts';
import {messageOf} from '../../router/base/error.ts';
import type {Logger} from '../../router/base/logger.ts';
import type {NodeConfig, Protocol} from '../../router/protocol/messages.ts';
import {decideBind, refusal, unknownApplication} from './bind-rules.ts';
import type {BindRequest, Refusal} from './bind-rules.ts';
import {isExclusive} from './exclusive-ports.ts';
import type {ExclusivePorts} from './exclusive-ports.ts';
import type {Instance} from './instances.ts';
import type {PortBlocks} from './outbound/port-blocks.ts';
import type {SourceSelector} from './outbound/source-selector.ts';
import {boundSockets, describePortOwner, describeProcess} from './port-owner.ts';
import type {SocketTables} from './port-owner.ts';
import {parseSockaddr} from './sockaddr.ts';
import type {SocketName} from './sockaddr.ts';
import type {Translator, VirtualTarget} from './translator.ts';

const {EADDRINUSE, EADDRNOTAVAIL, EINVAL} = os.constants.errno;

export interface BinderDeps {
  native: SocketTables & Pick<AgentNative, 'socketFacts' | 'bindSocket'>;
  /** The node's configuration; resolves with null if there is none within the time a program waits. */
  awaitConfig(): Promise<NodeConfig | null>;
  /** Asks the router again: an application may be newer than the last answer. */
  refreshConfig(): Promise<NodeConfig | null>;
  instances: {
    ofProcess(pid: number): Instance | null;
    ofCgroup(id: bigint): Instance | null;
    cgroupOf(pid: number): string;
  };
  ensureAddress(vip: string): Promise<void>;
  /** Binds where the kernel chooses the port. */
  sources: Pick<SourceSelector, 'bindAnyPort'>;
  exclusivePorts: Pick<ExclusivePorts, 'withLease'>;
  /** The block that a port lies in. */
  blocks: Pick<PortBlocks, 'containing'>;
  /** Binds in NAT mode. */
  translator: Pick<Translator, 'isBound' | 'bind'>;
  /** A UDP socket was bound: it is an endpoint from now on. Resolves when that is known. */
  onDatagramBound(): Promise<unknown>;
  log: Logger;
}

/** Bound; left to the kernel; or why not. */
export type BindOutcome = null | 'kernel' | Refusal;

interface Target {
  address: string;
  port: number;
  protocol: Protocol;
  instance: Instance;
}

/**
 * One owner (uid) for all sockets of an application: the kernel never lets sockets of different owners share a
 * port. It is above the ranges that systemd and container runtimes allocate, so it is no user's.
 */
export function applicationUid(application: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(application)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return 0x70000000 + (hash & 0x0fffffff);
}

/** An application's configuration, and the router's mode. */
type Configured = Pick<NodeConfig, 'mode'> & {application: NodeConfig['applications'][number]};

export class Binder {
  readonly #deps: BinderDeps;

  constructor(deps: BinderDeps) {
    this.#deps = deps;
  }

  /** Binds (null), leaves it to the kernel, or says why not. Never rejects. */
  async bind(request: ShimRequest): Promise<BindOutcome> {
    try {
      const refused = await this.#try(request);
      if (refused === null || refused === 'kernel') return refused;
      this.#deps.log.info({program: request.pid, errno: refused.errno}, `bind refused: ${refused.reason}`);
      return refused;
    } catch (error) {
      this.#deps.log.error({program: request.pid}, `bind failed: ${messageOf(error)}`);
      return refusal(EADDRNOTAVAIL, messageOf(error));
    }
  }

  async #try(request: ShimRequest): Promise<BindOutcome> {
    const {native, instances} = this.#deps;
    const instance = instances.ofProcess(request.pid);
    const name = parseSockaddr(request.address);
    if (instance === null) {
      if (name?.port === 0) return 'kernel';
      const cgroup = instances.cgroupOf(request.pid);
      return refusal(
        EADDRNOTAVAIL,
        `process ${request.pid} belongs to no application (its cgroup is ${cgroup}): start it with coscanet-node run`,
      );
    }
    const facts = native.socketFacts(request.descriptor);
    if (!facts.sameNamespace) {
      return refusal(EADDRNOTAVAIL, "the socket lies in another network namespace than this node's agent");
    }
    if (name === null || facts.protocol === 'other') return refusal(EINVAL, 'not a TCP or UDP address');
    const configured = await this.#configured(instance.application);
    if ('errno' in configured) return configured;
    return this.#decide(request, facts, facts.protocol, name, instance, configured);
  }

  async #configured(name: string): Promise<Configured | Refusal> {
    const find = (given: NodeConfig): Configured | undefined => {
      const application = given.applications.find((other) => other.name === name);
      return application && {mode: given.mode, application};
    };
    const config = await this.#deps.awaitConfig();
    if (config === null) return refusal(EADDRNOTAVAIL, "this node's agent has no answer from the router yet");
    const found = find(config);
    if (found !== undefined) return found;
    const fresh = (await this.#deps.refreshConfig()) ?? config;
    return find(fresh) ?? unknownApplication(name, fresh.applications);
  }

  async #decide(
    request: ShimRequest,
    facts: SocketFacts,
    protocol: Protocol,
    name: SocketName,
    instance: Instance,
    {mode, application}: Configured,
  ): Promise<BindOutcome> {
    const {blocks} = this.#deps;
    const wanted: BindRequest = {...name, protocol, v6only: facts.v6only};
    const decision = decideBind(application, wanted);
    if (decision.kind === 'refused') return decision.refusal;
    if (decision.kind === 'kernel') return 'kernel';
    if (decision.kind === 'any-port') return this.#bindInBlock(request, facts, decision.vip);
    const address = decision.kind === 'vip' ? decision.vip : decision.address;
    const target: Target = {address, port: name.port, protocol, instance};
    // An agent that was restarted in the middle has done it, only its answer was lost.
    if (request.retry && facts.localAddress === address && facts.localPort === name.port) return null;
    if (decision.kind === 'loopback') return this.#bindLoopback(request, facts, target);
    const block = blocks.containing(address, name.port);
    if (block !== null) {
      const range = `${block.first}-${block.last}`;
      return refusal(EADDRINUSE, `this node opens connections from ports ${range} of ${address}`);
    }
    const bind = () =>
      mode === 'nat'
        ? this.#bindNat(request, facts, {vip: address, port: name.port, protocol, instance})
        : this.#bindToVip(request, facts, target);
    const port = {application: application.name, vip: address, protocol, port: name.port};
    const refused = isExclusive(application, protocol, name.port)
      ? await this.#deps.exclusivePorts.withLease(port, instance.folder, bind)
      : await bind();
    if (refused !== null) return refused;
    if (decision.others.length > 0) {
      this.#deps.log.warn(
        {program: request.pid, application: application.name, protocol, port: name.port},
        `one socket has one address: a wildcard bind got ${address}, not ${decision.others.join(', ')}`,
      );
    }
    if (protocol === 'udp') await this.#deps.onDatagramBound();
    return null;
  }

  /** A socket that is bound already: the answer was lost, or it is the kernel's to refuse. */
  #bindInBlock(request: ShimRequest, facts: SocketFacts, vip: string): Promise<BindOutcome> | BindOutcome {
    const {blocks, sources} = this.#deps;
    if (facts.localPort === 0) return sources.bindAnyPort(request, facts, vip);
    const isDone = request.retry && blocks.containing(facts.localAddress, facts.localPort) !== null;
    return isDone ? null : 'kernel';
  }

  async #bindNat(request: ShimRequest, facts: SocketFacts, target: VirtualTarget): Promise<Refusal | null> {
    const {translator} = this.#deps;
    // Not for packets, those find the node address: for programs that look for an interface with the address
    // that getsockname tells them.
    await this.#deps.ensureAddress(target.vip);
    return request.retry && translator.isBound(facts, target)
      ? null
      : translator.bind(request, facts, target);
  }

  async #bindToVip(request: ShimRequest, facts: SocketFacts, target: Target): Promise<Refusal | null> {
    const {address: vip, port, protocol, instance} = target;
    await this.#deps.ensureAddress(vip);
    const refused = await this.#bindTo(request, facts, target);
    if (refused !== null) return refused;
    this.#deps.log.info(
      {program: request.pid, application: instance.application, vip, protocol, port},
      `bound ${vip}:${port}/${protocol}`,
    );
    return null;
  }

  /** No await between the check and the bind: two binds of one instance must not both pass. */
  async #bindTo(request: ShimRequest, facts: SocketFacts, target: Target): Promise<Refusal | null> {
    const {native} = this.#deps;
    if (request.gone()) return refusal(EADDRNOTAVAIL, 'the program did not wait');
    const conflict = this.#conflictingSocket(facts, target);
    if (conflict !== null) {
      return refusal(
        EADDRINUSE,
        `this instance has ${target.port}/${target.protocol} already: ${await conflict}`,
      );
    }
    const uid = applicationUid(target.instance.application);
    const errno = native.bindSocket(request.descriptor, target.address, target.port, uid);
    if (errno === 0) return null;
    if (errno !== EADDRINUSE) return refusal(errno, '');
    return refusal(errno, await describePortOwner(native, target.protocol, target.address, target.port));
  }

  /**
   * SO_REUSEPORT, which sharing between instances needs, would also let one instance bind a port twice. So the
   * agent checks what the kernel would have checked: has this instance such a socket, without the program's leave to
   * share? Returns its process, or null.
   */
  #conflictingSocket(facts: SocketFacts, target: Target): Promise<string> | null {
    if (facts.reusePort || (target.protocol === 'udp' && facts.reuseAddress)) return null;
    const {native, instances} = this.#deps;
    // With SO_REUSEADDR, TCP sockets clash only once one listens; and the dump of those that do is quick.
    const rivals = facts.reuseAddress ? native.listeners() : boundSockets(native, target.protocol);
    const rival = rivals.find(
      (socket) =>
        socket.port === target.port &&
        socket.address === target.address &&
        socket.cookie !== facts.cookie &&
        instances.ofCgroup(socket.cgroup)?.folder === target.instance.folder,
    );
    return rival === undefined ? null : describeProcess(rival.inode);
  }

  /**
   * The second socket of a server that binds 0.0.0.0 and [::] separately. Loopback has one [::1] for all
   * applications, so a port that another one holds there is replaced by a free one: it is not promised to be reachable.
   */
  #bindLoopback(request: ShimRequest, facts: SocketFacts, target: Target): Promise<Refusal | null> | null {
    const {native, log} = this.#deps;
    const conflict = this.#conflictingSocket(facts, target);
    if (conflict !== null) return this.#bindTo(request, facts, target);
    const uid = applicationUid(target.instance.application);
    let errno = native.bindSocket(request.descriptor, target.address, target.port, uid);
    if (errno === EADDRINUSE) errno = native.bindSocket(request.descriptor, target.address, 0, null);
    if (errno !== 0) return Promise.resolve(refusal(errno, ''));
    log.info(
      {program: request.pid, application: target.instance.application},
      `the application has no IPv6 address: [::]:${target.port}/${target.protocol} is bound to [::1], unregistered`,
    );
    return null;
  }
}
