// Counters of live attempts on their way to the store. Each attempt has at most one entry, the newest, so that a slow
// store makes it older but never longer. Losing it in a crash loses counters and nothing else.
import type { Group, GroupResult, ProgressPart } from '../../domain/ports/group.ts';
import type { Clock, Log, Timer } from '../../domain/ports/clock.ts';
import type { ExecutionId } from '../../domain/ids.ts';

export interface WriteBehindDeps {
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
  clock: Clock;
  log: Log;
  /** Greatest age of an entry, milliseconds. */
  intervalMs: number;
}

export interface WriteBehindStats {
  waiting: number;
  /** Age of the oldest entry, milliseconds; 0 when there is none. */
  lagMs: number;
  flushes: number;
  failures: number;
}

/** Entries at which a flush does not wait for the interval. */
const MAX_WAITING = 256;
/** How often the log says what was synced, at most. */
const LOGGED_MS = 60_000;

export class WriteBehind {
  readonly #deps: WriteBehindDeps;
  readonly #entries = new Map<ExecutionId, { part: ProgressPart; since: number; isFirst: boolean }>();
  #timer: Timer | null = null;
  #flushing: Promise<number> | null = null;
  #flushes = 0;
  #failures = 0;
  /** Since the last line of the log. */
  #synced = { outputs: 0, statuses: 0 };
  #loggedAt = -Infinity;

  constructor(deps: WriteBehindDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#deps.log.info({ interval_ms: this.#deps.intervalMs }, 'Sync manager started');
  }

  /** Takes the newest counters of an attempt. `isFirst`: its start is among the news. */
  note(part: ProgressPart, isFirst: boolean): void {
    const known = this.#entries.get(part.executionId);
    const since = known?.since ?? this.#deps.clock.monotonic();
    this.#entries.set(part.executionId, { part, since, isFirst: isFirst || (known?.isFirst ?? false) });
    if (this.#entries.size >= MAX_WAITING) void this.flush();
    else this.#arm();
  }

  /** The attempt is over: its end says more. */
  drop(id: ExecutionId): void {
    this.#entries.delete(id);
  }

  stats(): WriteBehindStats {
    let oldest = Infinity;
    for (const { since } of this.#entries.values()) oldest = Math.min(oldest, since);
    const lagMs = this.#entries.size === 0 ? 0 : this.#deps.clock.monotonic() - oldest;
    return { waiting: this.#entries.size, lagMs, flushes: this.#flushes, failures: this.#failures };
  }

  /** Writes what is waiting; answers how many entries. One at a time, so that the order stays. */
  async flush(): Promise<number> {
    while (this.#flushing !== null) await this.#flushing;
    this.#flushing = this.#flushNow().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  async stop(): Promise<void> {
    await this.flush();
    this.#timer?.cancel();
    this.#logSynced();
    this.#deps.log.info({}, 'Sync manager stopped');
  }

  async #flushNow(): Promise<number> {
    this.#timer?.cancel();
    this.#timer = null;
    const batch = [...this.#entries];
    if (batch.length === 0) return 0;
    this.#entries.clear();
    try {
      await this.#deps.commit(batch.map(([, { part }]) => [part]));
    } catch (error) {
      this.#failures += 1;
      this.#deps.log.warn(
        { err: error, entries: batch.length },
        'Cannot store output counters; execd retries',
      );
      for (const [id, entry] of batch) if (!this.#entries.has(id)) this.#entries.set(id, entry);
      this.#arm();
      return 0;
    }
    this.#flushes += 1;
    const statuses = batch.filter(([, { isFirst }]) => isFirst).length;
    this.#synced.outputs += batch.length;
    this.#synced.statuses += statuses;
    if (this.#deps.clock.monotonic() - this.#loggedAt >= LOGGED_MS) this.#logSynced();
    return batch.length;
  }

  /** Sums, so that a busy server does not say it every few seconds. */
  #logSynced(): void {
    const { outputs, statuses } = this.#synced;
    if (outputs === 0) return;
    this.#loggedAt = this.#deps.clock.monotonic();
    this.#synced = { outputs: 0, statuses: 0 };
    const facts = { flushes: this.#flushes, failures: this.#failures };
    this.#deps.log.info(facts, `Synced ${outputs} outputs and ${statuses} statuses`);
  }

  #arm(): void {
    this.#timer ??= this.#deps.clock.timer(this.#deps.intervalMs, () => void this.flush());
  }
}
