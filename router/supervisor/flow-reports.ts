// Between the flow table and what nodes know of their connections: imports what they report, and asks them about
// those that would soon be forgotten. A connection may be silent for days; only its node can tell whether it lives.

import type {Clock, Timer} from '../base/clock.ts';
import type {FlowReport, NodeConfig} from '../protocol/messages.ts';
import {MAX_FLOW_REPORTS, RENEW_MS} from '../protocol/messages.ts';
import {defaultTimeouts} from '../model/application/application.ts';
import type {FlowTimeouts} from '../model/application/application.ts';
import {resolveFlowReports} from '../model/flow-reports.ts';
import type {EndpointRecord, NodeRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {Flow, FlowCapability, ImportResult} from '../provider/provider.ts';

/** A node is asked this long before a flow expires, or for half of a shorter time-out; again in each quarter of it. */
const AHEAD_SECONDS = 60;
/** Not less: two messages of the node, and the second to which the table rounds. */
const LEAST_AHEAD_SECONDS = (2 * RENEW_MS) / 1000 + 1;
const LOOK_MS = 250;
/** Flows that one call may name: bounds how long the supervisor is busy with it. */
const MAX_FLOWS = 5000;

const refusals: Partial<Record<ImportResult, string>> = {
  held: 'another endpoint has the connection',
  full: 'the flow table is full',
};

type Refused = NonNullable<NodeConfig['flowsRefused']>;

export interface FlowReportsDeps {
  clock: Clock;
  registry: Registry;
  flows: FlowCapability;
}

export class FlowReports {
  readonly #deps: FlowReportsDeps;
  /** By node, what it is to be asked next. */
  readonly #questions = new Map<string, FlowReport[]>();
  /** By flow, when it was last asked for (Clock.now). */
  readonly #asked = new Map<string, number>();
  #timer: Timer | null = null;

  constructor(deps: FlowReportsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = this.#deps.clock.every(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Imports what a node reports of its own endpoints, as published. Returns what could not be taken. */
  take(node: NodeRecord, reports: readonly FlowReport[]): Refused {
    const {registry, flows} = this.#deps;
    if (reports.length === 0) return [];
    const resolved = resolveFlowReports(reports, {
      endpointOf: (report) => registry.endpointOf({...report, node: node.name, address: node.address}),
      timeoutsOf: (record) => this.#timeoutsOf(record),
    });
    const results = flows.import(resolved.imports);
    const refused = resolved.reports.flatMap((report, n) => {
      const reason = refusals[results[n] ?? 'full'];
      return reason === undefined ? [] : [{flow: report, reason}];
    });
    return [...resolved.refused, ...refused];
  }

  /** The flows that the node is asked about; each once. */
  questionsFor(name: string): FlowReport[] {
    const waiting = this.#questions.get(name) ?? [];
    if (waiting.length <= MAX_FLOW_REPORTS) this.#questions.delete(name);
    else this.#questions.set(name, waiting.slice(MAX_FLOW_REPORTS));
    return waiting.slice(0, MAX_FLOW_REPORTS);
  }

  #timeoutsOf(record: EndpointRecord): FlowTimeouts {
    const {applications} = this.#deps.registry;
    return applications.find((one) => one.name === record.application)?.timeouts ?? defaultTimeouts;
  }

  /** Seconds before its end at which a flow of this endpoint is asked for. */
  #aheadOf(record: EndpointRecord): number {
    const half = this.#timeoutsOf(record).established / 2;
    return Math.min(AHEAD_SECONDS, Math.max(half, LEAST_AHEAD_SECONDS));
  }

  /** One look at a part of the flow table; so often that each entry is seen several times before it expires. */
  #look(): void {
    const {registry, flows, clock} = this.#deps;
    const records = new Map(registry.endpoints().map((one) => [`${one.slot}:${one.generation}`, one]));
    const shortest = Math.min(AHEAD_SECONDS, ...[...records.values()].map((one) => this.#aheadOf(one)));
    const parts = flows.expiringParts;
    const perLook = Math.min(parts, Math.ceil((parts * LOOK_MS) / (shortest * 250)));
    const now = clock.now();
    for (let call = 0; call < perLook; call++)
      for (const flow of flows.expiring(AHEAD_SECONDS, MAX_FLOWS)) {
        const record = records.get(`${flow.endpointSlot}:${flow.endpointGeneration}`);
        if (record) this.#consider(flow, record, now);
      }
    for (const [key, at] of this.#asked) if (now - at > AHEAD_SECONDS * 1000) this.#asked.delete(key);
  }

  #consider(flow: Flow, record: EndpointRecord, now: number): void {
    const ahead = this.#aheadOf(record);
    const key = `${flow.client} ${flow.clientPort} ${flow.vip} ${flow.port}`;
    const asked = this.#asked.get(key) ?? -Infinity;
    if (flow.expiresInSeconds > ahead || now - asked < ahead * 250) return;
    this.#asked.set(key, now);
    const {protocol, client, clientPort, vip, port, endpointSlot, endpointGeneration} = flow;
    const node = this.#deps.registry.node(record.node);
    if (node?.state === 'suspect') {
      // A suspect node cannot be asked: its flows are kept.
      const timeout = Math.ceil(2 * ahead);
      const endpoint = {endpointSlot, endpointGeneration};
      this.#deps.flows.import([{protocol, client, clientPort, vip, port, ...endpoint, timeout}]);
    }
    if (node?.state !== 'up') return;
    const nodePort = record.nodePort === undefined ? {} : {nodePort: record.nodePort};
    const questions = this.#questions.get(record.node) ?? [];
    this.#questions.set(record.node, questions);
    questions.push({protocol, vip, port, ...nodePort, client, clientPort});
  }
}
