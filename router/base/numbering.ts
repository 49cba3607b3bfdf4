// Small numbers for names, for tables that know no names: the same one as long as the name is known, over restarts
// of the supervisor too; one given up is the last to be given again. Pure.

import {z} from 'zod';
import {Slots} from './slots.ts';

/** C++ has 16 bits for one, and 65535 means none. */
const CAPACITY = 65_535;

export const numberingCheckpointSchema = z.record(z.string(), z.number());
export type NumberingCheckpoint = z.infer<typeof numberingCheckpointSchema>;

export class Numbering {
  readonly #slots = new Slots(CAPACITY);
  readonly #numbers = new Map<string, number>();

  /** The name's number, given now if it has none; undefined if all are taken. */
  of(name: string): number | undefined {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const slot = this.#slots.take()?.slot;
    if (slot !== undefined) this.#numbers.set(name, slot);
    return slot;
  }

  /** Gives up the numbers of all other names. */
  keep(names: ReadonlySet<string>): void {
    for (const [name, number] of this.#numbers) {
      if (names.has(name)) continue;
      this.#numbers.delete(name);
      this.#slots.release(number);
    }
  }

  checkpoint(): NumberingCheckpoint {
    return Object.fromEntries(this.#numbers);
  }

  restore(checkpoint: NumberingCheckpoint): void {
    for (const [name, number] of Object.entries(checkpoint)) this.#numbers.set(name, number);
    const taken = [...this.#numbers.values()];
    this.#slots.restore(Array<number>(Math.max(-1, ...taken) + 1).fill(1), taken);
  }
}
