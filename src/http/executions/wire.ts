// From what the engine knows to what goes over the wire: snake_case, times as RFC 3339, nothing invented.
import type { ProgressWire } from './progress.ts';
import { hasNoRun } from '../../domain/kinds.ts';
import { toWireMonitor } from '../../domain/spec/monitor.ts';
import { toWireTimes } from '../../domain/spec/times.ts';
import type { z } from 'zod';
import { classOf } from '../../domain/errors.ts';
import {
  type Attempt,
  type Execution,
  type OutputTotals,
  beganAt,
  isFinished,
  NO_OUTPUT,
  operationOf,
  policyVersionOf,
  operationType,
  resultValue,
} from '../../domain/execution/execution.ts';
import { eachLimit, type ResourceLimits } from '../../domain/limits.ts';
import { type Outcome, type ProcessEnd, judge } from '../../domain/outcome.ts';
import { resultBytesOf } from '../../domain/execution/result-text.ts';
import { shownStop, type StopPolicy } from '../../domain/stop.ts';
import { lastWords } from '../../domain/execution/last-words.ts';
import { warningsOf } from '../../domain/execution/warnings.ts';
import type { ExecutionView } from '../../engine/engine.ts';
import { toCache } from './cache-use.ts';
import type { OutcomeWire } from './outcome-schemas.ts';
import type { AttemptWire, ExecutionWire, stepResult } from './schemas.ts';
import { isoOrNull, isoTime } from '../edge/times.ts';

/** Snake-cases the keys of a flat object. */
const SNAKE: Record<string, string> = {
  exitCode: 'exit_code',
  limitMs: 'limit_ms',
  limitBytes: 'limit_bytes',
  limitValue: 'limit_value',
  isExpected: 'expected',
  retryAfterMs: 'retry_after_ms',
  endedAs: 'ended_as',
  errorMessage: 'error_message',
};

export function toOutcome(outcome: Outcome): OutcomeWire {
  const wire: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(outcome)) {
    if (name === 'process' || name === 'resultError' || name === 'bodyType') continue;
    wire[SNAKE[name] ?? name] = value;
  }
  if ('process' in outcome) wire.process = outcome.process === null ? null : toProcess(outcome.process);
  return wire as OutcomeWire;
}

export function toProcess(end: ProcessEnd): NonNullable<OutcomeWire['process']> {
  return {
    exit_code: end.exitCode,
    signal: end.signal,
    forced: end.forced,
    signals: end.signals.map(({ signal, at }) => ({ signal, at: isoTime(at) })),
    processes_found: end.processesFound,
    leftover_processes: end.leftoverProcesses,
    survivors: end.survivors,
    output_lost: end.outputLost,
  };
}

function toAttempt(attempt: Attempt): AttemptWire {
  return {
    number: attempt.number,
    runner: attempt.runner,
    claimed_at: isoTime(attempt.claimedAt),
    started_at: isoOrNull(attempt.startedAt),
    ended_at: isoOrNull(attempt.endedAt),
    outcome: attempt.outcome === null ? null : toOutcome(attempt.outcome),
    stdout_bytes: attempt.output.stdoutBytes,
    stderr_bytes: attempt.output.stderrBytes,
    resources: toResources(attempt),
  };
}

export function toResources(attempt: Pick<Attempt, 'resources'> | undefined): AttemptWire['resources'] {
  const resources = attempt?.resources ?? null;
  return resources === null ? null : { cpu_ms: resources.cpuMs, max_rss_bytes: resources.maxRssBytes };
}

/** Null without one. */
export function toMonitor({ monitor }: Pick<Execution, 'monitor'>) {
  return monitor === null ? null : toWireMonitor(monitor, isoTime);
}

/** Counters as a reader sees them: of a live attempt, what this process has been told last. */
function outputOf({ execution, live }: ExecutionView): OutputTotals {
  const stored = storedOutputOf(execution);
  return live === null ? stored : { ...stored, ...live };
}
const storedOutputOf = ({ attempts, cache }: Execution): OutputTotals =>
  attempts.at(-1)?.output ?? cache?.madeBy?.output ?? NO_OUTPUT;

/**
 * An execution.
 *
 * @param logPath where the log of the last attempt lies; null to leave it out
 */
export function toWire(
  view: ExecutionView & { progress?: ProgressWire | null },
  logPath: string | null,
): ExecutionWire {
  const { execution } = view;
  const output = outputOf(view);
  const outcome = isFinished(execution) ? execution.outcome : null;
  return {
    id: execution.id,
    status: execution.status,
    phase: view.phase,
    revision: execution.revision,
    kind: execution.spec.kind,
    operation: operationOf(execution),
    spec: execution.spec,
    user_id: execution.userId,
    task_id: execution.taskId,
    labels: execution.labels,
    priority: execution.priority,
    timeouts: toWireTimes(execution.timeouts),
    monitor: toMonitor(execution),
    limits: toLimits(execution.limits),
    stop: toStop(execution.stop),
    retry: toRetry(execution),
    cache: toCache(execution, execution),
    cost: toCost(execution.cost),
    plan_id: execution.plan?.id ?? null,
    step: execution.plan?.step ?? null,
    run_id: execution.runId,
    rerun_of: execution.rerunOf,
    schedule: toScheduleOf(execution),
    redrive_of: execution.redriveOf,
    kept_from: execution.keptFrom,
    attempts: execution.attempts.map(toAttempt),
    outcome: outcome === null ? null : toOutcome(outcome),
    error: outcome === null ? null : toError(outcome),
    warnings: warningsOf(outcome),
    result: isFinished(execution) ? resultValue(execution.result) : null,
    output: {
      stdout_bytes: output.stdoutBytes,
      stderr_bytes: output.stderrBytes,
      stdout_kept_bytes: output.stdoutKeptBytes,
      stderr_kept_bytes: output.stderrKeptBytes,
      truncated: output.truncated,
      strategy: execution.outputPolicy.oversized,
      max_bytes: execution.outputPolicy.maxBytes,
      result_bytes: resultBytesOf(execution.outputPolicy),
      ...(logPath === null ? {} : { log_path: logPath }),
    },
    resources: toResources(execution.attempts.at(-1)),
    progress: view.progress ?? null,
    timestamps: timestampsOf(view),
    duration_ms: durationOf(execution),
    queue: view.queue,
    cancel: toCancel(execution),
    webhook: toWebhook(execution),
    trace_id: execution.trace.traceId,
    isolation: execution.isolation,
    policy_version: policyVersionOf(execution),
    submitted_by: execution.access.submittedBy,
  };
}

/** From the start of the first attempt to the end of the last one; of a plan, from its beginning to its end. */
function durationOf(execution: Execution): number | null {
  if (!isFinished(execution)) return null;
  if (hasNoRun(execution.spec)) return Math.max(0, execution.finishedAt - beganAt(execution));
  const first = execution.attempts.find((attempt) => attempt.startedAt !== null)?.startedAt ?? null;
  const last = execution.attempts.at(-1)?.endedAt ?? null;
  return first === null || last === null ? null : Math.max(0, last - first);
}

export function timestampsOf({ execution, startedAt }: ExecutionView): ExecutionWire['timestamps'] {
  return {
    created: isoTime(execution.createdAt),
    start_at: isoOrNull(execution.startAt),
    queued: isoTime(execution.queuedAt),
    started: isoOrNull(startedAt),
    finished: isFinished(execution) ? isoTime(execution.finishedAt) : null,
  };
}

export function toScheduleOf({ schedule }: Execution): ExecutionWire['schedule'] {
  return schedule === null ? null : { name: schedule.name, due: isoTime(schedule.dueAt) };
}

export function toLimits(limits: ResourceLimits): ExecutionWire['limits'] {
  return eachLimit((name) => limits[name] ?? null);
}

export function toStop(stop: StopPolicy | null): ExecutionWire['stop'] {
  return stop === null ? null : shownStop(stop);
}

function toCost(cost: Execution['cost']): ExecutionWire['cost'] {
  if (cost === null) return null;
  const { reserved, charged, balanceAfter, held } = cost;
  return {
    reserved,
    charged,
    refunded: charged === null ? null : reserved - charged,
    balance_after: balanceAfter,
    balance: held?.balance ?? null,
    available: held?.available ?? null,
  };
}

function toRetry(execution: Execution): ExecutionWire['retry'] {
  const { retry } = execution;
  if (retry === null) return null;
  const tries = execution.attempts.filter(({ outcome }) => outcome !== null).length;
  const next = execution.phase === 'scheduled_retry' ? isoTime(execution.retryAt) : null;
  return { attempts: retry.attempts, used: tries, next_at: next };
}

export function toError(outcome: Outcome): ExecutionWire['error'] {
  const { error } = judge(outcome);
  if (error === null) return null;
  const { code, type, fault, message, retryable } = error;
  return { code, class: classOf(code), type, fault, message, details: toDetails(outcome), retryable };
}

/** The facts of the cause; those of the processes stand in the outcome. */
function toDetails(outcome: Outcome): OutcomeWire {
  const { process: _process, artifacts: _artifacts, network: _network, ...details } = toOutcome(outcome);
  return details;
}

/** Without its secret. */
export function toWebhook({ webhook }: Execution): ExecutionWire['webhook'] {
  if (webhook === null) return null;
  const { url, events, withResult = false, notification = null } = webhook;
  const { when = null, template = null } = notification ?? {};
  return { url, events: [...events], result: withResult, when, template };
}

export function toCancel(execution: Execution): ExecutionWire['cancel'] {
  if (execution.status === 'pending' || execution.cancel === null) return null;
  return { at: isoTime(execution.cancel.at), reason: execution.cancel.reason };
}

const MESSAGES: Record<Execution['status'], string> = {
  pending: 'The execution is waiting.',
  running: 'The execution is running.',
  completed: 'The execution completed.',
  failed: 'The execution failed.',
  cancelled: 'The execution was cancelled.',
  timed_out: 'The execution timed out.',
};

/** The step-result shape of the execution models. */
export function toStepResult({ execution }: Pick<ExecutionView, 'execution'>): z.infer<typeof stepResult> {
  const error = isFinished(execution) ? judge(execution.outcome).error : null;
  return {
    step: execution.plan?.step ?? operationType(execution),
    result: isFinished(execution) ? resultValue(execution.result) : null,
    completed: execution.status === 'completed',
    message: importedMessage(execution) ?? MESSAGES[execution.status] + whatIsCut(execution),
    status: execution.status,
    error_code: error?.code ?? null,
    error_message: error === null ? null : withLastWords(error.message, execution),
  };
}

/** Of output that the log does not keep. */
function whatIsCut(execution: Execution): string {
  const { output } = execution.attempts.at(-1) ?? execution.cache?.madeBy ?? { output: NO_OUTPUT };
  if (!isFinished(execution) || !output.truncated) return '';
  const written = output.stdoutBytes + output.stderrBytes;
  const kept = output.stdoutKeptBytes + output.stderrKeptBytes;
  return ` Its log keeps ${kept} of ${written} bytes of output.`;
}

/** With what the program itself has said last, where it has ended by itself. */
function withLastWords(message: string, execution: Execution): string {
  if (!isFinished(execution)) return message;
  const { cause } = execution.outcome;
  const words = cause === 'exited' || cause === 'signalled' ? lastWords(execution.result) : null;
  return words === null ? message : `${message} ${words}`;
}

/** An imported record keeps its own. */
function importedMessage(execution: Execution): string | null {
  return isFinished(execution) && execution.outcome.cause === 'imported' ? execution.outcome.message : null;
}

/** That of a step which failed before it had an execution. */
export function toFailedStep(step: string, outcome: Outcome): z.infer<typeof stepResult> {
  const { status, error } = judge(outcome);
  const failure = { error_code: error?.code ?? null, error_message: error?.message ?? null };
  return { step, result: null, completed: false, message: MESSAGES[status], status, ...failure };
}

/** Weak: over what is stored, and the counters. */
export function etagOf(view: ExecutionView): string {
  const { stdoutBytes, stderrBytes } = view.live ?? storedOutputOf(view.execution);
  return `W/"${view.execution.revision}-${view.phase}-${stdoutBytes}-${stderrBytes}"`;
}
