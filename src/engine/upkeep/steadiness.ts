// Whether ages may be taken from the wall clock. After a start nobody knows how long the server was down, and a clock that
// is set wrong looks like a long time; the monotonic clock tells of jumps while it runs, and of nothing before.
import type { Clock } from '../../domain/ports/clock.ts';

/** A wall clock that has moved on by so much more than the monotonic one was set. */
const JUMP_MS = 60_000;

export class Steadiness {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  #last: { wall: number; monotonic: number };
  #since: number;

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock;
    this.#last = { wall: clock.now(), monotonic: clock.monotonic() };
    this.#since = this.#last.monotonic;
  }

  /** For how long the wall clock has not jumped forward, as far as is known. To be asked now and then. */
  forMs(): number {
    const now = { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
    const aheadMs = now.wall - this.#last.wall - (now.monotonic - this.#last.monotonic);
    if (aheadMs > JUMP_MS) this.#since = now.monotonic;
    this.#last = now;
    return now.monotonic - this.#since;
  }
}
