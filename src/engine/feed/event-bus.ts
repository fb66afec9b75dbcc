// Announces what this engine has stored. Listeners hear it in order, after the fact; one that throws is logged and ignored.
import type { AccountEvent } from '../../domain/credits/account.ts';
import type { LifecycleEvent } from '../../domain/execution/events.ts';
import type { Execution } from '../../domain/execution/execution.ts';
import type { Log } from '../../domain/ports/clock.ts';

export type Listener = (event: LifecycleEvent, execution: Execution) => void;
export type AccountListener = (event: AccountEvent) => void;

export class EventBus {
  readonly #listeners = new Set<Listener>();
  readonly #ofAccounts = new Set<AccountListener>();
  readonly #ofBatches = new Set<() => void>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @returns a function that ends the listening */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @returns a function that ends the listening */
  listenToAccounts(listener: AccountListener): () => void {
    this.#ofAccounts.add(listener);
    return () => this.#ofAccounts.delete(listener);
  }

  /** @returns a function that ends the listening */
  onBatch(listener: () => void): () => void {
    this.#ofBatches.add(listener);
    return () => this.#ofBatches.delete(listener);
  }

  publishBatch(): void {
    for (const listener of this.#ofBatches) listener();
  }

  publishAccount(event: AccountEvent): void {
    for (const listener of this.#ofAccounts) {
      try {
        listener(event);
      } catch (error) {
        this.#log.error({ err: error, user_id: event.entry.userId }, 'A listener of accounts failed');
      }
    }
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
