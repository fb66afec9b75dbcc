// Reading: what is stored, refined by what this process knows of its live attempts, at once or when it has changed.
import type { ProgressLines } from '../../domain/progress-lines.ts';
import type { Caller } from '../../domain/spec/access.ts';
import { RefusedError } from '../../domain/errors.ts';
import type { WaitingFor } from '../../domain/execution/explained.ts';
import type { Execution, PendingExecution, Phase } from '../../domain/execution/execution.ts';
import { isFinished, startedAt } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import { isExecutionId } from '../../domain/ids.ts';
import { shownPhase } from '../../domain/execution/lifecycle.ts';
import type { ListFilter, Store } from '../../domain/ports/store.ts';
import type { AttemptLog, Journal } from '../../domain/ports/journal.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { LiveRuns } from '../run/live-runs.ts';
import type { LateAccepts } from '../accept/late-accepts.ts';
import { logGone, withLog } from './log-source.ts';
import { readLog, type LogItem, type LogQuery } from './read-log.ts';
import { notFound, stored, unavailable } from '../refusals.ts';
import { boundsOf, type WaitingDeps, waitingFor } from './waiting-for.ts';
import type { Waiters } from '../feed/waiters.ts';

/** An execution as a reader sees it: what is stored, and what this process knows beyond it. */
export interface ExecutionView {
  execution: Execution;
  phase: Phase;
  startedAt: number | null;
  /** Bytes written so far by the live attempt; null when there is none here. */
  live: { stdoutBytes: number; stderrBytes: number } | null;
  /** Of its live attempt; null when there is none here. */
  pid: number | null;
  /** What its live attempt has said on its descriptor for progress; null when there is none here. */
  told: Pick<ProgressLines, 'last' | 'badLines'> | null;
  /** Null unless it waits in the queue. */
  queue: { position: number | null; reason: QueueReason } | null;
}

export type QueueReason = Exclude<WaitingFor, 'turn' | 'start_time' | 'retry_time'>;

export type WaitFor = { until: 'finished' } | { until: 'revision'; after: number };

export interface QueriesDeps {
  store: Store;
  journal: Journal;
  /** Logs for those who follow them. */
  followed: Pick<Journal, 'open'>;
  clock: Clock;
  live: LiveRuns;
  /** Woken by each move of an execution. */
  changes: Waiters;
  /** Woken by each move, and when a live attempt has written something. */
  growth: Waiters;
  /** Answers that are not stored yet. */
  late: LateAccepts;
  /** What decides what an execution waits for. */
  waiting: WaitingDeps;
}

/** Whoever is about to start, or is not in the queue yet, waits for a slot. */
const IN_QUEUE: Record<WaitingFor, QueueReason> = {
  joined: 'joined',
  paused: 'paused',
  signal: 'signal',
  approval: 'approval',
  time: 'time',
  shutting_down: 'shutting_down',
  concurrency_limit: 'concurrency_limit',
  user_limit: 'user_limit',
  no_runner: 'no_runner',
  no_free_slot: 'no_free_slot',
  turn: 'no_free_slot',
  start_time: 'no_free_slot',
  retry_time: 'no_free_slot',
};

export class Queries {
  readonly #deps: QueriesDeps;

  constructor(deps: QueriesDeps) {
    this.#deps = deps;
  }

  /** @throws RefusedError `not_found` */
  async own(caller: Caller, id: ExecutionId): Promise<Execution> {
    let execution: Execution | null = null;
    try {
      if (isExecutionId(id)) execution = await this.#find(caller, id);
    } catch (error) {
      throw unavailable(error);
    }
    if (execution === null) throw notFound(id);
    return execution;
  }

  /** @throws RefusedError `not_found` */
  async get(caller: Caller, id: ExecutionId): Promise<ExecutionView> {
    return this.view(await this.own(caller, id));
  }

  async list(
    filter: ListFilter,
    limit: number,
    after: ExecutionId | null,
  ): Promise<{ views: ExecutionView[]; next: ExecutionId | null }> {
    await this.#deps.late.allStored();
    const { executions, next } = await stored(this.#deps.store.list(filter, limit, after));
    return { views: await Promise.all(executions.map(async (one) => this.view(one))), next };
  }

  /** The state as soon as it is what is waited for, or as it is when the time is up. */
  async wait(
    caller: Caller,
    id: ExecutionId,
    wait: WaitFor,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ExecutionView> {
    const { clock, changes } = this.#deps;
    const isReached = ({ execution }: ExecutionView) =>
      isFinished(execution) || (wait.until === 'revision' && execution.revision > wait.after);
    const endsAt = clock.monotonic() + timeoutMs;
    const watch = changes.watch(id);
    try {
      for (;;) {
        const view = await this.get(caller, id);
        const leftMs = endsAt - clock.monotonic();
        if (isReached(view) || leftMs <= 0 || !(await watch.next(leftMs, signal))) return view;
      }
    } finally {
      watch.close();
    }
  }

  view(execution: Execution): ExecutionView | Promise<ExecutionView> {
    if (execution.status === 'pending') return this.#queuedView(execution);
    const run = execution.status === 'running' ? this.#deps.live.get(execution.runId) : undefined;
    return {
      execution,
      phase: shownPhase(execution, run?.stage ?? null),
      startedAt: run?.startedAt ?? startedAt(execution),
      live: run?.output ?? null,
      pid: run?.pid ?? null,
      told: run?.progress ?? null,
      queue: null,
    };
  }

  /**
   * Reads, or follows, the log of an execution.
   *
   * @throws RefusedError when there is none such, before the first item
   */
  async readLog(
    caller: Caller,
    id: ExecutionId,
    query: LogQuery,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<LogItem, void, undefined>> {
    const execution = withLog(await this.own(caller, id));
    await this.#checkLogs(execution, query.attempt);
    await this.#checkCursor(execution, query);
    return this.#followLog(caller, execution, query, signal);
  }

  /**
   * The log of one attempt, the last one unless it is named; to be closed by the caller. Null when it has none yet.
   *
   * @throws RefusedError
   */
  async openLog(caller: Caller, id: ExecutionId, attempt: number | null): Promise<AttemptLog | null> {
    const execution = withLog(await this.own(caller, id));
    await this.#checkLogs(execution, attempt);
    const number = attempt ?? execution.attempts.at(-1)?.number;
    return number === undefined ? null : this.#deps.journal.open({ runId: execution.runId, attempt: number });
  }

  async *#followLog(
    caller: Caller,
    { id, runId }: Execution,
    query: LogQuery,
    signal: AbortSignal,
  ): AsyncGenerator<LogItem, void, undefined> {
    const { growth, followed } = this.#deps;
    const journal = query.follow ? followed : this.#deps.journal;
    const current = async () => {
      const execution = await this.#find(caller, id);
      return execution === null ? null : withLog(execution);
    };
    const watch = growth.watch(runId);
    try {
      const execution = await current();
      if (execution !== null) yield* readLog(execution, query, { journal, watch, signal, current });
    } finally {
      watch.close();
    }
  }

  /** What has been answered may still be on its way to the store. */
  async #find(caller: Caller, id: ExecutionId): Promise<Execution | null> {
    return this.#deps.late.get(caller.userId, id) ?? this.#deps.store.get(caller.userId, id);
  }

  async #queuedView(execution: PendingExecution): Promise<ExecutionView> {
    const { store, waiting } = this.#deps;
    const position = await stored(store.queuePosition(execution.id));
    const isPlaceless = execution.phase === 'joined' || execution.phase === 'awaiting';
    const isQueued = isPlaceless || position !== null;
    const reason = isQueued ? waitingFor(execution, await boundsOf(execution, waiting)) : null;
    return {
      execution,
      phase: shownPhase(execution, null),
      startedAt: startedAt(execution),
      live: null,
      pid: null,
      told: null,
      queue: reason === null ? null : { position: isPlaceless ? null : position, reason: IN_QUEUE[reason] },
    };
  }

  /** A place that is not there now is refused: who goes on at it would believe to have everything. */
  async #checkCursor(
    { attempts, runId, phase }: Execution,
    { start, attempt: only }: LogQuery,
  ): Promise<void> {
    if (start.attempt === null || start.at.from !== 'offset') return;
    const { attempt: number } = start;
    const { offset } = start.at;
    const last = attempts.at(-1)?.number ?? 0;
    let isThere = offset === 0;
    let message = `the log of attempt ${number} ends before that place`;
    if (attempts.some((attempt) => attempt.number === number)) {
      const log = await this.#deps.journal.open({ runId, attempt: number });
      isThere = offset <= (log?.size ?? 0);
      await log?.close();
    } else {
      // Handed out while the next attempt, or the one that is waited for, has not begun.
      isThere &&= (number === last + 1 && (last === 0 || phase !== 'done')) || number === only;
      message = `there is no attempt ${number}`;
    }
    if (isThere) return;
    const fields = [{ field: '?cursor', message }];
    throw new RefusedError('invalid_cursor', `The cursor is invalid: ${message}.`, { fields });
  }

  async #checkLogs(execution: Execution, only: number | null): Promise<void> {
    const { attempts, runId, id, phase } = execution;
    if (only !== null && phase === 'done' && !attempts.some(({ number }) => number === only)) {
      throw new RefusedError('not_found', `The execution ${id} has no attempt ${only}.`);
    }
    for (const { number, output, endedAt } of attempts) {
      if (only !== null && number !== only) continue;
      const hasNone = endedAt === null || output.stdoutKeptBytes + output.stderrKeptBytes === 0;
      if (hasNone || (await this.#deps.journal.exists({ runId, attempt: number }))) continue;
      throw logGone(execution, number);
    }
  }
}
