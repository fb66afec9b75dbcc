// Timers of live executions: a limit that runs out, or a backoff that is over, whichever comes first. They live in memory;
// a restart reads them from the store. The limits of an attempt are the runner's.
import type { Execution } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Clock, Log, Timer } from '../../domain/ports/clock.ts';
import { EACH_SECOND, untilDone } from '../../resilience/retrying.ts';
import { deadlineOf } from '../policies/settings.ts';

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
  /** When backoffs are over, on the monotonic clock. */
  readonly #backoffs = new Map<ExecutionId, { retryAt: number; at: number }>();

  constructor(clock: Clock, actions: DeadlineActions) {
    this.#clock = clock;
    this.#actions = actions;
  }

  /** Somebody else sees to it. */
  forget(id: ExecutionId): void {
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
    this.#backoffs.delete(id);
  }

  /** Takes in the newest state of an execution: sets its timer while it lives, and clears it afterwards. */
  follow(execution: Execution): void {
    this.#timers.get(execution.id)?.cancel();
    this.#timers.delete(execution.id);
    if (execution.phase !== 'scheduled_retry') this.#backoffs.delete(execution.id);
    if (execution.phase === 'done' || execution.phase === 'canceling') return;
    const deadline = deadlineOf(execution);
    const expiresInMs =
      deadline === null ? Infinity : this.#left(deadline.at - deadline.limitMs, deadline.limitMs);
    const dueInMs = execution.phase === 'scheduled_retry' ? this.#backoffLeft(execution) : Infinity;
    const waitMs = Math.min(expiresInMs, dueInMs);
    if (waitMs === Infinity) return;
    const timer = this.#clock.timer(Math.max(0, waitMs), () => {
      this.#timers.delete(execution.id);
      if (expiresInMs <= dueInMs) this.#actions.expire(execution);
      else this.#actions.due(execution);
    });
    this.#timers.set(execution.id, timer);
  }

  /** What is left of a wait that began at a time: never more than the whole, whatever the wall clock has done. */
  #left(from: number, wholeMs: number): number {
    return wholeMs - this.#clock.between(from, this.#clock.now());
  }

  /** Worked out once for each backoff. After a restart it is never more than the whole. */
  #backoffLeft({ id, retryAt, attempts }: Extract<Execution, { phase: 'scheduled_retry' }>): number {
    const now = this.#clock.monotonic();
    let backoff = this.#backoffs.get(id);
    if (backoff?.retryAt !== retryAt) {
      const endedAt = attempts.at(-1)?.endedAt ?? retryAt;
      const leftMs = Math.min(retryAt - this.#clock.now(), Math.max(0, retryAt - endedAt));
      this.#backoffs.set(id, (backoff = { retryAt, at: now + Math.max(0, leftMs) }));
    }
    return backoff.at - now;
  }

  clear(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}

/** Does what is due to an execution, however often it takes. */
export function untilStored<Rest extends unknown[]>(
  act: (execution: Execution, ...rest: Rest) => Promise<void>,
  { clock, log, signal, what }: { clock: Clock; log: Log; signal: AbortSignal; what: string },
): (execution: Execution, ...rest: Rest) => void {
  return (execution, ...rest) => {
    const failed = (err: unknown) =>
      log.warn({ err, execution_id: execution.id }, `Cannot store ${what}; execd retries`);
    void untilDone(() => act(execution, ...rest), { clock, signal, failed, backoff: EACH_SECOND });
  };
}
