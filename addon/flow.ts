// Flows, as the segment's table has them.

export type Protocol = 'tcp' | 'udp';

export type FlowState = 'syn' | 'established' | 'closing' | 'udp';

export interface Flow {
  protocol: Protocol;
  client: string;
  clientPort: number;
  vip: string;
  port: number;
  state: FlowState;
  endpointSlot: number;
  endpointGeneration: number;
  idleSeconds: number;
  expiresInSeconds: number;
}

/** A TCP flow without packets for a while. */
export interface SilentFlow extends Flow {
  /** Second of the boot clock of its last packet. */
  seen: number;
}

/** A flow that a node knows of its own endpoint. */
export interface FlowImport {
  protocol: Protocol;
  client: string;
  clientPort: number;
  vip: string;
  port: number;
  endpointSlot: number;
  endpointGeneration: number;
  /** Seconds until it expires, unless packets of it come. */
  timeout: number;
}

/** A flow whose node says that its connection has ended. */
export interface EndedFlow extends Omit<FlowImport, 'timeout'> {
  /** As in SilentFlow. */
  seen: number;
}

/**
 * made: it is known now · kept: it was known, and is extended · held: it is with another open endpoint (TCP; a UDP
 * flow moves to the endpoint that was reported last) · full: no entry is free.
 */
export type ImportResult = 'made' | 'kept' | 'held' | 'full';
