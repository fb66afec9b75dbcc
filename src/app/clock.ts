// The only source of time and timers of the server. Others are handed a Clock; tests hand in one that they move.
import type { Clock } from '../domain/ports/clock.ts';

/** That of the system (CLOCK_MONOTONIC): the runner host reads the same one. */
const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** More would go off at once (Node's timers are 32-bit). */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Steps of the wall clock that are not taken for jumps, milliseconds. */
const STEP_MS = 1000;
/** How much faster than another one a clock may run. */
const DRIFT = 1e-3;
/** Jumps that are remembered. */
const MOST_JUMPS = 32;

/**
 * Makes a clock of the two of the system. It notices jumps of the wall clock when it is asked for the time, and remembers
 * them, so that times which were taken on both sides of one can be compared.
 */
export function createClock(
  wall: () => number = () => Date.now(),
  monotonic: () => number = monotonicMs,
): Clock {
  /** How far a clock that is followed is ahead of the monotonic one. */
  let followed: { aheadMs: number; at: number } | null = null;
  const time = () => (followed === null ? wall() : Math.round(monotonic() + followed.aheadMs));
  /** How far the wall clock was ahead of the monotonic one, from when on; the newest first. */
  const offsets = [{ from: monotonic(), aheadMs: wall() - monotonic() }];
  const now = (): number => {
    const [is, from] = [time(), monotonic()];
    if (Math.abs(is - from - (offsets[0]?.aheadMs ?? 0)) > STEP_MS) {
      offsets.unshift({ from, aheadMs: is - from });
      if (offsets.length > MOST_JUMPS) offsets.pop();
    }
    return is;
  };
  const follow = (read: number): number => {
    const at = monotonic();
    const aheadMs = read - at;
    // What was read has taken a while to come: the one that took least is nearest. Two clocks do not run alike.
    const least = followed === null ? -Infinity : followed.aheadMs - (at - followed.at) * DRIFT;
    followed = { at, aheadMs: Math.abs(aheadMs - least) > STEP_MS ? aheadMs : Math.max(aheadMs, least) };
    return now();
  };
  /** When a time was taken, on the monotonic clock. One that fits on both sides of a jump is taken for the later one. */
  const placeOf = (time: number): number => {
    const latest = monotonic() + STEP_MS;
    for (const { from, aheadMs } of offsets) {
      const at = time - aheadMs;
      if (at >= from - STEP_MS && at <= latest) return at;
    }
    return time - (offsets.at(-1)?.aheadMs ?? 0);
  };
  const between = (from: number, to: number): number => {
    now();
    return Math.max(0, offsets.length === 1 ? to - from : Math.round(placeOf(to) - placeOf(from)));
  };
  return { now, monotonic, between, follow, ...timers };
}

const timers: Pick<Clock, 'timer' | 'sleep'> = {
  timer(ms, fn) {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, MAX_TIMEOUT_MS);
      timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : fn()), stepMs);
      timer.unref();
    };
    wait(ms);
    return { cancel: () => clearTimeout(timer) };
  },
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      // A timer of 0 would take a millisecond or more.
      if (ms === 0) return void setImmediate(resolve);
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', abort);
        resolve();
      }, ms);
      const abort = () => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort, { once: true });
    });
  },
};
