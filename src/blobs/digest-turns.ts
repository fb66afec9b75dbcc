/** What is done with the bytes of one digest, one after the other. */
export class DigestTurns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Acts when all that was asked for before has ended, however it ended. */
  async take<T>(digest: string, act: () => Promise<T>): Promise<T> {
    const before = this.#last.get(digest) ?? Promise.resolve();
    const mine = before.then(act, act);
    this.#last.set(digest, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(digest) === mine) this.#last.delete(digest);
    }
  }
}
