// Both modes of the agent on a kernel and a host that are faked: what was done on them is noted.

import type {AgentNative, SocketFacts, SocketInfo} from '../../addon/agent.ts';
import {systemClock} from '../../router/base/clock.ts';
import {silentLogger} from '../../router/base/logger.ts';
import {Modes} from '../../shim/agent/mode/modes.ts';
import {VirtualAddresses} from '../../shim/agent/virtual-addresses.ts';
import {unbound} from './unbound-socket.ts';

export const NODE = '10.88.0.11';
export const instance = {application: 'web', folder: '/web/1'};

export class FakeHost {
  readonly done: string[] = [];
  /** What the kernel answers to a bind, in turn; then 0. */
  readonly answers: number[] = [];
  readonly bound: SocketInfo[] = [];
  readonly virtualAddresses = new VirtualAddresses({virtualAddressIn: () => null}, systemClock);
  readonly native: Pick<
    AgentNative,
    'bindSocket' | 'bindNat' | 'listeners' | 'boundSockets' | 'datagramSockets' | 'connectedDatagramSockets'
  > = {
    listeners: () => [],
    boundSockets: () => this.bound,
    datagramSockets: () => [],
    connectedDatagramSockets: () => [],
    bindSocket: (_, address, port, uid) => {
      this.done.push(`bind ${address}:${port} ${uid === null ? 'alone' : 'shared'}`);
      return this.answers.shift() ?? 0;
    },
    bindNat: (_, address, port, {vip, port: virtualPort}, sharing) => {
      this.done.push(`bind ${address}:${port} for ${vip}:${virtualPort} ${sharing}`);
      return {errno: this.answers.shift() ?? 0, port: port || 40_000, tagged: true};
    },
  };
  hasRouter = true;

  readonly deps: ConstructorParameters<typeof Modes>[0] = {
    native: this.native,
    ofCgroup: () => instance,
    ensureVip: (vip) => {
      if (!this.hasRouter) return Promise.reject(new Error('no way to the router'));
      this.done.push(`address ${vip}`);
      return Promise.resolve();
    },
    virtualAddresses: this.virtualAddresses,
    address: () => NODE,
    log: silentLogger,
  };
  readonly modes = new Modes(this.deps);

  /** A bound socket of the instance, in the dumps from now on. */
  holds(facts: SocketFacts): SocketInfo {
    const {cookie, protocol, localAddress: address, localPort: port} = facts;
    this.virtualAddresses.add(facts);
    const basis = {family: 4, uid: 0, inode: 1, cgroup: 1n, receiveQueue: 0} as const;
    const socket = {
      ...basis,
      cookie,
      protocol: protocol === 'udp' ? protocol : ('tcp' as const),
      address,
      port,
    };
    this.bound.push(socket);
    return socket;
  }
}

/** TCP sockets that are bound for `vip`:80, as each mode binds them. */
export const boundFor = {
  dsr: (vip: string): SocketFacts => ({...unbound, cookie: 7n, localAddress: vip, localPort: 80}),
  nat: (vip: string): SocketFacts => {
    const local = {localAddress: NODE, localPort: 40_000};
    return {...unbound, ...local, cookie: 7n, virtualAddress: {vip, port: 80}};
  },
};
