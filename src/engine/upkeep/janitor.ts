// Retention: finished executions go by age since their end, and by count those of the users who keep most, never live ones.
// Each leaves with its log. The record goes first, so that a crash in between leaves a log without a record, which the next
// sweep removes. By itself it removes nothing for its age while the wall clock may have been set wrong.
import { hasSteps } from '../../domain/kinds.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Journal } from '../../domain/ports/journal.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { LogRemovals } from './log-removals.ts';
import { Rounds } from './rounds.ts';
import { OldLogs } from './old-logs.ts';
import { Steadiness } from './steadiness.ts';

export interface JanitorDeps {
  store: Store;
  journal: Journal;
  clock: Clock;
  log: Log;
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
  retentionMs: number;
  /** Of what failed or timed out; not less. */
  failedRetentionMs: number;
  /** Of the logs of what completed or was cancelled, less than `retentionMs`; null: they go with it. */
  logRetentionMs: number | null;
  maxRetained: number;
  /** Bytes of all records and logs. */
  maxDataBytes: number;
  intervalMs: number;
  removals: LogRemovals;
  /** Removes uploads whose time is over. Never rejects. */
  sweepUploads(): Promise<void>;
  /** Of several engines on one store, one sweeps by itself. */
  leads(): Promise<boolean>;
}

const BATCH = 500;
/** Of what is removed for its size: few, since some are larger than others. */
const LARGE_BATCH = 50;
/** Ended deliveries that are removed with a sweep. */
const DELIVERIES = 50_000;
/** After a start, or a jump of the clock, ages count again after this time: enough to set a wrong clock right. */
const STEADY_MS = 3_600_000;

/** By itself it leaves what ended so lately, unless twice as much is kept as may be: its client may not have read it yet. */
const YOUNG_MS = 300_000;

interface How {
  /** Whether ages count; if not, only what is above the count goes. */
  byAge: boolean;
  /** Whether somebody has asked for it. */
  isAsked: boolean;
}

export class Janitor {
  readonly #deps: JanitorDeps;
  readonly #steadiness: Steadiness;
  readonly #oldLogs: OldLogs;
  readonly #rounds: Rounds;
  readonly #stop = new AbortController();
  /** Looking for logs without executions, after the start. */
  #looking: Promise<unknown> = Promise.resolve();
  /** The last sweep, which may be under way. */
  #sweep: Promise<unknown> = Promise.resolve();

  constructor(deps: JanitorDeps) {
    this.#deps = deps;
    this.#steadiness = new Steadiness(deps.clock);
    this.#oldLogs = new OldLogs(deps);
    const { clock, log, intervalMs } = deps;
    this.#rounds = new Rounds({
      ...{ clock, log, intervalMs, first: 'at_once' },
      once: () => this.#sweepByItself(),
      failed: 'The cleanup failed; execd retries at the next interval',
    });
  }

  /** Sweeps now and then in the background, until `stop`. */
  start(): void {
    this.#looking = this.removeOrphanedLogs()
      .catch((error: unknown) =>
        this.#deps.log.warn({ err: error }, 'Cannot look for logs without executions'),
      )
      .then(() => {
        if (!this.#stop.signal.aborted) this.#rounds.start();
      });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#looking;
    await this.#rounds.stop();
  }

  /** Removes what has been kept long enough by the wall clock; answers how many executions. */
  sweepOnce(): Promise<number> {
    return this.#sweepNext({ byAge: true, isAsked: true });
  }

  /** One sweep after the other: two would find the same. */
  #sweepNext(how: How): Promise<number> {
    const sweep = this.#sweep.then(() => this.#sweepOnce(how));
    this.#sweep = sweep.catch(() => undefined);
    return sweep;
  }

  async #sweepOnce({ byAge, isAsked }: How): Promise<number> {
    const { store, clock, retentionMs, failedRetentionMs, maxRetained, maxDataBytes } = this.#deps;
    const before = (ageMs: number) => (byAge ? clock.now() : 0) - ageMs;
    const ages = () => ({ finishedBefore: before(retentionMs), failedBefore: before(failedRetentionMs) });
    // Who asks for a cleanup gets it at once.
    const youngAfter = () => (isAsked ? Infinity : clock.now() - YOUNG_MS);
    let removed = 0;
    for (;;) {
      let found = await store.expired(ages(), maxRetained, BATCH, youngAfter());
      if (found.length === 0) found = await store.aboveBytes(maxDataBytes, LARGE_BATCH, youngAfter());
      if (found.length === 0) break;
      let gone = await this.#remove(found.filter((one) => !hasSteps(one)));
      // Each with thousands of steps, perhaps: others are to write in between.
      for (const plan of found.filter((one) => hasSteps(one))) {
        if (this.#stop.signal.aborted) break;
        gone += await this.#remove([plan]);
      }
      removed += gone;
      if (gone === 0 || this.#stop.signal.aborted) break;
    }
    if (byAge) await this.#oldLogs.sweep(clock.now(), this.#stop.signal);
    if (byAge) await store.expireKeys(clock.now());
    // Also where no execution goes.
    if (byAge) await this.#deps.sweepUploads();
    await this.#deps.commit([
      [{ type: 'delivery_sweep', finishedBefore: before(retentionMs), limit: DELIVERIES }],
    ]);
    if (removed > 0) this.#deps.log.info({ removed }, `Cleanup removed ${removed} executions`);
    return removed;
  }

  /** Removes the logs of executions that are not in the store. */
  async removeOrphanedLogs(): Promise<number> {
    const { store, journal, log } = this.#deps;
    let removed = 0;
    let left = 0;
    for await (const names of journal.all()) {
      if (this.#stop.signal.aborted) break;
      const missing = new Set(await store.missing([...new Set(names.map(({ runId }) => runId))]));
      for (const name of names.filter(({ runId }) => missing.has(runId))) {
        // One that cannot be removed keeps none of the others.
        await journal.remove(name).then(
          () => (removed += 1),
          (error: unknown) => {
            if (left === 0)
              log.warn({ err: error, run_id: name.runId }, 'Cannot remove a log without an execution');
            left += 1;
          },
        );
      }
    }
    return removed;
  }

  async #remove(found: readonly { id: ExecutionId }[]): Promise<number> {
    if (found.length === 0) return 0;
    const groups = found.map(({ id }): Group => [{ type: 'remove', userId: null, executionId: id }]);
    const results = await this.#deps.commit(groups);
    const removed = results.flatMap((result) => (result.status === 'applied' ? result.executions : []));
    await this.#deps.removals.remove(removed);
    return removed.length;
  }

  async #sweepByItself(): Promise<void> {
    if (!(await this.#deps.leads())) return;
    const steadyMs = Math.min(this.#deps.retentionMs, STEADY_MS);
    const byAge = this.#steadiness.forMs() >= steadyMs;
    await this.#sweepNext({ byAge, isAsked: false });
  }
}
