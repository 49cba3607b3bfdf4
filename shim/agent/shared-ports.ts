// The bind of a port that instances of one application share on one address: they have one owner (uid) and
// SO_REUSEPORT, and within one instance the agent refuses what the kernel would have refused without it.

import os from 'node:os';
import type {AgentNative, ShimRequest, SocketFacts} from '../../addon/agent.ts';
import {fnv1a} from '../../router/base/hash.ts';
import type {Protocol} from '../../router/protocol/messages.ts';
import {refusal} from './bind-rules.ts';
import type {Refusal} from './bind-rules.ts';
import type {Instance} from './instances.ts';
import {boundSockets, describePortOwner, describeProcess} from './port-owner.ts';
import type {SocketTables} from './port-owner.ts';

const {EADDRINUSE, EADDRNOTAVAIL} = os.constants.errno;

export interface SharedPortsDeps {
  native: SocketTables & Pick<AgentNative, 'bindSocket'>;
  ofCgroup: (id: bigint) => Instance | null;
}

export interface SharedPort {
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
  return 0x70000000 + (fnv1a(application) & 0x0fffffff);
}

export class SharedPorts {
  readonly #deps: SharedPortsDeps;

  constructor(deps: SharedPortsDeps) {
    this.#deps = deps;
  }

  /** No await between the check and the bind: two binds of one instance must not both pass. */
  async bind(request: ShimRequest, facts: SocketFacts, wanted: SharedPort): Promise<Refusal | null> {
    const {native} = this.#deps;
    const {address, port, protocol, instance} = wanted;
    if (request.gone()) return refusal(EADDRNOTAVAIL, 'the program did not wait');
    const conflict = this.conflict(facts, wanted);
    if (conflict !== null) {
      return refusal(EADDRINUSE, `this instance has ${port}/${protocol} already: ${await conflict}`);
    }
    const errno = native.bindSocket(request.descriptor, address, port, applicationUid(instance.application));
    if (errno === 0) return null;
    if (errno !== EADDRINUSE) return refusal(errno, '');
    return refusal(errno, await describePortOwner(native, protocol, address, port));
  }

  /**
   * SO_REUSEPORT, which sharing between instances needs, would also let one instance bind a port twice. So the
   * agent checks what the kernel would have checked: has this instance such a socket, without the program's leave to
   * share? Returns its process, or null.
   */
  conflict(facts: SocketFacts, {address, port, protocol, instance}: SharedPort): Promise<string> | null {
    if (facts.reusePort || (protocol === 'udp' && facts.reuseAddress)) return null;
    const {native, ofCgroup} = this.#deps;
    // With SO_REUSEADDR, TCP sockets clash only once one listens; and the dump of those that do is quick.
    const rivals = facts.reuseAddress ? native.listeners() : boundSockets(native, protocol);
    const rival = rivals.find(
      (socket) =>
        socket.port === port &&
        socket.address === address &&
        socket.cookie !== facts.cookie &&
        ofCgroup(socket.cgroup)?.folder === instance.folder,
    );
    return rival === undefined ? null : describeProcess(rival.inode);
  }
}
