// A router in memory (test/native/addon/memory_router.cc): the real path of a packet, one forwarder, memory devices
// and a clock that stands still until it is moved. What crosses the boundary is typed here and nowhere else.

import {testAddon} from './test-addon.ts';
import type {
  ArpConflict,
  ImportResult,
  Flow,
  FlowImport,
  Policy,
  Segment,
  SegmentLimits,
} from '../../addon/router.ts';

/** An 802.1Q tag that the kernel took out of the frame. */
export interface Tag {
  tpid: number;
  tci: number;
}

/** struct virtio_net_hdr: the work on the frame that is still to be done. */
export interface Vnet {
  flags: number;
  gsoType: number;
  hdrLen: number;
  gsoSize: number;
  csumStart: number;
  csumOffset: number;
}

export interface FrameIn {
  bytes: Buffer;
  tag?: Tag;
  vnet?: Vnet;
  /** The device found the checksum of its TCP or UDP right. */
  checksumRight?: boolean;
}

export interface FrameOut {
  /** Index of the interface by which it was sent. */
  egress: number;
  bytes: Buffer;
  tag?: Tag;
  vnet: Vnet;
}

export type Counters = Record<string, number>;

export interface MemoryRouter {
  /** Activates a policy. Throws TypeError when it does not fit; the one in force then stays. */
  publish(policy: Policy): void;
  /**
   * Lets frames in by interface `ingress`; returns what was sent, by interface, each in order; coalesced on
   * request, as real devices send it.
   */
  receive(ingress: number, frames: readonly FrameIn[], coalesces?: boolean): FrameOut[];
  advance(milliseconds: number): void;
  flows(): Flow[];
  importFlows(flows: readonly FlowImport[]): ImportResult[];
  expiring(seconds: number, limit: number): Flow[];
  silent: Segment['silent'];
  endFlows: Segment['endFlows'];
  newFlows(): Record<number, number>;
  /** As of a segment. */
  arpConflicts(): ArpConflict[];
  counters(): Counters;
}

interface MemoryNative {
  MemoryRouter: new (limits?: Partial<SegmentLimits>) => MemoryRouter;
}

const SMALL: SegmentLimits = {
  flows: 1024,
  affinities: 1024,
  endpoints: 64,
  services: 64,
  ringSlots: 4096,
  vips: 16,
  blocks: 64,
  forwarders: 1,
  registryBytes: 64,
};

/** A small one, unless other limits are given: making it costs as much time as it has memory. */
export function createMemoryRouter(limits?: Partial<SegmentLimits>): MemoryRouter {
  const {MemoryRouter} = testAddon as MemoryNative;
  return new MemoryRouter({...SMALL, ...limits});
}
