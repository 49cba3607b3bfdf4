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
import type {Modes} from './mode/modes.ts';
import type {PortBlocks} from './outbound/port-blocks.ts';
import type {SourceSelector} from './outbound/source-selector.ts';
import type {SocketTables} from './port-owner.ts';
import {SharedPorts, applicationUid} from './shared-ports.ts';
import type {SharedPort} from './shared-ports.ts';
import {parseSockaddr} from './sockaddr.ts';
import type {SocketName} from './sockaddr.ts';

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
  /** Binds where the kernel chooses the port. */
  sources: Pick<SourceSelector, 'bindAnyPort'>;
  exclusivePorts: Pick<ExclusivePorts, 'withLease'>;
  /** The block that a port lies in. */
  blocks: Pick<PortBlocks, 'containing'>;
  modes: Pick<Modes, 'of'>;
  /** A UDP socket was bound: it is an endpoint from now on. Resolves when that is known. */
  onDatagramBound(): Promise<unknown>;
  log: Logger;
}

/** Bound; left to the kernel; or why not. */
export type BindOutcome = null | 'kernel' | Refusal;

/** An application's configuration, and the router's mode. */
type Configured = Pick<NodeConfig, 'mode'> & {application: NodeConfig['applications'][number]};

export class Binder {
  readonly #deps: BinderDeps;
  readonly #sharedPorts: SharedPorts;

  constructor(deps: BinderDeps) {
    this.#deps = deps;
    const {native, instances} = deps;
    this.#sharedPorts = new SharedPorts({native, ofCgroup: (id) => instances.ofCgroup(id)});
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
    // An agent that was restarted in the middle has done it, only its answer was lost.
    if (request.retry && facts.localAddress === address && facts.localPort === name.port) return null;
    if (decision.kind === 'loopback') {
      return this.#bindLoopback(request, facts, {address, port: name.port, protocol, instance});
    }
    const block = blocks.containing(address, name.port);
    if (block !== null) {
      const range = `${block.first}-${block.last}`;
      return refusal(EADDRINUSE, `this node opens connections from ports ${range} of ${address}`);
    }
    const target = {vip: address, port: name.port, protocol, instance};
    const bind = () => this.#deps.modes.of(mode).bind(request, facts, target);
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

  /**
   * The second socket of a server that binds 0.0.0.0 and [::] separately. Loopback has one [::1] for all
   * applications, so a port that another one holds there is replaced by a free one: it is not promised to be reachable.
   */
  #bindLoopback(
    request: ShimRequest,
    facts: SocketFacts,
    wanted: SharedPort,
  ): Promise<Refusal | null> | null {
    const {native, log} = this.#deps;
    const {address, port, protocol, instance} = wanted;
    const conflict = this.#sharedPorts.conflict(facts, wanted);
    if (conflict !== null) return this.#sharedPorts.bind(request, facts, wanted);
    const uid = applicationUid(instance.application);
    let errno = native.bindSocket(request.descriptor, address, port, uid);
    if (errno === EADDRINUSE) errno = native.bindSocket(request.descriptor, address, 0, null);
    if (errno !== 0) return Promise.resolve(refusal(errno, ''));
    log.info(
      {program: request.pid, application: instance.application},
      `the application has no IPv6 address: [::]:${port}/${protocol} is bound to [::1], unregistered`,
    );
    return null;
  }
}
