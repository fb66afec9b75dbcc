// From a spec to what will apply: defaults filled in, nothing clamped (the schema has refused what is over a maximum).
import type { Caller } from '../domain/access.ts';
import type { Execution, OutputPolicy, Timeouts, Trace } from '../domain/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { AcceptPart } from '../domain/ports.ts';
import type { OversizedStrategy, Spec } from '../domain/spec.ts';

/** The configured defaults and limits. */
export interface EnginePolicy {
  attemptMs: number;
  graceMs: number;
  maxOutputBytes: number;
  oversized: OversizedStrategy;
  spoolMaxBytes: number;
  onLimit: 'queue' | 'reject';
  slots: number;
  maxQueued: number;
}

export function resolveTimeouts(spec: Spec, policy: EnginePolicy): Timeouts {
  const { queue_ms, attempt_ms, total_ms, idle_ms } = spec.timeouts ?? {};
  return {
    queueMs: queue_ms ?? null,
    attemptMs: attempt_ms ?? policy.attemptMs,
    totalMs: total_ms ?? null,
    idleMs: idle_ms ?? null,
  };
}

export function resolveOutput(spec: Spec, policy: EnginePolicy): OutputPolicy {
  const oversized = spec.output?.oversized ?? policy.oversized;
  const most = oversized === 'spool' ? policy.spoolMaxBytes : policy.maxOutputBytes;
  return { oversized, maxBytes: spec.output?.max_bytes ?? most };
}

export interface Acceptance {
  id: ExecutionId;
  spec: Spec;
  caller: Caller;
  trace: Trace;
  rerunOf: ExecutionId | null;
  now: number;
}

/** The record of a new execution. */
export function newExecution(acceptance: Acceptance, policy: EnginePolicy): AcceptPart['execution'] {
  const { id, spec, caller, trace, rerunOf, now } = acceptance;
  return {
    id,
    runId: id,
    userId: caller.userId,
    spec,
    taskId: spec.task_id ?? null,
    labels: spec.labels ?? {},
    priority: spec.priority ?? 0,
    timeouts: resolveTimeouts(spec, policy),
    outputPolicy: resolveOutput(spec, policy),
    trace,
    rerunOf,
    isolation: 'none',
    createdAt: now,
    queuedAt: now,
    status: 'pending',
    phase: 'queued',
  };
}

/** When a queued execution ends unstarted, ms since the epoch, and of which limit; null when never. */
export function queueDeadline(
  execution: Execution,
): { at: number; cause: 'queue_timeout' | 'total_timeout'; limitMs: number } | null {
  const { queueMs, totalMs } = execution.timeouts;
  const queueAt = queueMs === null ? Infinity : execution.queuedAt + queueMs;
  const totalAt = totalMs === null ? Infinity : execution.createdAt + totalMs;
  if (queueMs !== null && queueAt <= totalAt)
    return { at: queueAt, cause: 'queue_timeout', limitMs: queueMs };
  return totalMs === null ? null : { at: totalAt, cause: 'total_timeout', limitMs: totalMs };
}
