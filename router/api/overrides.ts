// Sets the overrides that operators ask for, of nodes and endpoints.

import {UserError} from '../base/error.ts';
import {likely, nearest} from '../config/nearest.ts';
import type {Clock} from '../base/clock.ts';
import type {EventLog} from '../supervisor/event-log.ts';
import type {
  DrainRequest,
  DrainView,
  UndrainRequest,
  UndrainView,
  WeightRequest,
  WeightView,
} from '../protocol/overrides.ts';
import type {Registry} from '../model/registry.ts';
import {endpointName, namesOf} from '../model/target.ts';
import type {Drains} from '../supervisor/drains.ts';

/** Valid choices that an error shows. */
const MAX_CHOICES = 8;

export interface OverrideActionsDeps {
  clock: Clock;
  registry: Registry;
  events: EventLog;
  drains: Drains;
  /** Resolves when what follows is in force. */
  commit: () => Promise<void>;
}

export class OverrideActions {
  readonly #deps: OverrideActionsDeps;

  constructor(deps: OverrideActionsDeps) {
    this.#deps = deps;
  }

  /** Rejects with a UserError if there is no such node or endpoint. */
  async weight({target, factor}: WeightRequest): Promise<WeightView> {
    const {registry, events, commit} = this.#deps;
    // A target with a factor can be given another one, though it is not there now.
    if (!registry.overrides.factors().has(target)) this.#check(target);
    registry.overrides.setFactor(target, factor);
    await commit();
    events.add({event: 'weight', detail: `${target}: factor ${factor}`});
    return {target, factor, endpoints: this.#endpoints(target)};
  }

  weights(): WeightView[] {
    const factors = [...this.#deps.registry.overrides.factors()];
    return factors.map(([target, factor]) => ({target, factor, endpoints: this.#endpoints(target)}));
  }

  /** New flows go elsewhere; again for the same target: with another deadline. Rejects as `weight` does. */
  async drain({target, deadlineSeconds, keepClients}: DrainRequest): Promise<DrainView> {
    const {clock, registry, events, drains, commit} = this.#deps;
    const before = registry.overrides.drains().get(target);
    if (!before) this.#check(target);
    const now = clock.wall();
    const deadline = now + deadlineSeconds * 1000;
    registry.overrides.drain(target, {
      since: before?.since ?? now,
      deadline,
      keepClients,
      over: deadline <= now,
    });
    drains.changed(target);
    await commit();
    const kept = keepClients ? ', clients kept' : '';
    events.add({event: 'drain', detail: `${target}: until ${new Date(deadline).toISOString()}${kept}`});
    const view = drains.views().find((one) => one.target === target);
    if (!view) throw new UserError(`${target} was undrained meanwhile`);
    return view;
  }

  drains(): DrainView[] {
    return this.#deps.drains.views();
  }

  async undrain({target}: UndrainRequest): Promise<UndrainView> {
    const {registry, events, drains, commit} = this.#deps;
    const was = registry.overrides.undrain(target);
    if (!was) this.#check(target);
    drains.changed(target);
    await commit();
    if (was) events.add({event: 'undrain', detail: target});
    return {target, was, endpoints: this.#endpoints(target)};
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
