// The endpoints of this node, as the kernel shows them. A dump of listening TCP and unconnected UDP sockets is read
// whenever an event suggests a change, and every 50 ms while there are endpoints: no event is needed to notice
// that a listener has gone, and none is trusted.

import type {Connection, SocketInfo, VirtualAddress} from '../../addon/agent.ts';
import type {Clock, Timer} from '../../router/base/clock.ts';
import {messageOf} from '../../router/base/error.ts';
import type {Logger} from '../../router/base/logger.ts';
import type {ApplicationConfig, NodeEndpoint, NodeConfig} from '../../router/protocol/messages.ts';
import {mayBind} from './bind-rules.ts';
import type {BoundPort} from './exclusive-ports.ts';
import type {Instance} from './instances.ts';
import type {ServiceAddress} from './mode/mode.ts';
import type {Modes} from './mode/modes.ts';
import {boundSockets} from './port-owner.ts';
import type {SocketTables} from './port-owner.ts';
import type {VirtualAddresses} from './virtual-addresses.ts';

const BUSY_MS = 50;
const IDLE_MS = 1000;

export interface EndpointDeps {
  native: SocketTables;
  instanceOf(cgroup: bigint): Instance | null;
  /** The virtual IPs that this node carries. */
  vips(): readonly string[];
  /** The node's own address, where NAT-mode sockets are bound, and what they stand for. */
  address: () => string;
  virtualAddresses: Pick<VirtualAddresses, 'known' | 'of'>;
  modes: Pick<Modes, 'of' | 'byAddress'>;
  /** Ports from which the node opens connections, or that it has instead of port 0: no endpoints. */
  isBlockPort(vip: string, port: number): boolean;
  /** The node configuration; null before the router's first answer (then the cgroup and the address must do). */
  config(): Pick<NodeConfig, 'mode' | 'applications'> | null;
}

/** An endpoint and the sockets that it consists of, each with the folder of its instance. */
export interface FoundEndpoint {
  endpoint: NodeEndpoint;
  members: {socket: SocketInfo; folder: string}[];
}

function isAllowed(
  applications: readonly ApplicationConfig[],
  name: string,
  {vip, port}: VirtualAddress,
  {protocol}: SocketInfo,
): boolean {
  const application = applications.find((other) => other.name === name);
  return application !== undefined && application.vips.includes(vip) && mayBind(application, protocol, port);
}

interface Classified {
  instance: Instance;
  service: ServiceAddress;
}

/** Whose endpoint a socket is, or why it is none; null if it is not managed. */
function classify(socket: SocketInfo, isOnVip: boolean, deps: EndpointDeps): Classified | string | null {
  const instance = deps.instanceOf(socket.cgroup);
  if (instance === null) {
    // On the node's own address there are sockets of other programs.
    const managed = isOnVip || deps.virtualAddresses.known(socket.cookie) !== null;
    return managed ? 'it was made outside of every application, before its process entered one' : null;
  }
  const config = deps.config();
  const mode = config === null ? deps.modes.byAddress(isOnVip) : deps.modes.of(config.mode);
  const service = mode.endpointOf(socket, isOnVip, instance);
  if (service === null || typeof service === 'string') return service;
  if (config === null) return {instance, service};
  if (!isAllowed(config.applications, instance.application, service, socket)) {
    return `application ${instance.application} may not bind it`;
  }
  return {instance, service};
}

/** What the sockets amount to, in a fixed order. `onUnregistered`: a managed socket that is no endpoint, and why. */
export function endpointsOf(
  sockets: readonly SocketInfo[],
  deps: EndpointDeps,
  onUnregistered: (socket: SocketInfo, reason: string) => void,
): FoundEndpoint[] {
  const vips = new Set(deps.vips());
  const found = new Map<string, FoundEndpoint>();
  for (const socket of sockets) {
    const isOnVip = vips.has(socket.address);
    if (!isOnVip && socket.address !== deps.address()) continue;
    if (isOnVip && deps.isBlockPort(socket.address, socket.port)) continue;
    const classified = classify(socket, isOnVip, deps);
    if (typeof classified === 'string') onUnregistered(socket, classified);
    if (classified === null || typeof classified === 'string') continue;
    const {instance, service} = classified;
    const {application} = instance;
    const {protocol} = socket;
    const {vip, port, nodePort} = service;
    // Each node port is an endpoint of its own.
    const ports = [port, nodePort ?? 0].map((one) => String(one).padStart(5)).join(' ');
    const key = `${application} ${vip} ${protocol} ${ports}`;
    const entry = found.get(key) ?? {
      endpoint: {application, ...service, protocol, instances: 0},
      members: [],
    };
    entry.members.push({socket, folder: instance.folder});
    const folders = new Set(entry.members.map(({folder}) => folder));
    entry.endpoint.instances = nodePort === undefined ? folders.size : 1;
    found.set(key, entry);
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

export interface EndpointsDeps extends EndpointDeps {
  /** Adds why endpoints fail their checks. */
  annotate(found: readonly FoundEndpoint[]): NodeEndpoint[];
  onChange(): void;
  clock: Clock;
  log: Logger;
}

export class Endpoints {
  readonly #deps: EndpointsDeps;
  readonly #unregistered = new Set<bigint>();
  #current: NodeEndpoint[] = [];
  #cookies = new Set<bigint>();
  #text = '[]';
  #timer: Timer | null = null;
  #closed = false;

  constructor(deps: EndpointsDeps) {
    this.#deps = deps;
  }

  /** As of the last dump. */
  get current(): readonly NodeEndpoint[] {
    return this.#current;
  }

  /** Was this socket among them? Destroy events of other sockets need no dump. */
  has(cookie: bigint): boolean {
    return this.#cookies.has(cookie);
  }

  /** Whose endpoint the local end of a connection is; null: nobody's. */
  ofConnection({local, remote: _, ...facts}: Connection): NodeEndpoint | null {
    const socket: SocketInfo = {...facts, ...local, family: 4, uid: 0, receiveQueue: 0};
    return endpointsOf([socket], this.#deps, () => {})[0]?.endpoint ?? null;
  }

  /** All sockets of this node's instances, by the port that each is bound to or stands for. */
  boundPorts(): BoundPort[] {
    const {native, virtualAddresses, address} = this.#deps;
    const vips = new Set(this.#deps.vips());
    const nameOf = (socket: SocketInfo, folder: string): VirtualAddress | null => {
      if (vips.has(socket.address)) return {vip: socket.address, port: socket.port};
      return socket.address === address() ? virtualAddresses.of(socket, folder) : null;
    };
    return [...boundSockets(native, 'tcp'), ...boundSockets(native, 'udp')].flatMap((socket) => {
      const instance = this.#deps.instanceOf(socket.cgroup);
      const name = instance === null ? null : nameOf(socket, instance.folder);
      if (instance === null || name === null) return [];
      const {application, folder} = instance;
      return [{application, ...name, protocol: socket.protocol, folder, inode: socket.inode}];
    });
  }

  /** Reads the kernel's tables; calls `onChange` at once if the endpoints differ. */
  refresh(): void {
    if (this.#closed) return;
    try {
      this.#read();
    } catch (error) {
      // The kernel is short of memory: what was true last stays, and is looked at again soon.
      this.#deps.log.error({}, `cannot read the kernel's sockets: ${messageOf(error)}`);
    }
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.after(this.#current.length > 0 ? BUSY_MS : IDLE_MS, () => this.refresh());
  }

  #read(): void {
    const {native} = this.#deps;
    const sockets = [...native.listeners(), ...native.datagramSockets()];
    const found = endpointsOf(sockets, this.#deps, (socket, reason) => this.#logUnregistered(socket, reason));
    this.#current = this.#deps.annotate(found);
    this.#cookies = new Set(sockets.map((socket) => socket.cookie));
    const text = JSON.stringify(this.#current);
    const changed = text !== this.#text;
    this.#text = text;
    if (!changed) return;
    this.#deps.log.info({endpoints: this.#current}, 'endpoints changed');
    this.#deps.onChange();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #logUnregistered(socket: SocketInfo, reason: string): void {
    if (this.#unregistered.has(socket.cookie)) return;
    if (this.#unregistered.size > 1000) this.#unregistered.clear();
    this.#unregistered.add(socket.cookie);
    const name = `${socket.address}:${socket.port}/${socket.protocol}`;
    this.#deps.log.warn({socket: name}, `${name} is not registered: ${reason}`);
  }
}
