// The engine: decides what happens to executions. Callers see this class and nothing behind it; it is put together from
// its parts here, and nothing runs before `start`.
import { hasSteps } from '../domain/kinds.ts';
import type { Caller } from '../domain/spec/access.ts';
import { circuitOfLane } from '../domain/webhooks/webhooks.ts';
import type { CreditTotals } from '../domain/credits/account.ts';
import type { AccessRules } from '../domain/access/access-rules.ts';
import { RefusedError } from '../domain/errors.ts';
import { cacheOwner } from '../domain/cache.ts';
import type { Execution, Pool, RunningExecution, Trace } from '../domain/execution/execution.ts';
import { isCut, poolOf, POOLS } from '../domain/execution/execution.ts';
import { type OperationReport, reportOf } from '../domain/execution/report.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { IsolationTier } from '../domain/isolation.ts';
import type { Replica, StoreIdentity } from '../domain/ports/replica.ts';
import type { ListFilter, ReportWindow, Store, StoreCounts, StoreStats } from '../domain/ports/store.ts';
import { dataBytesOf, KEPT, type Kept } from '../domain/kept.ts';
import type { AttemptLog, Journal } from '../domain/ports/journal.ts';
import type { Command, HttpRunner, Runner, RunnerStatus, StopRequest } from '../domain/ports/runner.ts';
import type { CacheEntry, CachePart, Group, GroupResult } from '../domain/ports/group.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';
import type { FilledProcessWork, Secrets } from '../domain/spec/secrets.ts';
import type { Schedule, ScheduleRun, TimesOf } from '../domain/schedules/schedule.ts';
import type { When } from '../domain/schedules/schedule-schema.ts';
import type { PlanDraft, PlanSpec } from '../domain/spec/plan.ts';
import { type Spec, type TimeoutsSpec, withoutStart } from '../domain/spec/spec.ts';
import { Accounts } from './credits/accounts.ts';
import { Charges } from './credits/charges.ts';
import type { CreditSource } from './credits/credit-source.ts';
import type { Blobs, PrivateFiles } from '../domain/ports/blobs.ts';
import type { FileSpec } from '../domain/spec/files.ts';
import { AttemptFiles } from './files/attempt-files.ts';
import { BlobKeeper } from './files/blob-keeper.ts';
import { Files } from './files/files.ts';
import { type FileBounds, FileRooms } from './files/file-room.ts';
import { Changes } from './read/changes.ts';
import { Committer } from './feed/committer.ts';
import { Deadlines } from './run/deadlines.ts';
import { type Disk, DiskWatch } from './upkeep/disk-watch.ts';
import type { AccountListener, Listener } from './feed/event-bus.ts';
import { dryRun, type DryRun } from './accept/dry-run.ts';
import { explain, type Explanation } from './explain/explain.ts';
import { EventBus } from './feed/event-bus.ts';
import { FeedReader } from './feed/feed-reader.ts';
import { Observers } from './observers.ts';
import { Hits } from './accept/hits.ts';
import { LateAccepts } from './accept/late-accepts.ts';
import {
  type CacheFilter,
  type CacheSettings,
  type CacheStats,
  entryOf,
  ResultCache,
} from './policies/cache.ts';
import type { Circuits } from '../resilience/circuits.ts';
import type { CircuitView } from '../resilience/circuit.ts';
import { KeptCircuits } from './policies/kept-circuits.ts';
import { Rounds } from './upkeep/rounds.ts';
import { KeptResults } from './read/kept-results.ts';
import { Joins } from './policies/joins.ts';
import { LogRemovals } from './upkeep/log-removals.ts';
import { Janitor } from './upkeep/janitor.ts';
import { LiveRuns } from './run/live-runs.ts';
import { isOfTarget, Policies, type PolicySource } from './policies/policies.ts';
import { type SubmitAllowance, SubmitRates } from './policies/submit-rates.ts';
import { Plans, type PlansDeps } from './plans/plans.ts';
import type { EngineSettings } from './policies/settings.ts';
import { Queries, type ExecutionView, type WaitFor } from './read/queries.ts';
import type { LogItem, LogQuery } from './read/read-log.ts';
import { Leases } from './upkeep/leases.ts';
import { recover } from './run/recovery.ts';
import { AWAY_RETRY_S, stored } from './refusals.ts';
import { EACH_SECOND, untilDone } from '../resilience/retrying.ts';
import { giveBack, runExecution, type RunDeps } from './run/run-execution.ts';
import { Scheduler } from './run/scheduler.ts';
import { submitAll } from './accept/submit.ts';
import { accepted } from './accept/accepted.ts';
import type { Submission, SubmitDeps, Submitted } from './accept/submission.ts';
import { Fires } from './schedules/fires.ts';
import { Schedules } from './schedules/schedules.ts';
import { Starts } from './schedules/starts.ts';
import { EventStreams } from './streams/event-streams.ts';
import { Waiters } from './feed/waiters.ts';
import { WriteBehind, type WriteBehindStats } from './run/write-behind.ts';

export type { ExecutionView, WaitFor } from './read/queries.ts';
export type { PlanLogItem } from './plans/plan-log.ts';
export type { PlanResults, StepOutcome } from './plans/plan-results.ts';
export type { PlanView, StepView } from './plans/plan-view.ts';
export type { LogCursor, LogEnd, LogItem, LogQuery } from './read/read-log.ts';
export type { CacheStats } from './policies/cache.ts';
export type { CircuitView } from '../resilience/circuit.ts';
export type { Submission, Submitted } from './accept/submission.ts';
export type { DryRun, WouldBegin } from './accept/dry-run.ts';
export type { Explanation } from './explain/explain.ts';
export type { ScheduleView } from './schedules/schedules.ts';
export type { UploadView } from './files/files.ts';
export type { Granted } from './credits/accounts.ts';
export type { EventBatch, EventStreams, StreamCursor, StreamItem } from './streams/event-streams.ts';
export type { LogPiece, OutputForm } from './streams/log-blocks.ts';

export interface EngineDeps {
  store: Store;
  /** Left out: the only one on its store. */
  replica?: Replica;
  runner: Runner;
  requests: HttpRunner;
  journal: Journal;
  clock: Clock;
  log: Log;
  /** 0 to 1, for jitter. */
  random: () => number;
  newId: () => ExecutionId;
  newTrace: () => Trace;
  policy: EngineSettings;
  policies: PolicySource;
  /** Shared with whoever else has circuits; kept here over restarts. */
  circuits: Circuits;
  cache: CacheSettings & {
    /** Whether results outlive a restart. */
    isPersistent: boolean;
    cleanupIntervalMs: number;
  };
  files: {
    blobs: Blobs;
    privateFiles: PrivateFiles;
    fileBounds: (userId: string) => FileBounds;
    uploadTtlMs: number;
  };
  /** What a spec asks for: itself, or what its operation makes of it. Throws RefusedError. */
  resolve: SubmitDeps['resolve'];
  /** Null: credits are off. What executions owe from before is charged. */
  credits: CreditSource | null;
  chargeWorkers: number;
  /** The rules that apply now. */
  rules: () => AccessRules;
  secrets: Secrets;
  /** Whether an API key has been revoked. */
  isRevoked: (keyId: string) => boolean;
  /** Due times of schedules. */
  times: { timesOf: TimesOf; cronProblem: (when: When, now: number) => string | null };
  /** Called with what became of each due time of a schedule. */
  onScheduleRun: (run: ScheduleRun, schedule: Schedule) => void;
  /** What plans are made of: how they are checked, and their values worked out. */
  plans: Pick<PlansDeps, 'check' | 'parse' | 'conditions' | 'maxLiveBytes' | 'maxStepBytes'>;
  syncIntervalMs: number;
  drainMs: number;
  /** Null: finished executions are removed on demand only. */
  cleanupIntervalMs: number | null;
  /** What every attempt writes into. */
  disks: readonly Disk[];
  retentionMs: number;
  /** Of what failed or timed out; not less. */
  failedRetentionMs: number;
  maxDataBytes: number;
  maxRetained: number;
  toCommand: (
    execution: RunningExecution,
    work: FilledProcessWork,
    options: { epoch: number; traceparent: string },
  ) => Command;
}

export interface Concurrency {
  max: number;
  running: number;
  pending: number;
  available: number;
}

export interface EngineStats {
  counts: StoreCounts;
  /** Age of the oldest queued execution, milliseconds; 0 when none waits. */
  queueAgeMs: number;
  /** How long the live attempt that started first has been running, milliseconds; 0 when none runs. */
  oldestRunMs: number;
  concurrency: Record<Pool, Concurrency>;
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
}

type EngineState = 'new' | 'ready' | 'open' | 'draining' | 'stopped';

export class Engine {
  readonly #deps: EngineDeps;
  readonly #bus: EventBus;
  readonly #live = new LiveRuns();
  readonly #changed: Waiters;
  readonly #growth: Waiters;
  readonly #committer: Committer;
  readonly #reader: FeedReader;
  readonly #observers: Observers;
  readonly #schedulers: Record<Pool, Scheduler>;
  readonly #writeBehind: WriteBehind;
  readonly #deadlines: Deadlines;
  readonly #janitor: Janitor;
  readonly #disks: DiskWatch;
  readonly #removals: LogRemovals;
  readonly #policies: Policies;
  readonly #cache: ResultCache;
  readonly #cacheSweeps: Rounds;
  /** The cache, as callers see it. */
  readonly kept: KeptResults;
  readonly #joins = new Joins();
  readonly #starts: Starts;
  readonly #fires: Fires;
  /** Work that starts again and again. */
  readonly schedules: Schedules;
  readonly #late: LateAccepts;
  readonly #hits: Hits;
  readonly #submitDeps: SubmitDeps;
  /** Events and output, live. */
  readonly streams: EventStreams;
  readonly #queries: Queries;
  readonly #changes: Changes;
  readonly #charges: Charges;
  /** Credits: read and granted. */
  readonly accounts: Accounts;
  readonly #rates: SubmitRates;
  /** Uploads and artifacts. */
  readonly files: Files;
  readonly #attemptFiles: AttemptFiles;
  readonly #blobKeeper: BlobKeeper;
  readonly plans: Plans;
  /** What a drain waits for: runs, and submits, which may have claimed a slot. */
  readonly #underWay = new Set<Promise<void>>();
  /** Aborts what is tried again and again, at the end. */
  readonly #closing = new AbortController();
  #state: EngineState = 'new';
  #stopNoted: Promise<void> = Promise.resolve();
  #identity: StoreIdentity | null = null;
  readonly #keptCircuits: KeptCircuits;
  /** Null where nobody else can be on the store. */
  readonly #leases: Leases | null;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    const { store, journal, clock, log, policy } = deps;
    const live = this.#live;
    const publish: Listener = (event, execution) => {
      this.#reader.own(execution);
      this.#observers.take(execution);
      this.#bus.publish(event, execution);
    };
    const commit = this.#commit;
    this.#bus = new EventBus(log);
    this.#changed = new Waiters(clock);
    this.#growth = new Waiters(clock);
    this.#committer = new Committer({
      ...{ store, clock, log, publish },
      epoch: () => this.#identity?.epoch,
      publishAccount: (event) => this.#bus.publishAccount(event),
      signal: this.#closing.signal,
    });
    const scheduler = (pool: Pool) =>
      new Scheduler({
        pool,
        slots: policy.slots[pool],
        store,
        clock,
        log,
        commit,
        claimant: () => this.#claimant(),
        run: (execution) => this.#run(execution),
      });
    this.#schedulers = { process: scheduler('process'), http: scheduler('http') };
    this.#policies = new Policies(deps.policies, deps.circuits, () => clock.monotonic());
    this.#keptCircuits = new KeptCircuits({
      ...{ store, commit, clock, log, circuits: deps.circuits, signal: this.#closing.signal },
    });
    this.#cache = new ResultCache(deps.cache, () => clock.now());
    // What has expired leaves the cache, whatever becomes of executions.
    this.#cacheSweeps = new Rounds({
      ...{ clock, log, intervalMs: deps.cache.cleanupIntervalMs, first: 'later' },
      once: () => this.#sweepCache(),
      failed: 'The cleanup of the cache failed; execd retries at the next interval',
    });
    const leaseMs = deps.replica?.leaseMs ?? null;
    const leases = {
      ...{ commit, clock, log },
      lost: () => this.#lostLease(),
      takeOver: () => this.#takeOver(),
    };
    this.#leases = leaseMs === null ? null : new Leases({ ...leases, leaseMs });
    this.#late = new LateAccepts({ commit, clock, log });
    this.#hits = new Hits({
      ...{ late: this.#late, cache: this.#cache, policies: this.#policies, clock },
      // Others would not find what is not stored yet.
      mayFollow: () => !store.feed.isShared,
      ...{ newId: deps.newId, newTrace: deps.newTrace },
    });
    this.#reader = new FeedReader({
      ...{ store, clock, log, signal: this.#closing.signal },
      observe: (execution) => this.#observers.takeOther(execution),
      touched: (fact) => this.#observers.touched(fact),
      show: (batch) => {
        this.streams.take(batch);
        this.#bus.publishBatch();
      },
      resync: () => this.#observers.lookAgain(),
      signalled: ({ runId, request }) => {
        if (live.get(runId) !== undefined) live.stop(runId, request);
      },
    });
    this.#writeBehind = new WriteBehind({ commit, clock, log, intervalMs: deps.syncIntervalMs });
    this.#deadlines = new Deadlines(clock, {
      expire: (execution) => void this.#onTime(execution, (one) => this.#changes.expire(one)),
      due: (execution) => void this.#onTime(execution, (one) => this.#due(one)),
    });
    const { retentionMs, failedRetentionMs, maxRetained, maxDataBytes, cleanupIntervalMs } = deps;
    const intervalMs = cleanupIntervalMs ?? 0;
    this.#removals = new LogRemovals({
      ...{ store, journal, clock, log },
      onGone: (execution) => this.#forgetCut(execution),
      onRemoved: () =>
        void this.files.sweep().catch((err: unknown) => log.warn({ err }, 'Cannot remove uploads')),
    });
    const removals = this.#removals;
    this.#janitor = new Janitor({
      ...{ store, journal, clock, log, commit, removals },
      ...{ retentionMs, failedRetentionMs, maxRetained, maxDataBytes, intervalMs },
      leads: () => this.leads(),
    });
    this.#disks = new DiskWatch(deps.disks, clock, log);
    const { credits, newId, chargeWorkers: workers } = deps;
    this.#charges = new Charges({
      ...{ store, clock, log, commit, workers },
      lowBalance: () => credits?.lowBalance() ?? null,
    });
    this.accounts = new Accounts({ store, clock, commit, credits, newId });
    const isOpen = () => this.#state === 'open';
    const waiters = { changes: this.#changed, growth: this.#growth };
    this.#queries = new Queries({
      store,
      journal,
      clock,
      live,
      late: this.#late,
      ...waiters,
      isOpen,
      whyWaiting: (execution) => this.#whyWaiting(execution),
    });
    this.streams = new EventStreams({
      ...{ store, journal, clock, growth: this.#growth },
      own: (caller, id) => this.#queries.own(caller, id),
      written: ({ runId, attempt }) => {
        const run = live.get(runId);
        return run?.name.attempt === attempt ? run.output.stdoutBytes + run.output.stderrBytes : null;
      },
      isStored: (id) => this.#late.stored(id),
      instanceId: () => this.instanceId,
    });
    this.#changes = new Changes({
      ...{ store, removals, clock, log, live, commit },
      stop: (execution, request) => this.#stop(execution, request),
      joins: this.#joins,
      late: this.#late,
      queries: this.#queries,
      quotasOf: (userId) => deps.rules().quotasOf(userId),
    });
    this.#rates = new SubmitRates(() => clock.monotonic());
    this.kept = new KeptResults({
      ...{
        cache: this.#cache,
        clock,
        rules: deps.rules,
        rates: this.#rates,
        defaultTtlMs: policy.cacheTtlMs,
      },
      persist: (change) => this.#persist(change),
    });
    const { blobs, privateFiles, fileBounds, uploadTtlMs } = deps.files;
    const rooms = new FileRooms(store, fileBounds);
    const keeper = new BlobKeeper({ blobs, store, commit, log });
    this.#blobKeeper = keeper;
    this.files = new Files({
      ...{ store, blobs, keeper, clock, log, commit, newId, rooms, uploadTtlMs },
      own: (caller, id) => this.#queries.own(caller, id),
    });
    this.#attemptFiles = new AttemptFiles({ store, keeper, privateFiles, clock, log, rooms });
    this.plans = new Plans(this.#toPlansDeps(isOpen));
    this.#submitDeps = this.#toSubmitDeps();
    this.#starts = new Starts({
      ...{ store, clock, log, commit },
      whyNoRoom: (userId, spec) => this.plans.whyNoRoom(userId, spec),
      beginPlan: (plan) => this.plans.begin(plan),
      queued: () => this.#fill(),
    });
    const { timesOf, cronProblem } = deps.times;
    this.#fires = new Fires({
      ...{ store, clock, log, commit, timesOf, isRevoked: deps.isRevoked },
      submitAll: (caller, submissions) => this.submitAll(caller, submissions),
      cancel: (caller, id, reason) => this.#changes.cancel(caller, id, { reason, graceMs: null }),
      fired: (run, schedule) => deps.onScheduleRun(run, schedule),
    });
    this.#observers = new Observers({
      ...{ store, live, joins: this.#joins, plans: this.plans, charges: this.#charges },
      ...{ deadlines: this.#deadlines, schedulers: this.#schedulers, streams: this.streams, ...waiters },
      keepResult: (execution) => this.#keepResult(execution),
      ...{ starts: this.#starts, fires: this.#fires },
      epoch: () => this.#identity?.epoch,
    });
    this.schedules = new Schedules({
      ...{ store, clock, commit, timesOf, cronProblem, newId, fires: this.#fires },
      checkOpen: () => this.#checkOpen(),
      checkWork: (caller, { work }) => this.#checkWork(caller, work),
    });
  }

  /** Of the store, once it is open. */
  get instanceId(): string {
    return this.#identity?.instanceId ?? '';
  }

  listen(listener: Listener): () => void {
    return this.#bus.listen(listener);
  }

  listenToAccounts(listener: AccountListener): () => void {
    return this.#bus.listenToAccounts(listener);
  }

  /** Called when something has happened in the store, whoever did it. */
  onBatch(listener: () => void): () => void {
    return this.#bus.onBatch(listener);
  }

  /**
   * The one door to the store. What is written through it is told to all who follow; whether it works is what readiness says.
   *
   * @throws StoreError when nothing was written
   */
  commit(groups: readonly Group[]): Promise<GroupResult[]> {
    return this.#committer.commit(groups);
  }

  // ------------------------------------------------------------------------------------------- life

  /** Opens the store and makes good what an earlier end has interrupted. Accepts and claims nothing before `open`. */
  async start(): Promise<void> {
    const { store, runner, journal } = this.#deps;
    const identity = await store.open(this.#deps.replica);
    this.#identity = identity;
    // Before anything is read: what changes meanwhile is heard of.
    await this.#reader.start(identity.epoch);
    await journal.prepare(identity.instanceId);
    await runner.start(identity);
    await this.#recover(true);
    await this.#blobKeeper.start(store.feed.isShared);
    // Whoever was to read them here is gone. Readers of other engines may be there.
    if (!store.feed.isShared) await this.#changes.cancelUnread(await store.pendingToFollow());
    await this.#observers.followPending();
    await this.#keptCircuits.start();
    await this.plans.resume();
    if (this.#deps.cache.isPersistent) {
      const kept = await store.cacheEntries(this.#deps.cache.maxEntries);
      for (const entry of kept.reverse()) this.#cache.put(entry);
    }
    this.#leases?.start();
    this.#disks.start();
    this.#writeBehind.start();
    this.#charges.start();
    this.#cacheSweeps.start();
    if (this.#deps.cleanupIntervalMs !== null) this.#janitor.start();
    this.#state = 'ready';
  }

  /** Begins to accept, and to run what is queued. */
  open(): void {
    if (this.#state !== 'ready') return;
    this.#state = 'open';
    for (const pool of POOLS) this.#schedulers[pool].open();
    this.plans.open();
    this.#starts.alarm.start();
    this.#fires.alarm.start();
  }

  /** Resolves when a next start will know that this one was asked to stop; rejects never, and waits for a second at most. */
  get stopNoted(): Promise<void> {
    return this.#stopNoted;
  }

  async #noteStop(): Promise<void> {
    const { clock, log } = this.#deps;
    const isNoted = new AbortController();
    const note = this.#commit([[{ type: 'stop_asked' }]])
      .catch((error: unknown) => log.warn({ err: error }, 'Cannot store that execd was asked to stop'))
      .then(() => isNoted.abort());
    await Promise.race([note, clock.sleep(NOTE_MS, isNoted.signal).catch(() => undefined)]);
  }

  /**
   * Stops to accept and to claim, lets what runs go on until the drain time is over, then stops it as lost. What is
   * queued stays queued, and what a claim still brings goes back there. Reading goes on until `close`.
   */
  async drain(): Promise<void> {
    if (this.#state !== 'open') return;
    const { clock, log, drainMs, policy } = this.#deps;
    this.#state = 'draining';
    const started = Promise.all([this.#starts.alarm.stop(), this.#fires.alarm.stop()]);
    const claimed = Promise.all(POOLS.map((pool) => this.#schedulers[pool].close()));
    this.#stopNoted = this.#noteStop();
    void this.#stopNoted.then(() => log.info({ running: this.#live.size, drain_ms: drainMs }, 'Draining'));
    const isIdle = new AbortController();
    const timeUp = clock.sleep(drainMs, isIdle.signal).catch(() => undefined);
    const idle = Promise.all([claimed, started]).then(() => this.#idle());
    await Promise.race([idle.then(() => isIdle.abort()), timeUp]);
    for (const run of this.#live.all()) this.#live.stop(run.id, { cause: 'lost', detail: 'shutdown' });
    const isDone = new AbortController();
    const graceMs = Math.max(policy.graceMs, ...this.#live.all().map((run) => run.graceMs));
    const giveUp = clock.sleep(graceMs + LAST_ENDS_MS, isDone.signal).then(
      () => log.error({ running: this.#live.size }, 'Cannot store ends; the next start recovers them'),
      () => undefined,
    );
    await Promise.race([idle.then(() => isDone.abort()), giveUp]);
    this.#closing.abort(new Error('the server is shutting down'));
    await this.#janitor.stop();
    await this.#cacheSweeps.stop();
    await this.#late.close();
    await this.#writeBehind.stop();
    await this.#charges.stop();
    await this.#keptCircuits.stop();
  }

  /** Answers all who wait, and ends the runner and the store. */
  async close(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    void this.#starts.alarm.stop();
    void this.#fires.alarm.stop();
    for (const pool of POOLS) void this.#schedulers[pool].close();
    this.#deadlines.clear();
    this.#disks.stop();
    this.#removals.close();
    this.#closing.abort(new Error('the server is shutting down'));
    this.#reader.stop();
    this.#changed.close();
    this.#growth.close();
    this.streams.close();
    await this.#janitor.stop();
    await this.#cacheSweeps.stop();
    await this.#charges.stop();
    await this.#leases?.stop();
    await this.#deps.runner.stop();
    await this.#deps.requests.close();
    await this.#deps.store.close();
  }

  /** What is wrong with each part; null where nothing is. */
  health(): {
    store: string | null;
    runnerHost: string | null;
    hostName: string;
    tiers: readonly IsolationTier[];
    intake: string | null;
    disks: ReturnType<DiskWatch['problems']>;
    cache: string | null;
    data: { bytes: number; maxBytes: number };
  } {
    const { name, tiers, problem } = this.#deps.runner.status();
    return {
      store: this.#committer.failure?.message ?? null,
      hostName: name,
      tiers,
      runnerHost: problem,
      disks: this.#disks.problems(),
      cache: this.#cache.probe(),
      data: { bytes: dataBytesOf(keptOfAll(this.#deps.store)), maxBytes: this.#deps.maxDataBytes },
      intake:
        this.#state === 'open' ? null : `the server is ${this.#isStarting() ? 'starting' : 'shutting down'}`,
    };
  }

  /** Null when new executions are accepted. A full queue is no reason: it is answered 429. */
  whyNotReady(): string | null {
    const { store, runnerHost, intake, disks } = this.health();
    return intake ?? store ?? runnerHost ?? disks.logs ?? disks.work_directories ?? null;
  }

  // ------------------------------------------------------------------------------------------ submit

  /**
   * Accepts an execution.
   *
   * @throws RefusedError, also when the store cannot be written
   */
  async submit(caller: Caller, submission: Submission): Promise<Submitted> {
    const [answer] = await this.submitAll(caller, [submission]);
    if (answer === undefined || answer instanceof RefusedError) throw answer ?? new TypeError('no answer');
    return answer;
  }

  /** Accepts many, each with its own answer, in one commit. */
  async submitAll(caller: Caller, submissions: readonly Submission[]): Promise<(Submitted | RefusedError)[]> {
    return stored(this.#submitTracked(caller, submissions));
  }

  async #submitTracked(
    caller: Caller,
    submissions: readonly Submission[],
  ): Promise<(Submitted | RefusedError)[]> {
    this.#checkOpen();
    if (submissions.some(({ spec }) => namesBytes(spec))) return this.#submitWithFiles(caller, submissions);
    const submitted = submitAll(caller, submissions, this.#submitDeps);
    if (!(submitted instanceof Promise)) return submitted;
    this.#track(submitted);
    return submitted;
  }

  /** The bytes that requests name are held until their executions own them. */
  async #submitWithFiles(
    caller: Caller,
    submissions: readonly Submission[],
  ): Promise<(Submitted | RefusedError)[]> {
    const found = await Promise.all(submissions.map((one) => this.#withInputs(caller, one)));
    const ready = found.filter((one): one is Submission => !(one instanceof RefusedError));
    try {
      const submitted = Promise.resolve(submitAll(caller, ready, this.#submitDeps));
      this.#track(submitted);
      const answers = (await submitted).values();
      return found.map((one) => (one instanceof RefusedError ? one : (answers.next().value as Submitted)));
    } finally {
      for (const { inputs } of ready) inputs?.release();
    }
  }

  async #dryRun(caller: Caller, submission: Submission): Promise<DryRun> {
    const ready = await this.#withInputs(caller, submission);
    if (ready instanceof RefusedError)
      return {
        refusal: ready,
        begins: null,
        execution: null,
        onLimit: this.#deps.policy.onLimit,
        cost: null,
      };
    ready.inputs?.release();
    return dryRun(caller, ready, this.#submitDeps);
  }

  async #withInputs(caller: Caller, submission: Submission): Promise<Submission | RefusedError> {
    const { spec, rerunOf } = submission;
    if (!namesBytes(spec)) return submission;
    try {
      return { ...submission, inputs: await this.files.inputs(caller, filesOf(spec), rerunOf) };
    } catch (error) {
      if (error instanceof RefusedError) return error;
      throw error;
    }
  }

  /**
   * What would become of a submission now; nothing is changed by it.
   *
   * @throws RefusedError when nothing is accepted now, or the store cannot be read
   */
  async dryRun(caller: Caller, submission: Submission): Promise<DryRun> {
    this.#checkOpen();
    return this.#dryRun(caller, submission);
  }

  /**
   * Why an execution is as it is: in the queue, ended, retried, not found in the cache.
   *
   * @throws RefusedError `not_found`, or when the store cannot be read
   */
  explain(caller: Caller, id: ExecutionId): Promise<Explanation> {
    const { store, clock, rules } = this.#deps;
    return explain(caller, id, {
      ...{ store, clock, rules, policies: this.#policies, schedulers: this.#schedulers },
      isOpen: () => this.#state === 'open',
      get: (...of) => this.#queries.get(...of),
      planView: (...of) => this.plans.get(...of),
      dryRun: (...of) => this.#dryRun(...of),
    });
  }

  /** A new execution with the spec of another one. */
  async rerun(
    caller: Caller,
    id: ExecutionId,
    options: Pick<Submission, 'trace' | 'idempotency'>,
  ): Promise<Submitted> {
    const { spec } = await this.#queries.own(caller, id);
    const webhook =
      spec.webhook === undefined ? null : await stored(this.#deps.store.webhook(caller.userId, id));
    const webhookSecret = webhook?.secrets[0]?.secret ?? null;
    return this.submit(caller, { spec: withoutStart(spec), rerunOf: id, webhookSecret, ...options });
  }

  // ------------------------------------------------------------------------------- read (see Queries)

  get(caller: Caller, id: ExecutionId): Promise<ExecutionView> {
    return this.#queries.get(caller, id);
  }

  /** An execution as a reader sees it now. */
  async view(execution: Execution): Promise<ExecutionView> {
    return this.#queries.view(execution);
  }

  list(filter: ListFilter, limit: number, after: ExecutionId | null): ReturnType<Queries['list']> {
    return this.#queries.list(filter, limit, after);
  }

  wait(
    caller: Caller,
    id: ExecutionId,
    wait: WaitFor,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ExecutionView> {
    return this.#queries.wait(caller, id, wait, timeoutMs, signal);
  }

  readLog(
    caller: Caller,
    id: ExecutionId,
    query: LogQuery,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<LogItem, void, undefined>> {
    return this.#queries.readLog(caller, id, query, signal);
  }

  openLog(caller: Caller, id: ExecutionId, attempt: number | null): Promise<AttemptLog | null> {
    return this.#queries.openLog(caller, id, attempt);
  }

  // ----------------------------------------------------------------------------- change (see Changes)

  async cancel(
    caller: Caller,
    id: ExecutionId,
    reason: string | null,
    graceMs: number | null = null,
  ): Promise<ExecutionView> {
    return this.#queries.view(await this.#changes.cancel(caller, id, { reason, graceMs }));
  }

  cancelMany(
    filter: ListFilter & { userId: string },
    reason: string | null,
    graceMs: number | null = null,
  ): Promise<{ cancelled: number; canceling: number }> {
    return this.#changes.cancelMany(filter, { reason, graceMs });
  }

  async patch(
    caller: Caller,
    id: ExecutionId,
    change: { priority: number | null; timeouts: TimeoutsSpec | null },
  ): Promise<ExecutionView> {
    return this.#queries.view(await this.#changes.patch(caller, id, change));
  }

  remove(caller: Caller, id: ExecutionId): Promise<void> {
    return this.#changes.remove(caller, id);
  }

  // --------------------------------------------------------------------------------------- operation

  async stats(): Promise<EngineStats> {
    const { store, runner, policy, clock } = this.#deps;
    const counts = await stored(store.counts());
    const { oldestQueuedAt } = counts;
    const storeStats = store.stats();
    const concurrency = (pool: Pool): Concurrency => ({
      max: policy.slots[pool],
      running: this.#schedulers[pool].inUse,
      pending: storeStats.queued[pool],
      available: Math.max(0, this.#schedulers[pool].free),
    });
    return {
      counts,
      storeFailures: this.#committer.failures,
      kept: keptOfAll(store),
      queueAgeMs: oldestQueuedAt === null ? 0 : clock.between(oldestQueuedAt, clock.now()),
      oldestRunMs: this.#live.oldestMs(clock),
      concurrency: { process: concurrency('process'), http: concurrency('http') },
      writeBehind: this.#writeBehind.stats(),
      store: storeStats,
      runner: runner.status(),
      waiting: { polls: this.#changed.size, logFollowers: this.#growth.size },
      cache: this.#cache.stats(),
      circuits: this.#policies.views().filter(({ name }) => isOfTarget(name)),
      charges: { failures: this.#charges.failures, ...(await stored(store.creditTotals())) },
    };
  }

  /** What the executions of a user came to in a window of time, as far as they are kept. */
  async report(
    window: ReportWindow,
  ): Promise<{ operations: OperationReport[]; count: number; isComplete: boolean }> {
    await this.#late.allStored();
    const { ends, isComplete } = await stored(this.#deps.store.ends(window, MOST_REPORTED));
    return { operations: reportOf(ends), count: ends.length, isComplete };
  }

  cacheStats(): CacheStats {
    return this.#cache.stats();
  }

  /** A kept result that the caller may see: their own, or a shared one of an operation that they may run. */
  cacheEntry(caller: Caller, key: string): CacheEntry | null {
    return this.kept.get(caller, key);
  }

  /** Forgets kept results; answers how many. */
  forget(filter: CacheFilter): number {
    const removed = this.#cache.remove(filter);
    this.#persist({ put: [], drop: removed });
    this.#deps.log.info({ removed: removed.length }, 'Cache cleared');
    return removed.length;
  }

  /** Those that a caller may see: receivers of webhooks are their users' business. */
  circuits({ userId, scopes }: Pick<Caller, 'userId' | 'scopes'>): CircuitView[] {
    const isSeen = (name: string) =>
      isOfTarget(name) || scopes.has('admin') || name.startsWith(circuitOfLane(`${userId} `));
    return this.#policies.views().filter(({ name }) => isSeen(name));
  }

  /** Closes a circuit, or holds it open; null when there is none of the name. Resolves when that is stored. */
  async changeCircuit(name: string, change: 'reset' | 'isolate'): Promise<CircuitView | null> {
    const circuit = this.#policies.circuit(name);
    if (circuit === null) return null;
    circuit[change]();
    this.#deps.log.info({ circuit: name }, `Circuit ${change === 'reset' ? 'reset' : 'isolated'} by hand`);
    await this.#keptCircuits.stored();
    return circuit.view();
  }

  /** The limit of an operation's attempts that follows what was observed, milliseconds; null while there is none. */
  adaptiveTimeoutMs(operation: string): number | null {
    return this.#policies.adaptiveTimeout(operation)?.currentMs ?? null;
  }

  /** To be called when what is configured has changed. */
  forgetPolicies(): void {
    this.#policies.prune();
    this.#hits.forget();
    // Somebody may have more slots now.
    this.#fill();
  }

  /** How often a user may still submit; null where that has no bound. */
  submitAllowance(userId: string): SubmitAllowance | null {
    const { submitsPerS } = this.#deps.rules().quotasOf(userId);
    return submitsPerS === null ? null : this.#rates.allowance(userId, submitsPerS);
  }

  /** What the policy file allows to a user; null without a file. */
  policyMayRun(userId: string): ReturnType<AccessRules['mayRunOf']> {
    return this.#deps.rules().mayRunOf(userId);
  }

  /** Removes what has been kept long enough; answers how many executions. */
  cleanup(): Promise<number> {
    this.#sweepCache();
    return stored(this.#janitor.sweepOnce());
  }

  /** Writes the counters that are waiting; answers how many. */
  flush(): Promise<number> {
    return this.#writeBehind.flush();
  }

  // ---------------------------------------------------------------------------------------- internal

  readonly #commit = (groups: readonly Group[]): Promise<GroupResult[]> => this.#committer.commit(groups);

  #recover(isStart: boolean): Promise<void> {
    const { store, runner, journal, clock, log, random } = this.#deps;
    const epoch = this.#identity?.epoch ?? 0;
    return recover({ store, runner, journal, clock, log, random, commit: this.#commit, epoch }, isStart);
  }

  async #takeOver(): Promise<void> {
    await this.#recover(false);
    await this.plans.resume();
  }

  #lostLease(): void {
    for (const run of this.#live.all()) this.#live.stop(run.id, { cause: 'lost', detail: 'shutdown' });
    void this.drain();
  }

  /** Whether what is to be done once, by one of all engines on the store, is to be done here. */
  async leads(): Promise<boolean> {
    const { store } = this.#deps;
    return !store.feed.isShared || store.leads(this.#identity?.epoch ?? 0);
  }

  /** Stops a run, here or where it is. */
  #stop(execution: Execution, request: StopRequest): void {
    const { runId } = execution;
    if (this.#observers.holds(execution)) this.#live.stop(runId, request);
    else void this.#deps.store.feed.signal(this.#identity?.epoch ?? 0, { type: 'stop', runId, request });
  }

  /** @throws RefusedError when the work of a schedule would not be accepted now */
  async #checkWork(caller: Caller, work: Spec | PlanSpec): Promise<void> {
    if (hasSteps(work)) return this.plans.mustBeValid(caller, work as unknown as PlanDraft);
    const submission = { spec: work, trace: null, idempotency: null, rerunOf: null };
    const ready = await this.#withInputs(caller, submission);
    if (ready instanceof RefusedError) throw ready;
    ready.inputs?.release();
    accepted(caller, ready, this.#submitDeps);
  }

  #fill(): void {
    for (const pool of POOLS) this.#schedulers[pool].fill();
  }

  #checkOpen(): void {
    if (this.#state === 'open') return;
    const detail = `The server is ${this.#isStarting() ? 'starting' : 'shutting down'} and accepts no executions.`;
    throw new RefusedError('shutting_down', detail, { retryAfterS: AWAY_RETRY_S });
  }

  #isStarting(): boolean {
    return this.#state === 'new' || this.#state === 'ready';
  }

  /** Puts what a run has made into the cache; hits have come from there. */
  #keepResult(execution: Execution): void {
    const entry = entryOf(execution);
    if (entry === null || this.#cache.peek(entry.userId, entry.key)?.runId === entry.runId) return;
    if (this.#cache.put(entry)) this.#persist({ put: [entry], drop: [] });
  }

  /** A kept result that shows a part only is not kept for longer than the log that has the rest. */
  #forgetCut(execution: Execution): void {
    const { cache, runId, userId } = execution;
    if (cache === null) return;
    const entry = this.#cache.peek(cacheOwner(cache, userId), cache.key);
    if (entry?.runId !== runId || !isCut(entry.result)) return;
    this.#persist({ put: [], drop: this.#cache.drop(entry) });
  }

  /** Tells the store what has changed in the cache, where that outlives a restart. */
  #persist(change: Pick<CachePart, 'put' | 'drop'>, keepAtMost: number | null = null): void {
    if (
      !this.#deps.cache.isPersistent ||
      (change.put.length + change.drop.length === 0 && keepAtMost === null)
    )
      return;
    const written = this.#commit([[{ type: 'cache', ...change, keepAtMost }]]).catch((error: unknown) => {
      this.#deps.log.warn({ err: error }, 'Cannot store the cache');
    });
    this.#track(written);
  }

  /** Removes results whose time is over. */
  #sweepCache(): void {
    this.#persist({ put: [], drop: this.#cache.sweep() }, this.#deps.cache.maxEntries);
  }

  /** Runs what has been claimed. What comes when the drain has begun goes back to the queue: nothing of it has started. */
  #run(execution: RunningExecution): void {
    const carry = this.#state === 'open' ? runExecution : giveBack;
    const scheduler = this.#schedulerOf(execution.work);
    const carried = carry(execution, this.#runDeps(scheduler)).catch((error: unknown) => {
      this.#deps.log.error({ err: error, execution_id: execution.id }, 'A run failed with an internal error');
      scheduler.release();
    });
    this.#track(carried);
  }

  #track(work: Promise<unknown>): void {
    const ended: Promise<void> = work.then(
      () => void this.#underWay.delete(ended),
      () => void this.#underWay.delete(ended),
    );
    this.#underWay.add(ended);
  }

  async #idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #due(execution: Execution): Promise<void> {
    await this.#changes.due(execution);
    this.#schedulerOf(execution.work).fill();
  }

  #schedulerOf(work: Execution['work']): Scheduler {
    return this.#schedulers[poolOf(work) ?? 'process'];
  }

  /** Does what is due to a pending execution, however often it takes. */
  async #onTime(execution: Execution, act: (execution: Execution) => Promise<void>): Promise<void> {
    const { clock, log } = this.#deps;
    const failed = (err: unknown) =>
      log.warn({ err, execution_id: execution.id }, 'Cannot store a timeout; execd retries');
    const { signal } = this.#closing;
    await untilDone(() => act(execution), { clock, signal, failed, backoff: EACH_SECOND });
  }

  #claimant() {
    return { runner: this.#deps.runner.status().name };
  }

  #whyWaiting({ concurrency, work, userId }: Execution) {
    if (this.#schedulerOf(work).free <= 0) return 'no_free_slot';
    if (concurrency !== null) return 'concurrency_limit';
    return this.#deps.rules().quotasOf(userId).running === null ? 'no_free_slot' : 'user_limit';
  }

  #toPlansDeps(isOpen: () => boolean): PlansDeps {
    const { store, journal, clock, log, newId, policy, rules } = this.#deps;
    return {
      ...{ store, journal, clock, log, isOpen, newId, commit: this.#commit, queries: this.#queries },
      epoch: () => this.#identity?.epoch,
      signal: this.#closing.signal,
      ...this.#deps.plans,
      queue: {
        maxQueued: policy.maxQueued,
        queuedOf: (userId) => rules().quotasOf(userId).queued,
        freeSlots: (pool) => (this.#schedulers[pool].hasRoom ? this.#schedulers[pool].free : 0),
      },
      submitAll: (caller, submissions) => this.#submitTracked(caller, submissions),
      stop: (plan, outcome) => this.#changes.stopPlan(plan, outcome),
      changes: this.#changed,
    };
  }

  #toSubmitDeps(): SubmitDeps {
    const { store, clock, policy, resolve, credits, rules, secrets, isRevoked, newId, newTrace } = this.#deps;
    return {
      store,
      resolve,
      // They change while the server runs.
      get rules() {
        return rules();
      },
      tiers: () => this.#deps.runner.status().tiers,
      rates: this.#rates,
      secrets,
      isRevoked,
      clock,
      policy,
      newId,
      newTrace,
      schedulers: this.#schedulers,
      policies: this.#policies,
      cache: this.#cache,
      joins: this.#joins,
      hits: this.#hits,
      credits,
      claimant: () => this.#claimant(),
      commit: this.#commit,
      run: (execution) => this.#run(execution),
      stopped: (executions, { id }) =>
        this.#changes.stopLive(executions, { reason: `Replaced by the execution ${id}.`, graceMs: null }),
      whyNoRoom: (userId, spec) => this.plans.whyNoRoom(userId, spec),
      beginPlan: (plan) => this.plans.begin(plan),
    };
  }

  #runDeps(scheduler: Scheduler): RunDeps {
    const {
      runner,
      requests,
      journal,
      clock,
      log,
      policy,
      rules,
      secrets,
      isRevoked,
      random,
      newTrace,
      toCommand,
    } = this.#deps;
    return {
      policy,
      rules: rules(),
      secrets,
      isRevoked,
      clock,
      log,
      random,
      newTrace,
      runner,
      files: this.#attemptFiles,
      requests,
      journal,
      live: this.#live,
      scheduler,
      policies: this.#policies,
      writeBehind: this.#writeBehind,
      growth: this.#growth,
      suspectDisks: () => this.#disks.suspect(),
      toCommand: (execution, work, traceparent) =>
        toCommand(execution, work, { epoch: this.#identity?.epoch ?? 0, traceparent }),
      signal: this.#closing.signal,
    };
  }
}

/** What all users keep together. */
function keptOfAll(store: Store): Record<Kept, number> {
  const keeps = store.keeps('');
  return Object.fromEntries(KEPT.map((what) => [what, keeps[what].total])) as Record<Kept, number>;
}

/** After what is still running was stopped: how long its ends may take to be proven and stored. */
const LAST_ENDS_MS = 30_000;
const NOTE_MS = 1000;
/** Ends that a report counts at most. */
const MOST_REPORTED = 50_000;

const filesOf = (spec: Submission['spec']): readonly FileSpec[] =>
  (spec as { files?: readonly FileSpec[] }).files ?? [];

/** Whether its files lie somewhere else than in the request. */
const namesBytes = (spec: Submission['spec']): boolean =>
  filesOf(spec).some(({ upload, artifact }) => upload !== undefined || artifact !== undefined);
