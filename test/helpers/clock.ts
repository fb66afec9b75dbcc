// A clock whose timers go off when the test says so. The wall clock follows: it begins at the real time, so that ids and
// stored times look as ever.
import type { Clock } from '../../src/domain/ports/clock.ts';
import { tell } from './heard.ts';

export interface FakeClock extends Clock {
  /** Moves time on; timers that are due go off in their order, with room in between for what they set going. */
  advance(ms: number): Promise<void>;
  /** Whether a timer of this length is waiting. */
  hasTimer(ms: number): boolean;
  readonly waiting: number;
}

/** @param bootedAt its monotonic time at the beginning, for those who tell it to another process */
export function fakeClock(startsAt = Date.now(), bootedAt = 0): FakeClock {
  let elapsed = 0;
  const timers = new Set<{ at: number; ms: number; fn: () => void }>();
  const settle = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

  const clock: FakeClock = {
    now: () => startsAt + elapsed,
    monotonic: () => bootedAt + elapsed,
    between: (from, to) => Math.max(0, to - from),
    timer(ms, fn) {
      const timer = { at: elapsed + ms, ms, fn };
      timers.add(timer);
      tell();
      return {
        cancel() {
          timers.delete(timer);
          tell();
        },
      };
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason);
        // Who only makes room for others waits for no time.
        if (ms === 0) return void setImmediate(resolve);
        const timer = clock.timer(ms, resolve);
        signal?.addEventListener('abort', () => {
          timer.cancel();
          reject(signal.reason);
        });
      });
    },
    async advance(ms) {
      const until = elapsed + ms;
      for (;;) {
        await settle();
        const [next] = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        elapsed = Math.max(elapsed, next.at);
        next.fn();
        tell();
      }
      elapsed = until;
      await settle();
    },
    hasTimer: (ms) => [...timers].some((timer) => timer.ms === ms),
    get waiting() {
      return timers.size;
    },
  };
  return clock;
}
