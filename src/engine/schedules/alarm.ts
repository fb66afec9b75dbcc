// Goes off at times of the wall clock, and does then what is due. It looks at the clock often enough to notice that it was
// set, and has no timer while nothing is due at any time.
import type { Clock, Log, Timer } from '../../domain/ports/clock.ts';

/** The longest wait without a look at the wall clock, which may have been set meanwhile. */
const LOOK_MS = 10_000;
const RETRY_MS = 1000;

export interface AlarmDeps {
  clock: Clock;
  log: Log;
  /** Does what is due; answers when something is due next, ms since the epoch, and null for never. */
  once: () => Promise<number | null>;
  failed: string;
}

export class Alarm {
  readonly #deps: AlarmDeps;
  #isOn = false;
  #timer: Timer | null = null;
  /** When it goes off, ms since the epoch. */
  #at = Infinity;
  #running: Promise<void> | null = null;
  /** Something may have become due since the round began. */
  #isDue = false;

  constructor(deps: AlarmDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#isOn = true;
    this.wake();
  }

  /** Something is due at a time; without one, perhaps now. */
  wake(at = -Infinity): void {
    if (!this.#isOn || at >= this.#at) return;
    if (this.#running === null && at > this.#deps.clock.now()) return this.#set(at);
    // What is being done may not have seen it.
    this.#isDue = true;
    this.#running ??= this.#run();
  }

  /** Resolves when what is under way has been done. */
  async stop(): Promise<void> {
    this.#isOn = false;
    this.#timer?.cancel();
    this.#timer = null;
    await this.#running;
  }

  #set(at: number): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#at = at;
    if (!this.#isOn || at === Infinity) return;
    const waitMs = Math.max(0, Math.min(at - this.#deps.clock.now(), LOOK_MS));
    this.#timer = this.#deps.clock.timer(waitMs, () => {
      this.#at = Infinity;
      if (this.#deps.clock.now() >= at) this.wake();
      else this.#set(at);
    });
  }

  async #run(): Promise<void> {
    const { clock, log, once, failed } = this.#deps;
    let next: number | null = null;
    this.#at = Infinity;
    while (this.#isDue && this.#isOn) {
      this.#isDue = false;
      try {
        next = await once();
      } catch (error) {
        log.warn({ err: error }, failed);
        next = clock.now() + RETRY_MS;
      }
    }
    this.#running = null;
    this.#set(next ?? Infinity);
  }
}
