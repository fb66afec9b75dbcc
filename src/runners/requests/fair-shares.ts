// Places that many users share, and wait for in turns.
import { mayHold } from '../../domain/shares.ts';

/** Gives a place back; more calls do nothing. */
export type End = () => void;

export class FairShares {
  readonly #most: number;
  readonly #held = new Map<string, number>();
  /** Users in the order of their turns, each with who waits, oldest first. */
  readonly #waiting = new Map<string, Set<(end: End) => void>>();
  #total = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Waits for a place of a user's. Rejects when the signal aborts before; afterwards the place must be given back.
   */
  take(user: string, signal: AbortSignal): Promise<End> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const leave = () => {
        this.#leave(user, begin);
        reject(signal.reason as Error);
      };
      const begin = (end: End) => {
        signal.removeEventListener('abort', leave);
        resolve(end);
      };
      signal.addEventListener('abort', leave, { once: true });
      const queue = this.#waiting.get(user) ?? new Set();
      this.#waiting.set(user, queue.add(begin));
      this.#serve();
    });
  }

  #leave(user: string, begin: (end: End) => void): void {
    const queue = this.#waiting.get(user);
    if (queue?.delete(begin) === true && queue.size === 0) this.#waiting.delete(user);
  }

  #mayBegin(user: string): boolean {
    return mayHold({ own: this.#held.get(user) ?? 0, total: this.#total }, this.#most);
  }

  #serve(): void {
    for (;;) {
      const next = [...this.#waiting].find(([user]) => this.#mayBegin(user));
      if (next === undefined) return;
      const [user, queue] = next;
      const [begin] = queue as Iterable<(end: End) => void> as [(end: End) => void];
      // To the end of the round.
      this.#waiting.delete(user);
      queue.delete(begin);
      if (queue.size > 0) this.#waiting.set(user, queue);
      begin(this.#hold(user));
    }
  }

  #hold(user: string): End {
    this.#total += 1;
    this.#held.set(user, (this.#held.get(user) ?? 0) + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#total -= 1;
      const left = (this.#held.get(user) as number) - 1;
      if (left === 0) this.#held.delete(user);
      else this.#held.set(user, left);
      this.#serve();
    };
  }
}
