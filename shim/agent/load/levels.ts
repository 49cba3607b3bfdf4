// The load levels of this node, one for each application that has endpoints here. They are looked at every
// second or as configured; only a change is worth a message to the router.

import type {Clock, Timer} from '../../../router/base/clock.ts';
import type {Logger} from '../../../router/base/logger.ts';
import {defaultLoadRules} from '../../../router/control/load.ts';
import type {LoadRules} from '../../../router/control/load.ts';
import type {ApplicationOrder, Level} from '../../../router/control/protocol.ts';
import {Judge} from './judge.ts';
import type {Meter} from './meters.ts';

export interface LevelSources {
  meter: Meter;
  /** Those that have endpoints on this node. */
  applications(): Iterable<string>;
  orders(): readonly ApplicationOrder[];
  /** The application's own number; null if there is none, or only old ones. */
  own: (application: string, rules: LoadRules) => number | null;
}

/** While there is nothing to judge, whether there is: soon enough for a first level within a second. */
const IDLE_MS = 1000;

export class Levels {
  readonly #sources: LevelSources;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #judges = new Map<string, Judge>();
  #timer: Timer | null = null;
  /** Told since the start. */
  #messages = 0;

  constructor(sources: LevelSources, clock: Clock, log: Logger, onChange: () => void) {
    this.#sources = sources;
    this.#clock = clock;
    this.#log = log;
    this.#onChange = onChange;
  }

  /** As the router is to know them. */
  get current(): Record<string, Level> {
    return Object.fromEntries(
      [...this.#judges].flatMap(([name, {level}]) => (level === null ? [] : [[name, level]])),
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
    this.#meet();
    const due = [...this.#judges].filter(([, judge]) => judge.isDue(now));
    if (due.length > 0) {
      const reading = this.#sources.meter.read(now);
      const changed = due.map(([name, judge]) => {
        const before = judge.level;
        judge.take({now, reading, own: this.#sources.own(name, judge.rules)});
        return this.#tell(name, before, judge);
      });
      if (changed.includes(true)) this.#onChange();
    }
    const intervals = [...this.#judges.values()].map((judge) => judge.rules.interval * 1000);
    this.#timer = this.#clock.after(Math.min(IDLE_MS, ...intervals), () => this.#tick());
  }

  /** A judge for each application that is here, by the rules that hold now. */
  #meet(): void {
    const orders = new Map(this.#sources.orders().map((order) => [order.name, order]));
    const here = new Set(this.#sources.applications());
    for (const name of this.#judges.keys()) if (!here.has(name)) this.#judges.delete(name);
    for (const name of here) {
      const rules = orders.get(name)?.load ?? defaultLoadRules;
      const judge = this.#judges.get(name);
      if (judge) judge.rules = rules;
      else this.#judges.set(name, new Judge(rules));
    }
  }

  #tell(name: string, before: Level | null, judge: Judge): boolean {
    if (judge.level === before) return false;
    this.#messages += 1;
    const text = `${name} is at load level ${judge.level ?? 'unknown'} (was ${before ?? 'unknown'}): ${judge.describe()}`;
    this.#log.info({application: name, loadLevel: judge.level, messages: this.#messages}, text);
    return true;
  }
}
