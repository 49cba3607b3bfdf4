// What operators wish of nodes and endpoints, by name (target.ts). It outlives the supervisor, and what it names:
// a node that comes back finds its weight as it was. Pure.

import {z} from 'zod';
import type {Named} from './target.ts';
import {namesOf} from './target.ts';

export const wishesMemorySchema = z.strictObject({
  /** Weight factors by name; 1 where there is none. */
  factors: z.record(z.string(), z.number()),
});
export type WishesMemory = z.infer<typeof wishesMemorySchema>;

export class Wishes {
  readonly #factors = new Map<string, number>();
  readonly #changed: () => void;

  /** `changed` is called whenever the data plane or the next supervisor must know. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Names with a factor other than 1. */
  factors(): ReadonlyMap<string, number> {
    return this.#factors;
  }

  setFactor(name: string, factor: number): void {
    if (factor === 1) this.#factors.delete(name);
    else this.#factors.set(name, factor);
    this.#changed();
  }

  /** Factors of all its names, multiplied: half a node's weight, and twice one of its endpoints'. */
  factorOf(endpoint: Named): number {
    if (this.#factors.size === 0) return 1;
    return namesOf(endpoint).reduce((product, name) => product * (this.#factors.get(name) ?? 1), 1);
  }

  memory(): WishesMemory {
    return {factors: Object.fromEntries(this.#factors)};
  }

  restore(memory: WishesMemory): void {
    for (const [name, factor] of Object.entries(memory.factors)) this.#factors.set(name, factor);
  }
}
