// The search for the highest rate that a set-up bears: up in large steps until one fails twice, then halving what is
// between the last that passed and the first that did not.

const FACTOR = 1.3;
/** A single failure on a machine that others use too says nothing. */
const TRIES = 2;
/** Below this nothing is worth measuring. */
const LOWEST_RATE = 20;

export class RateSearch {
  #passed = 0;
  #failed = Infinity;
  #tries = 0;
  #next: number;
  readonly #precision: number;

  /** Begins at `first` and ends when the rate is known to `precision` (0.02: two per cent). */
  constructor(first: number, precision: number) {
    this.#next = first;
    this.#precision = precision;
  }

  /** The rate to try. */
  get next(): number {
    return this.#next;
  }

  get done(): boolean {
    return this.#failed <= this.#passed * (1 + this.#precision) || this.#next < LOWEST_RATE;
  }

  /** How the last try of `next` went. */
  tell(passed: boolean): void {
    if (!passed && ++this.#tries < TRIES) return;
    this.#tries = 0;
    if (passed) this.#passed = this.#next;
    else this.#failed = this.#next;
    this.#next = Math.round(this.#between());
  }

  #between(): number {
    if (this.#failed === Infinity) return this.#passed * FACTOR;
    if (this.#passed === 0) return this.#failed / FACTOR;
    return (this.#passed + this.#failed) / 2;
  }
}
