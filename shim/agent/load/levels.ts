// The load levels of this node, one for each application that has endpoints here. They are sampled every second
// or as configured; only a change causes a message to the router.

import type {Clock, Timer} from '../../../router/base/clock.ts';
import type {Logger} from '../../../router/base/logger.ts';
import {defaultLoadRules} from '../../../router/protocol/load.ts';
import type {LoadRules} from '../../../router/protocol/load.ts';
import type {ApplicationConfig, Level} from '../../../router/protocol/messages.ts';
import {LoadEstimator} from './load-estimator.ts';
import type {Meter} from './meters.ts';

export interface LevelDeps {
  meter: Meter;
  /** Those that have endpoints on this node. */
  applications(): Iterable<string>;
  applicationConfigs(): readonly ApplicationConfig[];
  /** The application's own number; null if there is none, or only old ones. */
  own: (application: string, rules: LoadRules) => number | null;
}

/** The longest pause between two samples; and the first, so that an agent that starts soon knows. */
const LONGEST_MS = 1000;
const FIRST_MS = 200;

export class Levels {
  readonly #deps: LevelDeps;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #estimators = new Map<string, LoadEstimator>();
  /** By rules: of the node, without an application's own number. An application that starts here begins with a copy. */
  readonly #nodeEstimators = new Map<string, LoadEstimator>();
  #timer: Timer | null = null;
  #ticks = 0;
  /** Changes of level since the start. */
  #messages = 0;

  constructor(deps: LevelDeps, clock: Clock, log: Logger, onChange: () => void) {
    this.#deps = deps;
    this.#clock = clock;
    this.#log = log;
    this.#onChange = onChange;
  }

  /** As the router gets them; undefined: too early to say, the router keeps what it had. */
  get current(): Record<string, Level> | undefined {
    if (this.#ticks < 2) return undefined;
    this.#syncEstimators();
    return Object.fromEntries(
      [...this.#estimators].flatMap(([name, {level}]) => (level === null ? [] : [[name, level]])),
    );
  }

  start(): void {
    this.#tick();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #tick(): void {
    const now = this.#clock.now();
    this.#syncEstimators();
    const sample = {now, reading: this.#deps.meter.read(now)};
    // The second sample is early for all.
    const isDue = (estimator: LoadEstimator) => this.#ticks === 1 || estimator.isDue(now);
    for (const estimator of this.#nodeEstimators.values())
      if (isDue(estimator)) estimator.take({...sample, own: null});
    const changed = [...this.#estimators]
      .filter(([, estimator]) => isDue(estimator))
      .map(([name, estimator]) => {
        const before = estimator.level;
        estimator.take({...sample, own: this.#deps.own(name, estimator.rules)});
        return this.#logChange(name, before, estimator);
      });
    this.#ticks += 1;
    if (changed.includes(true)) this.#onChange();
    const intervals = [...this.#nodeEstimators.values()].map((estimator) => estimator.rules.interval * 1000);
    const pause = this.#ticks === 1 ? FIRST_MS : Math.min(LONGEST_MS, ...intervals);
    this.#timer = this.#clock.after(pause, () => this.#tick());
  }

  /** One node estimator for each set of rules, and one estimator for each application that is here. */
  #syncEstimators(): void {
    const all = new Map(
      this.#deps.applicationConfigs().map(({name, load}) => [name, load ?? defaultLoadRules]),
    );
    const texts = new Map([...all.values(), defaultLoadRules].map((rules) => [JSON.stringify(rules), rules]));
    for (const text of this.#nodeEstimators.keys()) if (!texts.has(text)) this.#nodeEstimators.delete(text);
    for (const [text, rules] of texts)
      if (!this.#nodeEstimators.has(text)) this.#nodeEstimators.set(text, new LoadEstimator(rules));
    const here = new Set(this.#deps.applications());
    for (const name of this.#estimators.keys()) if (!here.has(name)) this.#estimators.delete(name);
    for (const name of here) {
      const rules = all.get(name) ?? defaultLoadRules;
      const known = this.#estimators.get(name);
      if (known) known.rules = rules;
      else this.#addApplication(name, rules);
    }
  }

  #addApplication(name: string, rules: LoadRules): void {
    const estimator = this.#nodeEstimators.get(JSON.stringify(rules))?.copy() ?? new LoadEstimator(rules);
    this.#estimators.set(name, estimator);
    this.#logChange(name, null, estimator);
  }

  #logChange(name: string, before: Level | null, estimator: LoadEstimator): boolean {
    if (estimator.level === before) return false;
    this.#messages += 1;
    const text = `${name} is at load level ${estimator.level ?? 'unknown'} (was ${before ?? 'unknown'}): ${estimator.describe()}`;
    this.#log.info({application: name, loadLevel: estimator.level, messages: this.#messages}, text);
    return true;
  }
}
