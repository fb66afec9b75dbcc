// Something that users hold for some time, such as a stream, and that is bounded.
import { type HOLDS, mayHold } from '../../domain/shares.ts';

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
  hasRoom(user: string, as: keyof typeof HOLDS): boolean {
    return mayHold({ own: this.heldBy(user), total: this.#total }, this.#max, as);
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
