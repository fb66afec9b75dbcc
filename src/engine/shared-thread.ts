// Long work of users on the one thread that everybody shares: cut into pieces, which have a bound together, and done for users
// in turn. Whoever needs the thread for something else never waits for more than one bound, however many work at a time.
import { Lines } from '../domain/lines.ts';
import type { Clock } from '../domain/ports/clock.ts';

/** How long all the work together may hold the thread before the event loop goes round. */
const TURN_MS = 8;

export class SharedThread {
  readonly #clock: Clock;
  readonly #waiting = new Lines<() => void>();
  /** When the turn that is under way is over; null when none has begun since the event loop went round. */
  #endsAt: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does a piece of a user's work: at once where the turn has time left and nobody waits, else when it is that user's turn.
   * A piece should take a few milliseconds at most, since nothing stops it.
   */
  run<T>(userId: string, piece: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const work = () => {
        try {
          resolve(piece());
        } catch (error) {
          reject(error);
        }
      };
      // What is begun here comes to its turn in #next.
      if (this.#isOver() || this.#waiting.size > 0) this.#waiting.add(userId, work);
      else work();
    });
  }

  /** Does work that is cut into pieces. */
  async all<T>(userId: string, work: Generator<undefined, T>): Promise<T> {
    for (;;) {
      const piece = await this.run(userId, () => work.next());
      if (piece.done === true) return piece.value;
    }
  }

  #isOver(): boolean {
    const now = this.#clock.monotonic();
    if (this.#endsAt === null) {
      this.#endsAt = now + TURN_MS;
      void this.#clock.sleep(0).then(() => this.#next());
    }
    return now >= this.#endsAt;
  }

  #next(): void {
    this.#endsAt = null;
    while (this.#waiting.size > 0 && !this.#isOver()) this.#waiting.take()?.();
  }
}
