// The load levels of this node, one for each application that has endpoints here. They are looked at every
// second or as configured; only a change is worth a message to the router.

import type {Clock, Timer} from '../../../router/base/clock.ts';
import type {Logger} from '../../../router/base/logger.ts';
import {defaultLoadRules} from '../../../router/protocol/load.ts';
import type {LoadRules} from '../../../router/protocol/load.ts';
import type {ApplicationConfig, Level} from '../../../router/protocol/messages.ts';
import {Judge} from './judge.ts';
import type {Meter} from './meters.ts';

export interface LevelSources {
  meter: Meter;
  /** Those that have endpoints on this node. */
  applications(): Iterable<string>;
  orders(): readonly ApplicationConfig[];
  /** The application's own number; null if there is none, or only old ones. */
  own: (application: string, rules: LoadRules) => number | null;
}

/** The longest pause between two samples; and the first, so that an agent that starts soon knows. */
const LONGEST_MS = 1000;
const FIRST_MS = 200;

export class Levels {
  readonly #sources: LevelSources;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #judges = new Map<string, Judge>();
  /** By their rules: what the node's level would be for an application that came now. */
  readonly #scouts = new Map<string, Judge>();
  #timer: Timer | null = null;
  #ticks = 0;
  /** Told since the start. */
  #messages = 0;

  constructor(sources: LevelSources, clock: Clock, log: Logger, onChange: () => void) {
    this.#sources = sources;
    this.#clock = clock;
    this.#log = log;
    this.#onChange = onChange;
  }

  /** As the router is to know them; undefined: it is too early to say, what it knew before may go on. */
  get current(): Record<string, Level> | undefined {
    if (this.#ticks < 2) return undefined;
    this.#meet();
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
    const sample = {now, reading: this.#sources.meter.read(now)};
    // The second sample is early for all.
    const isDue = (judge: Judge) => this.#ticks === 1 || judge.isDue(now);
    for (const scout of this.#scouts.values()) if (isDue(scout)) scout.take({...sample, own: null});
    const changed = [...this.#judges]
      .filter(([, judge]) => isDue(judge))
      .map(([name, judge]) => {
        const before = judge.level;
        judge.take({...sample, own: this.#sources.own(name, judge.rules)});
        return this.#tell(name, before, judge);
      });
    this.#ticks += 1;
    if (changed.includes(true)) this.#onChange();
    const intervals = [...this.#scouts.values()].map((scout) => scout.rules.interval * 1000);
    const pause = this.#ticks === 1 ? FIRST_MS : Math.min(LONGEST_MS, ...intervals);
    this.#timer = this.#clock.after(pause, () => this.#tick());
  }

  /** A scout for all rules that there are, and a judge for each application that is here. */
  #meet(): void {
    const all = new Map(this.#sources.orders().map(({name, load}) => [name, load ?? defaultLoadRules]));
    const texts = new Map([...all.values(), defaultLoadRules].map((rules) => [JSON.stringify(rules), rules]));
    for (const text of this.#scouts.keys()) if (!texts.has(text)) this.#scouts.delete(text);
    for (const [text, rules] of texts) if (!this.#scouts.has(text)) this.#scouts.set(text, new Judge(rules));
    const here = new Set(this.#sources.applications());
    for (const name of this.#judges.keys()) if (!here.has(name)) this.#judges.delete(name);
    for (const name of here) {
      const rules = all.get(name) ?? defaultLoadRules;
      const known = this.#judges.get(name);
      if (known) known.rules = rules;
      else this.#welcome(name, rules);
    }
  }

  #welcome(name: string, rules: LoadRules): void {
    const judge = this.#scouts.get(JSON.stringify(rules))?.copy() ?? new Judge(rules);
    this.#judges.set(name, judge);
    this.#tell(name, null, judge);
  }

  #tell(name: string, before: Level | null, judge: Judge): boolean {
    if (judge.level === before) return false;
    this.#messages += 1;
    const text = `${name} is at load level ${judge.level ?? 'unknown'} (was ${before ?? 'unknown'}): ${judge.describe()}`;
    this.#log.info({application: name, loadLevel: judge.level, messages: this.#messages}, text);
    return true;
  }
}
