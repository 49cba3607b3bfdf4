// All that concerns flows which programs of this node open: its port blocks, the flows that are reported to the router, and
// the endpoints that only open connections. Connects these for the agent.

import type {AgentNative, Connection} from '../../../addon/agent.ts';
import type {Clock} from '../../../router/base/clock.ts';
import type {Logger} from '../../../router/base/logger.ts';
import type {NodeEndpoint, NodeConfig} from '../../../router/protocol/messages.ts';
import {readPortRange} from '../host/port-range.ts';
import type {OwnPorts} from '../host/port-range.ts';
import type {Instance} from '../instances.ts';
import type {Modes} from '../mode/modes.ts';
import type {ReportedState} from '../router-client.ts';
import {ActiveOpenEndpoints} from './active-open-endpoints.ts';
import {Destinations} from './destinations.ts';
import {FlowReports} from './flow-reports.ts';
import {PortBlocks} from './port-blocks.ts';
import type {PortBlocksDeps} from './port-blocks.ts';
import {SourceSelector} from './source-selector.ts';

export interface OutboundFlowsDeps {
  native: AgentNative;
  /** What an earlier agent left of blocks. */
  stored: PortBlocksDeps['stored'];
  /** The node's configuration; resolves with null if there is none within the time a program waits. */
  awaitConfig(): Promise<NodeConfig | null>;
  instanceOf(pid: number): Instance | null;
  ensureVip(vip: string): Promise<void>;
  /** The virtual IPs that the node carries. */
  vips(): readonly string[];
  /** The node's address. */
  address: () => string;
  modes: Pick<Modes, 'of'>;
  /** Those that accept connections. */
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

export class OutboundFlows {
  readonly #deps: OutboundFlowsDeps;
  readonly #flowReports: FlowReports;
  readonly #activeOpens: ActiveOpenEndpoints;
  readonly blocks: PortBlocks;
  readonly sources: SourceSelector;
  #range: {read: number; ports: OwnPorts} | null = null;

  constructor(deps: OutboundFlowsDeps) {
    this.#deps = deps;
    this.blocks = new PortBlocks(deps);
    this.#activeOpens = new ActiveOpenEndpoints(deps);
    this.#flowReports = new FlowReports({...deps, endpoints: () => this.endpoints()});
    this.sources = new SourceSelector({
      ...deps,
      blocks: this.blocks,
      flowReports: this.#flowReports,
      activeOpens: this.#activeOpens,
      destinations: new Destinations(deps.clock, () => deps.vips()),
      portRange: readPortRange,
    });
  }

  /** Those that accept connections, and those that only open them. */
  endpoints(): NodeEndpoint[] {
    return this.#activeOpens.mergedWith(this.#deps.endpoints());
  }

  /** The part of the node's state that concerns them. */
  report(): Pick<ReportedState, 'endpoints' | 'portRange' | 'outbound' | 'flows' | 'ended'> {
    const endpoints = this.endpoints();
    return {
      endpoints,
      portRange: this.#portRange(),
      outbound: this.blocks.report(),
      flows: this.#flowReports.report(),
      ...this.#flowReports.ended(),
    };
  }

  #portRange(): OwnPorts {
    const now = this.#deps.clock.now();
    if (this.#range === null || now - this.#range.read >= RANGE_MS)
      this.#range = {read: now, ports: readPortRange()};
    return this.#range.ports;
  }

  onConfig(config: NodeConfig): void {
    this.blocks.onConfig(config);
    this.#flowReports.onConfig(config);
  }

  /** After an earlier agent: recovers its active-open endpoints. */
  adopt(): Promise<void> {
    const addresses = [...this.#deps.vips(), this.#deps.address()];
    return this.#activeOpens.recover(addresses, this.#deps.endpoints());
  }

  /** Releases what was not used since `since`. Returns whether the router must know. */
  releaseUnused(since: number): boolean {
    this.sources.forgetOld();
    const gone = this.#activeOpens.removeUnused();
    return this.blocks.releaseUnused(since) || gone;
  }
}
