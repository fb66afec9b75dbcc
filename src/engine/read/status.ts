// How the engine is doing: its figures, what is wrong with it, and what executions came to.
import type { SlotKind } from '../../domain/kinds.ts';
import { keptBounds } from '../accept/kept-quota.ts';
import type { AccessRules } from '../../domain/access/access-rules.ts';
import type { EngineSettings } from '../policies/settings.ts';
import type { Pauses } from '../policies/pauses.ts';
import type { CreditTotals } from '../../domain/credits/account.ts';
import { type PoolKey, type PoolView, type QueuedByPool, slotKindIn } from '../../domain/pools.ts';
import type { Pools } from '../policies/pools.ts';
import { type OperationReport, reportOf } from '../../domain/execution/report.ts';
import type { IsolationTier } from '../../domain/isolation.ts';
import { dataBytesOf, KEPT, type Kept } from '../../domain/kept.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { FileUse } from '../../domain/ports/files.ts';
import type { Runner, RunnerStatus } from '../../domain/ports/runner.ts';
import type { ReportWindow, Store, StoreCounts, StoreStats } from '../../domain/ports/store.ts';
import type { CircuitView } from '../../resilience/circuit.ts';
import type { LateAccepts } from '../accept/late-accepts.ts';
import type { Committer } from '../feed/committer.ts';
import type { Waiters } from '../feed/waiters.ts';
import type { CacheStats, ResultCache } from '../policies/cache.ts';
import { isOfTarget, type Policies } from '../policies/policies.ts';
import { stored } from '../refusals.ts';
import type { LiveRuns } from '../run/live-runs.ts';
import type { Scheduler } from '../run/scheduler.ts';
import type { WriteBehind, WriteBehindStats } from '../run/write-behind.ts';
import type { DiskWatch } from '../upkeep/disk-watch.ts';

export interface Concurrency {
  max: number;
  running: number;
  pending: number;
  available: number;
}

export interface EngineStats {
  /** How much is paused. */
  pauses: number;
  /** Live executions that a monitor has reported, as far as they are known here. */
  lateExecutions: number;
  /** Whether this server is drained. */
  isDrained: boolean;
  counts: StoreCounts;
  /** Age of the oldest queued execution, milliseconds; 0 when none waits. */
  queueAgeMs: number;
  /** How long the live attempt that started first has been running, milliseconds; 0 when none runs. */
  oldestRunMs: number;
  concurrency: Record<SlotKind, Concurrency>;
  /** Pools that servers serve, or that something waits for. */
  pools: PoolView[];
  writeBehind: WriteBehindStats;
  store: StoreStats;
  runner: RunnerStatus;
  waiting: { polls: number; logFollowers: number };
  cache: CacheStats;
  circuits: CircuitView[];
  charges: { failures: number } & CreditTotals;
  /** Failed writes to the store. */
  storeFailures: number;
  /** Of all users. */
  kept: Record<Kept, number>;
  /** Uploads and artifacts of all users. */
  files: FileUse;
}

/** What is wrong with each part; null where nothing is. */
export interface EngineHealth {
  store: string | null;
  runnerHost: string | null;
  hostName: string;
  tiers: readonly IsolationTier[];
  intake: string | null;
  disks: ReturnType<DiskWatch['problems']>;
  cache: string | null;
  /** Not wrong, but slow. */
  feed: string | null;
  data: { bytes: number; maxBytes: number };
}

/** How much a user takes of something, and may take; and the same for all users. Null is without a bound. */
export interface Use {
  own: number;
  most: number | null;
  all: number;
  mostOfAll: number | null;
}

/** What users share. */
export const SHARED = ['running', 'queued', ...KEPT] as const;
export type Usage = Record<(typeof SHARED)[number], Use>;

export interface Report {
  operations: OperationReport[];
  count: number;
  isComplete: boolean;
}

export interface StatusDeps {
  pauses: Pick<Pauses, 'list' | 'ownDrain'>;
  monitors: { readonly late: number };
  store: Store;
  runner: Runner;
  clock: Clock;
  committer: Committer;
  schedulers: Readonly<Record<SlotKind, Scheduler>>;
  pools: Pick<Pools, 'list'>;
  live: LiveRuns;
  writeBehind: WriteBehind;
  waiters: { changes: Waiters; growth: Waiters };
  cache: ResultCache;
  policies: Policies;
  late: LateAccepts;
  disks: DiskWatch;
  charges: { readonly failures: number };
  maxDataBytes: number;
  rules: () => AccessRules;
  policy: Pick<EngineSettings, 'maxQueued' | 'maxKept'>;
  /** Why nothing is accepted; null when it is. */
  whyClosed: () => string | null;
}

/** Ends that a report counts at most. */
const MOST_REPORTED = 50_000;

export class Status {
  readonly #deps: StatusDeps;

  constructor(deps: StatusDeps) {
    this.#deps = deps;
  }

  /** @throws RefusedError when the store cannot be read */
  async stats(): Promise<EngineStats> {
    const { store, runner, clock, committer, live, writeBehind, waiters } = this.#deps;
    const { cache, policies, charges } = this.#deps;
    const counts = await stored(store.counts());
    const { oldestQueuedAt } = counts;
    const storeStats = store.stats();
    return {
      counts,
      storeFailures: committer.failures,
      kept: this.#kept(),
      files: (await stored(store.fileUse(''))).all,
      queueAgeMs: oldestQueuedAt === null ? 0 : clock.between(oldestQueuedAt, clock.now()),
      oldestRunMs: live.oldestMs(clock),
      concurrency: {
        process: this.#concurrency('process', storeStats),
        http: this.#concurrency('http', storeStats),
      },
      pools: await this.#deps.pools.list(),
      pauses: this.#deps.pauses.list().length,
      isDrained: this.#deps.pauses.ownDrain !== null,
      lateExecutions: this.#deps.monitors.late,
      writeBehind: writeBehind.stats(),
      store: storeStats,
      runner: runner.status(),
      waiting: { polls: waiters.changes.size, logFollowers: waiters.growth.size },
      cache: cache.stats(),
      circuits: policies.views().filter(({ name }) => isOfTarget(name)),
      charges: { failures: charges.failures, ...(await stored(store.creditTotals())) },
    };
  }

  #concurrency(slotKind: SlotKind, { queued }: StoreStats): Concurrency {
    const { slots, inUse, free } = this.#deps.schedulers[slotKind];
    return { max: slots, running: inUse, pending: pendingOf(slotKind, queued), available: Math.max(0, free) };
  }

  /** What all users keep together. */
  #kept(): Record<Kept, number> {
    const keeps = this.#deps.store.keeps('');
    return Object.fromEntries(KEPT.map((what) => [what, keeps[what].total])) as Record<Kept, number>;
  }

  /** What a user takes, by what is known here. */
  usageOf(userId: string): Usage {
    const { store, schedulers, policy } = this.#deps;
    const rules = this.#deps.rules();
    const quotas = rules.quotasOf(userId);
    const { running, waiting } = store.queueUse(userId);
    const keeps = store.keeps(userId);
    const bounds = keptBounds(userId, { rules, policy });
    const slots = schedulers.process.slots + schedulers.http.slots;
    const kept = KEPT.map((what): [Kept, Use] => {
      const { own, total } = keeps[what];
      return [what, { own, most: bounds[what].user, all: total, mostOfAll: bounds[what].all }];
    });
    return {
      running: { own: running.own, most: quotas.running, all: running.total, mostOfAll: slots },
      queued: { own: waiting.own, most: quotas.queued, all: waiting.total, mostOfAll: policy.maxQueued },
      ...(Object.fromEntries(kept) as Record<Kept, Use>),
    };
  }

  health(): EngineHealth {
    const { runner, committer, disks, cache, maxDataBytes, whyClosed } = this.#deps;
    const { name, tiers, problem } = runner.status();
    return {
      store: committer.failure?.message ?? null,
      hostName: name,
      tiers,
      runnerHost: problem,
      disks: disks.problems(),
      cache: cache.probe(),
      feed: this.#deps.store.feed.whyLate,
      data: { bytes: dataBytesOf(this.#kept()), maxBytes: maxDataBytes },
      intake: whyClosed(),
    };
  }

  /** Null when new executions are accepted. A full queue is no reason: it is answered 429. */
  whyNotReady(): string | null {
    const { store, runnerHost, intake, disks } = this.health();
    return intake ?? store ?? runnerHost ?? disks.logs ?? disks.work_directories ?? null;
  }

  /** What the executions of a user came to in a window of time, as far as they are kept. */
  async report(window: ReportWindow): Promise<Report> {
    await this.#deps.late.allStored();
    const { ends, isComplete } = await stored(this.#deps.store.ends(window, MOST_REPORTED));
    return { operations: reportOf(ends), count: ends.length, isComplete };
  }
}

/** Executions of all pools that wait for a slot of a kind. */
function pendingOf(slotKind: SlotKind, queued: QueuedByPool): number {
  const own = (Object.keys(queued) as PoolKey[]).filter((key) => slotKindIn(key) === slotKind);
  return own.reduce((sum, key) => sum + (queued[key] ?? 0), 0);
}
