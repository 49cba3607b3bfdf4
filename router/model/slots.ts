// Hands out numbered places (0 … capacity-1), the one longest unused first, and counts how often each was
// given: flows remember place and incarnation, so that an old flow never follows a new owner. Pure.

const INCARNATIONS = 65535;

export interface Place {
  slot: number;
  /** 1 … 65535, another one each time the place is given. */
  incarnation: number;
}

export class Slots {
  readonly #capacity: number;
  readonly #incarnations = new Map<number, number>();
  readonly #taken = new Set<number>();
  /** Places given back, oldest first; places never given are taken before them. */
  #returned: number[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** A free place, or null if all are taken. */
  take(): Place | null {
    const slot = this.#next < this.#capacity ? this.#next++ : this.#returned.shift();
    if (slot === undefined) return null;
    const incarnation = ((this.#incarnations.get(slot) ?? 0) % INCARNATIONS) + 1;
    this.#incarnations.set(slot, incarnation);
    this.#taken.add(slot);
    return {slot, incarnation};
  }

  release(slot: number): void {
    if (this.#taken.delete(slot)) this.#returned.push(slot);
  }

  /** The last incarnation of each slot that was ever given (0: never), for `restore`. */
  history(): number[] {
    return Array.from({length: this.#next}, (_, slot) => this.#incarnations.get(slot) ?? 0);
  }

  /** Begins again where another table (of the same capacity) was: its history and what is taken now. */
  restore(history: readonly number[], taken: readonly number[]): void {
    for (const [slot, incarnation] of history.entries()) this.#incarnations.set(slot, incarnation);
    this.#next = history.length;
    for (const slot of taken) this.#taken.add(slot);
    this.#returned = [...history.keys()].filter((slot) => !this.#taken.has(slot));
  }
}
