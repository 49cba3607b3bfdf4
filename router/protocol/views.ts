// What operators read (GET, over the local unix socket without a secret, else with it).

import {z} from 'zod';
import {levelSchema, modeSchema, nameSchema as name, portSchema as port, protocolSchema} from './terms.ts';

const ipv4 = z.ipv4();

export const endpointViewSchema = z.strictObject({
  /** Its name for operators: NODE:VIP:PORT/PROTOCOL, in NAT mode with @NODEPORT. */
  endpoint: z.string(),
  application: name,
  vip: ipv4,
  protocol: protocolSchema,
  port,
  node: name,
  /** The node's address. */
  address: ipv4,
  /** Its port there (NAT). */
  nodePort: port.optional(),
  level: levelSchema,
  /** The operator's, of the node and of the endpoint multiplied. */
  factor: z.number(),
  /** Share of new flows relative to the others of the service; 0 = no new flows. */
  weight: z.number(),
  /** Why it is in that state, or gets no new flows. */
  reason: z.string().optional(),
  /**
   * In the ring: up · suspect: lease over, probes answered. Not: resolving: MAC not known yet · draining, drained: by
   * the operator · failing: its agent says so · unreachable: probes failed · closed: socket gone, running flows stay
   */
  state: z.enum(['up', 'suspect', 'resolving', 'draining', 'drained', 'failing', 'unreachable', 'closed']),
});
export type EndpointView = z.infer<typeof endpointViewSchema>;

export const flowViewSchema = z.strictObject({
  application: name,
  protocol: protocolSchema,
  client: z.string(),
  vip: ipv4,
  port,
  node: z.string(),
  address: z.string(),
  nodePort: port.optional(),
  state: z.enum(['syn', 'established', 'closing', 'udp']),
  idleSeconds: z.number(),
  expiresInSeconds: z.number(),
});
export type FlowView = z.infer<typeof flowViewSchema>;

export const serviceViewSchema = z.strictObject({
  application: name,
  vip: ipv4,
  protocol: protocolSchema,
  port,
  endpoints: z.number().int(),
  /** Absent, here and elsewhere: the router's provider does not count flows. */
  flows: z.number().int().optional(),
  /** The one node that may have the port; null: any may. */
  exclusive: name.nullable(),
});
export type ServiceView = z.infer<typeof serviceViewSchema>;

export const nodeViewSchema = z.strictObject({
  name,
  address: ipv4,
  mac: z.string().nullable(),
  endpoints: z.number().int(),
  leaseRemainingMs: z.number(),
  /** Since its agent last reported, or the router started. */
  reportAgeMs: z.number(),
  /** By application, as its agent reports them. */
  levels: z.record(name, levelSchema),
  state: z.enum(['up', 'suspect', 'left']),
  drain: z.enum(['draining', 'drained']).optional(),
});
export type NodeView = z.infer<typeof nodeViewSchema>;

export const scaleSchema = z.enum(['out', 'keep', 'in']);
/** What is recommended to the platform that runs an application: more nodes, as many, fewer. */
export type Scale = z.infer<typeof scaleSchema>;

export const applicationViewSchema = z.strictObject({
  application: name,
  tenant: name,
  vips: z.array(ipv4),
  /** Of the whole; null: nobody serves. */
  level: levelSchema.nullable(),
  /** From 0 (all of its capacity is at level low) to 1 (all is at high); null: nobody serves. */
  load: z.number().nullable(),
  /** That serve. */
  nodes: z.number().int(),
  instances: z.number().int(),
  /**
   * serving: gets new flows · drained: by the operator, finished or not · failing: its agent says so · unreachable:
   * probes failed · idle: gets none for another reason (its weight is 0, its MAC is not known)
   */
  endpoints: z.strictObject({
    serving: z.number().int(),
    drained: z.number().int(),
    failing: z.number().int(),
    unreachable: z.number().int(),
    idle: z.number().int(),
  }),
  /** As counted within the last 2 s. */
  flows: z.number().int().optional(),
  /** Averaged over some 10 s. */
  newFlowsPerSecond: z.number().optional(),
  scale: scaleSchema,
  /** Why that is recommended, or soon may be. */
  reason: z.string().optional(),
});
export type ApplicationView = z.infer<typeof applicationViewSchema>;

/** One line of the event log: what the router did, when (milliseconds since the epoch). */
export const eventSchema = z.strictObject({
  time: z.number(),
  event: z.enum([
    'endpoint-up',
    'endpoint-down',
    'endpoint-suspect',
    'endpoint-unreachable',
    'vip-claimed',
    'vip-released',
    'vip-conflict',
    'node-up',
    'node-suspect',
    'node-left',
    'level',
    'application-level',
    'scale',
    'weight',
    'blocks-refused',
    'drain',
    'drained',
    'undrain',
    'overrides-unsaved',
    'exclusive-granted',
    'exclusive-refused',
    'exclusive-released',
    'forwarder-started',
    'forwarder-died',
    'forwarder-stuck',
    'interface',
    'interface-trouble',
    'reloaded',
    'published',
  ]),
  application: z.string().optional(),
  vip: z.string().optional(),
  protocol: protocolSchema.optional(),
  port: z.number().optional(),
  node: z.string().optional(),
  detail: z.string().optional(),
});
export type RouterEvent = z.infer<typeof eventSchema>;

/** Blocks of ports that are leased to nodes, and what is left of each VIP. */
export const blocksViewSchema = z.strictObject({
  blocks: z.array(
    z.strictObject({
      vip: ipv4,
      first: port,
      last: port,
      node: name,
      state: z.enum(['leased', 'quarantine']),
      /** Until the block is free again; 0: leased. */
      quarantineSeconds: z.number(),
    }),
  ),
  vips: z.array(
    z.strictObject({
      vip: ipv4,
      leased: z.number().int(),
      quarantined: z.number().int(),
      /** In the ranges that nodes have reported. */
      free: z.number().int(),
      /** Nodes that want more than they could get. */
      refused: z.array(z.strictObject({node: name, reason: z.string()})),
    }),
  ),
});
export type BlocksView = z.infer<typeof blocksViewSchema>;

export const statusViewSchema = z.strictObject({
  mode: modeSchema,
  pid: z.number().int(),
  uptimeSeconds: z.number(),
  /** Of the published policy. */
  generation: z.number().int(),
  control: z.string(),
  interfaces: z.array(
    z.strictObject({
      role: z.string(),
      name: z.string(),
      mac: z.string(),
      address: z.string(),
      /** Absent: it does its work. */
      trouble: z.strictObject({what: z.string(), sinceSeconds: z.number()}).optional(),
    }),
  ),
  vips: z.array(
    z.strictObject({
      address: ipv4,
      state: z.enum(['active', 'inactive', 'conflict']),
      /** MAC of another host that uses it, heard within the last minute. */
      rival: z.string().optional(),
    }),
  ),
  forwarders: z.array(z.strictObject({index: z.number(), pid: z.number(), heartbeatAgeMs: z.number()})),
  nodes: z.number().int(),
  services: z.number().int(),
  endpoints: z.number().int(),
  flows: z.number().int().optional(),
  /** Ports leased to nodes; `refused`: how often a node could not have what it wanted. */
  blocks: z.strictObject({
    leased: z.number().int(),
    quarantined: z.number().int(),
    free: z.number().int(),
    refused: z.number().int(),
  }),
  /** What operators have set, by name of a node or endpoint. Times are milliseconds since the epoch. */
  overrides: z.array(
    z.strictObject({
      target: z.string(),
      /** Of a weight. */
      factor: z.number().optional(),
      /** Of a drain. */
      deadline: z.number().optional(),
      /** When, and by whom; absent: not known. */
      since: z.number().optional(),
      by: z.string().optional(),
    }),
  ),
  /** Where they are kept for the next start; `problem`: why they are not. */
  stateFile: z.strictObject({path: z.string(), problem: z.string().optional()}),
  /** By their names in addon/src/abi/counters.h, summed over forwarders. */
  counters: z.record(z.string(), z.number()),
});
export type StatusView = z.infer<typeof statusViewSchema>;

/** What a reload changed, one line each: "+ application web: …". */
export const reloadViewSchema = z.strictObject({differences: z.array(z.string())});
export type ReloadView = z.infer<typeof reloadViewSchema>;

/** The body of every answer that is not 200. */
export const errorViewSchema = z.strictObject({error: z.string()});
