// Callers that wait for something to happen to an execution. Nobody polls: a waiter is woken, or its time is up.
import type { Clock } from '../domain/ports.ts';
import type { ExecutionId } from '../domain/ids.ts';

export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Map<ExecutionId, Set<() => void>>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    let size = 0;
    for (const wakes of this.#waiting.values()) size += wakes.size;
    return size;
  }

  /** Wakes everybody, and lets nobody wait any more. */
  close(): void {
    this.#isClosed = true;
    for (const wakes of this.#waiting.values()) for (const wake of wakes) wake();
  }

  notify(id: ExecutionId): void {
    for (const wake of this.#waiting.get(id) ?? []) wake();
  }

  /**
   * Begins to listen; what happens from here on is not missed, however late `next` is called.
   * `close` must be called at the end.
   */
  watch(id: ExecutionId): Watch {
    let hasHappened = false;
    let resume: (() => void) | null = null;
    const wake = () => {
      hasHappened = true;
      resume?.();
    };
    const wakes = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, wakes.add(wake));
    return {
      next: async (ms, signal) => {
        if (!hasHappened && !signal.aborted && !this.#isClosed) {
          await new Promise<void>((resolve) => {
            const end = () => {
              timer.cancel();
              signal.removeEventListener('abort', end);
              resume = null;
              resolve();
            };
            const timer = this.#clock.timer(ms, end);
            signal.addEventListener('abort', end);
            resume = end;
          });
        }
        hasHappened = false;
        return !signal.aborted && !this.#isClosed;
      },
      close: () => {
        wakes.delete(wake);
        if (wakes.size === 0 && this.#waiting.get(id) === wakes) this.#waiting.delete(id);
      },
    };
  }
}

export interface Watch {
  /** Returns when something has happened since the last call, or the time is up. False: there is no use in waiting on. */
  next(ms: number, signal: AbortSignal): Promise<boolean>;
  close(): void;
}
