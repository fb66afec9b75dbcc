// Figures of the last half hour, in the memory of this tab: plots work without a database of metrics.
import type { Execd } from '../../../src/client/connect.ts';
import { dataOf } from '../../../src/client/calls.ts';
import type { Stats } from '../../../src/client/types.ts';
import { Audience } from './visible.ts';

const EVERY_MS = 2000;
const KEPT = 900;

export interface Sample {
  /** Milliseconds since the epoch. */
  at: number;
  stats: Stats;
}

export class StatsRing {
  readonly #execd: Execd;
  readonly #audience = new Audience<[]>({ on: () => this.#run(), off: () => this.#pause() });
  #samples: readonly Sample[] = [];
  #timer: number | undefined;

  constructor(execd: Execd) {
    this.#execd = execd;
  }

  /** The oldest first; another array after each sample. */
  readonly samples = (): readonly Sample[] => this.#samples;

  readonly subscribe = (listener: () => void): (() => void) => this.#audience.listen(listener);

  stop(): void {
    this.#audience.stop();
  }

  #run(): void {
    this.#timer ??= window.setInterval(() => void this.#sample(), EVERY_MS);
    void this.#sample();
  }

  #pause(): void {
    window.clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #sample(): Promise<void> {
    try {
      const stats = await dataOf(this.#execd.api.GET('/v1/stats'));
      this.#samples = [...this.#samples.slice(1 - KEPT), { at: Date.now(), stats }];
      this.#audience.tell();
    } catch {
      // A gap. The line of the connection says that execd cannot be reached.
    }
  }
}
