// Hands events to those that are configured to hear of them. One that throws, or takes its time, is no matter to the
// engine or to the others: each has a queue of its own, which is bounded; what does not fit is dropped, and counted.
import type { LifecycleEvent } from '../domain/execution/events.ts';
import type { Execution } from '../domain/execution/execution.ts';
import type { Log } from '../domain/ports/clock.ts';

export interface EventHandler {
  /** A label of the metrics. */
  name: string;
  /** One that answers a promise hears of the next event when that is settled. */
  handle(event: LifecycleEvent, execution: Execution): void | Promise<void>;
}

export interface HandlerStats {
  failures: number;
  dropped: number;
  waiting: number;
}

/** Events that wait for one handler. */
const MAX_WAITING = 1000;

type Heard = [event: LifecycleEvent, execution: Execution];

class HandlerQueue {
  readonly stats: HandlerStats = { failures: 0, dropped: 0, waiting: 0 };
  readonly #handler: EventHandler;
  readonly #log: Log;
  readonly #waiting: Heard[] = [];
  #isBusy = false;

  constructor(handler: EventHandler, log: Log) {
    this.#handler = handler;
    this.#log = log;
  }

  hear(...heard: Heard): void {
    if (!this.#isBusy) return this.#handle(heard);
    if (this.#waiting.length >= MAX_WAITING) {
      this.stats.dropped += 1;
      return;
    }
    this.#waiting.push(heard);
    this.stats.waiting = this.#waiting.length;
  }

  #handle(heard: Heard): void {
    try {
      const done = this.#handler.handle(...heard);
      if (done === undefined) return;
      this.#isBusy = true;
      void this.#goOn(done);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #goOn(first: Promise<void>): Promise<void> {
    for (let done: void | Promise<void> = first; ;) {
      try {
        await done;
      } catch (error) {
        this.#failed(error);
      }
      const next = this.#waiting.shift();
      this.stats.waiting = this.#waiting.length;
      if (next === undefined) break;
      try {
        done = this.#handler.handle(...next);
      } catch (error) {
        this.#failed(error);
        done = undefined;
      }
    }
    this.#isBusy = false;
  }

  #failed(error: unknown): void {
    this.stats.failures += 1;
    this.#log.error({ err: error, handler: this.#handler.name }, 'An event handler failed');
  }
}

export class EventHandlers {
  readonly #queues: ReadonlyMap<string, HandlerQueue>;

  constructor(handlers: readonly EventHandler[], log: Log) {
    this.#queues = new Map(handlers.map((handler) => [handler.name, new HandlerQueue(handler, log)]));
  }

  /** Never throws, and never waits. */
  hear(event: LifecycleEvent, execution: Execution): void {
    for (const queue of this.#queues.values()) queue.hear(event, execution);
  }

  stats(): { name: string; stats: HandlerStats }[] {
    return [...this.#queues].map(([name, { stats }]) => ({ name, stats }));
  }
}
