// Results whose time is over leave the cache now and then, whatever becomes of executions.
import type { Clock, Log } from '../../domain/ports/clock.ts';

export interface CacheSweepsDeps {
  clock: Clock;
  log: Log;
  intervalMs: number;
  sweep(): void;
}

export class CacheSweeps {
  readonly #deps: CacheSweepsDeps;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: CacheSweepsDeps) {
    this.#deps = deps;
  }

  /** Sweeps in the background, until `stop`. A failed sweep is logged; the next one tries again. */
  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, log, intervalMs } = this.#deps;
    const { signal } = this.#stop;
    for (;;) {
      await clock.sleep(intervalMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        this.#deps.sweep();
      } catch (error) {
        log.error({ err: error }, 'The cleanup of the cache failed');
      }
    }
  }
}
