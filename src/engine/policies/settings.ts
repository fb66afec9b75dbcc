// From a spec to what will apply: defaults filled in, nothing clamped (the schema has refused what is over a maximum).
import { resolveMonitor } from '../../domain/spec/monitor.ts';
import { type SlotKind, hasSteps, takesProcess } from '../../domain/kinds.ts';
import { resolveTimes } from '../../domain/spec/times.ts';
import type { Kept } from '../../domain/kept.ts';
import type { Quotas } from '../../domain/access/access-rules.ts';
import type { Caller } from '../../domain/spec/access.ts';
import { type FieldProblem, RefusedError } from '../../domain/errors.ts';
import type {
  Execution,
  ExecutionAccess,
  OutputPolicy,
  StepOf,
  Timeouts,
  Trace,
} from '../../domain/execution/execution.ts';
import { beganAt } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import { resolveStop, type StopPolicy, type StopSpec } from '../../domain/stop.ts';
import { LIMIT_NAMES, narrowest, NO_LIMITS, type ResourceLimits } from '../../domain/limits.ts';
import type { Network } from '../../domain/network.ts';
import type { IsolationTier } from '../../domain/isolation.ts';
import type { NewExecution } from '../../domain/ports/group.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { ScheduleOf } from '../../domain/execution/execution.ts';
import type { AnySpec, AnyWork } from '../../domain/spec/any.ts';
import type { OversizedStrategy, Spec } from '../../domain/spec/spec.ts';
import { notificationOf } from '../../domain/spec/notification.ts';
import { DEFAULT_EVENTS } from '../../domain/webhooks/webhooks.ts';
import { cacheUse } from './cache-key.ts';
import { type RetryDefaults, resolveRetry } from './retry.ts';

/** How long idempotency keys are kept. */
export const KEY_LIFETIME_MS = 24 * 3600 * 1000;

/** The configured defaults and limits. */
export interface EngineSettings {
  attemptMs: number;
  graceMs: number;
  maxOutputBytes: number;
  oversized: OversizedStrategy;
  spoolMaxBytes: number;
  /** Bytes of each stream that a result holds. */
  resultBytes: number;
  /** Of what processes may use; also where a request says nothing. */
  limits: ResourceLimits;
  onLimit: 'queue' | 'reject';
  slots: Record<SlotKind, number>;
  /** The network of commands in a sandbox where no template names one. */
  network: Network;
  /** The pools that this server serves. */
  pools: readonly string[];
  maxQueued: number;
  /** What all users together may keep: above it, those with more than an equal part begin nothing new. */
  maxKept: Record<Kept, number>;
  retry: RetryDefaults;
  /** False: a cache block is without effect. */
  hasCache: boolean;
  /** How long results are kept, milliseconds; null for ever. */
  cacheTtlMs: number | null;
  /** What one of them may take, bytes. */
  cacheEntryBytes: number;
}

/** The parts of a spec that are not the work itself. An operation brings its own, which the request overrides. */
export type SpecSettings = Pick<
  Spec,
  | 'timeouts'
  | 'monitor'
  | 'output'
  | 'retry'
  | 'retry_safe'
  | 'cache'
  | 'priority'
  | 'pool'
  | 'on_limit'
  | 'labels'
  | 'task_id'
> & { limits?: ResourceLimits | undefined; stop?: StopSpec | undefined };

function resolveTimeouts(spec: SpecSettings, policy: EngineSettings, adaptiveMs: number | null): Timeouts {
  const times = resolveTimes(spec.timeouts, { attemptMs: policy.attemptMs });
  return { ...times, attemptMs: adaptiveMs ?? times.attemptMs };
}

function resolveOutput(spec: SpecSettings, policy: EngineSettings): OutputPolicy {
  const oversized = spec.output?.oversized ?? policy.oversized;
  return {
    oversized,
    maxBytes:
      oversized === 'spool' ? policy.spoolMaxBytes : (spec.output?.max_bytes ?? policy.maxOutputBytes),
    resultBytes: spec.output?.result_bytes ?? policy.resultBytes,
    parse: spec.output?.parse ?? null,
  };
}

/** Of what takes a process. */
function resolveLimits(
  { work, settings, access }: Pick<Acceptance, 'work' | 'settings' | 'access'>,
  policy: EngineSettings,
): ResourceLimits {
  if (!takesProcess(work)) return NO_LIMITS;
  return narrowest({ ...policy.limits, ...settings.limits }, access.limits?.resources ?? NO_LIMITS);
}

/** Of what takes a process. */
function stopOf(
  { work, settings, access }: Pick<Acceptance, 'work' | 'settings' | 'access'>,
  { graceMs }: EngineSettings,
): StopPolicy | null {
  if (!takesProcess(work)) return null;
  const most = access.limits?.graceMs ?? null;
  return resolveStop(settings.stop ?? {}, { byDefault: graceMs, most });
}

export interface Acceptance {
  id: ExecutionId;
  spec: AnySpec;
  work: AnyWork;
  settings: SpecSettings;
  /** What tells its result apart from others. */
  identity: unknown;
  /** Of its operation, while the request names no limit of its own, milliseconds. */
  adaptiveMs: number | null;
  concurrency: { key: string; limit: number } | null;
  caller: Caller;
  access: ExecutionAccess;
  isolation: IsolationTier;
  network: Network;
  trace: Trace;
  rerunOf: ExecutionId | null;
  schedule: ScheduleOf | null;
  redriveOf: ExecutionId | null;
  /** The plan that it is a step of. */
  plan: StepOf | null;
  /** Later than now; null starts as soon as possible. */
  startAt: number | null;
}

/**
 * The record of a new execution.
 *
 * @throws RefusedError `command_not_allowed` when it asks for more than its template allows
 */
export function newExecution(acceptance: Acceptance, policy: EngineSettings): NewExecution {
  const {
    id,
    spec,
    work,
    settings,
    identity,
    caller,
    access,
    trace,
    rerunOf,
    schedule,
    redriveOf,
    plan,
    startAt,
  } = acceptance;
  const { userId } = caller;
  const taskId = settings.task_id ?? null;
  checkLimits(settings, access);
  const timeouts = within(resolveTimeouts(settings, policy, acceptance.adaptiveMs), access);
  const outputPolicy = resolveOutput(settings, policy);
  outputPolicy.maxBytes = Math.min(outputPolicy.maxBytes, access.limits?.outputBytes ?? Infinity);
  const limits = resolveLimits(acceptance, policy);
  // What is observed moves the limit of the attempts, but makes no other result.
  const asked = within(resolveTimeouts(settings, policy, null), access);
  const { policyVersion, hosts = null } = access;
  const notification = notificationOf(spec.webhook ?? {});
  const subject = {
    userId,
    taskId,
    identity,
    policyVersion,
    hosts,
    timeouts: asked,
    output: outputPolicy,
    limits,
  };
  return {
    id,
    runId: id,
    userId,
    spec,
    taskId,
    labels: settings.labels ?? {},
    priority: settings.priority ?? 0,
    timeouts,
    monitor: resolveMonitor(settings.monitor),
    outputPolicy,
    limits,
    stop: stopOf(acceptance, policy),
    work,
    retry: resolveRetry(settings.retry, policy.retry),
    retrySafe: settings.retry_safe ?? false,
    concurrency: acceptance.concurrency,
    cache: policy.hasCache
      ? cacheUse(settings.cache, subject, { ttlMs: policy.cacheTtlMs, mostBytes: policy.cacheEntryBytes })
      : null,
    cost: null,
    trace,
    rerunOf,
    schedule,
    redriveOf,
    plan,
    keptFrom: null,
    // Its steps are begun later, and as if the caller asked for them then.
    caller: hasSteps(spec) ? { scopes: [...caller.scopes], mayRun: caller.mayRun } : null,
    isolation: acceptance.isolation,
    network: acceptance.network,
    access,
    webhook:
      spec.webhook === undefined
        ? null
        : {
            url: spec.webhook.url,
            events: spec.webhook.events ?? DEFAULT_EVENTS,
            withResult: spec.webhook.result === true,
            ...(notification === null ? {} : { notification }),
          },
    startAt,
    status: 'pending',
    phase: 'queued',
  };
}

/** More than a template allows is refused where it is asked for, and not made where nothing was said. */
export function checkLimits({ timeouts, output, ...asks }: SpecSettings, { limits }: ExecutionAccess): void {
  if (limits === null) return;
  const asked = [
    ['/timeouts/attempt_ms', timeouts?.attempt_ms, limits.attemptMs],
    ['/timeouts/total_ms', timeouts?.total_ms, limits.totalMs],
    ['/output/max_bytes', output?.max_bytes, limits.outputBytes],
    ['/stop/grace_ms', asks.stop?.grace_ms, limits.graceMs ?? null],
    ...LIMIT_NAMES.map(
      (name) => [`/limits/${name}`, asks.limits?.[name], limits.resources?.[name] ?? null] as const,
    ),
  ] as const;
  const fields = asked.flatMap(([field, value, most]): FieldProblem[] =>
    value === undefined || most === null || value <= most
      ? []
      : [{ field, message: `is ${value}; the policy file allows at most ${most}` }],
  );
  if (fields.length === 0) return;
  const named = fields
    .map(({ field, message }) => `${field.slice(1).replace('/', '.')} ${message}`)
    .join('. ');
  throw new RefusedError('command_not_allowed', `${named}.`, { fields });
}

/** @throws RefusedError `validation` when more is asked for than the user may have */
export function checkPriority(
  { priority }: Pick<SpecSettings, 'priority'>,
  { maxPriority }: Pick<Quotas, 'maxPriority'>,
): void {
  if (priority === undefined || maxPriority === null || priority <= maxPriority) return;
  const message = `must be at most ${maxPriority} (the quota of the user), not ${priority}`;
  const fields = [{ field: '/priority', message }];
  throw new RefusedError('validation', `/priority: ${fields[0]?.message}`, { fields });
}

function within(timeouts: Timeouts, { limits }: ExecutionAccess): Timeouts {
  if (limits === null) return timeouts;
  return {
    ...timeouts,
    attemptMs: Math.min(timeouts.attemptMs, limits.attemptMs ?? Infinity),
    totalMs: timeouts.totalMs ?? limits.totalMs,
  };
}

/** When a live execution has taken too long, ms since the epoch, and of which limit; null when never. */
export function deadlineOf(
  execution: Execution,
): { at: number; cause: 'queue_timeout' | 'total_timeout'; limitMs: number } | null {
  const { queueMs, totalMs } = execution.timeouts;
  if (execution.phase === 'scheduled') return null;
  // Who waits for a backoff, or for another one's run, is not in the queue.
  const queueAt = queueMs === null || execution.phase !== 'queued' ? Infinity : execution.queuedAt + queueMs;
  const totalAt = totalMs === null ? Infinity : beganAt(execution) + totalMs;
  if (queueMs !== null && queueAt < Infinity && queueAt <= totalAt)
    return { at: queueAt, cause: 'queue_timeout', limitMs: queueMs };
  return totalMs === null ? null : { at: totalAt, cause: 'total_timeout', limitMs: totalMs };
}

/** What has been accepted does not begin any more once its API key has been revoked. */
export function whyRevoked(
  { access }: Pick<Execution, 'access'>,
  isRevoked: (keyId: string) => boolean,
): Outcome | null {
  const { keyId } = access;
  if (keyId === undefined || !isRevoked(keyId)) return null;
  return {
    cause: 'denied',
    message: `The API key ${keyId} of this request has been revoked.`,
  };
}
