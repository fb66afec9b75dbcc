// Time for the client: what waits can be aborted, and tests can hand in a clock of their own.

export interface ClientClock {
  /** Milliseconds; only differences count. */
  now(): number;
  /** Resolves after a time; rejects with the reason of the signal as soon as that aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: ClientClock = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** Milliseconds since the epoch, for times of others. */
export const wallNow = (): number => Date.now();

/** A signal that aborts when nothing has happened for a while. */
export class Watchdog {
  readonly #clock: ClientClock;
  readonly #ms: number;
  readonly #late = new AbortController();
  readonly #stop = new AbortController();
  #fedAt: number;

  constructor(clock: ClientClock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
    this.#fedAt = clock.now();
    void this.#watch();
  }

  get signal(): AbortSignal {
    return this.#late.signal;
  }

  /** Whether it has aborted. */
  get isLate(): boolean {
    return this.#late.signal.aborted;
  }

  /** Something has happened. */
  feed(): void {
    this.#fedAt = this.#clock.now();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    try {
      for (;;) {
        const left = this.#fedAt + this.#ms - this.#clock.now();
        if (left <= 0) return this.#late.abort(new Error(`No response for ${this.#ms} ms.`));
        await this.#clock.sleep(left, signal);
      }
    } catch {
      // Stopped.
    }
  }
}
