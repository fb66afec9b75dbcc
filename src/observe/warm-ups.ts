// Says in the log which of the executions that were to fill the cache have failed.
import type { EventType } from '../domain/event-types.ts';
import { isFinal } from '../domain/execution/events.ts';
import { type Execution, isFinished, operationType } from '../domain/execution/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { Log } from '../domain/ports/clock.ts';

/** Of more that run at a time, the end is told like that of others only. */
const MOST = 100_000;

export class WarmUps {
  readonly #log: Log;
  readonly #ids = new Set<ExecutionId>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Watches an execution that was accepted just now. */
  watch(execution: Execution): void {
    if (isFinished(execution)) this.#tell(execution);
    else if (this.#ids.size < MOST) this.#ids.add(execution.id);
  }

  hear({ type }: { type: EventType }, execution: Execution): void {
    if (this.#ids.size > 0 && isFinal(type) && this.#ids.delete(execution.id)) this.#tell(execution);
  }

  #tell(execution: Execution): void {
    if (!isFinished(execution) || execution.status === 'completed') return;
    const facts = { operation: operationType(execution), user_id: execution.userId };
    const { cause } = execution.outcome;
    this.#log.warn({ ...facts, execution_id: execution.id, cause }, 'Warm-up operation failed');
  }
}
