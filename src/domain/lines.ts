// Users who wait for one thing: each has a line, and the lines take turns, so that nobody waits behind all that another one has.

export class Lines<T> {
  /** By user; the one whose turn comes next is first. A line that is empty is not there. */
  readonly #lines = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(userId: string, one: T): void {
    const line = this.#lines.get(userId);
    if (line === undefined) this.#lines.set(userId, [one]);
    else line.push(one);
    this.#size += 1;
  }

  /** Takes the first of the user whose turn it is, who then comes after all others; undefined when nobody waits. */
  take(): T | undefined {
    const [next] = this.#lines;
    if (next === undefined) return undefined;
    const [userId, line] = next;
    const one = line.shift();
    this.#lines.delete(userId);
    if (line.length > 0) this.#lines.set(userId, line);
    this.#size -= 1;
    return one;
  }
}
