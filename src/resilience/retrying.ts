// Tries again what has failed, until it works. The waits are cockatiel's backoffs, the time is that of our clock. Its retry policy
// is not used: it calls once more after an abort during a wait, and once when the signal is aborted from the beginning.
import { ConstantBackoff, type IBackoff, type IBackoffFactory, IterableBackoff } from 'cockatiel';
import type { Clock } from '../domain/ports/clock.ts';

/** How long to wait before each further try. Immutable: whoever waits holds a `Waits`. */
export type Backoff = IBackoffFactory<unknown>;

/** These waits, milliseconds, and then the last one again and again. */
export const backoffOf = (waits: readonly number[]): Backoff => new IterableBackoff(waits);

/** For what many may wait to store at once: the pauses grow, so that a disk that is full does not fill the log. */
export const GROWING: Backoff = backoffOf([100, 500, 2000, 5000]);
/** For what somebody waits for. */
export const EACH_SECOND: Backoff = new ConstantBackoff(1000);

/** The waits between the tries of one thing. */
export class Waits {
  readonly #backoff: Backoff;
  #last: IBackoff<unknown> | null = null;

  constructor(backoff: Backoff) {
    this.#backoff = backoff;
  }

  /** The wait before the next try, milliseconds. */
  nextMs(): number {
    this.#last = (this.#last ?? this.#backoff).next(undefined);
    return this.#last.duration;
  }

  /** It has worked: the next failure waits as the first one did. */
  reset(): void {
    this.#last = null;
  }
}

/** The wait after so many tries that failed in a row, from 1; null when the list of waits is over. */
export function waitAfter(failures: number, waits: readonly number[]): number | null {
  if (failures > waits.length) return null;
  const all = new Waits(backoffOf(waits));
  for (let i = 1; i < failures; i++) all.nextMs();
  return all.nextMs();
}

export interface Retrying {
  clock: Pick<Clock, 'sleep'>;
  backoff: Backoff;
  /** Ends it: nothing is called after the abort, and a wait ends with it. */
  signal: AbortSignal;
  /** Told of each failure, with the wait before the next try. */
  readonly failed: (error: unknown, waitMs: number) => void;
  /** Waits before the first try, too. */
  isLater?: boolean;
  /** Makes one try although the signal has aborted. */
  triesOnce?: boolean;
}

/** What came of it; null when it was aborted before it worked. Rejects never. */
export async function untilDone<T>(act: () => Promise<T>, how: Retrying): Promise<{ value: T } | null> {
  const { clock, backoff, signal, failed } = how;
  const waits = new Waits(backoff);
  const pause = (ms: number) => clock.sleep(ms, signal).catch(() => undefined);
  if (how.isLater === true) await pause(waits.nextMs());
  for (let mayTry = how.triesOnce === true; mayTry || !signal.aborted; mayTry = false) {
    try {
      return { value: await act() };
    } catch (error) {
      const waitMs = waits.nextMs();
      failed(error, waitMs);
      await pause(waitMs);
    }
  }
  return null;
}
