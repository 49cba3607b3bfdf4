// NAT: the program's socket is bound to the node's own address and a node port that stands for the
// virtual one: the same where it is free, else one that the kernel chooses. Each instance has node ports of
// its own, so that the router can tell instances apart; sockets of one instance with the same virtual address
// share one, and then the kernel itself says which of them may (SO_REUSEADDR, SO_REUSEPORT, EADDRINUSE).

import os from 'node:os';
import type {AgentNative, PortSharing, ShimRequest, SocketFacts, SocketInfo} from '../../../addon/agent.ts';
import type {Logger} from '../../../router/base/logger.ts';
import type {Protocol} from '../../../router/protocol/messages.ts';
import {refusal} from '../bind-rules.ts';
import type {Refusal} from '../bind-rules.ts';
import type {Instance} from '../instances.ts';
import {boundSockets, portOwners, describeProcess} from '../port-owner.ts';
import type {SocketTables} from '../port-owner.ts';
import {sameAddress} from '../virtual-addresses.ts';
import type {VirtualAddresses} from '../virtual-addresses.ts';
import {otherMode} from './mode.ts';
import type {BindMode, BindTarget, ServiceAddress} from './mode.ts';

const {EADDRINUSE, EADDRNOTAVAIL} = os.constants.errno;

export interface NatModeDeps {
  native: SocketTables & Pick<AgentNative, 'bindSocket' | 'bindNat'>;
  ofCgroup: (id: bigint) => Instance | null;
  virtualAddresses: Pick<VirtualAddresses, 'of' | 'add' | 'lastOn' | 'mayHave' | 'mayStandFor'>;
  /** The node's address on the router's network; the router's configuration may change it. */
  address: () => string;
  ensureVip(vip: string): Promise<void>;
  log: Logger;
}

type Bound = ReturnType<AgentNative['bindNat']>;

export class NatMode implements BindMode {
  readonly restoresIdleHost = true;
  readonly #deps: NatModeDeps;
  /** Protocols of which all sockets that an earlier agent bound are known. */
  readonly #surveyed = new Set<Protocol>();

  constructor(deps: NatModeDeps) {
    this.#deps = deps;
  }

  async bind(request: ShimRequest, facts: SocketFacts, target: BindTarget): Promise<Refusal | null> {
    // Not for packets, those find the node address: for programs that look for an interface with the address
    // that getsockname tells them.
    await this.#deps.ensureVip(target.vip);
    return request.retry && this.isBound(facts, target) ? null : this.#bind(request, facts, target);
  }

  /** Is the socket bound to this already? */
  isBound(facts: SocketFacts, target: BindTarget): boolean {
    return facts.localPort !== 0 && sameAddress(this.serviceOf(facts), target);
  }

  serviceOf({localAddress, localPort, virtualAddress}: SocketFacts): ServiceAddress | null {
    if (localAddress !== this.#deps.address() || virtualAddress === null) return null;
    return {...virtualAddress, nodePort: localPort};
  }

  endpointOf(socket: SocketInfo, onVip: boolean, instance: Instance): ServiceAddress | string {
    if (onVip) return otherMode('NAT');
    const virtualAddress = this.#deps.virtualAddresses.of(socket, instance.folder);
    if (virtualAddress !== null) return {...virtualAddress, nodePort: socket.port};
    return `nothing says which virtual address and port of application ${instance.application} it stands for`;
  }

  /** No await between the dump of sockets and the bind: two binds must not both find none. */
  async #bind(request: ShimRequest, facts: SocketFacts, target: BindTarget): Promise<Refusal | null> {
    const {native, virtualAddresses, log} = this.#deps;
    const address = this.#deps.address();
    if (request.gone()) return refusal(EADDRNOTAVAIL, 'the program did not wait');
    // It is bound already: the kernel's own EINVAL, and the tag stays.
    if (facts.localPort !== 0) {
      return refusal(native.bindSocket(request.descriptor, address, target.port, null), '');
    }
    const own = this.#sharedSocket(facts, target);
    const bound =
      own === null
        ? this.#bindAnew(request, facts, target)
        : this.#bindTo(request, own.port, target, 'as-asked');
    if (bound.errno !== 0) return this.#explain(bound.errno, own, target);
    virtualAddresses.add({
      ...facts,
      localPort: bound.port,
      virtualAddress: {vip: target.vip, port: target.port},
    });
    const {vip, port, protocol, instance} = target;
    const fields = {program: request.pid, application: instance.application, vip, protocol, port};
    log.info(
      {...fields, nodePort: bound.port},
      `bound ${vip}:${port}/${protocol} as ${address}:${bound.port}`,
    );
    if (!bound.tagged) {
      log.warn(
        fields,
        `the program has a socket filter of its own: it will see ${address}:${bound.port} instead, and the next ` +
          'agent will not know the socket',
      );
    }
    return null;
  }

  #bindTo(request: ShimRequest, port: number, target: BindTarget, sharing: PortSharing): Bound {
    const {native, address} = this.#deps;
    return native.bindNat(request.descriptor, address(), port, {vip: target.vip, port: target.port}, sharing);
  }

  /** The first socket of its name in its instance. */
  #bindAnew(request: ShimRequest, facts: SocketFacts, target: BindTarget): Bound {
    const {native, virtualAddresses} = this.#deps;
    const address = this.#deps.address();
    const {protocol, port} = target;
    // Old connections of another virtual address on a port would be answered by the new one's: only the same name
    // may come after itself while some live (a server that is started again), and only beside no other instance.
    const isSuccessor =
      protocol === 'tcp' &&
      facts.reuseAddress &&
      sameAddress(virtualAddresses.lastOn(protocol, port), target) &&
      // Those of instances are known, others are quickly found once they listen.
      portOwners(native.listeners(), address, port).length === 0 &&
      (!virtualAddresses.mayHave(protocol, port) ||
        portOwners(boundSockets(native, protocol), address, port).length === 0);
    const bound = this.#bindTo(request, port, target, isSuccessor ? 'successor' : 'alone');
    return bound.errno === EADDRINUSE ? this.#bindTo(request, 0, target, 'alone') : bound;
  }

  /** A socket of this instance that stands for the same. */
  #sharedSocket(facts: SocketFacts, target: BindTarget): SocketInfo | null {
    const {native, ofCgroup, virtualAddresses} = this.#deps;
    const address = this.#deps.address();
    this.#survey(target.protocol);
    if (!virtualAddresses.mayStandFor(target.protocol, target)) return null;
    const found = boundSockets(native, target.protocol).find((socket) => {
      if (socket.address !== address || socket.cookie === facts.cookie) return false;
      const instance = ofCgroup(socket.cgroup);
      return (
        instance?.folder === target.instance.folder &&
        sameAddress(virtualAddresses.of(socket, instance.folder), target)
      );
    });
    return found ?? null;
  }

  /** The dump of all that are bound takes a millisecond and more: from the first one on, this agent binds all. */
  #survey(protocol: Protocol): void {
    if (this.#surveyed.has(protocol)) return;
    const {native, ofCgroup, virtualAddresses} = this.#deps;
    const address = this.#deps.address();
    for (const socket of boundSockets(native, protocol)) {
      const instance = socket.address === address ? ofCgroup(socket.cgroup) : null;
      if (instance !== null) virtualAddresses.of(socket, instance.folder);
    }
    this.#surveyed.add(protocol);
  }

  async #explain(errno: number, own: SocketInfo | null, target: BindTarget): Promise<Refusal> {
    const address = this.#deps.address();
    const name = `${target.port}/${target.protocol}`;
    if (errno === EADDRINUSE && own !== null) {
      return refusal(errno, `this instance has ${name} already: ${await describeProcess(own.inode)}`);
    }
    if (errno === EADDRINUSE) return refusal(errno, `no port is free on ${address} to stand for ${name}`);
    if (errno === EADDRNOTAVAIL) {
      return refusal(errno, `${address}, which the agent was started with, is not an address of this node`);
    }
    return refusal(errno, '');
  }
}
