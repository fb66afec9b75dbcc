// The wire: every body, query and answer as a schema. Requests are validated with them; answers are typed by them, and
// the OpenAPI document is made of them.
import { progress } from './progress.ts';
import { z } from 'zod';
import { CACHE_MODES, CACHE_SCOPES } from '../../domain/cache.ts';
import { NOT_KEPT, PHASES } from '../../domain/execution/execution.ts';
import { shownMonitor } from '../../domain/spec/monitor-schema.ts';
import { shownTimesShape } from '../../domain/spec/times.ts';
import { WARNINGS } from '../../domain/execution/warnings.ts';
import { cost } from '../accounts/account-schemas.ts';
import { outputPolicy, resourceLimits, stop } from '../operations/operation-schemas.ts';
import {
  cancelShown,
  errorCode,
  isolationTier,
  kind,
  labelsShown,
  nextCursor,
  status,
} from '../edge/words.ts';
import { digits, instant, shownAs } from '../edge/query.ts';
import { KINDS } from '../../domain/kinds.ts';
import {
  type SpecLimits,
  batchItemSchema,
  runRequestSchema,
  osString,
  OVERSIZED,
  priority,
  specParts,
  specSchema,
  taskId,
} from '../../domain/spec/spec.ts';
import { graceSchema } from '../../domain/stop.ts';
import { executionError, outcome } from './outcome-schemas.ts';
import { scheduleShown } from '../edge/words.ts';
import { ownWebhook } from '../edge/own-webhook.ts';
import { time, count, ms, problem, written, kept, hasNoIssues, wait, optional } from '../edge/schemas.ts';

export const output = z
  .strictObject({
    ...written,
    ...kept,
    truncated: z.boolean().describe('Whether the log lacks some of the output.'),
    strategy: z.enum(OVERSIZED).describe('The effect of output beyond max_bytes.'),
    max_bytes: count.describe('Most bytes of output that the log keeps.'),
    result_bytes: count.describe(
      'Most bytes of each stream, or of the body of an HTTP response, that the result holds.',
    ),
    log_path: z.string().optional().describe('Path of the log file. Only administrators see it.'),
  })
  .describe('Output of the last attempt.');

export const resources = z
  .strictObject({
    cpu_ms: ms.nullable().describe('CPU time of all processes, milliseconds; null if not measured.'),
    max_rss_bytes: count.nullable().describe('Peak memory, bytes; null if not measured.'),
  })
  .describe('The resources of an attempt.');

export const attempt = z
  .strictObject({
    number: z.int().min(1).describe('From 1.'),
    runner: z.string().describe('Name of the runner.'),
    claimed_at: time.describe('When the attempt got a slot.'),
    started_at: time.nullable().describe('When its process started or its request was sent.'),
    ended_at: time.nullable().describe('When it ended.'),
    outcome: outcome.nullable().describe('How it ended; null while it runs.'),
    ...written,
    resources: resources.nullable().describe('The resources that it used; null until it has ended.'),
  })
  .describe('One attempt.');

/** What execd has reported of it, too. */
export const effectiveMonitor = shownMonitor(ms, time)
  .nullable()
  .describe('When execd reports it as late or stuck, and what it has reported; null: never.');
export const effectiveTimeouts = z
  .strictObject(shownTimesShape(ms))
  .describe('Time limits after all defaults.');

export const cacheUse = z
  .strictObject({
    mode: z.enum(CACHE_MODES).describe('How the execution uses the cache.'),
    key: z.string().nullable().describe('The cache key.'),
    scope: z.enum(CACHE_SCOPES).nullable().describe('The users who share the result.'),
    ttl_s: z
      .number()
      .nullable()
      .describe('How long execd keeps the result, seconds; null: until it is evicted.'),
    status: z
      .enum(['hit', 'joined', 'miss', 'stored', 'bypass'])
      .describe(
        '`hit`: the result is a stored one. `joined`: the execution shares the run `run_id`. `stored`: a miss whose result is now in the cache.',
      ),
    stored_at: time.nullable().describe('For a hit: when the result was stored.'),
    run_id: z
      .string()
      .nullable()
      .describe(
        'For a hit: the run that made the result. The hit shows its output and its log. Null for a value that was put into the cache.',
      ),
    reason: z
      .enum(NOT_KEPT)
      .nullable()
      .describe(
        'Why the cache does not keep the result. `not_completed`: the status is not `completed`. `mode`: the mode is `read`. `output_truncated`: the log lacks some of the output. `output_incomplete`: output was lost. `too_large`: it takes more of the cache than one result may.',
      ),
  })
  .describe('How an execution uses the cache.');

export const warning = z
  .strictObject({
    code: z
      .enum(WARNINGS)
      .describe(
        '`output_incomplete`: the end of the output may be missing. `processes_left`: execd could not confirm the end of all processes. `artifacts_missing`: requested files were not kept. `files_left`: the command left files that `artifacts` does not name.',
      ),
    message: z.string().describe('The end as a sentence.'),
  })
  .describe('A problem that the status does not show.');
export const execution = z
  .strictObject({
    id: z.string().describe('Unique id, a UUID (version 7).'),
    status,
    phase: z.enum(PHASES).describe('Finer than the status. `done` is the last phase.'),
    revision: z.int().min(1).describe('Grows with each change of the stored execution.'),
    kind,
    operation: z.string().nullable().describe('Name of the operation; null for other kinds.'),
    spec: z.record(z.string(), z.unknown()).describe('The request as submitted.'),
    user_id: z.string().describe('The user of the execution.'),
    task_id: z.string().nullable().describe('The task_id of the request.'),
    labels: labelsShown,
    priority: z.int().describe('Higher runs earlier.'),
    timeouts: effectiveTimeouts,
    monitor: effectiveMonitor,
    limits: resourceLimits.describe('Limits of the processes, after all defaults.'),
    stop,
    retry: z
      .strictObject({
        attempts: z.int().min(1).describe('Attempts in total.'),
        used: count.describe('Attempts that have ended.'),
        next_at: time.nullable().describe('When the next attempt enters the queue.'),
      })
      .nullable()
      .describe('Retries; null if it has one attempt only.'),
    cache: cacheUse.nullable().describe('How it uses the cache; null if it does not.'),
    cost: cost.nullable().describe('Credits; null if it is free.'),
    plan_id: z.string().nullable().describe('For a step: the plan.'),
    step: z.string().nullable().describe('For a step: its name.'),
    run_id: z
      .string()
      .describe(
        'The execution whose run produced the output. Differs from `id` for joined executions and cache hits.',
      ),
    rerun_of: z.string().nullable().describe('For a rerun: the execution that it repeats.'),
    schedule: scheduleShown,
    redrive_of: z
      .string()
      .nullable()
      .describe('For a redriven plan: the plan whose completed steps it keeps.'),
    kept_from: z
      .string()
      .nullable()
      .describe('For a step that a redrive keeps: the execution that produced the result.'),
    attempts: z.array(attempt).describe('All attempts, the first one first.'),
    outcome: outcome.nullable().describe('How it ended; null until then.'),
    error: executionError.nullable().describe('Why it did not complete; null if it has, or has not ended.'),
    warnings: z.array(warning).describe('Problems that the status does not show.'),
    result: z
      .unknown()
      .describe(
        'With `output.parse`: the parsed output. Otherwise for a command `{"stdout", "stderr", "stdout_bytes", "stderr_bytes", "stdout_truncated", "stderr_truncated"}`: the end of each stream, its size, and whether the text lacks some of it. For an HTTP call `{"status", "headers", "url", "body"}`. Null until the end.',
      ),
    output,
    resources: resources
      .nullable()
      .describe('The resources that the last attempt used; null until it has ended.'),
    progress: progress.nullable().describe('Its progress; null unless it runs, and in lists.'),
    timestamps: z
      .strictObject({
        created: time.describe('When it was accepted.'),
        start_at: time
          .nullable()
          .describe('The requested start time, of `start_at` or `delay_ms`; null: as soon as possible.'),
        queued: time.describe('When it last entered the queue.'),
        started: time.nullable().describe('When its last attempt started.'),
        finished: time.nullable().describe('When it ended.'),
      })
      .describe('Times in UTC.'),
    duration_ms: ms
      .nullable()
      .describe(
        'Time from the start of the first attempt to the end of the last one, milliseconds; null until the end, and if nothing was started.',
      ),
    queue: z
      .strictObject({
        position: count.nullable().describe('Executions before it.'),
        reason: z
          .enum([
            ...([
              'no_free_slot',
              'no_runner',
              'concurrency_limit',
              'user_limit',
              'shutting_down',
              'joined',
            ] as const),
            ...(['paused', 'signal', 'approval', 'time'] as const),
          ])
          .describe('Why it waits.'),
      })
      .nullable()
      .describe('Its place in the queue, and the reason; null if it does not wait.'),
    cancel: cancelShown,
    webhook: ownWebhook,
    trace_id: z.string().describe('W3C trace id.'),
    isolation: isolationTier.describe('The weakest isolation that its attempts accept.'),
    policy_version: z
      .string()
      .nullable()
      .describe(
        'Version of the policy file that allowed it, if there is one; for an operation and the steps of one, `+` and the version of the operation. Null without both.',
      ),
    submitted_by: z.string().nullable().describe('The administrator who submitted it for its user.'),
  })
  .describe('An execution: one accepted request to run something.');
export type ExecutionWire = z.infer<typeof execution>;
export type AttemptWire = z.infer<typeof attempt>;

const retryShown = {
  attempts: z.int().min(1).describe('Attempts in total.'),
  multiplier: z.number().describe('Wait after the first attempt, seconds.'),
  min_ms: ms.describe('Shortest wait, milliseconds.'),
  max_ms: ms.describe('Longest wait, milliseconds.'),
  jitter: z.number().describe('Random part of the wait, 0 to 1.'),
};
export const appliedPolicy = z
  .strictObject({
    timeouts: effectiveTimeouts,
    monitor: effectiveMonitor,
    limits: resourceLimits,
    stop,
    retry: z.strictObject(retryShown).nullable().describe('Null: one attempt.'),
    retry_safe: z.boolean().describe('Whether an interrupted attempt is retried.'),
    output: outputPolicy,
    concurrency: z
      .strictObject({
        key: z.string().describe('The scope of the limit.'),
        limit: count.describe('Executions at a time.'),
      })
      .nullable()
      .describe('Limit of the operation; null: none.'),
    priority: z.int().describe('Higher runs earlier.'),
    on_limit: z.enum(['queue', 'reject']).describe('The effect if no slot is free.'),
  })
  .describe('The policy that applies after all defaults.');

export const dryRun = z
  .strictObject({
    dry_run: z.literal(true).describe('Always true.'),
    accepted: z.boolean().describe('Whether execd would accept the request now.'),
    problem: problem.nullable().describe('Why execd would reject it.'),
    begins: z
      .enum(['hit', 'joined', 'running', 'queued', 'scheduled', 'refused_by_circuit'])
      .nullable()
      .describe('How it would begin. `refused_by_circuit`: it would fail at once.'),
    kind,
    operation: z.string().nullable().describe('Name of the operation; null for other kinds.'),
    policy: appliedPolicy.nullable().describe('The policy that would apply; null if the request is invalid.'),
    cache: cacheUse.nullable().describe('How it would use the cache; null if it would not.'),
    cost: z
      .strictObject({
        reserved: count.describe('The most that it can cost, credits.'),
        available: z.int().describe('Credits that the account can reserve.'),
      })
      .nullable()
      .describe('Credits; null if it is free.'),
  })
  .describe('The effect of a request now. execd stores nothing.');

export const executionList = z
  .strictObject({
    items: z.array(execution).describe('Newest first.'),
    next_cursor: nextCursor,
  })
  .describe('A page of executions.');

const batchAccepted = z
  .strictObject({
    status: z.int().describe('202, or 200 if the execution has already finished.'),
    execution,
    replayed: z.boolean().describe('Whether an earlier request with the same key created it.'),
  })
  .describe('An item that execd accepted.');
const batchRefused = z
  .strictObject({ status: z.int().describe('The status of the problem.'), problem })
  .describe('An item that execd rejected.');
export const batchAnswer = z
  .strictObject({
    items: z
      .array(z.union([batchAccepted, batchRefused]))
      .describe('One for each item of the request, in order.'),
  })
  .describe('The result of a batch.');

export const stepResult = z
  .strictObject({
    step: z.string().describe('Name of the step, or of the operation, or the kind.'),
    result: z.unknown().describe('The result; null until the end.'),
    completed: z.boolean().describe('Whether the status is `completed`.'),
    message: z.string().describe('The status, in words.'),
    status,
    error_code: errorCode.nullable().describe('Code of the error; null if there is none.'),
    error_message: z.string().nullable().describe('Message of the error; null if there is none.'),
  })
  .describe('The result of an execution, in short.');

export const bulkCancelAnswer = z
  .strictObject({
    cancelled: count.describe('Executions that ended at once.'),
    canceling: count.describe('Executions that execd is stopping.'),
  })
  .describe('The counts of a bulk cancel.');
export const submitQuery = z.strictObject({
  dry_run: z
    .unknown()
    .refine(() => false, 'is no longer a parameter: send the same body to POST /v1/executions/dry-run')
    .optional()
    .meta({ isHidden: true }),
});
export const getQuery = z.strictObject({
  wait,
  after_revision: digits(
    0,
    Number.MAX_SAFE_INTEGER,
    'With `wait`: wait only until the revision is greater than this one.',
  ).optional(),
});
const reason = osString.min(1).max(1000).optional().describe('Why; the execution shows it.');

const graceOfCancel = (limits: SpecLimits) =>
  graceSchema(limits.maxGraceMs).describe(
    'Time until SIGKILL, milliseconds. Default: stop.grace_ms of the execution. A later cancel can shorten it.',
  );

const cancelRequest = (limits: SpecLimits) =>
  z.strictObject({ reason, grace_ms: graceOfCancel(limits) }).describe('How to cancel.');
const bulkCancelRequest = (limits: SpecLimits) =>
  z
    .strictObject({
      all: z.literal(true).optional().describe('All live executions.'),
      status: z
        .array(z.enum(['pending', 'running']))
        .min(1)
        .max(10)
        .optional()
        .describe('Only these statuses.'),
      kind: z.array(z.enum(KINDS)).min(1).max(50).optional().describe('Only these kinds.'),
      task_id: taskId.optional().describe('Only this task_id.'),
      labels: z
        .record(z.string(), z.string())
        .refine((labels) => Object.keys(labels).length > 0, 'must name at least one label')
        .optional()
        .describe('Only executions that have all of these labels.'),
      created_after: instant.optional().describe('Only if accepted at or after this time.'),
      created_before: instant.optional().describe('Only if accepted before this time.'),
      reason,
      grace_ms: graceOfCancel(limits),
    })
    .refine(({ reason: _reason, grace_ms: _grace, ...filter }) => Object.keys(filter).length > 0, {
      error: 'must have at least one filter, or "all": true',
      when: hasNoIssues,
    })
    .describe('Which executions to cancel. Only executions that match all filters are cancelled.');

/** The request bodies that depend on the configured maxima. */
export function requestSchemas(limits: SpecLimits) {
  const cancel = cancelRequest(limits);
  const parts = specParts(limits);
  const spec = specSchema(limits, parts);
  return {
    limits,
    parts,
    cancelRequest: cancel,
    cancel: optional(cancel, 'CancelRequest'),
    bulkCancel: bulkCancelRequest(limits),
    spec,
    run: runRequestSchema(limits, parts),
    batchItem: batchItemSchema(limits, parts),
    batch: z.strictObject({
      executions: z
        .array(shownAs({ $ref: '#/components/schemas/BatchItem' }, z.unknown()))
        .min(1)
        .max(1000)
        .describe('1 to 1,000 specs, each with an idempotency_key of its own if you want one.'),
    }),
    warm: z.strictObject({
      executions: z
        .array(shownAs({ $ref: '#/components/schemas/Spec' }, z.unknown()))
        .min(1)
        .max(1000)
        .describe('Specs with a `cache` block, or operations that have one.'),
    }),
    patch: z
      .strictObject({
        priority: priority.optional().describe('The new priority.'),
        timeouts: parts.timeouts.optional().describe('New time limits. They can only be extended.'),
      })
      .refine((change) => Object.keys(change).length > 0, {
        error: 'must have at least one of priority and timeouts',
        when: hasNoIssues,
      }),
  };
}
export type RequestSchemas = ReturnType<typeof requestSchemas>;
export type RunRequest = z.output<RequestSchemas['run']>;
