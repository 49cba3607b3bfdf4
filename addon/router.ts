// What the router asks of the addon: the shared segment, the packet sockets, the forwarding loop, and the
// few frames the supervisor itself sends. Every method throws an Error with `code` (an errno name) when the
// kernel refuses. Addresses are text ("10.77.0.100"), MACs "aa:bb:cc:dd:ee:ff", ports host order.

import type {EndedFlow, Flow, FlowImport, ImportResult, Protocol, SilentFlow} from './flow.ts';
import type {RtnetlinkNative} from './rtnetlink.ts';

export type {EndedFlow, Flow, FlowImport, FlowState, ImportResult, Protocol, SilentFlow} from './flow.ts';

/** What an interface leads to: clients, nodes (absent when one-armed: both are external), or the router's own host. */
export type InterfaceRole = 'external' | 'internal' | 'host';

export interface PolicyInterface {
  name: string;
  role: InterfaceRole;
  mac: string;
  mtu: number;
  /** The router host's own address: what comes for it is not ours. */
  address?: string;
  /** Bits of `address` that name the network of this interface: its hosts are looked for nowhere else (NAT: needed). */
  prefix?: number;
  /** VLANs (1 … 4094, at most 16) whose tagged frames are ours; they keep their tag. Others are left to the host. */
  vlans?: number[];
}

export interface PolicyVip {
  address: string;
  /** Answer ARP and ping, refuse ports that nobody serves. An inactive VIP's packets are dropped, counted. */
  active: boolean;
}

export interface PolicyEndpoint {
  /** Slot in the endpoint table, 0 … limits.endpoints-1. A flow remembers slot and generation. */
  slot: number;
  /** Changes (any other u16) when the slot is given to another endpoint, so that old flows do not follow it. */
  generation: number;
  mac: string;
  /** Index into `interfaces` of the one that reaches the node. */
  egress: number;
  /** false: its socket or node is gone. TCP flows stay (the node's kernel answers), UDP flows move, SYNs are scheduled anew. */
  open: boolean;
  /** It takes no connections, but opens them: a SYN that comes by one of its flows is a new connection, for others. */
  outboundOnly?: boolean;
  /** NAT: packets are translated to the node's own address and port, and back. Absent: they keep the VIP (DSR). */
  nat?: PolicyTranslation;
  /** Number of its node, 0 … 65534: an affinity that spans services leads to one node. */
  node?: number;
}

export interface PolicyTranslation {
  protocol: Protocol;
  node: string;
  nodePort: number;
  vip: string;
  vipPort: number;
}

/** Ports of a VIP, whole 64s (first = 64 n, last = 64 m − 1), that lead to the node that opens connections from them. */
export interface PolicyBlock {
  vip: string;
  first: number;
  last: number;
  mac: string;
  egress: number;
}

/** Seconds of silence after which a flow is forgotten. */
export interface FlowTimeouts {
  syn: number;
  established: number;
  closing: number;
  udp: number;
}

export interface PolicyService {
  /** Stable number 0 … limits.services-1: it has the round-robin cursor, so that a new ring does not start over. */
  slot: number;
  vip: string;
  protocol: Protocol;
  port: number;
  /** The schedule: endpoint slots in the order in which new flows take them; empty = refuse (RST, port unreachable). */
  ring: number[];
  timeouts: FlowTimeouts;
  affinity?: PolicyAffinity;
}

/** A client's new flows go where its last one went, until it has been silent for `timeout`. */
export interface PolicyAffinity {
  /** Services with one group share a client's choice: of the endpoint if it serves here, else of its node. */
  group: number;
  /** How many bits of the client's address count. */
  prefix: number;
  /** Seconds. */
  timeout: number;
  /** Endpoint slots that a client may stay with: all of the ring, and draining ones that keep their clients. */
  members: number[];
}

export interface PolicyGateway {
  mac: string;
  egress: number;
}

/** Its fields, and those of its parts, are listed once more in addon/src/core/policy_spec.h. */
export interface Policy {
  /** The flow table began empty and nodes are about to report theirs: unknown segments are dropped, not hashed. */
  awaitImports?: boolean;
  /** NAT: what endpoints send to clients passes the router, which takes it on. */
  routes?: boolean;
  /** Where packets leave whose next hop no packet has told. */
  gateway?: PolicyGateway;
  blocks?: PolicyBlock[];
  interfaces: PolicyInterface[];
  vips: PolicyVip[];
  endpoints: PolicyEndpoint[];
  services: PolicyService[];
}

export interface SegmentLimits {
  flows: number;
  /** Clients whose choice is remembered (PolicyAffinity). */
  affinities: number;
  endpoints: number;
  services: number;
  ringSlots: number;
  vips: number;
  /** Port blocks of 64. */
  blocks: number;
  forwarders: number;
  registryBytes: number;
}

export interface ForwarderInfo {
  index: number;
  /** 0: none. */
  pid: number;
  /** Field 22 of /proc/PID/stat: tells a reused pid from the forwarder that wrote this. */
  startTime: number;
  /** Milliseconds since its loop last turned (it turns at least every 100 ms). */
  heartbeatAgeMs: number;
  /** Its packet sockets, in its own process, in the order of `interfaces`. */
  descriptors: number[];
}

/** Another host that called itself one of the policy's VIPs in ARP. */
export interface ArpConflict {
  vip: string;
  /** The one of several that was heard last. */
  mac: string;
  /** Index of the interface that it came by. */
  ingress: number;
}

/** The file under the run directory that outlives all our processes. One supervisor owns it (a lock file beside it). */
export interface Segment {
  /** The descriptor that forwarders inherit. */
  readonly descriptor: number;
  /** false: the file was new, of another version, of another boot or damaged, and has been made anew. */
  readonly adopted: boolean;
  readonly limits: SegmentLimits;
  readonly generation: number;
  /** Writes and activates an immutable snapshot; `registry` is an opaque blob kept with it. Returns the generation. */
  publish(policy: Policy, registry: Uint8Array): number;
  /** The blob published with the active snapshot, or null when nothing was published yet. */
  registry(): Buffer | null;
  /** Live flows, newest state; a copy. */
  flows(): Flow[];
  /**
   * Live flows per endpoint slot ("slot:generation" → count); with `quietSeconds` without those TCP flows that have
   * been silent so long and are no connections (any more): before the handshake's end, or after a FIN or RST.
   */
  flowsPerEndpoint(quietSeconds?: number): Record<string, number>;
  /** Writes flows on behalf of nodes; one result for each. */
  importFlows(flows: readonly FlowImport[]): ImportResult[];
  /**
   * Established TCP flows that expire within `seconds`; at most `limit`, and among the next 65,536 entries of the
   * table, going on where the last call stopped.
   */
  expiring(seconds: number, limit: number): Flow[];
  /**
   * TCP flows without a packet for `seconds`, at most `limit`, going on where the last call stopped. Established ones
   * among the next 65,536 entries of the table; with `slots` established and closing ones of these endpoints, in the
   * whole table.
   */
  silent(seconds: number, limit: number, slots?: readonly number[]): SilentFlow[];
  /** Ends those that are with the same endpoint and have had no packet since `seen`. Returns how many. */
  endFlows(flows: readonly EndedFlow[]): number;
  /** New flows so far by service slot (wraps at 2^32). */
  newFlows(): Record<number, number>;
  /** Those that forwarders have seen since the last call, or since the segment was opened; at most 32 VIPs each. */
  arpConflicts(): ArpConflict[];
  /** All counters, summed over forwarders, by their names (see addon/src/abi/counters.h). */
  counters(): Record<string, number>;
  /** Forwarders' self-descriptions, for health and for taking over their descriptors. */
  forwarders(): ForwarderInfo[];
  /** Clears the slot of a forwarder known to be dead. */
  clearForwarder(index: number): void;
  close(): void;
}

export interface PacketSocketOptions {
  interface: string;
  /** How many sockets to open in one fan-out group (one per forwarder). */
  count: number;
  /** RX slots of 2 KiB each. */
  slots?: number;
}

export interface ForwarderOptions {
  segmentDescriptor: number;
  index: number;
  /** Packet sockets in the order of `interfaces`; they become the loop's, which closes them when it ends. */
  descriptors: number[];
  /** How long after a packet it looks for the next one before it sleeps; 0 if absent. */
  spinMicroseconds?: number;
}

export interface Forwarder {
  /** Resolves when the loop has ended: stopped, or an error (a socket whose interface is gone: ENETDOWN/ENXIO). */
  readonly done: Promise<void>;
  stop(): void;
}

/** SYNs along the data path: to the nodes' MACs, not by the kernel's route. */
export interface TcpProbe {
  /** The interface by which they leave, and the one by which the answers come. */
  out: string;
  in: string;
  /** The router's own address, to which the nodes answer; half-open tries are reset. */
  source: string;
  timeoutMs: number;
  /** At most 4096. */
  targets: readonly {mac: string; address: string; port: number}[];
}

/** open: SYN-ACK. refused: RST. silent: no answer in time. */
export type ProbeResult = 'open' | 'refused' | 'silent';

export interface RouterNative extends RtnetlinkNative {
  /** Opens the segment at `path`, adopting what is there if it fits, else making it. */
  openSegment(path: string, limits?: Partial<SegmentLimits>): Segment;
  /** Opens, configures (VNET_HDR, V2 ring, COPY_THRESH, fan-out) and binds packet sockets. Returns descriptors. */
  openPacketSockets(options: PacketSocketOptions): number[];
  closeDescriptor(fd: number): void;
  /** pidfd_getfd: duplicates descriptors of a living process, if its start time matches. ESRCH if it is gone. */
  takeDescriptors(pid: number, startTime: number, descriptors: number[]): number[];
  /** Starts the packet loop in a thread of its own. */
  startForwarder(options: ForwarderOptions): Forwarder;
  /**
   * RFC 5227 conflict detection, by `count` ARP probes spaced by `intervalMs`: the MAC of another host that uses
   * `address`, or null.
   */
  detectAddressConflict(
    interfaceName: string,
    address: string,
    count: number,
    intervalMs: number,
  ): Promise<string | null>;
  /** Gratuitous ARP for `address`, in both request and reply form. */
  announceAddress(interfaceName: string, address: string): void;
  /** One result for each target, when all have answered or the time is over. */
  tcpProbe(probe: TcpProbe): Promise<ProbeResult[]>;
  /** Lock file: true if this process now holds it (released by the kernel when the process ends; close-on-exec). */
  lockFile(path: string): boolean;
  /** Field 22 of /proc/PID/stat, 0 if there is no such process. */
  processStartTime(pid: number): number;
}
