// Ports that one instance alone may have, in the whole cluster: leased from the router before the bind, and held as
// long as a socket is bound to them. What the node holds is read from the kernel, so an agent that was started
// again has it.

import os from 'node:os';
import type {Clock} from '../../router/base/clock.ts';
import {containsPort} from '../../router/protocol/messages.ts';
import type {
  ApplicationConfig,
  ExclusivePort,
  NodeConfig,
  NodeState,
  Protocol,
} from '../../router/protocol/messages.ts';
import {refusal} from './bind-rules.ts';
import type {Refusal} from './bind-rules.ts';
import {describeProcess} from './port-owner.ts';

const {EADDRINUSE, EADDRNOTAVAIL} = os.constants.errno;

/** A program waits 5 s; the reason must reach it before. */
const LEASE_WAIT_MS = 4500;
/** A router that started anew decides when all nodes have reported; it is asked again until then. */
const UNDECIDED_PAUSE_MS = 200;

/** A socket that is bound to a virtual IP's port, and whose. */
export interface BoundPort extends ExclusivePort {
  /** Of its instance. */
  folder: string;
  inode: number;
}

export interface ExclusivePortsDeps {
  config(): NodeConfig | null;
  /** All sockets of this node's instances that are bound to ports of virtual IPs. */
  bound(): BoundPort[];
  /** Sends the state; true when the router has answered it. */
  send(waitMs: number): Promise<boolean>;
  clock: Clock;
}

const keyOf = ({vip, protocol, port}: ExclusivePort): string => `${vip} ${protocol} ${port}`;

const textOf = ({vip, protocol, port}: ExclusivePort): string => `${vip}:${port}/${protocol} is exclusive`;

export function isExclusive(application: ApplicationConfig, protocol: Protocol, port: number): boolean {
  return containsPort(application.exclusive ?? [], protocol, port);
}

export class ExclusivePorts {
  readonly #deps: ExclusivePortsDeps;
  /** Ports that programs are about to bind, one after the other. */
  readonly #pending = new Map<string, {port: ExclusivePort; last: Promise<unknown>}>();

  constructor(deps: ExclusivePortsDeps) {
    this.#deps = deps;
  }

  /** What the node tells the router; undefined if it does not know yet. */
  report(): NodeState['exclusive'] {
    const config = this.#deps.config();
    if (config === null) return undefined;
    const pending = [...this.#pending.values()].map(({port}) => port);
    const all = [...this.#bound(config), ...pending];
    const found = all.map(({application, vip, protocol, port}) => ({application, vip, protocol, port}));
    return [...new Map(found.map((port) => [keyOf(port), port])).values()];
  }

  /** Leases the port for the instance in `folder`, then binds; nobody else on this node binds it meanwhile. */
  async withLease<T>(port: ExclusivePort, folder: string, bind: () => Promise<T>): Promise<T | Refusal> {
    const key = keyOf(port);
    const before = this.#pending.get(key)?.last ?? Promise.resolve();
    const mine = before.then(async () => (await this.#refuse(port, folder)) ?? (await bind()));
    const last = mine.catch(() => {});
    this.#pending.set(key, {port, last});
    try {
      return await mine;
    } finally {
      if (this.#pending.get(key)?.last === last) this.#pending.delete(key);
    }
  }

  #bound(config: NodeConfig): BoundPort[] {
    const some = config.applications.filter(({exclusive}) => (exclusive ?? []).length > 0);
    if (some.length === 0) return [];
    return this.#deps.bound().filter((socket) => {
      const owner = some.find(({name, vips}) => name === socket.application && vips.includes(socket.vip));
      return owner !== undefined && isExclusive(owner, socket.protocol, socket.port);
    });
  }

  async #refuse(port: ExclusivePort, folder: string): Promise<Refusal | null> {
    const config = this.#deps.config();
    const others = config === null ? [] : this.#bound(config);
    const other = others.find((socket) => keyOf(socket) === keyOf(port) && socket.folder !== folder);
    if (other === undefined) return this.#acquire(port);
    const owner = await describeProcess(other.inode);
    return refusal(EADDRINUSE, `${textOf(port)}, and another instance on this node has it: ${owner}`);
  }

  async #acquire(port: ExclusivePort): Promise<Refusal | null> {
    const {clock} = this.#deps;
    const key = keyOf(port);
    const deadline = clock.now() + LEASE_WAIT_MS;
    const text = textOf(port);
    for (;;) {
      const answered = await this.#deps.send(deadline - clock.now());
      const config = this.#deps.config();
      if (!answered || config === null) {
        return refusal(EADDRNOTAVAIL, `${text}, and the router does not answer who has it`);
      }
      if ((config.exclusive ?? []).some((granted) => keyOf(granted) === key)) return null;
      const refused = (config.exclusiveRefused ?? []).find((one) => keyOf(one.port) === key);
      if (refused !== undefined) return refusal(EADDRINUSE, refused.reason);
      if (clock.now() + UNDECIDED_PAUSE_MS > deadline) {
        return refusal(EADDRNOTAVAIL, `${text}, and the router has not decided who may have it`);
      }
      await new Promise<void>((resolve) => clock.after(UNDECIDED_PAUSE_MS, resolve));
    }
  }
}
