// What a drain waits for: runs, and submits, which may have claimed a slot.

export class UnderWay {
  readonly #work = new Set<Promise<void>>();

  /** Adds what is under way, however it ends. */
  track(work: Promise<unknown>): void {
    const ended: Promise<void> = work.then(
      () => void this.#work.delete(ended),
      () => void this.#work.delete(ended),
    );
    this.#work.add(ended);
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }
}
