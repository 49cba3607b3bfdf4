// What operators have set of nodes and endpoints, by name (target.ts): weight factors, and drains, which take new flows
// away while running ones go on. Overrides outlive the supervisor, and what they name: a node that comes back has its
// factor as it was, and stays out of service until it is undrained. Pure; times are milliseconds since the epoch.

import {z} from 'zod';
import type {Named} from './target.ts';
import {namesOf} from './target.ts';

const drainCheckpoint = z.strictObject({
  since: z.number(),
  /** Then what can move is moved: UDP flows, handshakes, clients that were kept. */
  deadline: z.number(),
  /** Clients with an affinity come back until the deadline. */
  keepClients: z.boolean(),
  /** The deadline has passed. */
  over: z.boolean(),
});
export type Drain = z.infer<typeof drainCheckpoint>;

export const overridesCheckpointSchema = z.strictObject({
  /** Weight factors by name; 1 where there is none. */
  factors: z.record(z.string(), z.number()),
  drains: z.record(z.string(), drainCheckpoint).default({}),
});
export type OverridesCheckpoint = z.infer<typeof overridesCheckpointSchema>;

export class Overrides {
  readonly #factors = new Map<string, number>();
  readonly #drains = new Map<string, Drain>();
  readonly #changed: (name: string) => void;

  /** `changed` is called with a name whenever its overrides change. */
  constructor(changed: (name: string) => void) {
    this.#changed = changed;
  }

  /** Names with a factor other than 1. */
  factors(): ReadonlyMap<string, number> {
    return this.#factors;
  }

  setFactor(name: string, factor: number): void {
    if (factor === 1) this.#factors.delete(name);
    else this.#factors.set(name, factor);
    this.#changed(name);
  }

  /** Factors of all its names, multiplied: half a node's weight, and twice one of its endpoints'. */
  factorOf(endpoint: Named): number {
    if (this.#factors.size === 0) return 1;
    return namesOf(endpoint).reduce((product, name) => product * (this.#factors.get(name) ?? 1), 1);
  }

  drains(): ReadonlyMap<string, Drain> {
    return this.#drains;
  }

  drain(name: string, drain: Drain): void {
    this.#drains.set(name, drain);
    this.#changed(name);
  }

  /** False if it was not drained. */
  undrain(name: string): boolean {
    if (!this.#drains.delete(name)) return false;
    this.#changed(name);
    return true;
  }

  /** The strictest drain of its names, or null. */
  drainOf(endpoint: Named): Drain | null {
    if (this.#drains.size === 0) return null;
    const drains = namesOf(endpoint).flatMap((name) => this.#drains.get(name) ?? []);
    const [first] = drains.toSorted((a, b) => a.deadline - b.deadline);
    return first ? {...first, keepClients: drains.every((drain) => drain.keepClients)} : null;
  }

  /** Time goes on: the names whose deadlines have passed just now. */
  pass(now: number): string[] {
    const passed = [...this.#drains].filter(([, drain]) => !drain.over && now >= drain.deadline);
    for (const [name, drain] of passed) {
      drain.over = true;
      this.#changed(name);
    }
    return passed.map(([name]) => name);
  }

  checkpoint(): OverridesCheckpoint {
    return {
      factors: Object.fromEntries(this.#factors),
      drains: Object.fromEntries([...this.#drains].map(([name, drain]) => [name, {...drain}])),
    };
  }

  restore(checkpoint: OverridesCheckpoint): void {
    for (const [name, factor] of Object.entries(checkpoint.factors)) this.#factors.set(name, factor);
    for (const [name, drain] of Object.entries(checkpoint.drains)) this.#drains.set(name, drain);
  }
}
