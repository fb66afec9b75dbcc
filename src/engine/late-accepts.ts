// Executions that were answered from the cache, on their way to the store. Nothing is lost with one but its record: no
// work, no money, no promise of a key. They can be read from here until they are stored.
import type { FinishedExecution } from '../domain/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { AcceptPart, Clock, Group, GroupResult, Log } from '../domain/ports.ts';
import { judge } from '../domain/outcome.ts';

export interface LateAcceptsDeps {
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
  clock: Clock;
  log: Log;
}

interface Entry {
  part: AcceptPart;
  execution: FinishedExecution;
}

/** Beyond so many, answers wait for the store again. */
const MAX_WAITING = 10_000;
/** Stored together. */
const BATCH = 1000;
const RETRY_MS = 1000;

export class LateAccepts {
  readonly #deps: LateAcceptsDeps;
  readonly #waiting = new Map<ExecutionId, Entry>();
  #flushing: Promise<void> | null = null;
  #isClosed = false;

  constructor(deps: LateAcceptsDeps) {
    this.#deps = deps;
  }

  get hasRoom(): boolean {
    return this.#waiting.size < MAX_WAITING && !this.#isClosed;
  }

  get(userId: string | null, id: ExecutionId): FinishedExecution | null {
    const execution = this.#waiting.get(id)?.execution;
    return execution !== undefined && (userId === null || execution.userId === userId) ? execution : null;
  }

  /** Takes in an execution that has ended with its acceptance; answers it as the store will have it. */
  add(record: AcceptPart['execution'], end: NonNullable<AcceptPart['end']>): FinishedExecution {
    const { outcome, result } = end;
    const { status } = judge(outcome);
    const execution: FinishedExecution = {
      ...record,
      ...{ status, phase: 'done', revision: 1, eventSequence: 2, attempts: [], cancel: null },
      ...{ outcome, result, finishedAt: record.createdAt },
    };
    const part: AcceptPart = {
      type: 'accept',
      execution: record,
      claim: null,
      joins: false,
      end,
      maxQueued: 0,
    };
    this.#waiting.set(record.id, { part, execution });
    this.#flushing ??= this.#flush();
    return execution;
  }

  /** Resolves when all are stored, or cannot be. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch: [ExecutionId, Entry][] = [];
      for (const one of this.#waiting) if (batch.push(one) === BATCH) break;
      try {
        await this.#deps.commit(batch.map(([, { part }]) => [part]));
        for (const [id] of batch) this.#waiting.delete(id);
      } catch (error) {
        this.#deps.log.warn({ err: error, entries: batch.length }, 'Cached answers could not be stored yet');
        if (this.#isClosed) break;
        await this.#deps.clock.sleep(RETRY_MS);
      }
    }
    this.#flushing = null;
  }
}
