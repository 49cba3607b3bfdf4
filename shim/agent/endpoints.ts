// The kernel's truth: which endpoints this node has. A dump of listening TCP and unconnected UDP sockets is read
// whenever something hints at a change, and every 50 ms while there are endpoints: no hint is needed to notice
// that a listener has gone, and none is trusted.

import type {AgentNative, SocketInfo} from '../../addon/agent.ts';
import type {Clock, Timer} from '../../router/base/clock.ts';
import {messageOf} from '../../router/base/error.ts';
import type {Logger} from '../../router/base/logger.ts';
import type {ApplicationOrder, NodeEndpoint} from '../../router/control/protocol.ts';
import {mayBind} from './bind-rules.ts';
import type {Instance} from './instances.ts';

const BUSY_MS = 50;
const IDLE_MS = 1000;

export interface EndpointSources {
  native: Pick<AgentNative, 'listeners' | 'datagramSockets'>;
  instanceOf(cgroup: bigint): Instance | null;
  /** The virtual IPs that this node carries. */
  vips(): readonly string[];
  /** What the router ordered; null before its first answer (then the cgroup and the address must do). */
  applications(): readonly ApplicationOrder[] | null;
}

function isAllowed(
  applications: readonly ApplicationOrder[] | null,
  name: string,
  socket: SocketInfo,
): boolean {
  if (applications === null) return true;
  const application = applications.find((other) => other.name === name);
  return (
    application !== undefined &&
    application.vips.includes(socket.address) &&
    mayBind(application, socket.protocol, socket.port)
  );
}

/** What the sockets amount to, in a fixed order. `onStray`: a socket on a virtual IP that is no endpoint, and why. */
export function endpointsOf(
  sockets: readonly SocketInfo[],
  sources: EndpointSources,
  onStray: (socket: SocketInfo, reason: string) => void,
): NodeEndpoint[] {
  const vips = new Set(sources.vips());
  const applications = sources.applications();
  const found = new Map<string, {endpoint: NodeEndpoint; folders: Set<string>}>();
  for (const socket of sockets) {
    if (!vips.has(socket.address)) continue;
    const instance = sources.instanceOf(socket.cgroup);
    if (instance === null) {
      onStray(socket, 'it was made outside of every application, before its process entered one');
      continue;
    }
    if (!isAllowed(applications, instance.application, socket)) {
      onStray(socket, `application ${instance.application} may not bind it`);
      continue;
    }
    const {application} = instance;
    const key = `${application} ${socket.address} ${socket.protocol} ${String(socket.port).padStart(5)}`;
    const entry = found.get(key) ?? {
      endpoint: {
        application,
        vip: socket.address,
        protocol: socket.protocol,
        port: socket.port,
        instances: 0,
      },
      folders: new Set<string>(),
    };
    entry.folders.add(instance.folder);
    entry.endpoint.instances = entry.folders.size;
    found.set(key, entry);
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry.endpoint);
}

export class Endpoints {
  readonly #sources: EndpointSources;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #strays = new Set<bigint>();
  #current: NodeEndpoint[] = [];
  #cookies = new Set<bigint>();
  #text = '[]';
  #timer: Timer | null = null;
  #closed = false;

  constructor(sources: EndpointSources, clock: Clock, log: Logger, onChange: () => void) {
    this.#sources = sources;
    this.#clock = clock;
    this.#log = log;
    this.#onChange = onChange;
  }

  /** As of the last dump. */
  get current(): readonly NodeEndpoint[] {
    return this.#current;
  }

  /** Was this socket among them? Destroy events of other sockets need no dump. */
  has(cookie: bigint): boolean {
    return this.#cookies.has(cookie);
  }

  /** Reads the kernel's tables; calls `onChange` at once if the endpoints differ. */
  refresh(): void {
    if (this.#closed) return;
    try {
      this.#read();
    } catch (error) {
      // The kernel is short of memory: what was true last stays, and is looked at again soon.
      this.#log.error({}, `cannot read the kernel's sockets: ${messageOf(error)}`);
    }
    this.#timer?.cancel();
    this.#timer = this.#clock.after(this.#current.length > 0 ? BUSY_MS : IDLE_MS, () => this.refresh());
  }

  #read(): void {
    const {native} = this.#sources;
    const sockets = [...native.listeners(), ...native.datagramSockets()];
    this.#current = endpointsOf(sockets, this.#sources, (socket, reason) =>
      this.#reportStray(socket, reason),
    );
    this.#cookies = new Set(sockets.map((socket) => socket.cookie));
    const text = JSON.stringify(this.#current);
    const changed = text !== this.#text;
    this.#text = text;
    if (!changed) return;
    this.#log.info({endpoints: this.#current}, 'endpoints changed');
    this.#onChange();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #reportStray(socket: SocketInfo, reason: string): void {
    if (this.#strays.has(socket.cookie)) return;
    if (this.#strays.size > 1000) this.#strays.clear();
    this.#strays.add(socket.cookie);
    const name = `${socket.address}:${socket.port}/${socket.protocol}`;
    this.#log.warn({socket: name}, `${name} is not registered: ${reason}`);
  }
}
