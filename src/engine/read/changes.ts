// What a caller can change of an execution after its acceptance: cancel it, extend it, remove it.
import { hasSteps } from '../../domain/kinds.ts';
import type { Quotas } from '../../domain/access/access-rules.ts';
import type { Caller } from '../../domain/spec/access.ts';
import { type FieldProblem, RefusedError } from '../../domain/errors.ts';
import type { Execution, Timeouts } from '../../domain/execution/execution.ts';
import { isFinished, lastAttemptNumber } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import { isExecutionId } from '../../domain/ids.ts';
import type { ListFilter, ListPage, Store } from '../../domain/ports/store.ts';
import type { ExpirePart, Group, GroupResult, Part } from '../../domain/ports/group.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Signal } from '../../domain/ports/feed.ts';
import type { StopRequest } from '../../domain/ports/runner.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { reservation } from '../../domain/credits/price.ts';
import type { TimeoutsSpec } from '../../domain/spec/spec.ts';
import { type MonitorEvent, monitorReason } from '../../domain/spec/monitor.ts';
import { resolveTimes, shortened } from '../../domain/spec/times.ts';
import type { LateAccepts } from '../accept/late-accepts.ts';
import type { LiveRuns } from '../run/live-runs.ts';
import type { LogRemovals } from '../upkeep/log-removals.ts';
import type { Joins } from '../policies/joins.ts';
import { checkLimits, checkPriority, deadlineOf } from '../policies/settings.ts';
import type { Queries } from './queries.ts';
import { notChanged, stored } from '../refusals.ts';

export interface ChangesDeps {
  store: Store;
  removals: LogRemovals;
  clock: Clock;
  log: Log;
  live: LiveRuns;
  /** Whether the last attempt of an execution was claimed by this engine. */
  holds(execution: Execution): boolean;
  /** Asks whoever holds a run. */
  signal(signal: Signal): void;
  joins: Joins;
  /** Answers that are not stored yet. */
  late: LateAccepts;
  queries: Queries;
  quotasOf(userId: string): Quotas;
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
}

/** What a cancel says. */
interface Cancel {
  reason: string | null;
  /** In place of that of the execution, milliseconds; null leaves that. */
  graceMs: number | null;
}

const UNREAD_AT_START = 'The client was disconnected when execd restarted (on_disconnect: cancel).';

/** Executions that are cancelled in one commit. */
const CANCEL_BATCH = 500;

export class Changes {
  readonly #deps: ChangesDeps;
  /** Executions whose limits are being extended; resolves to whether they have been. */
  readonly #extending = new Map<ExecutionId, Promise<boolean>>();

  constructor(deps: ChangesDeps) {
    this.#deps = deps;
  }

  /**
   * Asks for an execution to be cancelled. Asking again changes nothing, but for a shorter grace.
   *
   * @throws RefusedError `not_found`, `execution_finished`
   */
  async cancel(caller: Caller, id: ExecutionId, how: Cancel): Promise<Execution> {
    await this.#deps.late.stored(id);
    const [result] = await this.#cancelAll(caller.userId, [id], how);
    if (result?.status === 'applied') return result.executions[0] as Execution;
    if (
      result?.status === 'refused' &&
      result.reason === 'illegal' &&
      result.execution.status === 'cancelled'
    ) {
      return result.execution;
    }
    throw notChanged(result, id, 'it can no longer be cancelled');
  }

  /** Cancels what its client was to read while it runs, and what has waited until after a restart. */
  async cancelUnread(executions: readonly Execution[]): Promise<void> {
    const unread = executions.filter(({ onDisconnect }) => onDisconnect === 'cancel');
    for (const [userId, own] of Map.groupBy(unread, (one) => one.userId)) {
      const ids = own.map(({ id }) => id);
      await this.#cancelAll(userId, ids, { reason: UNREAD_AT_START, graceMs: null });
    }
  }

  /** Cancels everything live that fits; answers how many ended at once and how many are being stopped. */
  async cancelMany(
    filter: ListFilter & { userId: string },
    how: Cancel,
  ): Promise<{ cancelled: number; canceling: number }> {
    const live: ListFilter = { ...filter, status: filter.status ?? ['pending', 'running'] };
    const answer = { cancelled: 0, canceling: 0 };
    let after: ExecutionId | null = null;
    for (;;) {
      const page: ListPage = await stored(this.#deps.store.list(live, CANCEL_BATCH, after));
      const ids = page.executions.filter((execution) => !isFinished(execution)).map(({ id }) => id);
      for (const result of await this.#cancelAll(filter.userId, ids, how)) {
        if (result.status === 'applied')
          answer[result.executions[0]?.phase === 'done' ? 'cancelled' : 'canceling'] += 1;
      }
      after = page.next;
      if (after === null) return answer;
    }
  }

  /**
   * Changes the priority, or extends the limits, of a live execution.
   *
   * @throws RefusedError `not_found`, `execution_finished`, `insufficient_credits`, `validation` for a limit that is not an
   *   extension, `command_not_allowed` for one that is over that of its template
   */
  async patch(
    caller: Caller,
    id: ExecutionId,
    change: { priority: number | null; timeouts: TimeoutsSpec | null },
  ): Promise<Execution> {
    checkPriority({ priority: change.priority ?? undefined }, this.#deps.quotasOf(caller.userId));
    await this.#deps.late.stored(id);
    const before = await this.#deps.queries.own(caller, id);
    const { revision } = before;
    if (change.timeouts !== null) checkLimits({ timeouts: change.timeouts }, before.access);
    const timeouts = change.timeouts === null ? null : extended(before.timeouts, change.timeouts);
    const of = { userId: caller.userId, executionId: id, revision };
    const part = { type: 'patch', ...of, ...change, timeouts, ...reservationFor(before, timeouts) } as const;
    const result = await (timeouts === null
      ? stored(this.#deps.commit([[part]])).then(([only]) => only)
      : this.#extend(before, part));
    // It has changed in between, and what was decided may not hold any more.
    if (result?.status === 'stale') return this.patch(caller, id, change);
    if (result?.status !== 'applied') throw notChanged(result, id, 'it can no longer be changed');
    return result.executions[0] as Execution;
  }

  /** Extends the limits of what runs first: only what is in force is stored and answered. */
  async #extend(before: Execution, part: Extract<Part, { type: 'patch' }>): Promise<GroupResult | undefined> {
    const { id, runId } = before;
    const run = this.#deps.live.get(runId);
    const isStopping = run?.stop?.cause === 'total_timeout';
    const { promise: ended, resolve: end } = Promise.withResolvers<boolean>();
    this.#extending.set(id, ended);
    let result: GroupResult | undefined;
    try {
      if (isStopping || !(await this.#setLimits(before, part.timeouts))) throw isEnding(id);
      [result] = await stored(this.#deps.commit([[part]]));
      // One that has just begun does not know of it.
      const [now] = result?.status === 'applied' ? result.executions : [];
      const isNew = now !== undefined && run?.attempt == null;
      if (isNew && !(await this.#setLimits(now, part.timeouts))) throw isEnding(id);
      return result;
    } finally {
      const isExtended = result?.status === 'applied';
      if (!isExtended) void this.#setLimits(before, before.timeouts);
      if (this.#extending.get(id) === ended) this.#extending.delete(id);
      end(isExtended);
    }
  }

  /** @throws RefusedError `not_found`, `execution_not_finished` */
  async remove(caller: Caller, id: ExecutionId): Promise<void> {
    await this.#deps.late.stored(id);
    const part = { type: 'remove', userId: caller.userId, executionId: id } as const;
    const [result] = isExecutionId(id) ? await stored(this.#deps.commit([[part]])) : [];
    if (result?.status === 'refused' && result.reason === 'illegal') {
      throw new RefusedError(
        'execution_not_finished',
        `The execution ${id} has not finished. Cancel it first.`,
      );
    }
    if (result?.status === 'refused' && result.reason === 'step_of_plan')
      throw new RefusedError(
        'step_of_plan',
        `The execution ${id} is a step of a plan. Remove the plan instead.`,
      );
    if (result?.status !== 'applied') throw notChanged(result, id, 'it cannot be removed');
    await this.#deps.removals.remove(result.executions);
  }

  /**
   * Ends an execution that has taken too long. Nothing happens when it has ended meanwhile.
   *
   * @throws StoreError
   */
  async expire(execution: Execution): Promise<void> {
    const deadline = deadlineOf(execution);
    if (deadline === null) return;
    // Whoever is just being given more time is not ended by the time before.
    if ((await this.#extending.get(execution.id)) === true) return;
    const { cause, limitMs } = deadline;
    const stop = (now: Execution) => this.#stop(now, { cause: 'total_timeout', limitMs });
    const { joins } = this.#deps;
    if (hasSteps(execution.spec))
      return this.stopPlan(execution.id, { cause: 'total_timeout', limitMs, process: null });
    // Whoever runs alone is stopped at once, whether the store can be written or not.
    if (execution.status === 'running' && !joins.isShared(execution.runId)) {
      joins.withdraw(execution.runId);
      return stop(execution);
    }
    const outcome: ExpirePart['outcome'] =
      cause === 'queue_timeout' ? { cause, limitMs } : { cause, limitMs, process: null };
    const [result] = await this.#deps.commit([[{ type: 'expire', executionId: execution.id, outcome }]]);
    const isAlone = result?.status === 'refused' && result.reason === 'illegal';
    if (isAlone && cause === 'total_timeout' && result.execution.phase === 'starting') stop(result.execution);
  }

  /**
   * Adds the event of a monitor, and cancels with it if the request says so. Nothing happens when another engine has done it, or
   * when it is no longer true.
   *
   * @throws StoreError
   */
  async tell({ id: executionId, userId, monitor, attempts }: Execution, event: MonitorEvent): Promise<void> {
    if (monitor === null) return;
    const tell = { type: 'tell', executionId, event, attempt: attempts.length } as const;
    const reason = monitorReason(monitor, event);
    const group: Group = monitor.cancel ? [tell, { type: 'cancel', userId, executionId, reason }] : [tell];
    const [result] = await this.#deps.commit([group]);
    if (monitor.cancel && result?.status === 'applied')
      this.stopLive(result.executions, { reason, graceMs: null });
  }

  /**
   * Ends a plan by something else than its steps. Nothing happens when its end has been decided already.
   *
   * @throws StoreError
   */
  async stopPlan(id: ExecutionId, outcome: Outcome): Promise<void> {
    const [result] = await this.#deps.commit([[{ type: 'stop_plan', executionId: id, outcome }]]);
    if (result?.status === 'applied') this.stopLive(result.executions, { reason: null, graceMs: null });
  }

  /**
   * Gives an execution whose backoff is over back to the queue. Nothing happens when it has moved on meanwhile.
   *
   * @throws StoreError
   */
  async due(execution: Execution): Promise<void> {
    const attempt = lastAttemptNumber(execution);
    await this.#deps.commit([[{ type: 'due', executionId: execution.id, attempt }]]);
  }

  async #cancelAll(userId: string, ids: readonly ExecutionId[], how: Cancel): Promise<GroupResult[]> {
    const { reason } = how;
    const wanted = ids.filter(isExecutionId);
    const groups = wanted.map((executionId): Group => [{ type: 'cancel', userId, executionId, reason }]);
    const results = groups.length === 0 ? [] : await stored(this.#deps.commit(groups));
    for (const result of results) {
      if (result.status === 'applied') this.stopLive(result.executions, how);
    }
    return results;
  }

  /** Stops the runs of what is being cancelled: of a plan, those of its steps. */
  stopLive(executions: readonly Execution[], { reason, graceMs }: Cancel): void {
    for (const execution of executions) {
      const { phase, spec, access } = execution;
      if (phase !== 'canceling' || hasSteps(spec)) continue;
      // No cancel fails because of its grace.
      const allowedMs = graceMs === null ? null : Math.min(graceMs, access.limits?.graceMs ?? Infinity);
      this.#stop(execution, { cause: 'cancelled', reason, graceMs: allowedMs });
    }
  }

  /** Stops a run, here or where it is. */
  #stop(execution: Execution, request: StopRequest): void {
    const { runId } = execution;
    if (this.#deps.holds(execution)) this.#deps.live.stop(runId, request);
    else this.#deps.signal({ type: 'stop', runId, request });
  }

  /** Answers whether the limits are in force. */
  async #setLimits({ runId, status }: Execution, timeouts: Timeouts | null): Promise<boolean> {
    const attempt = status === 'running' ? this.#deps.live.get(runId)?.attempt : null;
    if (timeouts === null || attempt == null) return true;
    return attempt.extend(timeouts.attemptMs, timeouts.idleMs);
  }
}

const isEnding = (id: ExecutionId) =>
  new RefusedError(
    'execution_finished',
    `The execution ${id} is ending: its limits can no longer be extended.`,
  );

/** Who may run longer may come to cost more. */
function reservationFor(execution: Execution, timeouts: Timeouts | null): { reserved?: number } {
  const { cost } = execution;
  if (cost === null || timeouts === null) return {};
  return { reserved: reservation(cost.rates, { ...execution, timeouts }) };
}

/** The limits after an extension. */
function extended(before: Timeouts, change: TimeoutsSpec): Timeouts {
  const after = resolveTimes(change, before);
  const fields = shortened(before, after).map(({ name, before: old }): FieldProblem => {
    const message =
      old === null
        ? 'is off; you can set it only when you submit the execution'
        : `must not be less than ${old}`;
    return { field: `/timeouts/${name}`, message };
  });
  if (fields.length > 0)
    throw new RefusedError('validation', 'You can extend time limits, but not shorten them.', { fields });
  return after;
}
