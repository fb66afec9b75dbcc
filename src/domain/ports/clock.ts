// Time and timers, and the log of the server.
export interface Timer {
  cancel(): void;
}

/** The only source of time and timers. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. Stored times come from it. */
  now(): number;
  /** Monotonic clock, milliseconds. Durations and waits come from it. */
  monotonic(): number;
  /**
   * Milliseconds between two times of `now()`, without the jumps of the wall clock between them that happened in this
   * process; never less than 0.
   */
  between(from: number, to: number): number;
  /**
   * Takes the time of another clock, which has just been read, for its own; returns what it is by this one. Left out: what it
   * says is the time.
   */
  follow?(time: number): number;
  /** Calls `fn` once after `ms`; the timer does not keep the process alive. */
  timer(ms: number, fn: () => void): Timer;
  /** Resolves after `ms` (0: when the turn of the event loop is over), or rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The server's own log: facts, then one sentence. */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}
