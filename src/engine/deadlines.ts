// Timers of queued executions that may wait only so long. They live in memory; a restart reads them from the store.
import type { Execution } from '../domain/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { Clock, Timer } from '../domain/ports.ts';
import { queueDeadline } from './policy.ts';

export class Deadlines {
  readonly #clock: Clock;
  readonly #expire: (execution: Execution) => void;
  readonly #timers = new Map<ExecutionId, Timer>();

  /** @param expire called when a queued execution has waited too long; it may have moved on meanwhile */
  constructor(clock: Clock, expire: (execution: Execution) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  /** Takes in the newest state of an execution: sets its timer while it is queued, and clears it afterwards. */
  follow(execution: Execution): void {
    this.#timers.get(execution.id)?.cancel();
    this.#timers.delete(execution.id);
    if (execution.phase !== 'queued') return;
    const deadline = queueDeadline(execution);
    if (deadline === null) return;
    const timer = this.#clock.timer(Math.max(0, deadline.at - this.#clock.now()), () => {
      this.#timers.delete(execution.id);
      this.#expire(execution);
    });
    this.#timers.set(execution.id, timer);
  }

  clear(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
