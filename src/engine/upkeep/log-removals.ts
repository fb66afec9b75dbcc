// Logs of executions that have been removed. The record is gone by then, so that nothing that goes wrong with a file is an
// answer to anybody: it is removed later, or by the sweep of the next start, which removes every log without a record.
import type { Execution } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Journal } from '../../domain/ports/journal.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { MOST_SIGNALLED, type Signal } from '../../domain/ports/feed.ts';

/** The attempts of a run whose logs may be there. */
export interface RunLogs {
  runId: ExecutionId;
  attempts: readonly number[];
}

export interface LogRemovalsDeps {
  store: Pick<Store, 'missing' | 'feed'>;
  journal: Pick<Journal, 'remove'>;
  clock: Pick<Clock, 'timer' | 'sleep'>;
  log: Log;
  /** Is told of each execution whose run has no log any more. */
  onGone(execution: Execution): void;
  /** Executions have gone, with what they owned. */
  onRemoved: () => void;
  /** Asks others, who may have the logs. */
  signal: (signal: Signal) => void;
}

/** How long a request waits for a disk that does not answer. */
const PATIENCE_MS = 5000;
const AGAIN_MS = 60_000;
/** Runs whose logs could not be removed; of more, the next start finds the logs. */
const MAX_LEFT = 100_000;

export class LogRemovals {
  readonly #deps: LogRemovalsDeps;
  /** Numbers of the attempts. */
  readonly #left = new Map<ExecutionId, readonly number[]>();
  #timer: ReturnType<Clock['timer']> | null = null;
  #isClosed = false;

  constructor(deps: LogRemovalsDeps) {
    this.#deps = deps;
  }

  /** Removes the logs of executions that have just been removed, unless others share their runs. Never rejects. */
  async remove(executions: readonly Execution[]): Promise<void> {
    const isDone = new AbortController();
    const removed = this.#removeAll(executions).then(() => isDone.abort());
    await Promise.race([removed, this.#deps.clock.sleep(PATIENCE_MS, isDone.signal).catch(() => undefined)]);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #removeAll(executions: readonly Execution[]): Promise<void> {
    this.#deps.onRemoved();
    const gone: RunLogs[] = [];
    for (const execution of executions) {
      const { runId } = execution;
      if (execution.attempts.length === 0) continue;
      const attempts = execution.attempts.map(({ number }) => number);
      if ((await this.#removeOne(runId, attempts)) === 'shared') continue;
      this.#deps.onGone(execution);
      gone.push({ runId, attempts });
    }
    if (!this.#deps.store.feed.isShared) return;
    for (let i = 0; i < gone.length; i += MOST_SIGNALLED)
      this.#deps.signal({ type: 'removed', runs: gone.slice(i, i + MOST_SIGNALLED) });
  }

  /** Removes what is here of logs whose executions somebody else has removed. Never rejects. */
  async removeOf(runs: readonly RunLogs[]): Promise<void> {
    this.#deps.onRemoved();
    for (const { runId, attempts } of runs) await this.#removeOne(runId, attempts);
  }

  async #removeOne(runId: ExecutionId, numbers: readonly number[]): Promise<'shared' | 'removed' | 'left'> {
    const { store, journal, log } = this.#deps;
    try {
      if ((await store.missing([runId])).length === 0) return 'shared';
      for (const attempt of numbers) await journal.remove({ runId, attempt });
      return 'removed';
    } catch (error) {
      if (this.#left.size === 0)
        log.warn(
          { err: error, run_id: runId },
          'Cannot remove the log of a removed execution; execd tries again every minute',
        );
      if (this.#left.size < MAX_LEFT) this.#left.set(runId, numbers);
      this.#tryLater();
      return 'left';
    }
  }

  #tryLater(): void {
    if (this.#timer !== null || this.#isClosed) return;
    this.#timer = this.#deps.clock.timer(AGAIN_MS, () => void this.#tryAgain());
  }

  async #tryAgain(): Promise<void> {
    const left = [...this.#left];
    this.#left.clear();
    let hasFailed = false;
    for (const [runId, numbers] of left) {
      // A disk that refuses one refuses them all.
      if (hasFailed || this.#isClosed) this.#left.set(runId, numbers);
      else hasFailed = (await this.#removeOne(runId, numbers)) === 'left';
    }
    this.#timer = null;
    if (this.#left.size > 0) this.#tryLater();
  }
}
