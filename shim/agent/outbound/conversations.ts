// All that concerns conversations which programs of this node open: its port blocks, what the router is told of
// (claims), and the endpoints that only open connections. Puts these parts together for the agent.

import type {AgentNative, Connection} from '../../../addon/agent.ts';
import type {Clock} from '../../../router/base/clock.ts';
import type {Logger} from '../../../router/base/logger.ts';
import type {NodeEndpoint, NodeConfig} from '../../../router/protocol/messages.ts';
import {type OwnPorts, readPortRange} from '../host/port-range.ts';
import type {Instance} from '../instances.ts';
import type {ReportedState} from '../router-client.ts';
import {Blocks, type BlocksParts} from './blocks.ts';
import {Claims} from './claims.ts';
import {Destinations} from './destinations.ts';
import {Openers} from './openers.ts';
import {Outbound} from './outbound.ts';

export interface ConversationsParts {
  native: AgentNative;
  /** What an earlier agent left of blocks. */
  stored: BlocksParts['stored'];
  /** The router's orders; resolves with null if there are none within the time a program waits. */
  orders(): Promise<NodeConfig | null>;
  instanceOf(pid: number): Instance | null;
  ensureAddress(vip: string): Promise<void>;
  /** The virtual IPs that the node carries. */
  vips(): readonly string[];
  /** The node's address. */
  address: () => string;
  /** Those that take connections. */
  endpoints(): readonly NodeEndpoint[];
  /** Whose endpoint is the local end of a connection? Null: nobody's. */
  endpointOf(connection: Connection): NodeEndpoint | null;
  /** Sends the state; true when the router has answered it. */
  send(waitMs: number): Promise<boolean>;
  clock: Clock;
  log: Logger;
}

/** The kernel's range of ports is read again with each renewal of the lease, not with every change. */
const RANGE_MS = 900;

export class Conversations {
  readonly #parts: ConversationsParts;
  readonly #claims: Claims;
  readonly #openers: Openers;
  readonly blocks: Blocks;
  readonly outbound: Outbound;
  #range: {read: number; ports: OwnPorts} | null = null;

  constructor(parts: ConversationsParts) {
    this.#parts = parts;
    this.blocks = new Blocks(parts);
    this.#openers = new Openers(parts);
    this.#claims = new Claims({...parts, endpoints: () => this.endpoints()});
    this.outbound = new Outbound({
      ...parts,
      blocks: this.blocks,
      claims: this.#claims,
      openers: this.#openers,
      destinations: new Destinations(parts.clock, () => parts.vips()),
      portRange: readPortRange,
    });
  }

  /** Those that take connections, and those that only open them. */
  endpoints(): NodeEndpoint[] {
    return this.#openers.beside(this.#parts.endpoints());
  }

  /** The part of the node's state that concerns them. */
  report(): Pick<ReportedState, 'endpoints' | 'portRange' | 'outbound' | 'claims'> {
    const endpoints = this.endpoints();
    return {
      endpoints,
      portRange: this.#portRange(),
      outbound: this.blocks.report(),
      claims: this.#claims.report(),
    };
  }

  #portRange(): OwnPorts {
    const now = this.#parts.clock.now();
    if (this.#range === null || now - this.#range.read >= RANGE_MS)
      this.#range = {read: now, ports: readPortRange()};
    return this.#range.ports;
  }

  onOrders(orders: NodeConfig): void {
    this.blocks.onOrders(orders);
    this.#claims.onOrders(orders);
  }

  /** After an earlier agent: the connections of its time. */
  adopt(): Promise<void> {
    const addresses = [...this.#parts.vips(), this.#parts.address()];
    return this.#openers.find(addresses, this.#parts.endpoints());
  }

  /** Gives back what was not used since `since`. Returns whether the router must know. */
  tidy(since: number): boolean {
    this.outbound.tidy();
    const gone = this.#openers.tidy();
    return this.blocks.releaseUnused(since) || gone;
  }
}
