// The control protocol between router and node agents: one level-triggered message. The agent PUTs its whole
// state to /v1/nodes/NAME whenever it changes and at least every second; that renews its lease. The answer is
// all that the node needs. Nothing can be missed: the next PUT repairs everything.
//
//   PUT /v1/nodes/node1          authorization: Bearer SECRET
//   NodeState  ───────────────►  registry
//   NodeConfig ◄───────────────
//
// 401 wrong secret · 400 does not fit the schema · 409 another agent (epoch) holds this name or address

import {z} from 'zod';
import {healthSchema} from './health.ts';
import {loadSchema} from './load.ts';
import {
  levelSchema,
  modeSchema,
  nameSchema as name,
  portRangeSchema,
  portSchema as port,
  protocolSchema,
} from './terms.ts';

export {
  containsPort,
  formatPorts,
  formatRange,
  levelSchema,
  modeSchema,
  portRangeSchema,
  protocolSchema,
} from './terms.ts';
export type {Level, Mode, PortRange, Protocol} from './terms.ts';

const ipv4 = z.ipv4();

/** Lease time and how often an agent renews it. */
export const LEASE_MS = 3000;
export const RENEW_MS = 1000;

export const nodeEndpointSchema = z
  .strictObject({
    application: name,
    vip: ipv4,
    protocol: protocolSchema,
    port,
    /**
     * Live instances of the application that share this port on the node: the endpoint's weight. 0: a bound socket
     * that takes no connections but opens them (FTP's data connections from port 20); no new flows.
     */
    instances: z.number().int().min(0).max(65535),
    /** NAT: the port on the node's own address that vip:port is translated to; of one instance only. Absent in DSR. */
    nodePort: port.optional(),
    /** Why the agent's checks fail, one line for people; no new flows while it is there. Absent: they pass. */
    failing: z.string().min(1).max(200).optional(),
  })
  .refine((one) => one.nodePort === undefined || one.instances <= 1, {
    path: ['instances'],
    message: 'an endpoint with a nodePort is one instance',
  });
export type NodeEndpoint = z.infer<typeof nodeEndpointSchema>;

/** A virtual IP's port on a node, in a flow with a remote end. */
export const flowReportSchema = z.strictObject({
  protocol: protocolSchema,
  vip: ipv4,
  port,
  /** NAT: the node port that it is translated to. */
  nodePort: port.optional(),
  client: ipv4,
  clientPort: port,
  /** The node is about to open it, and nothing has come back yet: forgotten soon unless something does. */
  opening: z.boolean().optional(),
});
export type FlowReport = z.infer<typeof flowReportSchema>;

/** A TCP flow that the router has seen no packet of for a while. */
export const silentFlowSchema = flowReportSchema.omit({opening: true}).extend({
  /** Second of the router's clock of its last packet: an answer is for the flow as it was then. */
  seen: z.number().int().nonnegative(),
});
export type SilentFlow = z.infer<typeof silentFlowSchema>;

/** Ports of a VIP that are the node's own, for the connections that its instances open. Whole 64s. */
export const portBlockSchema = z.strictObject({vip: ipv4, first: port, last: port});
export type PortBlock = z.infer<typeof portBlockSchema>;

export const exclusivePortSchema = z.strictObject({
  application: name,
  vip: ipv4,
  protocol: protocolSchema,
  port,
});
export type ExclusivePort = z.infer<typeof exclusivePortSchema>;

/** Flow reports in one PUT; the rest goes with the next. */
export const MAX_FLOW_REPORTS = 2000;

export const nodeStateSchema = z.strictObject({
  /** The node's address on the router's internal network: where its frames go. */
  address: ipv4,
  /** New for each start of the agent, growing: a PUT of an older epoch is refused (409). */
  epoch: z.number().int().positive(),
  /** Grows with each PUT of an epoch: a PUT that was overtaken is answered but not applied. */
  sequence: z.number().int().positive(),
  endpoints: z.array(nodeEndpointSchema).max(10_000),
  /** VIPs that the node carries on lo (with or without endpoints). */
  vips: z.array(ipv4).max(1000),
  /**
   * Load level by application; one that is not in it counts as medium. Absent: not known yet (the agent has just
   * started), what it reported last counts until its lease ends.
   */
  levels: z.record(name, levelSchema).optional(),
  /** The kernel's own range for ports that a program does not choose (ip_local_port_range): blocks lie inside. */
  portRange: z.strictObject({first: port, last: port}).optional(),
  /**
   * VIPs from which instances open connections: how many blocks the node needs, and which it holds, those that it
   * prefers to keep first. Absent: the agent does not know (yet), everything stays. A VIP that is not in the
   * list: none are needed any more.
   */
  outbound: z
    .array(
      z.strictObject({vip: ipv4, wanted: z.number().int().min(0).max(64), held: z.array(portBlockSchema)}),
    )
    .max(1000)
    .optional(),
  /**
   * Exclusive ports that the node holds, or is about to bind and waits for. Absent: the agent does not know (yet),
   * everything stays.
   */
  exclusive: z.array(exclusivePortSchema).max(10_000).optional(),
  /**
   * Flows of the node's own endpoints (of this message) that the flow table shall have: before the first packet
   * of one that the node opens from a service port; those that the router asked to confirm; all, when the router
   * lost its table.
   */
  flows: z.array(flowReportSchema).max(MAX_FLOW_REPORTS).optional(),
  /** Those of the silent flows that the router named in its last answer whose connections have ended. */
  ended: z.array(silentFlowSchema).max(MAX_FLOW_REPORTS).optional(),
  /** The agent leaves for good (its unit was stopped by the operator): its endpoints go with this message. */
  leaving: z.boolean().optional(),
});
export type NodeState = z.infer<typeof nodeStateSchema>;

export const applicationConfigSchema = z.strictObject({
  name,
  tenant: name,
  vips: z.array(ipv4).min(1),
  /** What its instances may bind, on any of its VIPs: what the configuration says, minus what others own. */
  ports: z.array(portRangeSchema),
  /** Of those, the ones that one instance alone may have: it is leased before the bind. */
  exclusive: z.array(portRangeSchema).optional(),
  /** How its agents rate the load of their nodes; absent: the defaults. */
  load: loadSchema.optional(),
  /** How its agents check its endpoints from the inside; absent: the defaults. */
  health: healthSchema.optional(),
});
export type ApplicationConfig = z.infer<typeof applicationConfigSchema>;

export const nodeConfigSchema = z.strictObject({
  mode: modeSchema,
  leaseMs: z.number().int().positive(),
  renewMs: z.number().int().positive(),
  router: z.strictObject({
    /** The router's address on the network that it shares with the nodes: next hop for packets to VIPs. */
    address: ipv4,
    /** Changes when the router's registry started anew: the agent then sends its state at once. */
    generation: z.number().int().nonnegative(),
  }),
  /** Where the node's translated endpoints are, if not at the address of its state: on the router's own host. */
  address: ipv4.optional(),
  /**
   * How a VIP is configured on a node, as the forwarding method requires. 'loopback-noarp': a /32 on lo that is never
   * announced; 'none': its packets need it nowhere.
   */
  vipPlacement: z.enum(['loopback-noarp', 'none']),
  applications: z.array(applicationConfigSchema),
  /** Changes when the router's flow table began empty: the node then reports all its connections again. */
  flowTable: z.number().int().nonnegative().optional(),
  /** All blocks that are the node's. */
  blocks: z.array(portBlockSchema).optional(),
  /**
   * Why a VIP got fewer blocks than wanted. With `retryMs` it is not decided yet (a router without a
   * checkpoint waits for nodes to report what they hold): ask again then.
   */
  blocksRefused: z
    .array(z.strictObject({vip: ipv4, reason: z.string(), retryMs: z.number().optional()}))
    .optional(),
  /**
   * Those of the state's exclusive ports that are the node's now, and why others are not. One that is in neither
   * list is not decided yet (a router without a checkpoint waits for nodes to report): the next answer may have it.
   */
  exclusive: z.array(exclusivePortSchema).optional(),
  exclusiveRefused: z.array(z.strictObject({port: exclusivePortSchema, reason: z.string()})).optional(),
  /** Flows that were not taken: another endpoint has them, or the endpoint is not the node's. */
  flowsRefused: z.array(z.strictObject({flow: flowReportSchema, reason: z.string()})).optional(),
  /** Connections of the node's endpoints that the router would soon forget: report those that still live. */
  confirm: z.array(flowReportSchema).max(MAX_FLOW_REPORTS).optional(),
  /** TCP flows of the node's endpoints without packets: report those that have ended, say nothing of others. */
  silent: z.array(silentFlowSchema).max(MAX_FLOW_REPORTS).optional(),
  /** Networks ("10.88.0.0/24") that instances reach under the node's own address, not from a VIP. */
  direct: z.array(z.string()).optional(),
  /** Why an endpoint of the state was not taken, one line each, for the agent's log. */
  refused: z.array(z.strictObject({endpoint: nodeEndpointSchema, reason: z.string()})),
});
export type NodeConfig = z.infer<typeof nodeConfigSchema>;
