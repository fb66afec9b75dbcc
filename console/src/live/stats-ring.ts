// Figures of the last half hour, in the memory of this tab: plots work without a database of metrics.
import type { Execd } from '../../../src/client/connect.ts';
import { dataOf } from '../../../src/client/calls.ts';
import type { Stats } from '../../../src/client/types.ts';
import { Audience } from './visible.ts';

const EVERY_MS = 2000;
/** The same while nothing runs and nothing changes: open consoles then cost the server a fifth. */
const QUIET_MS = 10_000;
const KEPT = 900;
/** A timer may come a little early. */
const SLACK_MS = 200;

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
  #askedAt = 0;
  #isAwake = false;

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
    this.#timer ??= window.setInterval(() => {
      if (Date.now() - this.#askedAt >= (this.#isQuiet() ? QUIET_MS : EVERY_MS) - SLACK_MS)
        void this.#sample();
    }, EVERY_MS);
    void this.#sample();
  }

  /** Something has happened: the figures are read soon. */
  wake(): void {
    this.#isAwake = true;
  }

  #isQuiet(): boolean {
    const [before, now] = this.#samples.slice(-2);
    if (this.#isAwake || before === undefined || now === undefined) return false;
    const { running, pending } = now.stats.executions;
    return running + pending === 0 && now.stats.store.commits === before.stats.store.commits;
  }

  #pause(): void {
    window.clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #sample(): Promise<void> {
    this.#askedAt = Date.now();
    this.#isAwake = false;
    try {
      const stats = await dataOf(this.#execd.api.GET('/v1/stats'));
      this.#samples = [...this.#samples.slice(1 - KEPT), { at: Date.now(), stats }];
      this.#audience.tell();
    } catch {
      // A gap. The line of the connection says that execd cannot be reached.
    }
  }
}
