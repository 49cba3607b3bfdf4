// Endpoints and the virtual services that they make up: each has a slot, which stays taken as long as
// a flow may refer to it. Pure. `changed` is called whenever the data plane or the next supervisor must know.
//
//   up ──lease over──► suspect        Besides, each may be unreachable: so probes found (liveness.ts). Until they
//    ▲──────── PUT ──────┘            find otherwise, or the agent reports again or opens it anew.
//   absent from a PUT, node leaves, configuration forbids it ──► closed ──no flow left──► slot free

import {Memo} from '../base/memo.ts';
import {closings} from './admission.ts';
import type {NodeEndpoint} from '../protocol/messages.ts';
import {judge} from './liveness.ts';
import type {Finding, ProbeRules} from './liveness.ts';
import type {
  EndpointIdentity,
  EndpointRecord,
  NodeRecord,
  RegistryCheckpoint,
  ServiceCheckpoint,
  ServiceRecord,
} from './records.ts';
import {endpointKey, serviceKey, translatedSocket} from './records.ts';
import {Slots} from '../base/slots.ts';

/** A closed endpoint's slot stays taken at least this long: a forwarder may just be using the last policy. */
const LINGER_MS = 1000;
/** Besides, where flows are not counted: a program that has closed its socket may still serve connections. */
const UNCOUNTED_LINGER_MS = 60_000;
const TABLE_FULL = 'the table of endpoints or of services is full';

export interface EndpointLimits {
  endpoints: number;
  services: number;
}

type TableCheckpoint = Pick<RegistryCheckpoint, 'services' | 'endpointHistory' | 'serviceHistory'>;

export class EndpointTable {
  readonly #endpointSlots: Slots;
  readonly #serviceSlots: Slots;
  readonly #endpoints = new Map<string, EndpointRecord>();
  /** NAT: the endpoint that packets to a node's socket are for. */
  readonly #translated = new Map<string, EndpointRecord>();
  readonly #services = new Map<string, ServiceRecord>();
  readonly #byNode = new Map<string, Set<EndpointRecord>>();
  readonly #byService = new Map<ServiceRecord, Set<EndpointRecord>>();
  /** When a service's endpoints changed last, as a number that only grows. */
  readonly #versions = new Map<ServiceRecord, number>();
  #version = 0;
  /** What is kept of a service, as of a version. */
  readonly #kept = new Memo<ServiceRecord, {version: number; checkpoint: ServiceCheckpoint}>();
  readonly #changed: () => void;

  constructor(limits: EndpointLimits, changed: () => void) {
    this.#endpointSlots = new Slots(limits.endpoints);
    this.#serviceSlots = new Slots(limits.services);
    this.#changed = changed;
  }

  endpoints(): EndpointRecord[] {
    return [...this.#endpoints.values()];
  }

  find(identity: EndpointIdentity): EndpointRecord | undefined {
    return this.#endpoints.get(endpointKey(identity));
  }

  services(): ServiceRecord[] {
    return [...this.#services.values()];
  }

  ofNode(name: string): EndpointRecord[] {
    return [...(this.#byNode.get(name) ?? [])];
  }

  ofService(service: ServiceRecord): EndpointRecord[] {
    return [...(this.#byService.get(service) ?? [])];
  }

  /** Changes whenever anything about the service's endpoints does. */
  version(service: ServiceRecord): number {
    return this.#versions.get(service) ?? 0;
  }

  /** Something that concerns the endpoint has changed. */
  touch(record: EndpointRecord): void {
    const service = this.#services.get(serviceKey(record));
    if (service) this.#versions.set(service, ++this.#version);
    this.#changed();
  }

  touchAll(): void {
    this.#version++;
    for (const service of this.#services.values()) this.#versions.set(service, this.#version);
    this.#changed();
  }

  /**
   * The node has exactly these endpoints from now on; another one is closed, `because` of that or because it is refused.
   * Returns those for which there is no slot, and why.
   */
  replace(
    node: Pick<NodeRecord, 'name' | 'address' | 'refused'>,
    wanted: readonly NodeEndpoint[],
    because: string,
    now: number,
  ): NodeRecord['refused'] {
    const location = {node: node.name, address: node.address};
    const keyOf = (endpoint: NodeEndpoint) => endpointKey({...endpoint, ...location});
    const keys = new Set(wanted.map(keyOf));
    const refusals = new Map(node.refused.map(({endpoint, reason}) => [keyOf(endpoint), reason]));
    const why = (key: string) => {
      const reason = refusals.get(key);
      return reason === undefined ? because : closings.refused(reason);
    };
    // First what ends: a socket that stood for it may stand for another now.
    for (const record of this.ofNode(node.name)) {
      const key = endpointKey(record);
      if (!keys.has(key)) this.close(record, why(key), now);
    }
    return wanted.flatMap((endpoint) => {
      const reason = this.#open(node, endpoint, now);
      return reason === null ? [] : [{endpoint, reason}];
    });
  }

  /** Opens the endpoint, made if it is new; or why it cannot be. */
  #open(node: Pick<NodeRecord, 'name' | 'address'>, wanted: NodeEndpoint, now: number): string | null {
    const identity = {...wanted, node: node.name, address: node.address};
    const known = this.#endpoints.get(endpointKey(identity));
    if (known) {
      const {application, instances, failing} = wanted;
      const same = known.application === application && known.instances === instances;
      const well = known.failing === failing;
      Object.assign(known, {application, instances, failing});
      if (!same || !well) this.touch(known);
      this.#move(known, 'up', now);
      return null;
    }
    const owner = this.#translated.get(translatedSocket(identity) ?? '');
    if (owner && owner.state !== 'closed')
      return `port ${wanted.nodePort} of the node stands for ${owner.vip}:${owner.port} already`;
    if (!this.#openService(identity)) return TABLE_FULL;
    const slot = this.#endpointSlots.take();
    if (!slot) return TABLE_FULL;
    // Its socket is another's now: what its old flows still send would reach the wrong program.
    if (owner) this.#forget(owner);
    this.#remember({...identity, ...slot, state: 'up', streak: {good: 0, bad: 0}, since: now});
    return null;
  }

  #remember(record: EndpointRecord): void {
    this.#endpoints.set(endpointKey(record), record);
    const socket = translatedSocket(record);
    if (socket !== null) this.#translated.set(socket, record);
    const mates = this.#byNode.get(record.node);
    if (mates) mates.add(record);
    else this.#byNode.set(record.node, new Set([record]));
    const service = this.#services.get(serviceKey(record));
    if (service) this.#byService.get(service)?.add(record);
    this.touch(record);
  }

  #forget(record: EndpointRecord): void {
    this.#endpoints.delete(endpointKey(record));
    this.#translated.delete(translatedSocket(record) ?? '');
    this.#endpointSlots.release(record.slot);
    const mates = this.#byNode.get(record.node);
    mates?.delete(record);
    if (mates?.size === 0) this.#byNode.delete(record.node);
    const service = this.#services.get(serviceKey(record));
    if (service) this.#byService.get(service)?.delete(record);
    this.touch(record);
  }

  #openService(identity: NodeEndpoint): boolean {
    const key = serviceKey(identity);
    if (this.#services.has(key)) return true;
    const slot = this.#serviceSlots.take();
    if (!slot) return false;
    const {vip, protocol, port} = identity;
    this.#addService({slot: slot.slot, vip, protocol, port});
    return true;
  }

  #addService(service: ServiceRecord): void {
    this.#services.set(serviceKey(service), service);
    this.#byService.set(service, new Set());
  }

  /** No new flows. The first reason stays. */
  close(record: EndpointRecord, because: string, now: number): void {
    if (record.state === 'closed') return;
    record.closedBecause = because;
    this.#move(record, 'closed', now);
  }

  /** Its agent is silent. */
  suspect(record: EndpointRecord, now: number): void {
    this.#move(record, 'suspect', now);
  }

  #move(record: EndpointRecord, state: EndpointRecord['state'], now: number): void {
    if (record.state === state) return;
    record.state = state;
    record.since = now;
    if (state === 'up') {
      record.closedBecause = undefined;
      record.unreachable = undefined;
      record.streak = {good: 0, bad: 0};
    }
    this.touch(record);
  }

  /** What a probe of an open endpoint found. */
  probed(record: EndpointRecord, finding: Finding, rules: ProbeRules, now: number): void {
    if (record.state === 'closed') return;
    const verdict = judge(record.streak, finding, rules);
    const unreachable = verdict === 'reachable' ? undefined : (verdict ?? record.unreachable);
    if (unreachable === record.unreachable) return;
    if ((unreachable === undefined) !== (record.unreachable === undefined)) record.since = now;
    record.unreachable = unreachable;
    this.touch(record);
  }

  /** Gives up what nobody needs: closed endpoints without flows (null: not counted), services without endpoints. */
  prune(flowsPerEndpoint: Readonly<Record<string, number>> | null, now: number): void {
    const lingerMs = flowsPerEndpoint === null ? UNCOUNTED_LINGER_MS : LINGER_MS;
    for (const record of this.#endpoints.values()) {
      const flows = flowsPerEndpoint?.[`${record.slot}:${record.generation}`] ?? 0;
      if (record.state !== 'closed' || flows > 0 || now - record.since < lingerMs) continue;
      this.#forget(record);
    }
    for (const [key, service] of this.#services) {
      if ((this.#byService.get(service)?.size ?? 0) > 0) continue;
      this.#services.delete(key);
      this.#byService.delete(service);
      this.#versions.delete(service);
      this.#serviceSlots.release(service.slot);
      this.#changed();
    }
  }

  /** The same object for a service of which nothing has changed. */
  checkpoint(): TableCheckpoint {
    return {
      services: this.services().map((service) => this.#keep(service)),
      endpointHistory: this.#endpointSlots.history(),
      serviceHistory: this.#serviceSlots.history(),
    };
  }

  #keep(service: ServiceRecord): ServiceCheckpoint {
    const version = this.version(service);
    const compute = () => {
      const endpoints = this.ofService(service).map(({streak: _, since: __, ...kept}) => kept);
      return {version, checkpoint: {...service, endpoints}};
    };
    return this.#kept.get(service, compute, (kept) => kept.version === version).checkpoint;
  }

  /** Begins where another table ended; whether an endpoint still lives, its agent or a probe must tell. */
  restore(checkpoint: TableCheckpoint, now: number): void {
    for (const {endpoints: _, ...service} of checkpoint.services) this.#addService(service);
    const endpoints = checkpoint.services.flatMap((service) => service.endpoints);
    for (const kept of endpoints) {
      const state = kept.state === 'up' ? 'suspect' : kept.state;
      this.#remember({...kept, state, streak: {good: 0, bad: 0}, since: now});
    }
    const slots = (records: readonly {slot: number}[]) => records.map((record) => record.slot);
    this.#endpointSlots.restore(checkpoint.endpointHistory, slots(endpoints));
    this.#serviceSlots.restore(checkpoint.serviceHistory, slots(checkpoint.services));
  }
}
