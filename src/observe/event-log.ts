// Writes lifecycle events into the server's own log. It listens and never speaks back. A line names the execution, its
// operation, and the facts of an end (exit code, status, limit, message), so that nobody has to ask the API for the reason.
import { classOf } from '../domain/errors.ts';
import type { AccountEvent } from '../domain/credits/account.ts';
import type { LifecycleEvent } from '../domain/execution/events.ts';
import type { Execution, FinishedExecution } from '../domain/execution/execution.ts';
import {
  beganAt,
  isFinished,
  leavesResult,
  operationOf,
  operationType,
} from '../domain/execution/execution.ts';
import { hasSteps } from '../domain/kinds.ts';
import { type Cause, judge, type Outcome } from '../domain/outcome.ts';
import type { Schedule, ScheduleRun } from '../domain/schedules/schedule.ts';
import { isMonitorEvent, type MonitorEvent, monitorSays } from '../domain/spec/monitor.ts';
import type { Log } from '../domain/ports/clock.ts';
import type { Component } from '../domain/ports/component-log.ts';

/** A message may hold what a program or a target has written. */
const MAX_MESSAGE = 500;

export function eventLog(log: Log): (event: LifecycleEvent, execution: Execution) => void {
  return (event, execution) => {
    const facts = factsOf(event, execution);
    if (event.type === 'accepted') cacheLine(log, facts, execution);
    // What is answered from the cache has ended with its acceptance.
    if (isFinished(execution) && event.type === execution.status) return endLines(log, facts, execution);
    if (isMonitorEvent(event.type)) monitorLine(log, facts, event.type, execution);
    else if (event.type === 'lost') log.warn(facts, `An attempt was lost: ${nameOf(execution)}`);
    else if (event.type === 'retry_scheduled') retryLine(log, facts, event, execution);
    else log.debug(facts, `Execution ${event.type}: ${nameOf(execution)}`);
  };
}

function monitorLine(
  log: Log,
  facts: Record<string, unknown>,
  event: MonitorEvent,
  execution: Execution,
): void {
  const { monitor } = execution;
  const because = monitor === null ? undefined : monitorSays(monitor, event);
  log.warn({ ...facts, because, cancel: monitor?.cancel }, `Execution ${event}: ${nameOf(execution)}`);
}

/** A step by its name, everything else by its operation or kind: as in step results. */
function nameOf(execution: Execution): string {
  return execution.plan?.step ?? operationType(execution);
}

function factsOf(event: LifecycleEvent, execution: Execution): Record<string, unknown> {
  const { taskId, plan, spec } = execution;
  const operation = operationOf(execution);
  return {
    component: (hasSteps(spec) ? 'plan' : 'execution') satisfies Component,
    execution_id: execution.id,
    trace_id: execution.trace.traceId,
    user_id: execution.userId,
    event: event.type,
    attempt: event.attempt,
    kind: spec.kind,
    ...(operation === null ? {} : { operation }),
    ...(taskId === null ? {} : { task_id: taskId }),
    ...(plan === null ? {} : { plan_id: plan.id, step: plan.step }),
  };
}

/** What an end was: its cause with the numbers of it, and in words. */
function endFacts(outcome: Outcome): Record<string, unknown> {
  const { error } = judge(outcome);
  const facts: Record<string, unknown> = { cause: outcome.cause };
  for (const [field, name] of Object.entries(SHOWN)) {
    const value = (outcome as unknown as Record<string, unknown>)[field];
    if (value !== undefined) facts[name] = value;
  }
  if (error === null) return facts;
  return {
    ...facts,
    error_code: error.code,
    error_class: classOf(error.code),
    error_type: error.type,
    message: error.message.slice(0, MAX_MESSAGE),
  };
}

const SHOWN: Readonly<Record<string, string>> = {
  exitCode: 'exit_code',
  signal: 'signal',
  status: 'http_status',
  limit: 'limit',
  limitValue: 'limit_value',
  limitMs: 'limit_ms',
  limitBytes: 'limit_bytes',
  circuit: 'circuit',
};

const OF_CACHE = { component: 'cache' satisfies Component };
const OF_RETRY = { component: 'retry' satisfies Component };
const TIMEOUTS: readonly Cause[] = ['queue_timeout', 'attempt_timeout', 'total_timeout', 'idle_timeout'];

/** An end by a clock or by a circuit is found where others of its kind are. */
function componentOfEnd({ cause }: Outcome): { component?: Component } {
  if (TIMEOUTS.includes(cause)) return { component: 'timeout' };
  return cause === 'circuit_open' ? { component: 'circuit' } : {};
}

function endLines(log: Log, facts: Record<string, unknown>, execution: FinishedExecution): void {
  const { outcome, status, finishedAt } = execution;
  const { error } = judge(outcome);
  const name = nameOf(execution);
  const end = {
    ...{ ...facts, ...componentOfEnd(outcome), ...endFacts(outcome) },
    duration_ms: finishedAt - beganAt(execution),
  };
  if (outcome.exhausted !== undefined) {
    const { attempts, by } = outcome.exhausted;
    log.warn({ ...end, ...OF_RETRY, attempts, exhausted_by: by }, `Retry count exceeded: ${name}`);
  }
  if (leavesResult(execution)) {
    const { key, scope } = execution.cache ?? {};
    log.debug({ ...facts, ...OF_CACHE, cache_key: key, cache_scope: scope }, `Cache stored: ${name}`);
  }
  if (error?.fault === 'system') log.warn(end, `Execution ${status}: ${name}`);
  else log.info(end, `Execution ${status}: ${name}`);
}

function cacheLine(log: Log, facts: Record<string, unknown>, execution: Execution): void {
  const { cache } = execution;
  if (cache === null) return;
  const { key, scope, status } = cache;
  log.debug(
    { ...facts, ...OF_CACHE, cache_key: key, cache_scope: scope },
    `Cache ${status}: ${nameOf(execution)}`,
  );
}

/** The source's words: Retry n/max for OP after Ns: REASON, where n is the attempt that has failed. */
function retryLine(
  log: Log,
  facts: Record<string, unknown>,
  event: LifecycleEvent,
  execution: Execution,
): void {
  const ended = execution.attempts.filter(({ outcome }) => outcome !== null);
  const outcome = ended.at(-1)?.outcome ?? null;
  if (execution.phase !== 'scheduled_retry' || execution.retry === null || outcome === null)
    return log.warn({ ...facts, ...OF_RETRY }, `Retry for ${nameOf(execution)}`);
  const waitMs = execution.retryAt - event.at;
  const { attempts: most } = execution.retry;
  const reason = judge(outcome).error?.message.slice(0, MAX_MESSAGE) ?? outcome.cause;
  log.warn(
    {
      ...facts,
      ...OF_RETRY,
      ...endFacts(outcome),
      attempts: ended.length,
      max_attempts: most,
      wait_ms: waitMs,
    },
    `Retry ${ended.length}/${most} for ${nameOf(execution)} after ${waitMs / 1000}s: ${reason}`,
  );
}

/** What happens to accounts: what somebody has to know is a warning. */
export function accountLog(log: Log): (event: AccountEvent) => void {
  return ({ type, entry }) => {
    const { userId: user_id, amount, balanceAfter: balance, subjectId, by, crossed: threshold } = entry;
    if (type === 'low_balance') log.warn({ user_id, balance, threshold }, 'The balance is low');
    else if (type === 'granted')
      log.info({ user_id, amount, balance, grant_id: subjectId, by }, 'Credits granted');
    else log.debug({ user_id, amount, balance, execution_id: subjectId }, `An execution was ${type}`);
  };
}

/** What became of a due time of a schedule. */
export function logScheduleRun(log: Log, run: ScheduleRun, { plan: { name }, userId }: Schedule): void {
  const { result, dueAt, executionId, error, detail } = run;
  const facts = {
    ...{ schedule: name, user_id: userId, due: new Date(dueAt).toISOString(), result },
    ...(executionId === null ? {} : { execution_id: executionId }),
    ...(detail === null ? {} : { error, detail: detail.slice(0, MAX_MESSAGE) }),
  };
  if (result === 'refused' || result === 'missed') log.warn(facts, `A schedule did not start: ${name}`);
  else log.info(facts, `A schedule came due: ${name}`);
}

/** A schedule was reported as silent. */
export function logSilence(log: Log, { plan, userId, completedAt, lastId }: Schedule): void {
  const last = completedAt === null ? null : new Date(completedAt).toISOString();
  const facts = { schedule: plan.name, user_id: userId, silent_after_ms: plan.silentAfterMs };
  log.warn({ ...facts, last_completed: last, last_id: lastId }, `A schedule is silent: ${plan.name}`);
}
