// Allocates slots (0 … capacity-1), the one longest unused first, and counts how often each was
// given: flows remember slot and generation, so that an old flow never follows a new owner. Pure.

const GENERATIONS = 65535;

export interface Slot {
  slot: number;
  /** 1 … 65535, another one each time the slot is given. */
  generation: number;
}

export class Slots {
  readonly #capacity: number;
  /** The last one of each slot that was ever given. */
  #generations: number[] = [];
  readonly #taken = new Set<number>();
  /** Slots given back, oldest first; slots never given are taken before them. */
  #returned: number[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** A free slot, or null if all are taken. */
  take(): Slot | null {
    const given = this.#generations.length;
    const slot = given < this.#capacity ? given : this.#returned.shift();
    if (slot === undefined) return null;
    const generation = ((this.#generations[slot] ?? 0) % GENERATIONS) + 1;
    this.#generations[slot] = generation;
    this.#taken.add(slot);
    return {slot, generation};
  }

  release(slot: number): void {
    if (this.#taken.delete(slot)) this.#returned.push(slot);
  }

  /** The last generation of each slot that was ever given, for `restore`. */
  history(): number[] {
    return [...this.#generations];
  }

  /** Begins again where another table (of the same capacity) was: its history and what is taken now. */
  restore(history: readonly number[], taken: readonly number[]): void {
    this.#generations = [...history];
    for (const slot of taken) this.#taken.add(slot);
    this.#returned = [...history.keys()].filter((slot) => !this.#taken.has(slot));
  }
}
