// A value that is read from somewhere else and has to be there although that is away: the last good one is served for as long as
// it may be, and a source that does not respond is asked by probes only. Cockatiel's timeout and fallback around our circuit.
import {
  fallback,
  handleAll,
  type IDefaultPolicyContext,
  type IPolicy,
  timeout,
  TimeoutStrategy,
  wrap,
} from 'cockatiel';
import type { Clock } from '../domain/ports/clock.ts';
import { Circuit, type CircuitSettings } from './circuit.ts';

export interface LastGoodOptions<T> {
  /** Rejects for what is not good. The signal ends it. */
  read: (signal: AbortSignal) => Promise<T>;
  /** For one read. */
  timeoutMs: number;
  /** How long a value may be served after it was read, while there is no newer one. */
  maxAgeMs: number;
  clock: Pick<Clock, 'monotonic'>;
  /** Called with the error of each read that failed. */
  failed: (error: unknown) => void;
}

const SOURCE: CircuitSettings = {
  trip: { type: 'consecutive', failures: 3 },
  openMs: 1000,
  maxOpenMs: 30_000,
  probes: 1,
  countUserFaults: true,
};

export class LastGood<T> {
  readonly #options: LastGoodOptions<T>;
  readonly #circuit: Circuit;
  readonly #policy: IPolicy<IDefaultPolicyContext, T>;
  #last: { value: T; readAt: number } | null = null;
  #failure: unknown = null;

  constructor(options: LastGoodOptions<T>) {
    this.#options = options;
    const nowMs = () => options.clock.monotonic();
    this.#circuit = new Circuit('source', SOURCE, { nowMs, changed: () => undefined });
    this.#policy = wrap(
      fallback(handleAll, () => this.#fallback()),
      timeout(options.timeoutMs, TimeoutStrategy.Aggressive),
    );
  }

  /** Whether the last read failed: what is served then may be old. */
  get isStale(): boolean {
    return this.#failure !== null;
  }

  /**
   * Reads it now, or returns the last good one.
   *
   * @throws why it cannot be read, when there is none that may be served
   */
  get(): Promise<T> {
    return this.#policy.execute(({ signal }) => this.#read(signal));
  }

  async #read(signal: AbortSignal): Promise<T> {
    const ticket = this.#circuit.admit();
    if ('waitMs' in ticket) throw this.#failure;
    const { read, clock, failed } = this.#options;
    try {
      const value = await read(signal);
      this.#circuit.record(ticket, 'success');
      this.#last = { value, readAt: clock.monotonic() };
      this.#failure = null;
      return value;
    } catch (error) {
      this.#circuit.record(ticket, 'failure');
      this.#failure = error;
      failed(error);
      throw error;
    }
  }

  #fallback(): T {
    const { clock, maxAgeMs, timeoutMs } = this.#options;
    // A read that took too long is still under way: it has no error of its own yet.
    this.#failure ??= new Error(`there was no response within ${timeoutMs} ms`);
    if (this.#last === null || clock.monotonic() - this.#last.readAt > maxAgeMs) throw this.#failure as Error;
    return this.#last.value;
  }
}
