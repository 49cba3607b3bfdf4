// The addon without a kernel: a segment in memory, and probes that answer what the test wants.

import type {
  ArpConflict,
  EndedFlow,
  ImportResult,
  Flow,
  FlowImport,
  ForwarderInfo,
  Policy,
  ProbeResult,
  RouterNative,
  Segment,
  SegmentLimits,
  SilentFlow,
  TcpProbe,
} from '../../addon/router.ts';
import {FakeKernel} from './fake-kernel.ts';
import {counterTexts, dropTexts, DROP_PREFIX} from '../../router/metrics/counters.ts';

const defaultLimits: SegmentLimits = {
  flows: 1024,
  affinities: 1024,
  endpoints: 64,
  services: 32,
  ringSlots: 65536,
  vips: 16,
  blocks: 64,
  forwarders: 4,
  registryBytes: 1 << 20,
};

/** As of the addon: every counter is there from the beginning. */
const noneYet = Object.fromEntries(
  [...Object.keys(counterTexts), ...Object.keys(dropTexts).map((reason) => `${DROP_PREFIX}${reason}`)].map(
    (name): [string, number] => [name, 0],
  ),
);

export class FakeSegment implements Segment {
  readonly descriptor = 3;
  readonly limits: SegmentLimits;
  adopted = false;
  generation = 0;
  policy: Policy | null = null;
  blob: Uint8Array | null = null;
  flowList: Flow[] = [];
  flowCounts: Record<string, number> = {};
  forwarderList: ForwarderInfo[] = [];
  cleared: number[] = [];
  /** Thrown by the next publish. */
  failure: Error | null = null;

  constructor(limits: Partial<SegmentLimits> = {}) {
    this.limits = {...defaultLimits, ...limits};
  }

  publish(policy: Policy, registry: Uint8Array): number {
    if (this.failure) throw this.failure;
    this.policy = structuredClone(policy);
    this.blob = registry;
    return ++this.generation;
  }

  /** The ring of a service as endpoint slots; null if there is no such service. */
  ring(port: number): number[] | null {
    return this.policy?.services.find((service) => service.port === port)?.ring ?? null;
  }

  registry(): Buffer | null {
    return this.blob && Buffer.from(this.blob);
  }
  flows(): Flow[] {
    return this.flowList;
  }
  /** Counters that a test has moved. */
  readonly moved: Record<string, number> = {};
  /** Of these, what is silent and no connection (any more). */
  quietCounts: Record<string, number> = {};
  flowsPerEndpoint(quietSeconds?: number): Record<string, number> {
    if (quietSeconds === undefined) return this.flowCounts;
    const counted = Object.entries(this.flowCounts).map(([key, count]) => [
      key,
      count - (this.quietCounts[key] ?? 0),
    ]);
    return Object.fromEntries(counted);
  }
  counters(): Record<string, number> {
    return {...noneYet, rx_frames: 7, ...this.moved};
  }
  forwarders(): ForwarderInfo[] {
    return this.forwarderList;
  }
  /** Flows that were imported; the next results come from `importResults`, "made" when it is empty. */
  readonly imported: FlowImport[] = [];
  importResults: ImportResult[] = [];
  importFlows(flows: readonly FlowImport[]): ImportResult[] {
    this.imported.push(...flows);
    return flows.map(() => this.importResults.shift() ?? 'made');
  }
  expiringList: Flow[] = [];
  expiring(): Flow[] {
    return this.expiringList;
  }
  /** What forwarders have seen since the last call. */
  conflicts: ArpConflict[] = [];
  arpConflicts(): ArpConflict[] {
    return this.conflicts.splice(0);
  }
  /** What is silent, of all endpoints. */
  silentList: SilentFlow[] = [];
  /** How often a part of the whole table was asked for. */
  silentCalls = 0;
  silent(seconds: number, limit: number, slots?: readonly number[]): SilentFlow[] {
    if (slots === undefined) this.silentCalls += 1;
    const asked = (flow: SilentFlow) =>
      slots === undefined ? flow.state === 'established' : slots.includes(flow.endpointSlot);
    return this.silentList.filter((flow) => flow.idleSeconds >= seconds && asked(flow)).slice(0, limit);
  }
  readonly ended: EndedFlow[] = [];
  endFlows(flows: readonly EndedFlow[]): number {
    this.ended.push(...flows);
    return flows.length;
  }
  flowsBegun: Record<number, number> = {};
  newFlows(): Record<number, number> {
    return this.flowsBegun;
  }
  clearForwarder(index: number): void {
    this.cleared.push(index);
  }
  close(): void {}
}

export class FakeNative extends FakeKernel implements RouterNative {
  segment = new FakeSegment();
  /** VIP → MAC of another host that uses it. */
  readonly rivals = new Map<string, string>();
  readonly announced: string[] = [];
  /** "MAC VIP:PORT" → what a probe finds; silent otherwise. */
  readonly probes = new Map<string, ProbeResult>();
  lastProbe: TcpProbe | null = null;
  readonly closed: number[] = [];
  takeError: Error | null = null;
  #nextDescriptor = 100;

  openSegment(): Segment {
    return this.segment;
  }
  openPacketSockets({count}: {count: number}): number[] {
    return Array.from({length: count}, () => this.#nextDescriptor++);
  }
  closeDescriptor(fd: number): void {
    this.closed.push(fd);
  }
  takeDescriptors(pid: number, _startTime: number, descriptors: number[]): number[] {
    if (this.takeError) throw this.takeError;
    return descriptors.map((fd) => pid * 1000 + fd);
  }
  startForwarder(): never {
    throw new Error('no packets here');
  }
  /** "INTERFACE ADDRESS" of every look for another host. */
  readonly looked: string[] = [];
  detectAddressConflict(interfaceName: string, address: string): Promise<string | null> {
    this.looked.push(`${interfaceName} ${address}`);
    return Promise.resolve(this.rivals.get(address) ?? null);
  }
  /** How often it was announced anywhere. */
  announcedOf(address: string): number {
    return this.announced.filter((one) => one.endsWith(` ${address}`)).length;
  }
  announceAddress(interfaceName: string, address: string): void {
    this.announced.push(`${interfaceName} ${address}`);
  }
  tcpProbe(probe: TcpProbe): Promise<ProbeResult[]> {
    this.lastProbe = probe;
    const results = probe.targets.map(({mac, address, port}) => this.probes.get(`${mac} ${address}:${port}`));
    return Promise.resolve(results.map((result) => result ?? 'silent'));
  }
  lockFile(): boolean {
    return true;
  }
  processStartTime(pid: number): number {
    return pid;
  }
}
