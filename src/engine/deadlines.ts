// Timers of live executions: a limit that runs out, or a backoff that is over, whichever comes first. They live in memory;
// a restart reads them from the store. The limits of an attempt are the runner's.
import type { Execution } from '../domain/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { Clock, Timer } from '../domain/ports.ts';
import { deadlineOf } from './policy.ts';

export interface DeadlineActions {
  /** An execution has taken too long; it may have moved on meanwhile. */
  expire(execution: Execution): void;
  /** A backoff is over. */
  due(execution: Execution): void;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #actions: DeadlineActions;
  readonly #timers = new Map<ExecutionId, Timer>();

  constructor(clock: Clock, actions: DeadlineActions) {
    this.#clock = clock;
    this.#actions = actions;
  }

  /** Takes in the newest state of an execution: sets its timer while it lives, and clears it afterwards. */
  follow(execution: Execution): void {
    this.#timers.get(execution.id)?.cancel();
    this.#timers.delete(execution.id);
    if (execution.phase === 'done' || execution.phase === 'canceling') return;
    const now = this.#clock.now();
    const deadline = deadlineOf(execution);
    // A limit never takes longer than itself, whatever the wall clock has done.
    const expiresInMs = deadline === null ? Infinity : Math.min(deadline.limitMs, deadline.at - now);
    const dueInMs = execution.phase === 'scheduled_retry' ? execution.retryAt - now : Infinity;
    const waitMs = Math.min(expiresInMs, dueInMs);
    if (waitMs === Infinity) return;
    const timer = this.#clock.timer(Math.max(0, waitMs), () => {
      this.#timers.delete(execution.id);
      if (expiresInMs <= dueInMs) this.#actions.expire(execution);
      else this.#actions.due(execution);
    });
    this.#timers.set(execution.id, timer);
  }

  clear(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
