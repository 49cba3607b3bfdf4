// The status of endpoints: whether they get new flows, which share of them, and why. Here what
// agents report, probes find and operators set comes together. Pure.

import type {Level} from '../protocol/messages.ts';
import type {EndpointView} from '../protocol/views.ts';
import type {Application} from '../model/application/application.ts';
import {defaultWeights} from '../model/application/application.ts';
import type {Unreachable} from '../model/liveness.ts';
import type {EndpointRecord, ServiceRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import {weightOf} from './weight.ts';

export interface EndpointStatus {
  state: EndpointView['state'];
  /** For people; absent where there is nothing to say. */
  reason?: string;
  /** What its node reports for its application; nothing reported counts as medium. */
  level: Level;
  /** The operator's. */
  factor: number;
  /** Share of new flows relative to the others of the service; 0 = none. */
  weight: number;
  /** false: running TCP flows alone stay. */
  open: boolean;
  /** It gets no new clients, but those with an affinity to it come back. */
  affinityMember: boolean;
}

type Judgement = Pick<EndpointStatus, 'state' | 'reason' | 'open'> & {
  takes: boolean;
  affinityMember?: boolean;
};

const unreachableReasons: Readonly<Record<Unreachable, string>> = {
  refuses: 'it refuses connections',
  silent: 'it does not answer, though its node does',
  lost: 'its node does not answer',
  unknown: 'it does not answer',
  unsent: 'the router cannot send to it',
};

interface SetBy {
  by?: string | undefined;
  since?: number | undefined;
}

/** "by root@host1, 2026-01-31T12:00:00.000Z" */
function wordsOf({by, since}: SetBy): string {
  const when = since === undefined ? '' : `, ${new Date(since).toISOString()}`;
  return `by ${by ?? 'the operator'}${when}`;
}

/** Whose factors they are; '' where nobody is known. */
function setBy(weights: readonly SetBy[]): string {
  const known = weights.filter((weight) => weight.by !== undefined);
  return known.length === 0 ? '' : ` (${known.map(wordsOf).join('; ')})`;
}

function isLastResort({state, unreachable}: EndpointRecord, status: EndpointStatus): boolean {
  if (status.state === 'unreachable') return unreachable === 'silent' && state === 'up';
  return status.state === 'failing';
}

/** The status of all endpoints, as of the last `refresh`; worked out again for services of which anything is new. */
export class EndpointStatuses {
  readonly #registry: Registry;
  readonly #applications = new Map<string, Application>();
  readonly #statuses = new WeakMap<EndpointRecord, EndpointStatus>();
  /** Versions of services, as of the last refresh. */
  readonly #seen = new WeakMap<ServiceRecord, number>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Returns the services of which something was new. */
  refresh(): ServiceRecord[] {
    const registry = this.#registry;
    this.#applications.clear();
    for (const known of registry.applications) this.#applications.set(known.name, known);
    const changed = registry
      .services()
      .filter((service) => this.#seen.get(service) !== registry.versionOf(service));
    for (const service of changed) {
      this.#seen.set(service, registry.versionOf(service));
      this.#judge(registry.endpointsOf(service));
    }
    return changed;
  }

  application(name: string): Application | undefined {
    return this.#applications.get(name);
  }

  /** Undefined if it came after the last refresh. */
  find(record: EndpointRecord): EndpointStatus | undefined {
    return this.#statuses.get(record);
  }

  of(record: EndpointRecord): EndpointStatus {
    const status = this.find(record);
    if (!status) throw new Error('an endpoint that is not known yet');
    return status;
  }

  /**
   * Endpoints of one service. When none is well, those get its flows that only fail checks from the inside, or are
   * silent though their nodes and agents are well (too busy to accept): nobody else would serve.
   */
  #judge(records: readonly EndpointRecord[]): void {
    const judgements = records.map((record) => this.#status(record, this.#word(record)));
    const served = judgements.some((status) => status.weight > 0);
    for (const [index, record] of records.entries()) {
      const status = judgements[index];
      if (!status) continue;
      const last = !served && isLastResort(record, status);
      this.#statuses.set(record, last ? this.#lastResort(record, status) : status);
    }
  }

  #lastResort(record: EndpointRecord, {state, reason}: EndpointStatus): EndpointStatus {
    const kept = `${reason} (it serves all the same: no endpoint of the service is well)`;
    return this.#status(record, {state, reason: kept, open: true, takes: true});
  }

  #status(record: EndpointRecord, word: Judgement): EndpointStatus {
    const {takes, affinityMember = false, ...rest} = word;
    const level = this.#registry.node(record.node)?.levels[record.application] ?? 'medium';
    const weights = this.application(record.application)?.weights ?? defaultWeights;
    const {overrides} = this.#registry;
    const factor = overrides.factorOf(record);
    const {instances} = record;
    const slowStart = this.#registry.slowStart.shareOf(record);
    const weight = takes ? weightOf({instances, level, weights, factor, slowStart}) : 0;
    const whose = setBy(overrides.weightsOf(record));
    if (takes && instances === 0) rest.reason = 'it opens connections and takes none';
    else if (takes && factor === 0) rest.reason = `its weight factor is 0${whose}`;
    else if (takes && slowStart < 1) rest.reason ??= `it starts slowly: ${slowStart * 100} % of its weight`;
    else if (takes && whose !== '') rest.reason ??= `its weight factor is ${factor}${whose}`;
    return {...rest, level, factor, weight, affinityMember};
  }

  #word(record: EndpointRecord): Judgement {
    const {state, failing, closedBecause} = record;
    if (state === 'closed') {
      const why = closedBecause === undefined ? {} : {reason: closedBecause};
      return {state, ...why, open: false, takes: false};
    }
    const drain = this.#registry.overrides.drainOf(record);
    if (drain) {
      const affinityMember = drain.keepClients && !drain.over;
      const reason = drain.by === undefined ? 'by the operator' : wordsOf(drain);
      return {state: 'draining', reason, open: !drain.over, takes: false, affinityMember};
    }
    const {unreachable} = record;
    if (unreachable !== undefined)
      return {state: 'unreachable', reason: unreachableReasons[unreachable], open: false, takes: false};
    if (failing !== undefined) return {state: 'failing', reason: failing, open: false, takes: false};
    if (state === 'suspect')
      return {state, reason: 'its agent is silent, but it answers', open: true, takes: true};
    return {state, open: true, takes: true};
  }
}

/** As of now. */
export function currentStatuses(registry: Registry): EndpointStatuses {
  const statuses = new EndpointStatuses(registry);
  statuses.refresh();
  return statuses;
}
