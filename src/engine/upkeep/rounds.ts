// Work that is done again and again in the background, until it is stopped. What fails is logged; the next round tries again.
import type { Clock, Log } from '../../domain/ports/clock.ts';

export interface RoundsDeps {
  clock: Clock;
  log: Log;
  intervalMs: number;
  /** When the first round is: at the start, or after an interval. */
  first: 'at_once' | 'later';
  once: () => unknown;
  /** What the log says of one that failed. */
  failed: string;
}

export class Rounds {
  readonly #deps: RoundsDeps;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: RoundsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Resolves when the last round has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, log, intervalMs, first, once, failed } = this.#deps;
    const { signal } = this.#stop;
    if (first === 'later') await clock.sleep(intervalMs, signal).catch(() => undefined);
    while (!signal.aborted) {
      try {
        await once();
      } catch (error) {
        log.error({ err: error }, failed);
      }
      await clock.sleep(intervalMs, signal).catch(() => undefined);
    }
  }
}
