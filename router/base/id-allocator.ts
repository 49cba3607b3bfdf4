// Small ids for names, for tables that know no names: the same one as long as the name is known, over restarts
// of the supervisor too; one given up is the last to be given again. Pure.

import {z} from 'zod';
import {Slots} from './slots.ts';

/** C++ has 16 bits for one, and 65535 means none. */
const CAPACITY = 65_535;

export const idAllocatorCheckpointSchema = z.record(z.string(), z.number());
export type IdAllocatorCheckpoint = z.infer<typeof idAllocatorCheckpointSchema>;

export class IdAllocator {
  readonly #slots = new Slots(CAPACITY);
  readonly #ids = new Map<string, number>();

  /** The name's id, allocated now if it has none; undefined if all are taken. */
  of(name: string): number | undefined {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const slot = this.#slots.take()?.slot;
    if (slot !== undefined) this.#ids.set(name, slot);
    return slot;
  }

  /** Gives up the ids of all other names. */
  keep(names: ReadonlySet<string>): void {
    for (const [name, id] of this.#ids) {
      if (names.has(name)) continue;
      this.#ids.delete(name);
      this.#slots.release(id);
    }
  }

  checkpoint(): IdAllocatorCheckpoint {
    return Object.fromEntries(this.#ids);
  }

  restore(checkpoint: IdAllocatorCheckpoint): void {
    for (const [name, id] of Object.entries(checkpoint)) this.#ids.set(name, id);
    const taken = [...this.#ids.values()];
    this.#slots.restore(Array<number>(Math.max(-1, ...taken) + 1).fill(1), taken);
  }
}
