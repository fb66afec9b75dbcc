// Figures of the last half hour, in the memory of this tab: plots work without a database of metrics.
import type { Execd } from '../../../src/client/connect.ts';
import { dataOf } from '../../../src/client/calls.ts';
import type { Stats } from '../../../src/client/types.ts';
import { watchVisibility } from './visible.ts';

const EVERY_MS = 2000;
const KEPT = 900;

export interface Sample {
  /** Milliseconds since the epoch. */
  at: number;
  stats: Stats;
}

export class StatsRing {
  readonly #execd: Execd;
  readonly #listeners = new Set<() => void>();
  #samples: readonly Sample[] = [];
  #timer: number | undefined;
  #unwatch: (() => void) | null = null;

  constructor(execd: Execd) {
    this.#execd = execd;
  }

  /** The oldest first; another array after each sample. */
  readonly samples = (): readonly Sample[] => this.#samples;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#unwatch === null) {
      this.#unwatch = watchVisibility((isVisible) => (isVisible ? this.#run() : this.#pause()));
      this.#run();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.stop();
    };
  };

  stop(): void {
    this.#unwatch?.();
    this.#unwatch = null;
    this.#pause();
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
      for (const listener of this.#listeners) listener();
    } catch {
      // A gap. The line of the connection says that execd cannot be reached.
    }
  }
}
