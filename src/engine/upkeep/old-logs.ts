// Logs that go before their executions: of what completed or was cancelled, after a time of their own. The store says first that a
// log is not kept any more, so that after a crash the next start removes it.
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { EndPlace, Store } from '../../domain/ports/store.ts';
import type { Log } from '../../domain/ports/clock.ts';
import type { LogRemovals } from './log-removals.ts';

export interface OldLogsDeps {
  store: Pick<Store, 'withLogs'>;
  log: Log;
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
  logRetentionMs: number | null;
  removals: Pick<LogRemovals, 'remove'>;
}

/** Ends that are looked at together. */
const BATCH = 200;

export class OldLogs {
  readonly #deps: OldLogsDeps;
  /** Up to here all logs that were to go have gone: what has ended never changes. */
  #place: EndPlace | null = null;
  #before = -Infinity;

  constructor(deps: OldLogsDeps) {
    this.#deps = deps;
  }

  /** Removes the logs that are old enough at a time. */
  async sweep(now: number, signal: AbortSignal): Promise<void> {
    const { store, log, logRetentionMs } = this.#deps;
    if (logRetentionMs === null) return;
    const before = now - logRetentionMs;
    // The clock has been set back: what ends now comes before the place.
    if (before < this.#before) this.#place = null;
    this.#before = before;
    let removed = 0;
    while (!signal.aborted) {
      const { found, next } = await store.withLogs(before, this.#place, BATCH);
      // Each is a plan with thousands of steps, perhaps: others are to write in between.
      for (const { id } of found) removed += await this.#drop([{ type: 'drop_logs', executionId: id }]);
      if (next === null) break;
      this.#place = next;
    }
    if (removed > 0) log.info({ removed }, `Cleanup removed the logs of ${removed} executions`);
  }

  async #drop(group: Group): Promise<number> {
    const [result] = await this.#deps.commit([group]);
    if (result?.status !== 'applied' || result.executions.length === 0) return 0;
    await this.#deps.removals.remove(result.executions);
    return result.executions.length;
  }
}
