// Finds connections that have ended on the nodes' side without the router seeing it: a server's RST, with direct server
// return, or a client that vanished. Their nodes' kernels know. Silent flows are named in the answers to nodes'
// messages, and a node reports which of them have ended:
//   - those of endpoints that are being drained, at once;
//   - all established ones, in a walk through the table that is bounded in questions per second.

import type {Clock, Timer} from '../base/clock.ts';
import type {NodeConfig, SilentFlow as Question} from '../protocol/messages.ts';
import {MAX_FLOW_REPORTS, RENEW_MS} from '../protocol/messages.ts';
import type {EndpointRecord, NodeRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import type {FlowCapability, SilentFlow} from '../provider/provider.ts';

const LOOK_MS = 250;
/** A draining node is asked so often. */
const DRAINING_RENEW_MS = 250;
/**
 * Least silence of a flow that is asked about. It is also what makes the answer valid: the table notes the second of the
 * last packet, so the kernel is asked in a later one, and a flow whose second has changed since is left alone.
 */
const DRAINING_SECONDS = 1;
const SILENT_SECONDS = 15;
/** A walk through the table takes at least so long; an established flow that is silent is asked about once in each. */
const WALK_MS = 30_000;
/** Flows of one look, of either kind. */
const MAX_PER_LOOK = 500;

export interface EndedFlowsDeps {
  clock: Clock;
  registry: Registry;
  flows: FlowCapability;
  /** Endpoints that are being drained and that flows are left of. */
  draining: () => readonly EndpointRecord[];
  onEnded: () => void;
}

const keyOf = ({client, clientPort, vip, port}: Question): string => `${client} ${clientPort} ${vip} ${port}`;

export class EndedFlows {
  readonly #deps: EndedFlowsDeps;
  /** By node and flow, what the node is to be asked next. */
  readonly #questions = new Map<string, Map<string, Question>>();
  #drainingNodes: ReadonlySet<string> = new Set();
  #nextWalk = 0;
  #timer: Timer | null = null;

  constructor(deps: EndedFlowsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = this.#deps.clock.every(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** What goes into the answer to a node's message: the flows that it is asked about, each once. */
  configFor(node: string): Pick<NodeConfig, 'silent'> & {renewMs?: number} {
    const questions = [...(this.#questions.get(node)?.values() ?? [])];
    this.#questions.delete(node);
    return {
      ...(questions.length > 0 ? {silent: questions} : {}),
      ...(this.#drainingNodes.has(node) ? {renewMs: Math.min(RENEW_MS, DRAINING_RENEW_MS)} : {}),
    };
  }

  /** Forgets flows that the node says have ended: of its own endpoints, and if nothing came since. */
  take({name, address}: NodeRecord, reports: readonly Question[]): void {
    const {registry, flows, onEnded} = this.#deps;
    const ended = reports.flatMap(({nodePort, ...flow}) => {
      const named = {...flow, ...(nodePort === undefined ? {} : {nodePort}), node: name, address};
      const record = registry.endpointOf(named);
      if (record === undefined) return [];
      return [{...flow, endpointSlot: record.slot, endpointGeneration: record.generation}];
    });
    if (ended.length > 0 && flows.end(ended) > 0) onEnded();
  }

  #look(): void {
    const {clock, flows, draining} = this.#deps;
    const drained = draining();
    this.#drainingNodes = new Set(drained.map(({node}) => node));
    const slots = drained.map(({slot}) => slot);
    if (slots.length > 0) this.#ask(flows.silent(DRAINING_SECONDS, MAX_PER_LOOK, slots));
    if (clock.now() < this.#nextWalk) return;
    const found = flows.silent(SILENT_SECONDS, MAX_PER_LOOK);
    // With more than one look may name, the next one continues in the same part.
    this.#nextWalk = clock.now() + (found.length < MAX_PER_LOOK ? WALK_MS / flows.expiringParts : 0);
    this.#ask(found);
  }

  #ask(found: readonly SilentFlow[]): void {
    if (found.length === 0) return;
    const {registry} = this.#deps;
    const records = new Map(registry.endpoints().map((one) => [`${one.slot}:${one.generation}`, one]));
    for (const flow of found) {
      const record = records.get(`${flow.endpointSlot}:${flow.endpointGeneration}`);
      if (record === undefined || registry.node(record.node)?.state !== 'up') continue;
      const {protocol, vip, port, client, clientPort, seen} = flow;
      const nodePort = record.nodePort === undefined ? {} : {nodePort: record.nodePort};
      const question = {protocol, vip, port, ...nodePort, client, clientPort, seen};
      const questions = this.#questions.get(record.node) ?? new Map<string, Question>();
      this.#questions.set(record.node, questions);
      if (questions.size < MAX_FLOW_REPORTS) questions.set(keyOf(question), question);
    }
  }
}
