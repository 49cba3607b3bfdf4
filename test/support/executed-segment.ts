// A segment whose policies are executed: the real file, and beside it a router in memory that gets each policy that
// the file has taken. Flows are the router's.

import {native} from '../../addon/index.ts';
import type {
  EndedFlow,
  FlowImport,
  ImportResult,
  Policy,
  Segment,
  SegmentLimits,
} from '../../addon/router.ts';
import {createMemoryRouter} from './memory-router.ts';
import type {MemoryRouter} from './memory-router.ts';

export class ExecutedSegment implements Segment {
  readonly router: MemoryRouter;
  readonly #file: Segment;
  closed = false;

  constructor(path: string, limits: Partial<SegmentLimits>) {
    this.#file = native.openSegment(path, limits);
    this.router = createMemoryRouter(limits);
  }

  get descriptor(): number {
    return this.#file.descriptor;
  }
  get adopted(): boolean {
    return this.#file.adopted;
  }
  get limits(): SegmentLimits {
    return this.#file.limits;
  }
  get generation(): number {
    return this.#file.generation;
  }

  publish(policy: Policy, registry: Uint8Array): number {
    const generation = this.#file.publish(policy, registry);
    this.router.publish(policy);
    return generation;
  }
  registry(): Buffer | null {
    return this.#file.registry();
  }

  flows() {
    return this.router.flows();
  }
  flowsPerEndpoint(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const {endpointSlot, endpointGeneration} of this.router.flows()) {
      const key = `${endpointSlot}:${endpointGeneration}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  }
  importFlows(flows: readonly FlowImport[]): ImportResult[] {
    return this.router.importFlows(flows);
  }
  expiring(seconds: number, limit: number) {
    return this.router.expiring(seconds, limit);
  }
  silent(seconds: number, limit: number, slots?: readonly number[]) {
    return this.router.silent(seconds, limit, slots);
  }
  endFlows(flows: readonly EndedFlow[]): number {
    return this.router.endFlows(flows);
  }
  newFlows(): Record<number, number> {
    return this.router.newFlows();
  }
  arpConflicts() {
    return this.router.arpConflicts();
  }
  counters(): Record<string, number> {
    return this.router.counters();
  }
  forwarders() {
    return this.#file.forwarders();
  }
  clearForwarder(index: number): void {
    this.#file.clearForwarder(index);
  }
  close(): void {
    if (!this.closed) this.#file.close();
    this.closed = true;
  }
}
