// Announces what has been stored. Listeners hear it in order, after the fact; one that throws is logged and ignored.
import type { LifecycleEvent } from '../domain/events.ts';
import type { Execution } from '../domain/execution.ts';
import type { Log } from '../domain/ports.ts';

export type Listener = (event: LifecycleEvent, execution: Execution) => void;

export class EventBus {
  readonly #listeners = new Set<Listener>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @returns a function that ends the listening */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(event: LifecycleEvent, execution: Execution): void {
    for (const listener of this.#listeners) {
      try {
        listener(event, execution);
      } catch (error) {
        this.#log.error({ err: error, execution_id: execution.id }, 'An event listener failed');
      }
    }
  }
}
