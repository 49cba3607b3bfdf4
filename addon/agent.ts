// What the node agent asks of the addon: the unix socket over which programs pass their sockets, the bind on
// a passed socket, and what the kernel reports about sockets (sock_diag). Every method throws an Error with `code`
// (an errno name) when the kernel refuses, unless it returns the errno: 0, or positive as in os.constants.errno.

import type {RtnetlinkNative} from './rtnetlink.ts';

/**
 * What an answer holds for: this call alone; (bind) nothing, the kernel is to answer; (connect, send) for a while
 * this remote, or all remotes of the socket.
 */
export type AnswerScope = 'call' | 'kernel' | 'remote' | 'socket';

/** A request of the preload library; see src/abi/shim_protocol.h for the wire form. */
export interface ShimRequest {
  /** Answers and closes the connection. `errno` 0 = success; `reason` is one line for people. */
  reply(errno: number, reason: string, scope?: AnswerScope): void;
  /** Has the program gone, or given up waiting? Then nothing must be bound for it. */
  gone(): boolean;
  kind: 'bind' | 'listen' | 'connect' | 'send';
  /** The answer to an earlier request for the same call was lost: the bind may be done already. */
  retry: boolean;
  /** connect: the kernel found no free port for the remote in the block that was given before. */
  exhausted: boolean;
  /** The program's own socket (SCM_RIGHTS); the receiver closes it as soon as it has done its work. */
  descriptor: number;
  /** The sockaddr bytes that the program gave to the call, at most 128; empty for listen. */
  address: Buffer;
  /** SO_PEERCRED: from the kernel, never from the message. */
  pid: number;
  uid: number;
}

export interface ShimServer {
  close(): void;
}

/** What a process wrote about its load. */
export interface LoadMessage {
  /** SCM_CREDENTIALS: from the kernel. */
  pid: number;
  /** At most 64 bytes of it. */
  text: string;
  /** For senders that have an address; others get none. */
  reply: (answer: string) => void;
}

export interface SocketInfo {
  /** SO_COOKIE, as inet_diag reports it. */
  cookie: bigint;
  family: 4 | 6;
  protocol: 'tcp' | 'udp';
  /** An IPv4-mapped address is given as IPv4, with family 4. */
  address: string;
  port: number;
  uid: number;
  inode: number;
  /** INET_DIAG_CGROUP_ID: the cgroup v2 id (inode of its folder); 0n if the kernel does not tell. */
  cgroup: bigint;
  /** TCP: the accept queue's length; UDP: bytes waiting. */
  receiveQueue: number;
}

export interface DestroyWatcher {
  close(): void;
}

export interface SocketFacts {
  cookie: bigint;
  family: 'inet' | 'inet6' | 'other';
  protocol: 'tcp' | 'udp' | 'other';
  v6only: boolean;
  reusePort: boolean;
  reuseAddress: boolean;
  /** Same network namespace as this process? */
  sameNamespace: boolean;
  /** getsockname: what it is bound to already (port 0: not bound); an IPv4-mapped address as IPv4. */
  localAddress: string;
  localPort: number;
  /** The tag of a NAT-mode socket (NAT): what it stands for; null if it has none. */
  virtualAddress: VirtualAddress | null;
}

/** What a NAT-mode socket stands for. */
export interface VirtualAddress {
  vip: string;
  port: number;
}

/** One end of a connection. */
export interface SocketAddress {
  address: string;
  port: number;
}

export interface Connection {
  protocol: 'tcp' | 'udp';
  /** IPv4, as all connections are here: an IPv4-mapped address is given so. */
  local: SocketAddress;
  remote: SocketAddress;
  cookie: bigint;
  /** 0: no program has taken it from its listener's queue yet. */
  inode: number;
  cgroup: bigint;
}

/**
 * With whom a NAT-mode socket may share its node port: as its program asked (it joins sockets of its own
 * instance), with connections that a predecessor left behind (but no listener), or with nobody.
 */
export type PortSharing = 'as-asked' | 'successor' | 'alone';

export interface AgentNative extends Pick<RtnetlinkNative, 'watchKernel' | 'getLinks' | 'getAddresses'> {
  /** Listens on the abstract unix SEQPACKET socket `@name` of this network namespace. EADDRINUSE if another agent does. */
  listenShim(name: string, onRequest: (request: ShimRequest) => void): ShimServer;
  /** Takes datagrams on the abstract unix socket `@name` of this network namespace. EADDRINUSE if it is taken. */
  listenLoad(name: string, onMessage: (message: LoadMessage) => void): ShimServer;
  /** Facts of a passed socket. */
  socketFacts(descriptor: number): SocketFacts;
  /** fchown + SO_REUSEPORT (when `shareUid` is given), then bind. Returns the errno. */
  bindSocket(descriptor: number, address: string, port: number, shareUid: number | null): number;
  /**
   * Tags the socket with `name`, then binds it to address:port (0: the kernel chooses). Returns the errno, or 0
   * and the node port; `tagged` is false if the program has a socket filter of its own, which stays.
   */
  bindNat(
    descriptor: number,
    address: string,
    port: number,
    name: VirtualAddress,
    sharing: PortSharing,
  ): {errno: number; port: number; tagged: boolean};
  /**
   * Binds to vip with a port of [first, last]. `choice`: the kernel chooses 'at-connect', as many connections to
   * different remotes as there are share a port; 'at-bind'; or, where the kernel does not know of port ranges or
   * the sysctl's range does not hold this one (it would be ignored in silence), the agent, one by one: then `remote`
   * is whom the socket is going to connect to, null for others. Returns the errno: EADDRINUSE if none is free,
   * ENOPROTOOPT from a kernel (before 6.3) that cannot choose.
   */
  bindInBlock(
    descriptor: number,
    block: {vip: string; first: number; last: number},
    choice: 'at-connect' | 'at-bind' | 'agent',
    remote: SocketAddress | null,
  ): number;
  /** Has any TCP socket in any state, or UDP socket, this local address and a port of [first, last]? */
  portsInUse(address: string, first: number, last: number, protocol?: 'tcp' | 'udp'): boolean;
  /** Which of these TCP connections live (not: TIME-WAIT)? In order. */
  liveConnections(pairs: readonly {local: SocketAddress; remote: SocketAddress}[]): boolean[];
  /** Which of these TCP connections has the kernel no more, or only their TIME-WAIT? In order. */
  endedConnections(pairs: readonly {local: SocketAddress; remote: SocketAddress}[]): boolean[];
  /**
   * All live TCP connections and connected UDP sockets whose local address is one of these, read in parts: each call
   * of the result returns some more, soon after `most` (an empty array: that was all).
   */
  readConnections(addresses: readonly string[]): (most: number) => Connection[];
  /** The tag on a descriptor of another process; null if it is not the socket with this inode (any more). */
  virtualAddressIn(pid: number, descriptor: number, inode: number): VirtualAddress | null;
  closeDescriptor(fd: number): void;
  /** LISTEN-only dump of TCP sockets, both families. */
  listeners(): SocketInfo[];
  /** TCP sockets that are bound and neither listen nor are connected; empty before Linux 6.8, which does not tell. */
  boundSockets(): SocketInfo[];
  /** UDP sockets that are bound and not connected, both families. */
  datagramSockets(): SocketInfo[];
  /** UDP sockets that are connected, both families: they hold their port too. */
  connectedDatagramSockets(): SocketInfo[];
  /** TCP connections, both families, that wait in the accept queue of a listener (whose cgroup they show). */
  unacceptedConnections(): SocketInfo[];
  /** Does any TCP socket in any state (FIN and TIME-WAIT too), or UDP socket, have this local address? */
  addressInUse(address: string): boolean;
  /** sock_diag destroy events, filtered in the kernel to sockets without a peer; `onOverflow` = events were lost, dump. */
  watchDestroyed(onDestroyed: (cookie: bigint) => void, onOverflow: () => void): DestroyWatcher;
}
