// Reads that a listing makes for each of its executions: all that is asked for while a read is under way is in the next one, so
// that a page of many takes a connection once or twice, not once for each.

/** A read that has not begun. */
interface Later<Value> {
  keys: Set<string>;
  found: Promise<ReadonlyMap<string, Value>>;
}

export class Together<Value> {
  readonly #read: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
  #reading: Promise<void> | null = null;
  /** The read that begins when that one has ended. */
  #next: Later<Value> | null = null;

  /** @param read reads the values of keys; those that have none are left out */
  constructor(read: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>) {
    this.#read = read;
  }

  /** As it is now or later. */
  async of(key: string): Promise<Value | undefined> {
    if (this.#reading === null) return (await this.#begin([key])).get(key);
    const next = (this.#next ??= this.#after(this.#reading));
    next.keys.add(key);
    return (await next.found).get(key);
  }

  #after(reading: Promise<void>): Later<Value> {
    const keys = new Set<string>();
    const found = reading.then(() => {
      this.#next = null;
      return this.#begin([...keys]);
    });
    return { keys, found };
  }

  #begin(keys: readonly string[]): Promise<ReadonlyMap<string, Value>> {
    const found = this.#read(keys);
    const end = () => {
      if (this.#reading === ended) this.#reading = null;
    };
    const ended: Promise<void> = found.then(end, end);
    this.#reading = ended;
    return found;
  }
}
