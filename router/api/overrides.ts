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
  /** Resolves when what is set is kept for the next router: to null, or to why it could not be. */
  save: () => Promise<string | null>;
}

const byWhom = (by: string | undefined) => (by === undefined ? '' : `, by ${by}`);

export class OverrideActions {
  readonly #deps: OverrideActionsDeps;

  constructor(deps: OverrideActionsDeps) {
    this.#deps = deps;
  }

  /** Rejects with a UserError if there is no such node or endpoint. */
  async weight({target, factor, by}: WeightRequest): Promise<WeightView> {
    const {clock, registry, events} = this.#deps;
    // A target with a factor can be given another one, though it is not there now.
    if (!registry.overrides.weights().has(target)) this.#check(target);
    registry.overrides.setFactor(target, factor, clock.wall(), by);
    const kept = await this.#inForce();
    events.add({event: 'weight', detail: `${target}: factor ${factor}${byWhom(by)}`});
    const set = registry.overrides.weights().get(target) ?? {factor: 1};
    return {target, ...set, endpoints: this.#endpoints(target), ...kept};
  }

  weights(): WeightView[] {
    const weights = [...this.#deps.registry.overrides.weights()];
    return weights.map(([target, set]) => ({target, ...set, endpoints: this.#endpoints(target)}));
  }

  /** What is set now is in force, and kept as far as that can be. */
  async #inForce(): Promise<{unsaved?: string}> {
    const {commit, save} = this.#deps;
    const [, unsaved] = await Promise.all([commit(), save()]);
    return unsaved === null ? {} : {unsaved};
  }

  /** New flows go elsewhere; again for the same target: with another deadline. Rejects as `weight` does. */
  async drain({target, deadlineSeconds, keepClients, by}: DrainRequest): Promise<DrainView> {
    const {clock, registry, events, drains} = this.#deps;
    const before = registry.overrides.drains().get(target);
    if (!before) this.#check(target);
    const now = clock.wall();
    const deadline = now + deadlineSeconds * 1000;
    const drain = {
      since: before?.since ?? now,
      deadline,
      keepClients,
      over: deadline <= now,
      ...(by === undefined ? {} : {by}),
    };
    registry.overrides.drain(target, drain, now);
    drains.changed(target);
    const unsaved = await this.#inForce();
    const kept = keepClients ? ', clients kept' : '';
    const until = new Date(deadline).toISOString();
    events.add({event: 'drain', detail: `${target}: until ${until}${kept}${byWhom(by)}`});
    const view = drains.views().find((one) => one.target === target);
    if (!view) throw new UserError(`${target} was undrained meanwhile`);
    return {...view, ...unsaved};
  }

  drains(): DrainView[] {
    return this.#deps.drains.views();
  }

  async undrain({target, by}: UndrainRequest): Promise<UndrainView> {
    const {clock, registry, events, drains} = this.#deps;
    const was = registry.overrides.undrain(target, clock.wall());
    if (!was) this.#check(target);
    drains.changed(target);
    const kept = await this.#inForce();
    if (was) events.add({event: 'undrain', detail: `${target}${byWhom(by)}`});
    return {target, was, endpoints: this.#endpoints(target), ...kept};
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
