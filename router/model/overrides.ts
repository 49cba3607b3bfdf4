// What operators have set of nodes and endpoints, by name (target.ts): weight factors, and drains, which take new flows
// away while running ones go on. Overrides outlive the supervisor, and what they name: a node that comes back has its
// factor as it was, and stays out of service until it is undrained. Pure; times are milliseconds since the epoch.

import {z} from 'zod';
import type {Named} from './target.ts';
import {namesOf} from './target.ts';

const setBy = {
  /** Who set it last, in the words of who asked ("root@host1"); absent: it was not said. */
  by: z.string().optional(),
};

const weightCheckpoint = z.strictObject({
  factor: z.number(),
  /** When it was set; absent: by a version that did not keep it. */
  since: z.number().optional(),
  ...setBy,
});
export type WeightOverride = z.infer<typeof weightCheckpoint>;

const drainCheckpoint = z.strictObject({
  since: z.number(),
  /** Then what can move is moved: UDP flows, handshakes, clients that were kept. */
  deadline: z.number(),
  /** Clients with an affinity come back until the deadline. */
  keepClients: z.boolean(),
  /** The deadline has passed. */
  over: z.boolean(),
  ...setBy,
});
export type Drain = z.infer<typeof drainCheckpoint>;

export const overridesCheckpointSchema = z.strictObject({
  /** When operators last changed anything: of two checkpoints the one with the later time holds. */
  changedAt: z.number().default(0),
  /** By name; none where the factor is 1. A version before this one kept the factor alone. */
  factors: z.record(
    z.string(),
    z.union([weightCheckpoint, z.number().transform((factor): WeightOverride => ({factor}))]),
  ),
  drains: z.record(z.string(), drainCheckpoint).default({}),
});
export type OverridesCheckpoint = z.infer<typeof overridesCheckpointSchema>;

export class Overrides {
  readonly #weights = new Map<string, WeightOverride>();
  readonly #drains = new Map<string, Drain>();
  readonly #changed: (name: string) => void;
  #changedAt = 0;

  /** `changed` is called with a name whenever its overrides change. */
  constructor(changed: (name: string) => void) {
    this.#changed = changed;
  }

  /** When operators last changed anything; later with each change, though the clock be set back. 0: never. */
  get changedAt(): number {
    return this.#changedAt;
  }

  /** By name, those with a factor other than 1. */
  weights(): ReadonlyMap<string, WeightOverride> {
    return this.#weights;
  }

  setFactor(name: string, factor: number, now: number, by?: string): void {
    if (factor === 1) this.#weights.delete(name);
    else this.#weights.set(name, {factor, since: now, ...(by === undefined ? {} : {by})});
    this.#set(name, now);
  }

  /** Those of all its names, coarse to fine. */
  weightsOf(endpoint: Named): WeightOverride[] {
    if (this.#weights.size === 0) return [];
    return namesOf(endpoint).flatMap((name) => this.#weights.get(name) ?? []);
  }

  /** Factors of all its names, multiplied: half a node's weight, and twice one of its endpoints'. */
  factorOf(endpoint: Named): number {
    return this.weightsOf(endpoint).reduce((product, {factor}) => product * factor, 1);
  }

  drains(): ReadonlyMap<string, Drain> {
    return this.#drains;
  }

  drain(name: string, drain: Drain, now: number): void {
    this.#drains.set(name, drain);
    this.#set(name, now);
  }

  /** False if it was not drained. */
  undrain(name: string, now: number): boolean {
    if (!this.#drains.delete(name)) return false;
    this.#set(name, now);
    return true;
  }

  #set(name: string, now: number): void {
    this.#changedAt = Math.max(this.#changedAt + 1, now);
    this.#changed(name);
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
      changedAt: this.#changedAt,
      factors: Object.fromEntries(this.#weights),
      drains: Object.fromEntries([...this.#drains].map(([name, drain]) => [name, {...drain}])),
    };
  }

  /** Takes the place of all that is set. */
  restore(checkpoint: OverridesCheckpoint): void {
    const {changedAt, factors, drains} = checkpoint;
    const names = new Set([...this.#weights.keys(), ...this.#drains.keys()]);
    this.#weights.clear();
    this.#drains.clear();
    this.#changedAt = changedAt;
    for (const [name, weight] of Object.entries(factors)) this.#weights.set(name, weight);
    for (const [name, drain] of Object.entries(drains)) this.#drains.set(name, drain);
    for (const name of [...names, ...Object.keys(factors), ...Object.keys(drains)]) this.#changed(name);
  }
}
