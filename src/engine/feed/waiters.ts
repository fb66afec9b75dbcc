// Callers that wait for something to happen to an execution. Nobody polls: a waiter is woken, or its time is up.
import type { Clock } from '../../domain/ports/clock.ts';
import type { ExecutionId } from '../../domain/ids.ts';

/** Waiters that are woken in one turn of the event loop: each has work to do then. */
const SLICE = 256;

export class Waiters {
  readonly #clock: Clock;
  /** Those that are being woken, slice by slice; `again`: something more has happened meanwhile. */
  readonly #waking = new Map<ExecutionId, { left: Iterator<() => void>; again: boolean }>();
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
    this.notifyAll();
  }

  notifyAll(): void {
    for (const wakes of this.#waiting.values()) for (const wake of wakes) wake();
  }

  notify(id: ExecutionId): void {
    const wakes = this.#waiting.get(id);
    if (wakes === undefined) return;
    const waking = this.#waking.get(id);
    if (waking !== undefined) waking.again = true;
    else if (wakes.size <= SLICE) for (const wake of wakes) wake();
    else {
      this.#waking.set(id, { left: wakes.values(), again: false });
      this.#wakeSlice(id);
    }
  }

  #wakeSlice(id: ExecutionId): void {
    const waking = this.#waking.get(id);
    if (waking === undefined) return;
    for (let i = 0; i < SLICE; i++) {
      const next = waking.left.next();
      if (next.done !== true) next.value();
      else if (waking.again && this.#waiting.has(id)) {
        waking.left = (this.#waiting.get(id) as Set<() => void>).values();
        waking.again = false;
      } else {
        this.#waking.delete(id);
        return;
      }
    }
    this.#clock.timer(0, () => this.#wakeSlice(id));
  }

  /**
   * Begins to listen; what happens from here on is not missed, however late `next` is called.
   * `close` must be called at the end.
   */
  watch(...ids: ExecutionId[]): Watch {
    let hasHappened = false;
    let resume: (() => void) | null = null;
    const wake = () => {
      hasHappened = true;
      resume?.();
    };
    for (const id of ids) {
      const wakes = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, wakes.add(wake));
    }
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
        for (const id of ids) {
          const wakes = this.#waiting.get(id);
          wakes?.delete(wake);
          if (wakes?.size === 0) this.#waiting.delete(id);
        }
      },
    };
  }
}

export interface Watch {
  /** Returns when something has happened since the last call, or the time is up. False: there is no use in waiting on. */
  next(ms: number, signal: AbortSignal): Promise<boolean>;
  close(): void;
}
