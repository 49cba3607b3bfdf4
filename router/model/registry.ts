// Nodes, their leases, and what follows from these for their endpoints. Level-triggered: a node's PUT replaces
// its whole set. Pure: time is passed in (milliseconds of Clock.now), and `revision` tells whether anything
// that the data plane or the next supervisor needs has changed.

import type {Network} from '../base/address.ts';
import type {NodeEndpoint, NodeState} from '../protocol/messages.ts';
import {LEASE_MS} from '../protocol/messages.ts';
import {closings, endpointRefusal, nodeRefusal} from './admission.ts';
import type {Application} from './application/application.ts';
import {EndpointTable} from './endpoint-table.ts';
import type {EndpointLimits} from './endpoint-table.ts';
import type {Finding, ProbeRules} from './liveness.ts';
import type {ForwardingMethod} from './method.ts';
import {NodePorts} from './ports/node-ports.ts';
import type {BlockLease} from './ports/port-blocks.ts';
import type {
  EndpointIdentity,
  EndpointRecord,
  NodeRecord,
  RegistryCheckpoint,
  ServiceRecord,
} from './records.ts';
import {groupNames} from './application/affinity.ts';
import {IdAllocator} from '../base/id-allocator.ts';
import {SlowStart} from './slow-start.ts';
import {namesOf} from './target.ts';
import {Overrides} from './overrides.ts';

/** A node that is silent this long, no endpoint of which answers, is given up. */
export const FORGET_MS = 600_000;

export interface RegistryLimits extends EndpointLimits {
  /** Of ports leased to nodes, in 64s. */
  blocks: number;
}

export type PutResult = {kind: 'refused'; reason: string} | {kind: 'applied' | 'overtaken'; node: NodeRecord};

export class Registry {
  readonly #method: ForwardingMethod;
  readonly #networks: readonly Network[];
  readonly #nodes = new Map<string, NodeRecord>();
  readonly #table: EndpointTable;
  /** For affinities: of nodes, and of what shares clients' choices. */
  readonly nodeIds = new IdAllocator();
  readonly groupIds = new IdAllocator();
  readonly slowStart = new SlowStart((record) => this.#table.touch(record));
  readonly overrides = new Overrides((name) => this.#touchNamed(name));
  readonly ports: NodePorts;
  #applications: readonly Application[];
  #generation: number;
  #revision = 1;

  /** `networks`: the router's own addresses with their prefixes. `generation`: when this registry began. */
  constructor(
    method: ForwardingMethod,
    applications: readonly Application[],
    networks: readonly Network[],
    limits: RegistryLimits,
    generation: number,
  ) {
    this.#method = method;
    this.#applications = applications;
    this.#networks = method.nodeNetworks(networks);
    this.#generation = generation;
    this.#table = new EndpointTable(limits, () => this.#revision++);
    this.ports = new NodePorts(limits.blocks, {
      applications: () => this.#applications,
      services: () => this.#table.services(),
      changed: () => this.#revision++,
    });
  }

  get revision(): number {
    return this.#revision;
  }

  get generation(): number {
    return this.#generation;
  }

  get applications(): readonly Application[] {
    return this.#applications;
  }

  node(name: string): NodeRecord | undefined {
    return this.#nodes.get(name);
  }

  nodes(): NodeRecord[] {
    return [...this.#nodes.values()];
  }

  endpoints(): EndpointRecord[] {
    return this.#table.endpoints();
  }

  endpointOf(identity: EndpointIdentity): EndpointRecord | undefined {
    return this.#table.find(identity);
  }

  services(): ServiceRecord[] {
    return this.#table.services();
  }

  endpointsOfNode(name: string): EndpointRecord[] {
    return this.#table.ofNode(name);
  }

  endpointsOf(service: ServiceRecord): EndpointRecord[] {
    return this.#table.ofService(service);
  }

  /** Another number whenever anything that the service's endpoints depend on is new. */
  versionOf(service: ServiceRecord): number {
    return this.#table.version(service);
  }

  /** An override of a node, or of endpoints of one, has changed. */
  #touchNamed(name: string): void {
    this.#revision++;
    const [node = ''] = name.split(':', 1);
    for (const record of this.#table.ofNode(node))
      if (namesOf(record).includes(name)) this.#table.touch(record);
  }

  /** The node's load levels are others now. */
  #setLevels(node: NodeRecord, levels: NodeRecord['levels']): void {
    const before = node.levels;
    node.levels = levels;
    if (JSON.stringify(before) === JSON.stringify(levels)) return;
    this.#revision++;
    for (const record of this.#table.ofNode(node.name))
      if (before[record.application] !== levels[record.application]) this.#table.touch(record);
  }

  /** Applies a node's whole state and renews its lease. */
  put(name: string, state: NodeState, now: number): PutResult {
    const reason = nodeRefusal(name, state, this.#nodes.values(), this.#networks, this.#applications, now);
    if (reason !== null) return {kind: 'refused', reason};
    const known = this.#nodes.get(name);
    if (known && known.epoch === state.epoch && state.sequence <= known.sequence)
      return {kind: 'overtaken', node: known};
    this.#dropFormerOwner(name, state.address, now);
    const node: NodeRecord = {
      name,
      address: state.address,
      epoch: state.epoch,
      sequence: state.sequence,
      levels: known?.levels ?? {},
      state: state.leaving ? 'left' : 'up',
      refused: [],
      leaseUntil: now + LEASE_MS,
    };
    this.#nodes.set(name, node);
    if (!known || known.state !== node.state || known.address !== node.address) this.#revision++;
    this.#setLevels(node, state.levels ?? node.levels);
    if (state.leaving) this.#leave(node, closings.agentLeft, now);
    else {
      this.ports.reportExclusive(name, state, now);
      this.#replaceEndpoints(node, state.endpoints, closings.socket, now);
      this.ports.reportBlocks(node, state, now);
    }
    return {kind: 'applied', node};
  }

  /** Blocks whose packets go to their node: those in quarantine only as long as it is there. */
  leadingBlocks(): BlockLease[] {
    return this.ports.blocks.all().filter((lease) => {
      if (lease.freedAt === null) return true;
      const node = this.#nodes.get(lease.node);
      return node !== undefined && node.state !== 'left' && node.address === lease.address;
    });
  }

  /** `because`: why those are closed that the node does not have any more. */
  #replaceEndpoints(node: NodeRecord, wanted: readonly NodeEndpoint[], because: string, now: number): void {
    const ports = new Map();
    const permitted = wanted.filter((endpoint) => {
      const reason =
        endpointRefusal(endpoint, this.#method, this.#applications, ports) ??
        this.ports.refusal(endpoint, node.name);
      if (reason !== null) node.refused.push({endpoint, reason});
      return reason === null;
    });
    node.refused.push(...this.#table.replace(node, permitted, because, now));
  }

  /** Another node that had this address, and whose lease is over, is gone. */
  #dropFormerOwner(name: string, address: string, now: number): void {
    for (const node of this.#nodes.values())
      if (node.name !== name && node.address === address) this.#leave(node, closings.addressTaken(name), now);
  }

  #leave(node: NodeRecord, because: string, now: number): void {
    if (node.state !== 'left') this.#revision++;
    node.state = 'left';
    this.#replaceEndpoints(node, [], because, now);
    this.ports.release(node.name, now);
  }

  /** Ends leases, and load levels with them. Returns the nodes that became suspect. */
  expire(now: number): NodeRecord[] {
    for (const node of this.#nodes.values()) if (node.leaseUntil <= now) this.#setLevels(node, {});
    const silent = this.nodes().filter((node) => node.state === 'up' && node.leaseUntil <= now);
    for (const node of silent) {
      node.state = 'suspect';
      this.#revision++;
      for (const record of this.#table.ofNode(node.name))
        if (record.state === 'up') this.#table.suspect(record, now);
    }
    return silent;
  }

  /** Is its agent silent for longer than a lease? */
  isAlone(record: EndpointRecord, now: number): boolean {
    const node = this.#nodes.get(record.node);
    return node?.state === 'suspect' && node.leaseUntil <= now;
  }

  /** What a probe of an endpoint found. */
  probed(record: EndpointRecord, finding: Finding, rules: ProbeRules, now: number): void {
    this.#table.probed(record, finding, rules, now);
  }

  /**
   * Gives up what nobody needs: closed endpoints without flows (null: not counted), services without endpoints, nodes
   * without either. A node that answers on its network keeps the ports that are its own: programs may still use them.
   */
  prune(
    flowsPerEndpoint: Readonly<Record<string, number>> | null,
    now: number,
    isReachable: (address: string) => boolean = () => false,
  ): void {
    for (const node of this.#nodes.values())
      if (this.#isLost(node, now) && !(this.ports.has(node.name) && isReachable(node.address)))
        this.#leave(node, closings.nodeLost, now);
    this.#table.prune(flowsPerEndpoint, now);
    this.ports.prune(now);
    const used = new Set(this.endpoints().map((record) => record.node));
    for (const node of this.nodes())
      if (node.state === 'left' && !used.has(node.name)) {
        this.#nodes.delete(node.name);
        this.#revision++;
      }
    this.nodeIds.keep(new Set(this.#nodes.keys()));
    this.groupIds.keep(groupNames(this.#applications, this.services()));
  }

  #isLost(node: NodeRecord, now: number): boolean {
    if (node.state !== 'suspect' || now - node.leaseUntil < FORGET_MS) return false;
    const mine = this.#table.ofNode(node.name).filter((record) => record.state !== 'closed');
    return mine.every((record) => record.unreachable !== undefined && now - record.since >= FORGET_MS);
  }

  /** A new configuration: endpoints that it no longer permits close; their nodes learn why with the next PUT. */
  configure(applications: readonly Application[], now: number): void {
    this.#applications = applications;
    this.ports.configure(now);
    this.#table.touchAll();
    const ports = new Map();
    for (const record of this.endpoints()) {
      const reason = endpointRefusal(record, this.#method, applications, ports);
      if (reason !== null) this.#table.close(record, closings.forbidden(reason), now);
    }
  }

  checkpoint(): RegistryCheckpoint {
    return {
      generation: this.#generation,
      nodes: this.nodes().map(({leaseUntil: _, ...node}) => node),
      overrides: this.overrides.checkpoint(),
      nodeIds: this.nodeIds.checkpoint(),
      groupIds: this.groupIds.checkpoint(),
      ...this.#table.checkpoint(),
      ...this.ports.checkpoint(),
    };
  }

  /** Begins without a checkpoint: nodes report what they hold before anything else is leased. */
  begin(now: number): void {
    this.ports.begin(now);
  }

  /** Begins where another registry ended: every node suspect, with a fresh lease, until its agent PUTs. */
  restore(checkpoint: RegistryCheckpoint, now: number): void {
    this.#generation = checkpoint.generation;
    for (const node of checkpoint.nodes) {
      const state = node.state === 'left' ? 'left' : 'suspect';
      this.#nodes.set(node.name, {...node, state, leaseUntil: now + LEASE_MS});
    }
    this.#table.restore(checkpoint, now);
    this.overrides.restore(checkpoint.overrides);
    this.ports.restore(checkpoint, now);
    this.nodeIds.restore(checkpoint.nodeIds);
    this.groupIds.restore(checkpoint.groupIds);
    this.configure(this.#applications, now);
  }
}
