// From a spec to what will apply: defaults filled in, nothing clamped (the schema has refused what is over a maximum).
import type { Caller } from '../domain/access.ts';
import type { Execution, OutputPolicy, Pool, StepOf, Timeouts, Trace } from '../domain/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { AcceptPart } from '../domain/ports.ts';
import type { PlanSpec } from '../domain/plan.ts';
import type { OversizedStrategy, Spec, Work } from '../domain/spec.ts';
import { DEFAULT_EVENTS } from '../domain/webhooks.ts';
import { cacheUse } from './policies/cache-key.ts';
import { type RetryDefaults, resolveRetry } from './policies/retry.ts';

/** The configured defaults and limits. */
export interface EnginePolicy {
  attemptMs: number;
  graceMs: number;
  maxOutputBytes: number;
  oversized: OversizedStrategy;
  spoolMaxBytes: number;
  onLimit: 'queue' | 'reject';
  slots: Record<Pool, number>;
  maxQueued: number;
  retry: RetryDefaults;
  /** False: a cache block is without effect. */
  hasCache: boolean;
  /** How long results are kept, milliseconds; null for ever. */
  cacheTtlMs: number | null;
}

/** The parts of a spec that are not the work itself. An operation brings its own, which the request overrides. */
export type Settings = Pick<
  Spec,
  'timeouts' | 'output' | 'retry' | 'retry_safe' | 'cache' | 'priority' | 'on_limit' | 'labels' | 'task_id'
>;

function resolveTimeouts(spec: Settings, policy: EnginePolicy, adaptiveMs: number | null): Timeouts {
  const { queue_ms, attempt_ms, total_ms, idle_ms } = spec.timeouts ?? {};
  return {
    queueMs: queue_ms ?? null,
    attemptMs: adaptiveMs ?? attempt_ms ?? policy.attemptMs,
    totalMs: total_ms ?? null,
    idleMs: idle_ms ?? null,
  };
}

function resolveOutput(spec: Settings, policy: EnginePolicy): OutputPolicy {
  const oversized = spec.output?.oversized ?? policy.oversized;
  const most = oversized === 'spool' ? policy.spoolMaxBytes : policy.maxOutputBytes;
  return { oversized, maxBytes: spec.output?.max_bytes ?? most, parse: spec.output?.parse ?? null };
}

export interface Acceptance {
  id: ExecutionId;
  spec: Spec | PlanSpec;
  work: Work | PlanSpec;
  settings: Settings;
  /** What tells its result apart from others. */
  identity: unknown;
  /** Of its operation, while the request names no limit of its own, milliseconds. */
  adaptiveMs: number | null;
  concurrency: { key: string; limit: number } | null;
  caller: Caller;
  trace: Trace;
  rerunOf: ExecutionId | null;
  redriveOf: ExecutionId | null;
  /** The plan that it is a step of. */
  plan: StepOf | null;
  now: number;
}

/** The record of a new execution. */
export function newExecution(acceptance: Acceptance, policy: EnginePolicy): AcceptPart['execution'] {
  const { id, spec, work, settings, identity, caller, trace, rerunOf, redriveOf, plan, now } = acceptance;
  const { userId } = caller;
  const taskId = settings.task_id ?? null;
  const timeouts = resolveTimeouts(settings, policy, acceptance.adaptiveMs);
  const outputPolicy = resolveOutput(settings, policy);
  // What is observed moves the limit of the attempts, but makes no other result.
  const asked = resolveTimeouts(settings, policy, null);
  const subject = { userId, taskId, identity, timeouts: asked, output: outputPolicy };
  return {
    id,
    runId: id,
    userId,
    spec,
    taskId,
    labels: settings.labels ?? {},
    priority: settings.priority ?? 0,
    timeouts,
    outputPolicy,
    work,
    retry: resolveRetry(settings.retry, policy.retry),
    retrySafe: settings.retry_safe ?? false,
    concurrency: acceptance.concurrency,
    cache: policy.hasCache ? cacheUse(settings.cache, subject, { ttlMs: policy.cacheTtlMs }) : null,
    trace,
    rerunOf,
    redriveOf,
    plan,
    keptFrom: null,
    // Its steps are begun later, and as if the caller asked for them then.
    caller: spec.kind === 'plan' ? { scopes: [...caller.scopes], mayRun: caller.mayRun } : null,
    isolation: 'none',
    webhook:
      spec.webhook === undefined
        ? null
        : { url: spec.webhook.url, events: spec.webhook.events ?? DEFAULT_EVENTS },
    createdAt: now,
    queuedAt: now,
    status: 'pending',
    phase: 'queued',
  };
}

/** When a live execution has taken too long, ms since the epoch, and of which limit; null when never. */
export function deadlineOf(
  execution: Execution,
): { at: number; cause: 'queue_timeout' | 'total_timeout'; limitMs: number } | null {
  const { queueMs, totalMs } = execution.timeouts;
  // Who waits for a backoff, or for another one's run, is not in the queue.
  const queueAt = queueMs === null || execution.phase !== 'queued' ? Infinity : execution.queuedAt + queueMs;
  const totalAt = totalMs === null ? Infinity : execution.createdAt + totalMs;
  if (queueMs !== null && queueAt < Infinity && queueAt <= totalAt)
    return { at: queueAt, cause: 'queue_timeout', limitMs: queueMs };
  return totalMs === null ? null : { at: totalAt, cause: 'total_timeout', limitMs: totalMs };
}
