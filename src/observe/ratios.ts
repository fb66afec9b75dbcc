// The ratios that operators set thresholds on, over all that has happened since the start. It listens and never speaks back.
import { hasNoRun } from '../domain/kinds.ts';
import type { LifecycleEvent } from '../domain/execution/events.ts';
import { type Execution, isFinished } from '../domain/execution/execution.ts';

export class Ratios {
  #ended = 0;
  #timedOut = 0;
  #attempts = 0;
  #retries = 0;

  onEvent({ type }: Pick<LifecycleEvent, 'type'>, execution: Execution): void {
    // A plan is counted by its steps.
    if (hasNoRun(execution.spec)) return;
    if (type === 'started') this.#attempts += 1;
    else if (type === 'retry_scheduled') this.#retries += 1;
    else if (isFinished(execution) && type === execution.status) {
      this.#ended += 1;
      if (type === 'timed_out') this.#timedOut += 1;
    }
  }

  /** Of executions that have ended, and of attempts; null before the first. */
  now(): { timeout: number | null; retry: number | null } {
    return { timeout: ratio(this.#timedOut, this.#ended), retry: ratio(this.#retries, this.#attempts) };
  }
}

const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
