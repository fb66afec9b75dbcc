// Something that users hold for a while, such as a stream, of which there is a bound. A user may hold no more than is left
// free. So one greedy user gets half of it, a second one a quarter, and there is always room for one who holds nothing yet.

/** What a user may hold, in terms of what is left free. */
export const SHARES = {
  /** Of what is held for long. */
  long: 1,
  /** Of what is soon given back: who holds much for long can still do that. */
  short: 3,
  /** Nobody else can come. */
  all: Infinity,
} as const;

export class FairShare {
  readonly #max: number;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get max(): number {
    return this.#max;
  }

  heldBy(user: string): number {
    return this.#held.get(user) ?? 0;
  }

  /** Whether a user may take one more. */
  hasRoom(user: string, share: keyof typeof SHARES): boolean {
    const free = this.#max - this.#total;
    return free > 0 && this.heldBy(user) < SHARES[share] * free;
  }

  /** Takes one, to be given back once by the function that comes back. */
  take(user: string): () => void {
    this.#total += 1;
    this.#held.set(user, this.heldBy(user) + 1);
    return () => {
      this.#total -= 1;
      const left = this.heldBy(user) - 1;
      if (left > 0) this.#held.set(user, left);
      else this.#held.delete(user);
    };
  }
}
