// When a circuit opens: cockatiel's breakers, and one of its kind that counts the calls of a time window on a clock that is handed
// to it. Cockatiel's own one for that keeps calls beyond the window, measures a rate of calls instead of counting them, and reads
// the wall clock, which may be set.
import { ConsecutiveBreaker, CountBreaker, type IBreaker } from 'cockatiel';

/** What opens a circuit. */
export type Trip =
  /** So many failures in a row. */
  | { type: 'consecutive'; failures: number }
  /** A ratio of failures among the last `size` calls, of which at least `minCalls` were made. */
  | { type: 'count'; ratio: number; size: number; minCalls: number }
  /** A ratio of failures among the calls of a window. */
  | { type: 'sampling'; ratio: number; minCalls: number; windowMs: number };

/** A breaker, and the calls that it counts now. */
export interface Counting {
  readonly breaker: IBreaker;
  counted(): { calls: number; failures: number };
}

/** @param nowMs a monotonic clock */
export function breakerOf(trip: Trip, nowMs: () => number): Counting {
  switch (trip.type) {
    case 'consecutive': {
      const breaker = new ConsecutiveBreaker(trip.failures);
      return { breaker, counted: () => ({ calls: breaker.state, failures: breaker.state }) };
    }
    case 'count': {
      // It opens above its threshold, and takes none of 0 or 1; ours is a ratio that is reached.
      const threshold = Math.max(Number.MIN_VALUE, trip.ratio - 1e-9);
      const breaker = new CountBreaker({ threshold, size: trip.size, minimumNumberOfCalls: trip.minCalls });
      const counted = () => {
        const { failures, successes } = breaker.state as { failures: number; successes: number };
        return { calls: failures + successes, failures };
      };
      return { breaker, counted };
    }
    case 'sampling': {
      const breaker = new WindowBreaker(trip, nowMs);
      return { breaker, counted: () => breaker.counted() };
    }
    default:
      return trip satisfies never;
  }
}

interface Bucket {
  from: number;
  calls: number;
  failures: number;
}

const BUCKETS = 10;

/** Opens at a ratio of failures among the calls of a window. */
export class WindowBreaker implements IBreaker {
  readonly #trip: Extract<Trip, { type: 'sampling' }>;
  readonly #nowMs: () => number;
  #window: Bucket[] = [];

  constructor(trip: Extract<Trip, { type: 'sampling' }>, nowMs: () => number) {
    this.#trip = trip;
    this.#nowMs = nowMs;
  }

  /** What can be kept: ages, because each process has a clock of its own that starts at zero. */
  get state(): unknown {
    const now = this.#nowMs();
    return this.#window.map(({ from, calls, failures }) => ({ ageMs: now - from, calls, failures }));
  }

  set state(kept: unknown) {
    const now = this.#nowMs();
    const buckets = kept as { ageMs: number; calls: number; failures: number }[];
    this.#window = buckets.map(({ ageMs, calls, failures }) => ({ from: now - ageMs, calls, failures }));
  }

  success(): void {
    this.#count(false);
  }

  failure(): boolean {
    this.#count(true);
    const { calls, failures } = this.counted();
    return calls >= this.#trip.minCalls && failures / calls >= this.#trip.ratio;
  }

  counted(): { calls: number; failures: number } {
    const oldest = this.#nowMs() - this.#trip.windowMs;
    this.#window = this.#window.filter(({ from }) => from > oldest);
    return {
      calls: this.#window.reduce((sum, bucket) => sum + bucket.calls, 0),
      failures: this.#window.reduce((sum, bucket) => sum + bucket.failures, 0),
    };
  }

  #count(isFailure: boolean): void {
    const now = this.#nowMs();
    let last = this.#window.at(-1);
    if (last === undefined || now >= last.from + this.#trip.windowMs / BUCKETS) {
      last = { from: now, calls: 0, failures: 0 };
      this.#window.push(last);
    }
    last.calls += 1;
    if (isFailure) last.failures += 1;
  }
}
