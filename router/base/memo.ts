// What was computed from an object is kept as long as the object lives, and computed again when it is out of date.

export class Memo<Key extends object, Value> {
  readonly #values = new WeakMap<Key, Value>();

  /** The value that is kept if `isCurrent` says so, else what `compute` returns, which is kept from now on. */
  get(key: Key, compute: () => Value, isCurrent: (value: Value) => boolean = () => true): Value {
    const kept = this.#values.get(key);
    if (kept !== undefined && isCurrent(kept)) return kept;
    const value = compute();
    this.#values.set(key, value);
    return value;
  }
}
