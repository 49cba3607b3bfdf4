// Nodes, their endpoints, the virtual services these make up, and the leases. Level-triggered: a node's PUT
// replaces its whole set. Pure: time is passed in (milliseconds of Clock.now), and `revision` tells whether
// anything that the data plane or the next supervisor needs has changed.
//
//   up ──lease over──► doubt ──probe fails──► unreachable      (an answered probe leads back to doubt)
//    ▲──────── PUT ──────┴────────────────────────┘
//   absent from a PUT, node leaves, configuration forbids it ──► closed ──no flow left──► slot free

import type {Network} from '../base/address.ts';
import type {NodeEndpoint, NodeState} from '../control/protocol.ts';
import {LEASE_MS} from '../control/protocol.ts';
import {endpointRefusal, nodeRefusal} from './admission.ts';
import type {Application} from './application.ts';
import type {ForwardingMethod} from './method.ts';
import type {EndpointRecord, NodeRecord, RegistryMemory, ServiceRecord} from './records.ts';
import {endpointKey, serviceKey, translatedPlace} from './records.ts';
import {Slots} from './slots.ts';

/** A closed endpoint's slot stays taken at least this long: a forwarder may just be using the last policy. */
const LINGER_MS = 1000;
const TABLE_FULL = 'the table of endpoints or of services is full';
/** A node that is silent this long, no endpoint of which answers, is given up. */
export const FORGET_MS = 600_000;
/** Unanswered probes, one after the other, that make an endpoint unreachable. */
export const MAX_SILENCE = 3;

export interface RegistryLimits {
  endpoints: number;
  services: number;
}

export type PutResult = {kind: 'refused'; reason: string} | {kind: 'applied' | 'overtaken'; node: NodeRecord};

export class Registry {
  readonly #method: ForwardingMethod;
  readonly #networks: readonly Network[];
  readonly #endpointSlots: Slots;
  readonly #serviceSlots: Slots;
  readonly #nodes = new Map<string, NodeRecord>();
  readonly #endpoints = new Map<string, EndpointRecord>();
  /** NAT: the endpoint that packets to a node's socket are for. */
  readonly #translated = new Map<string, EndpointRecord>();
  readonly #services = new Map<string, ServiceRecord>();
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
    this.#endpointSlots = new Slots(limits.endpoints);
    this.#serviceSlots = new Slots(limits.services);
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
    return [...this.#endpoints.values()];
  }

  services(): ServiceRecord[] {
    return [...this.#services.values()];
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
      levels: state.levels ?? {},
      state: state.leaving ? 'left' : 'up',
      refused: [],
      leaseUntil: now + LEASE_MS,
    };
    this.#nodes.set(name, node);
    if (!known || known.state !== node.state || known.address !== node.address) this.#revision++;
    if (JSON.stringify(known?.levels) !== JSON.stringify(node.levels)) this.#revision++;
    this.#replaceEndpoints(node, state.leaving ? [] : state.endpoints, now);
    return {kind: 'applied', node};
  }

  /** Another node that had this address and whose lease is over evidently is gone. */
  #dropFormerOwner(name: string, address: string, now: number): void {
    for (const node of this.#nodes.values())
      if (node.name !== name && node.address === address) this.#leave(node, now);
  }

  #leave(node: NodeRecord, now: number): void {
    if (node.state !== 'left') this.#revision++;
    node.state = 'left';
    this.#replaceEndpoints(node, [], now);
  }

  #replaceEndpoints(node: NodeRecord, wanted: readonly NodeEndpoint[], now: number): void {
    const ports = new Map();
    const refuse = (endpoint: NodeEndpoint, reason: string | null): boolean => {
      if (reason !== null) node.refused.push({endpoint, reason});
      return reason !== null;
    };
    const permitted = wanted.filter(
      (one) => !refuse(one, endpointRefusal(one, this.#method, this.#applications, ports)),
    );
    // First what ends: a socket that stood for it may stand for another now.
    const place = {node: node.name, address: node.address};
    const keys = new Set(permitted.map((one) => endpointKey({...one, ...place})));
    for (const [key, record] of this.#endpoints)
      if (record.node === node.name && !keys.has(key)) this.#move(record, 'closed', now);
    for (const one of permitted) refuse(one, this.#open(node, one, now));
  }

  /** Opens the endpoint, made if it is new; or why it cannot be. */
  #open(node: NodeRecord, wanted: NodeEndpoint, now: number): string | null {
    const identity = {...wanted, node: node.name, address: node.address};
    const key = endpointKey(identity);
    const known = this.#endpoints.get(key);
    if (known) {
      if (known.instances !== wanted.instances || known.application !== wanted.application) this.#revision++;
      known.instances = wanted.instances;
      known.application = wanted.application;
      this.#move(known, 'up', now);
      return null;
    }
    const holder = this.#translated.get(translatedPlace(identity) ?? '');
    if (holder && holder.state !== 'closed')
      return `port ${wanted.nodePort} of the node stands for ${holder.vip}:${holder.port} already`;
    if (!this.#openService(identity)) return TABLE_FULL;
    const place = this.#endpointSlots.take();
    if (!place) return TABLE_FULL;
    // Its socket is another's now: what its old flows still send would reach the wrong program.
    if (holder) this.#forget(holder);
    this.#remember({...identity, ...place, state: 'up', silence: 0, since: now});
    this.#revision++;
    return null;
  }

  #remember(record: EndpointRecord): void {
    this.#endpoints.set(endpointKey(record), record);
    const place = translatedPlace(record);
    if (place !== null) this.#translated.set(place, record);
  }

  #forget(record: EndpointRecord): void {
    this.#endpoints.delete(endpointKey(record));
    this.#translated.delete(translatedPlace(record) ?? '');
    this.#endpointSlots.release(record.slot);
    this.#revision++;
  }

  #openService(identity: NodeEndpoint): boolean {
    const key = serviceKey(identity);
    if (this.#services.has(key)) return true;
    const place = this.#serviceSlots.take();
    if (!place) return false;
    const {vip, protocol, port} = identity;
    this.#services.set(key, {slot: place.slot, vip, protocol, port});
    return true;
  }

  #move(record: EndpointRecord, state: EndpointRecord['state'], now: number): void {
    record.silence = 0;
    if (record.state === state) return;
    record.state = state;
    record.since = now;
    this.#revision++;
  }

  /** Ends leases. Returns the nodes that came into doubt. */
  expire(now: number): NodeRecord[] {
    const silent = this.nodes().filter((node) => node.state === 'up' && node.leaseUntil <= now);
    for (const node of silent) {
      node.state = 'doubt';
      this.#revision++;
      for (const record of this.#endpoints.values())
        if (record.node === node.name && record.state === 'up') this.#move(record, 'doubt', now);
    }
    return silent;
  }

  /** Endpoints whose agents are silent: the router must find out by itself whether they live. */
  doubtful(now: number): EndpointRecord[] {
    return this.endpoints().filter((record) => {
      const node = this.#nodes.get(record.node);
      const open = record.state === 'doubt' || record.state === 'unreachable';
      return open && node?.state === 'doubt' && node.leaseUntil <= now;
    });
  }

  /** What a probe of an endpoint in doubt found. */
  probed(record: EndpointRecord, result: 'open' | 'refused' | 'silent', now: number): void {
    if (record.state !== 'doubt' && record.state !== 'unreachable') return;
    if (result === 'open') this.#move(record, 'doubt', now);
    else if (result === 'refused' || record.silence + 1 >= MAX_SILENCE)
      this.#move(record, 'unreachable', now);
    else record.silence++;
  }

  /** Gives up what nobody needs: closed endpoints without flows, services without endpoints, nodes without either. */
  prune(flowsPerEndpoint: Readonly<Record<string, number>>, now: number): void {
    for (const node of this.#nodes.values()) if (this.#isLost(node, now)) this.#leave(node, now);
    for (const record of this.#endpoints.values()) {
      const flows = flowsPerEndpoint[`${record.slot}:${record.incarnation}`] ?? 0;
      if (record.state !== 'closed' || flows > 0 || now - record.since < LINGER_MS) continue;
      this.#forget(record);
    }
    const served = new Set(this.endpoints().map(serviceKey));
    for (const [key, service] of this.#services) {
      if (served.has(key)) continue;
      this.#services.delete(key);
      this.#serviceSlots.release(service.slot);
    }
    const used = new Set(this.endpoints().map((record) => record.node));
    for (const node of this.nodes())
      if (node.state === 'left' && !used.has(node.name)) {
        this.#nodes.delete(node.name);
        this.#revision++;
      }
  }

  #isLost(node: NodeRecord, now: number): boolean {
    if (node.state !== 'doubt' || now - node.leaseUntil < FORGET_MS) return false;
    const mine = this.endpoints().filter((record) => record.node === node.name && record.state !== 'closed');
    return mine.every((record) => record.state === 'unreachable' && now - record.since >= FORGET_MS);
  }

  /** A new configuration: endpoints that it no longer permits close; their nodes learn why with the next PUT. */
  configure(applications: readonly Application[], now: number): void {
    this.#applications = applications;
    this.#revision++;
    const ports = new Map();
    for (const record of this.#endpoints.values())
      if (endpointRefusal(record, this.#method, applications, ports) !== null)
        this.#move(record, 'closed', now);
  }

  memory(): RegistryMemory {
    return {
      generation: this.#generation,
      nodes: this.nodes().map(({leaseUntil: _, ...node}) => node),
      endpoints: this.endpoints().map(({silence: _, since: __, ...record}) => record),
      services: this.services(),
      endpointHistory: this.#endpointSlots.history(),
      serviceHistory: this.#serviceSlots.history(),
    };
  }

  /** Begins where another registry ended: every node in doubt, with a fresh lease, until its agent PUTs. */
  restore(memory: RegistryMemory, now: number): void {
    this.#generation = memory.generation;
    for (const node of memory.nodes) {
      const state = node.state === 'left' ? 'left' : 'doubt';
      this.#nodes.set(node.name, {...node, state, leaseUntil: now + LEASE_MS});
    }
    for (const kept of memory.endpoints) {
      const state = kept.state === 'up' ? 'doubt' : kept.state;
      this.#remember({...kept, state, silence: 0, since: now});
    }
    for (const service of memory.services) this.#services.set(serviceKey(service), service);
    const slots = (records: readonly {slot: number}[]) => records.map((record) => record.slot);
    this.#endpointSlots.restore(memory.endpointHistory, slots(memory.endpoints));
    this.#serviceSlots.restore(memory.serviceHistory, slots(memory.services));
    this.configure(this.#applications, now);
  }
}
