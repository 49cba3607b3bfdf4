// Flows that are reported to the router, so that their packets reach this node: before the first packet of one
// that a program opens from a service's port, those that the router asks to confirm, and all when its flow
// table began empty. At most MAX_FLOW_REPORTS go with one message; the rest with the next.

import os from 'node:os';
import type {AgentNative, Connection} from '../../../addon/agent.ts';
import {messageOf} from '../../../router/base/error.ts';
import type {Logger} from '../../../router/base/logger.ts';
import {MAX_FLOW_REPORTS} from '../../../router/protocol/messages.ts';
import type {FlowReport, NodeEndpoint, NodeConfig, SilentFlow} from '../../../router/protocol/messages.ts';
import {refusal} from '../bind-rules.ts';
import type {Refusal} from '../bind-rules.ts';

const {EADDRNOTAVAIL} = os.constants.errno;

/** A program waits 5 s; the reason must reach it before. */
const REPORT_WAIT_MS = 4500;
/** As which a node sees itself when it is a client of its own endpoint (NAT): node_itself() of addon/src/core/ipv4.h. */
const NODE_ITSELF = '192.0.0.8';
/** Datagram flows that are reported again to a router that lost its table: the last ones. */
const MAX_DATAGRAM_FLOWS = 4096;

export interface FlowReportsDeps {
  native: Pick<AgentNative, 'liveConnections' | 'endedConnections' | 'readConnections'>;
  /** The node's address, where NAT-mode sockets are (NAT). */
  address: () => string;
  endpoints(): readonly NodeEndpoint[];
  /** Sends the state; true when the router has answered it. */
  send(waitMs: number): Promise<boolean>;
  log: Logger;
}

interface Entry {
  flow: FlowReport;
  /** The router has answered: null, or why it refused the flow. */
  done: ((reason: string | null) => void)[];
}

const keyOf = ({protocol, vip, port, client, clientPort}: FlowReport): string =>
  `${protocol} ${vip}:${port} ${client}:${clientPort}`;

export class FlowReports {
  readonly #deps: FlowReportsDeps;
  readonly #waiting = new Map<string, Entry>();
  /** Keys of what the message in flight carries. */
  #inFlight: string[] = [];
  #next: ((most: number) => Connection[]) | null = null;
  readonly #datagramFlows = new Map<string, FlowReport>();
  #flowTable: number | null = null;
  /** Of the silent flows of the last answer, those that have ended: of the next message. */
  #ended: readonly SilentFlow[] = [];

  constructor(deps: FlowReportsDeps) {
    this.#deps = deps;
  }

  /** What goes with the next message. */
  report(): FlowReport[] {
    this.#readMore();
    this.#inFlight = [...this.#waiting.keys()].slice(0, MAX_FLOW_REPORTS);
    return this.#inFlight.flatMap((key) => this.#waiting.get(key)?.flow ?? []);
  }

  /** What goes with it besides. */
  ended(): {ended?: SilentFlow[]} {
    return this.#ended.length > 0 ? {ended: [...this.#ended]} : {};
  }

  /** The router's answer to it. */
  onConfig(config: Pick<NodeConfig, 'flowsRefused' | 'confirm' | 'silent' | 'flowTable'>): void {
    const refused = new Map((config.flowsRefused ?? []).map(({flow, reason}) => [keyOf(flow), reason]));
    for (const key of this.#inFlight) {
      const entry = this.#waiting.get(key);
      this.#waiting.delete(key);
      for (const done of entry?.done ?? []) done(refused.get(key) ?? null);
    }
    this.#inFlight = [];
    this.#confirm(config.confirm ?? []);
    this.#ended = this.#endedOf(config.silent ?? []);
    if (config.flowTable !== undefined && config.flowTable !== this.#flowTable) this.#reportAll();
    this.#flowTable = config.flowTable ?? this.#flowTable;
    if (this.#waiting.size > 0 || this.#ended.length > 0 || this.#next !== null) void this.#deps.send(0);
  }

  /** Reports a flow before its first packet. Null, or why it must not begin. */
  async reportOpening(flow: FlowReport): Promise<Refusal | null> {
    const key = keyOf(flow);
    let answer: {reason: string | null} | null = null;
    this.#add(flow, (reason) => (answer = {reason}));
    await this.#deps.send(REPORT_WAIT_MS);
    const told = answer as {reason: string | null} | null;
    if (told === null) this.#waiting.delete(key);
    const reason = told === null ? 'the router does not answer' : told.reason;
    if (reason === null) {
      this.#keepDatagramFlow(key, flow);
      return null;
    }
    const remote = `${flow.client}:${flow.clientPort}`;
    return refusal(EADDRNOTAVAIL, `from ${flow.vip}:${flow.port} to ${remote}/${flow.protocol}: ${reason}`);
  }

  #add(flow: FlowReport, done?: (reason: string | null) => void): void {
    const entry = this.#waiting.get(keyOf(flow)) ?? {flow, done: []};
    if (done !== undefined) entry.done.push(done);
    this.#waiting.set(keyOf(flow), entry);
  }

  #keepDatagramFlow(key: string, flow: FlowReport): void {
    if (flow.protocol !== 'udp') return; // the kernel lists connections
    this.#datagramFlows.delete(key);
    this.#datagramFlows.set(key, flow);
    const [oldest] = this.#datagramFlows.keys();
    if (this.#datagramFlows.size > MAX_DATAGRAM_FLOWS && oldest !== undefined)
      this.#datagramFlows.delete(oldest);
  }

  #confirm(asked: readonly FlowReport[]): void {
    const flows = asked.filter(({protocol}) => protocol === 'tcp');
    const live = this.#deps.native.liveConnections(flows.map((flow) => this.#connectionOf(flow)));
    flows.filter((_, i) => live[i] === true).forEach((flow) => this.#add(flow));
  }

  #endedOf(silent: readonly SilentFlow[]): SilentFlow[] {
    if (silent.length === 0) return [];
    const ended = this.#deps.native.endedConnections(silent.map((flow) => this.#connectionOf(flow)));
    return silent.filter((_, i) => ended[i] === true);
  }

  /** A flow as this node's kernel has it. */
  #connectionOf({vip, port, nodePort, client, clientPort}: Omit<FlowReport, 'opening'>) {
    if (nodePort === undefined)
      return {local: {address: vip, port}, remote: {address: client, port: clientPort}};
    const own = this.#deps.address();
    // The router translates a node that is its own client.
    const remote = client === own ? NODE_ITSELF : client;
    return {local: {address: own, port: nodePort}, remote: {address: remote, port: clientPort}};
  }

  #reportAll(): void {
    const {native, address, log} = this.#deps;
    const ends = this.#deps.endpoints().map(({vip, nodePort}) => (nodePort === undefined ? vip : address()));
    this.#next = native.readConnections([...new Set(ends)]);
    for (const flow of this.#datagramFlows.values()) this.#add(flow);
    log.info({}, 'the router began with an empty flow table: reporting the connections of this node');
  }

  /** Fills up from the part of the dump that is still to be read. */
  #readMore(): void {
    while (this.#next !== null && this.#waiting.size < MAX_FLOW_REPORTS) {
      const connections = this.#read(this.#next, MAX_FLOW_REPORTS - this.#waiting.size);
      if (connections.length === 0) this.#next = null;
      const byEnd = new Map(this.#deps.endpoints().map((endpoint) => [this.#endOf(endpoint), endpoint]));
      for (const {protocol, local, remote} of connections) {
        const endpoint = byEnd.get(`${protocol} ${local.address}:${local.port}`);
        if (endpoint === undefined) continue;
        const {vip, port, nodePort} = endpoint;
        const nodeSide = nodePort === undefined ? {} : {nodePort};
        this.#add({protocol, vip, port, ...nodeSide, client: remote.address, clientPort: remote.port});
      }
    }
  }

  #read(next: (most: number) => Connection[], most: number): Connection[] {
    try {
      return next(most);
    } catch (error) {
      this.#deps.log.error({}, `cannot read the kernel's connections: ${messageOf(error)}`);
      return [];
    }
  }

  #endOf({protocol, vip, port, nodePort}: NodeEndpoint): string {
    return nodePort === undefined
      ? `${protocol} ${vip}:${port}`
      : `${protocol} ${this.#deps.address()}:${nodePort}`;
  }
}
