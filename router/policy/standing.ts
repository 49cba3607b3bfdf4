// How an endpoint stands: whether it gets new flows, which share of them, and why. The one place where the words of
// agents, probes, load and operators come together. Pure.

import type {Level} from '../control/protocol.ts';
import type {EndpointView} from '../control/views.ts';
import type {Application} from '../model/application.ts';
import {defaultWeights} from '../model/application.ts';
import type {EndpointRecord} from '../model/records.ts';
import type {Registry} from '../model/registry.ts';
import {weightOf} from './weight.ts';

export interface Standing {
  state: EndpointView['state'];
  /** What its node reports for its application; nothing reported counts as medium. */
  level: Level;
  /** The operator's. */
  factor: number;
  /** Share of new flows relative to the others of the service; 0 = none. */
  weight: number;
  /** false: its socket or its node is gone. */
  open: boolean;
}

/** A look at all endpoints at one time. */
export class Standings {
  readonly #registry: Registry;
  readonly #applications: ReadonlyMap<string, Application>;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#applications = new Map(registry.applications.map((known) => [known.name, known]));
  }

  application(name: string): Application | undefined {
    return this.#applications.get(name);
  }

  of(record: EndpointRecord): Standing {
    const {state, instances} = record;
    const level = this.#registry.node(record.node)?.levels[record.application] ?? 'medium';
    const weights = this.application(record.application)?.weights ?? defaultWeights;
    const factor = this.#registry.wishes.factorOf(record);
    const open = state === 'up' || state === 'doubt';
    const weight = open ? weightOf({instances, level, weights, factor}) : 0;
    return {state, level, factor, weight, open};
  }
}
