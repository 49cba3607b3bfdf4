// What the registry holds, and the schema in which it is kept beside the published policy, so that the next
// supervisor begins where this one ended.

import {z} from 'zod';
import {levelSchema, nodeEndpointSchema, protocolSchema} from '../protocol/messages.ts';
import type {Protocol} from '../protocol/messages.ts';
import {unreachableKinds} from './liveness.ts';
import type {Streak} from './liveness.ts';
import {idAllocatorCheckpointSchema} from '../base/id-allocator.ts';
import {overridesCheckpointSchema} from './overrides.ts';

const nodeFields = {
  name: z.string(),
  address: z.ipv4(),
  epoch: z.number(),
  sequence: z.number(),
  levels: z.record(z.string(), levelSchema),
  state: z.enum(['up', 'suspect', 'left']),
  /** Endpoints of its last state that were not taken, and why. */
  refused: z.array(z.strictObject({endpoint: nodeEndpointSchema, reason: z.string()})),
};
const nodeCheckpoint = z.strictObject(nodeFields);
export type NodeRecord = z.infer<typeof nodeCheckpoint> & {
  /** Until when (milliseconds of Clock.now) its agent need not renew. */
  leaseUntil: number;
};

const endpointCheckpoint = z.strictObject({
  slot: z.number(),
  generation: z.number(),
  application: z.string(),
  node: z.string(),
  /** The node's address when this endpoint came to be. */
  address: z.ipv4(),
  vip: z.ipv4(),
  protocol: protocolSchema,
  port: z.number(),
  /** NAT: the port on the node's address. */
  nodePort: z.number().optional(),
  instances: z.number(),
  /** Why its agent's checks fail; absent: they pass. */
  failing: z.string().optional(),
  /** up: its agent reports it · suspect: its agent is silent · closed: gone, running flows stay. */
  state: z.enum(['up', 'suspect', 'closed']),
  /** Why it is closed, for people; absent: it is open. */
  closedBecause: z.string().optional(),
  /** What the router's probes find; absent: it answers, or has never answered. */
  unreachable: z.enum(unreachableKinds).optional(),
});
export type EndpointRecord = z.infer<typeof endpointCheckpoint> & {
  /** Of probes that followed each other. */
  streak: Streak;
  /** When it came into its state, or became (un)reachable (Clock.now). */
  since: number;
};

const serviceCheckpoint = z.strictObject({
  slot: z.number(),
  vip: z.ipv4(),
  protocol: protocolSchema,
  port: z.number(),
  endpoints: z.array(endpointCheckpoint),
});
export type ServiceRecord = Readonly<Omit<z.infer<typeof serviceCheckpoint>, 'endpoints'>>;
export type ServiceCheckpoint = z.infer<typeof serviceCheckpoint>;

const blockCheckpoint = z.strictObject({
  vip: z.ipv4(),
  first: z.number(),
  last: z.number(),
  node: z.string(),
  address: z.ipv4(),
  /** Given back, and in quarantine. */
  freed: z.boolean(),
});

const exclusiveCheckpoint = z.strictObject({
  application: z.string(),
  vip: z.ipv4(),
  protocol: protocolSchema,
  port: z.number(),
  node: z.string(),
});

/** Generations by slot. */
const historyCheckpoint = z.array(z.number());

export const registryCheckpointSchema = z.strictObject({
  /** When this registry began (milliseconds since the epoch). */
  generation: z.number(),
  nodes: z.array(nodeCheckpoint),
  nodeIds: idAllocatorCheckpointSchema.default({}),
  groupIds: idAllocatorCheckpointSchema.default({}),
  overrides: overridesCheckpointSchema.default({changedAt: 0, factors: {}, drains: {}}),
  services: z.array(serviceCheckpoint),
  endpointHistory: historyCheckpoint,
  serviceHistory: historyCheckpoint,
  blocks: z.array(blockCheckpoint).default([]),
  exclusive: z.array(exclusiveCheckpoint).default([]),
});
export type RegistryCheckpoint = z.infer<typeof registryCheckpointSchema>;

export function serviceKey(of: {vip: string; protocol: Protocol; port: number}): string {
  return `${of.vip} ${of.protocol} ${of.port}`;
}

export type EndpointIdentity = Pick<
  EndpointRecord,
  'node' | 'address' | 'vip' | 'protocol' | 'port' | 'nodePort'
>;

/**
 * In DSR an endpoint is (node, vip, protocol, port): the router cannot choose between instances on a node. In NAT
 * each has a port of its own there.
 */
export function endpointKey(of: EndpointIdentity): string {
  return `${of.node} ${of.address} ${serviceKey(of)} ${of.nodePort ?? ''}`;
}

/** The node's socket that packets are translated to, of one endpoint only; null in DSR. */
export function translatedSocket(
  of: Pick<EndpointRecord, 'address' | 'protocol' | 'nodePort'>,
): string | null {
  return of.nodePort === undefined ? null : `${of.address}:${of.nodePort}/${of.protocol}`;
}
