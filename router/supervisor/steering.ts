// Carries out what operators tell the router about nodes and endpoints.

import {UserError} from '../base/error.ts';
import {likely, nearest} from '../config/nearest.ts';
import type {EventLog} from '../control/event-log.ts';
import type {WeightOrder, WeightView} from '../control/steering.ts';
import type {Registry} from '../model/registry.ts';
import {endpointName, namesOf} from '../model/target.ts';

/** Valid choices that an error shows. */
const MAX_CHOICES = 8;

export interface SteeringDeps {
  registry: Registry;
  events: EventLog;
  /** Publishes what follows. */
  commit: () => void;
}

export class Steering {
  readonly #deps: SteeringDeps;

  constructor(deps: SteeringDeps) {
    this.#deps = deps;
  }

  /** Throws a UserError if there is no such node or endpoint. */
  weight({target, factor}: WeightOrder): WeightView {
    const {registry, events, commit} = this.#deps;
    // What has a wish can be given another, though it is not there now.
    if (!registry.wishes.factors().has(target)) this.#check(target);
    registry.wishes.setFactor(target, factor);
    commit();
    events.add({event: 'weight', detail: `${target}: factor ${factor}`});
    return {target, factor, endpoints: this.#endpoints(target)};
  }

  weights(): WeightView[] {
    const factors = [...this.#deps.registry.wishes.factors()];
    return factors.map(([target, factor]) => ({target, factor, endpoints: this.#endpoints(target)}));
  }

  #endpoints(target: string): string[] {
    const open = this.#deps.registry.endpoints().filter((record) => record.state !== 'closed');
    return open.filter((record) => namesOf(record).includes(target)).map(endpointName);
  }

  #check(target: string): void {
    const {registry} = this.#deps;
    const nodes = registry.nodes().map((node) => node.name);
    const known = new Set([...nodes, ...registry.endpoints().flatMap(namesOf)]);
    if (known.has(target)) return;
    const kind = target.includes(':') ? 'endpoint' : 'node';
    const choices = nearest(
      target,
      kind === 'node' ? nodes : [...known].filter((name) => name.includes(':')),
    );
    const guess = likely(target, choices);
    const meant = guess === null ? '' : ` (did you mean "${guess}"?)`;
    const more = choices.length > MAX_CHOICES ? ', …' : '';
    const list = choices.slice(0, MAX_CHOICES).join(', ') + more;
    throw new UserError(`there is no ${kind} "${target}"${meant}; there are: ${list || 'none'}`);
  }
}
