// The engine: decides what happens to executions. Callers see this class and nothing behind it. It only hands on: a request enters it
// once, and from there the parts know each other.
import type { AccessRules } from '../domain/access/access-rules.ts';
import type { RefusedError } from '../domain/errors.ts';
import type { Execution } from '../domain/execution/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { CacheEntry, Group, GroupResult } from '../domain/ports/group.ts';
import type { AttemptLog } from '../domain/ports/journal.ts';
import type { ListFilter, ReportWindow } from '../domain/ports/store.ts';
import type { Caller } from '../domain/spec/access.ts';
import type { TimeoutsSpec } from '../domain/spec/spec.ts';
import type { CircuitView } from '../resilience/circuit.ts';
import type { DryRun } from './accept/dry-run.ts';
import type { AgainOptions, Submission, Submitted } from './accept/submission.ts';
import type { Accounts } from './credits/accounts.ts';
import type { EngineDeps } from './deps.ts';
import { explain, type Explanation } from './explain/explain.ts';
import type { AccountListener, Listener } from './feed/event-bus.ts';
import type { Files } from './files/files.ts';
import { buildParts, type Parts } from './parts.ts';
import type { Plans } from './plans/plans.ts';
import type { CacheFilter, CacheStats } from './policies/cache.ts';
import type { SubmitAllowance } from './policies/submit-rates.ts';
import type { KeptResults } from './read/kept-results.ts';
import type { ExecutionView, Queries, WaitFor } from './read/queries.ts';
import type { LogItem, LogQuery } from './read/read-log.ts';
import type { LiveCommands } from './run/live-commands.ts';
import type { Pools } from './policies/pools.ts';
import type { Runners } from './read/runners.ts';
import type { EngineHealth, EngineStats, Report, Usage } from './read/status.ts';
import { stored } from './refusals.ts';
import type { Schedules } from './schedules/schedules.ts';
import type { EventStreams } from './streams/event-streams.ts';
import type { Pauses } from './policies/pauses.ts';
import type { Waits } from './waits/waits.ts';

export type { EngineDeps } from './deps.ts';
export type { Concurrency, EngineStats } from './read/status.ts';
export type { ExecutionView, WaitFor } from './read/queries.ts';
export type { PlanLogItem } from './plans/plan-log.ts';
export type { PlanResults, StepOutcome } from './plans/plan-results.ts';
export type { PlanView, StepView } from './plans/plan-view.ts';
export type { LogCursor, LogEnd, LogItem, LogQuery } from './read/read-log.ts';
export type { RunnerView } from './read/runners.ts';
export type { CacheStats } from './policies/cache.ts';
export type { CircuitView } from '../resilience/circuit.ts';
export type { Submission, Submitted } from './accept/submission.ts';
export type { DryRun, WouldBegin } from './accept/dry-run.ts';
export type { Explanation } from './explain/explain.ts';
export type { ApprovalView, LinkClaims } from './waits/waits.ts';
export type { ScheduleView } from './schedules/schedules.ts';
export type { UploadView } from './files/files.ts';
export type { InputAnswer, InputPart, LiveHandle, Patience } from './run/live-commands.ts';
export type { Granted } from './credits/accounts.ts';
export type { EventBatch, EventStreams, StreamCursor, StreamItem } from './streams/event-streams.ts';
export type { LogPiece, OutputForm } from './streams/log-blocks.ts';

export class Engine {
  readonly #parts: Parts;
  readonly #rules: () => AccessRules;
  readonly plans: Plans;
  /** Work that starts again and again. */
  readonly schedules: Schedules;
  /** Events and output, live. */
  readonly streams: EventStreams;
  /** Commands that run: their input, signals and terminals. */
  readonly commands: LiveCommands;
  /** The cache, as callers see it. */
  readonly kept: KeptResults;
  /** Credits: read and granted. */
  readonly accounts: Accounts;
  /** Uploads and artifacts. */
  readonly files: Files;
  /** Signals to plans, and approvals. */
  readonly waits: Waits;
  /** What is paused. */
  readonly pauses: Pauses;
  /** The servers on the store. */
  readonly runners: Runners;
  readonly pools: Pools;

  constructor(deps: EngineDeps) {
    const parts = buildParts(deps);
    this.#parts = parts;
    this.#rules = deps.rules;
    this.plans = parts.plans;
    this.schedules = parts.schedules;
    this.waits = parts.waits;
    this.pauses = parts.pauses;
    this.runners = parts.runners;
    this.pools = parts.pools;
    this.streams = parts.streams;
    this.commands = parts.commands;
    this.kept = parts.kept;
    this.accounts = parts.accounts;
    this.files = parts.files;
  }

  // -------------------------------------------------------------------------------------- life (see Life)

  start(): Promise<void> {
    return this.#parts.life.start();
  }

  open(): void {
    this.#parts.life.open();
  }

  drain(): Promise<void> {
    return this.#parts.life.drain();
  }

  get stopNoted(): Promise<void> {
    return this.#parts.life.stopNoted;
  }

  close(): Promise<void> {
    return this.#parts.life.close();
  }

  // ------------------------------------------------------------------------------------------------ store

  /** Of the store, once it is open. */
  get instanceId(): string {
    return this.#parts.standing.identity?.instanceId ?? '';
  }

  /** The log of a run that is read here has grown elsewhere. */
  logGrew(runId: ExecutionId): void {
    this.#parts.waiters.growth.notify(runId);
  }

  /** Asks the other servers on the store to take in what has changed here. */
  tellOthers(what: 'operations' | 'reload'): void {
    this.#parts.tell({ type: what });
  }

  /** Whether what is to be done once, by one of all engines on the store, is to be done here. */
  leads(): Promise<boolean> {
    return this.#parts.leads();
  }

  /**
   * The one door to the store. What is written through it is told to all who follow; whether it works is what readiness says.
   *
   * @throws StoreError when nothing was written
   */
  commit(groups: readonly Group[]): Promise<GroupResult[]> {
    return this.#parts.commit(groups);
  }

  listen(listener: Listener): () => void {
    return this.#parts.bus.listen(listener);
  }

  listenToAccounts(listener: AccountListener): () => void {
    return this.#parts.bus.listenToAccounts(listener);
  }

  /** Called when something has happened in the store, whoever did it. */
  onBatch(listener: () => void): () => void {
    return this.#parts.bus.onBatch(listener);
  }

  // ---------------------------------------------------------------------------------- submit (see Intake)

  submit(caller: Caller, submission: Submission): Promise<Submitted> {
    return this.#parts.intake.submit(caller, submission);
  }

  /** Accepts many, each with its own answer, in one commit. */
  submitAll(caller: Caller, submissions: readonly Submission[]): Promise<(Submitted | RefusedError)[]> {
    return stored(this.#parts.intake.submitAll(caller, submissions));
  }

  /**
   * What would become of a submission now; nothing is changed by it.
   *
   * @throws RefusedError when nothing is accepted now, or the store cannot be read
   */
  async dryRun(caller: Caller, submission: Submission): Promise<DryRun> {
    this.#parts.standing.checkOpen();
    return this.#parts.intake.dryRun(caller, submission);
  }

  /** A new execution with the spec of another one. */
  rerun(caller: Caller, id: ExecutionId, options: AgainOptions): Promise<Submitted> {
    return this.#parts.intake.rerun(caller, id, options);
  }

  /** How often a user may still submit; null where that has no bound. */
  submitAllowance(userId: string): SubmitAllowance | null {
    const { submitsPerS } = this.#rules().quotasOf(userId);
    return submitsPerS === null ? null : this.#parts.rates.allowance(userId, submitsPerS);
  }

  /** What the policy file allows to a user; null without a file. */
  policyMayRun(userId: string): ReturnType<AccessRules['mayRunOf']> {
    return this.#rules().mayRunOf(userId);
  }

  // ----------------------------------------------------------------------------------- read (see Queries)

  get(caller: Caller, id: ExecutionId): Promise<ExecutionView> {
    return this.#parts.queries.get(caller, id);
  }

  /** An execution as a reader sees it now. */
  async view(execution: Execution): Promise<ExecutionView> {
    return this.#parts.queries.view(execution);
  }

  list(filter: ListFilter, limit: number, after: ExecutionId | null): ReturnType<Queries['list']> {
    return this.#parts.queries.list(filter, limit, after);
  }

  wait(
    caller: Caller,
    id: ExecutionId,
    wait: WaitFor,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ExecutionView> {
    return this.#parts.queries.wait(caller, id, wait, timeoutMs, signal);
  }

  /**
   * Why an execution is as it is: in the queue, ended, retried, not found in the cache.
   *
   * @throws RefusedError `not_found`, or when the store cannot be read
   */
  explain(caller: Caller, id: ExecutionId): Promise<Explanation> {
    return explain(caller, id, this.#parts);
  }

  readLog(
    caller: Caller,
    id: ExecutionId,
    query: LogQuery,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<LogItem, void, undefined>> {
    return this.#parts.queries.readLog(caller, id, query, signal);
  }

  openLog(caller: Caller, id: ExecutionId, attempt: number | null): Promise<AttemptLog | null> {
    return this.#parts.queries.openLog(caller, id, attempt);
  }

  // --------------------------------------------------------------------------------- change (see Changes)

  async cancel(
    caller: Caller,
    id: ExecutionId,
    reason: string | null,
    graceMs: number | null = null,
  ): Promise<ExecutionView> {
    return this.view(await this.#parts.changing.cancel(caller, id, { reason, graceMs }));
  }

  cancelMany(
    filter: ListFilter & { userId: string },
    reason: string | null,
    graceMs: number | null = null,
  ): Promise<{ cancelled: number; canceling: number }> {
    return this.#parts.changing.cancelMany(filter, { reason, graceMs });
  }

  async patch(
    caller: Caller,
    id: ExecutionId,
    change: { priority: number | null; timeouts: TimeoutsSpec | null },
  ): Promise<ExecutionView> {
    return this.view(await this.#parts.changing.patch(caller, id, change));
  }

  remove(caller: Caller, id: ExecutionId): Promise<void> {
    return this.#parts.changing.remove(caller, id);
  }

  // -------------------------------------------------------------------------------- operation (see Status)

  stats(): Promise<EngineStats> {
    return this.#parts.status.stats();
  }

  usageOf(userId: string): Usage {
    return this.#parts.status.usageOf(userId);
  }

  health(): EngineHealth {
    return this.#parts.status.health();
  }

  whyNotReady(): string | null {
    return this.#parts.status.whyNotReady();
  }

  report(window: ReportWindow): Promise<Report> {
    return this.#parts.status.report(window);
  }

  cacheStats(): CacheStats {
    return this.#parts.cache.stats();
  }

  /** A kept result that the caller may see: their own, or a shared one of an operation that they may run. */
  cacheEntry(caller: Caller, key: string): CacheEntry | null {
    return this.kept.get(caller, key);
  }

  /** Forgets kept results; answers how many. */
  forget(filter: CacheFilter): number {
    return this.#parts.storedCache.forget(filter);
  }

  circuits(caller: Pick<Caller, 'userId' | 'scopes'>): CircuitView[] {
    return this.#parts.policies.viewsFor(caller);
  }

  changeCircuit(name: string, change: 'reset' | 'isolate'): Promise<CircuitView | null> {
    return this.#parts.keptCircuits.change(name, change);
  }

  /** The limit of an operation's attempts that follows what was observed, milliseconds; null while there is none. */
  adaptiveTimeoutMs(operation: string): number | null {
    return this.#parts.policies.adaptiveTimeout(operation)?.currentMs ?? null;
  }

  /** To be called when what is configured has changed. */
  forgetPolicies(): void {
    this.#parts.policies.prune();
    this.#parts.hits.forget();
    // Somebody may have more slots now.
    this.#parts.fill();
  }

  /** Removes what has been kept long enough; answers how many executions. */
  cleanup(): Promise<number> {
    this.#parts.storedCache.sweep();
    return stored(this.#parts.janitor.sweepOnce());
  }

  /** Writes the counters that are waiting; answers how many. */
  flush(): Promise<number> {
    return this.#parts.writeBehind.flush();
  }
}
