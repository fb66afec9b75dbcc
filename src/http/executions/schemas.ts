// The wire: every body, query and answer as a schema. Requests are validated with them; answers are typed by them, and
// the OpenAPI document is made of them.
import { z } from 'zod';
import { CACHE_MODES, CACHE_SCOPES } from '../../domain/cache.ts';
import { NOT_KEPT, PHASES, STATUSES } from '../../domain/execution/execution.ts';
import { CAUSES } from '../../domain/outcome.ts';
import { WARNINGS } from '../../domain/execution/warnings.ts';
import { accountComponents, cost } from '../accounts/account-schemas.ts';
import { keyComponents } from '../keys/key-schemas.ts';
import { operationComponents, outputPolicy, resourceLimits, stop } from '../operations/operation-schemas.ts';
import {
  cancelShown,
  errorClass,
  errorCode,
  fault,
  isolationTier,
  kind,
  labelsShown,
  nextCursor,
  status,
  wordComponents,
} from '../edge/words.ts';
import { byKind } from '../edge/kinds.ts';
import { planComponents } from '../plans/plan-schemas.ts';
import { digits, flag, instant, labelPairs, list, shownAs } from '../edge/query.ts';
import type { SpecLimits } from '../../domain/spec/spec.ts';
import { graceSchema } from '../../domain/stop.ts';
import { executionError, outcome, outcomeComponents } from './outcome-schemas.ts';
import { ownWebhook } from '../edge/own-webhook.ts';
import {
  batchItemSchema,
  KINDS,
  operationName,
  osString,
  OVERSIZED,
  priority,
  specParts,
  specSchema,
  commonParts,
  taskId,
} from '../../domain/spec/spec.ts';

const time = z.iso.datetime({ precision: 3 });
const count = z.int().min(0);
const ms = z.int().min(0);
// ---------------------------------------------------------------------------------------- answers

const fieldProblem = z
  .strictObject({
    field: z
      .string()
      .describe('JSON Pointer into the body, `?NAME` of a query parameter, or the name of a header.'),
    message: z.string().describe('What is wrong with the value, and what is allowed.'),
  })
  .describe('A field that is wrong.');

export const problem = z
  .strictObject({
    type: z.string().describe('`urn:execd:error:TYPE`, where TYPE is one of ErrorType.'),
    title: z.string().describe('The same for every error of this type.'),
    status: z.int().describe('HTTP status.'),
    code: errorCode,
    class: errorClass,
    fault,
    detail: z.string().describe('What is wrong with this request, and what to do.'),
    retryable: z.boolean().describe('Whether the same request can succeed later, unchanged.'),
    errors: z.array(fieldProblem).optional().describe('For `validation`: each field that is wrong.'),
    oldest: z
      .string()
      .optional()
      .describe('For `events_gone`: the oldest event id after which the stream can continue.'),
  })
  .describe('An error, as RFC 9457 specifies.');

export const written = {
  stdout_bytes: count.describe('Bytes that were written to standard output.'),
  stderr_bytes: count.describe('Bytes that were written to standard error.'),
};
export const kept = {
  stdout_kept_bytes: count.describe('Bytes of standard output that the log keeps.'),
  stderr_kept_bytes: count.describe('Bytes of standard error that the log keeps.'),
};
const output = z
  .strictObject({
    ...written,
    ...kept,
    truncated: z.boolean().describe('Whether the log lacks some of the output.'),
    strategy: z.enum(OVERSIZED).describe('What happens to output beyond max_bytes.'),
    max_bytes: count.describe('Most bytes of output that the log keeps.'),
    result_bytes: count.describe(
      'Most bytes of each stream, or of the body of an HTTP response, that the result holds.',
    ),
    log_path: z.string().optional().describe('Path of the log file. Only administrators see it.'),
  })
  .describe('Output of the last attempt.');

const resources = z
  .strictObject({
    cpu_ms: ms.nullable().describe('CPU time of all processes, milliseconds; null if not measured.'),
    max_rss_bytes: count.nullable().describe('Peak memory, bytes; null if not measured.'),
  })
  .describe('What an attempt used.');

const attempt = z
  .strictObject({
    number: z.int().min(1).describe('From 1.'),
    runner: z.string().describe('Name of the runner.'),
    claimed_at: time.describe('When the attempt got a slot.'),
    started_at: time.nullable().describe('When its process started or its request was sent.'),
    ended_at: time.nullable().describe('When it ended.'),
    outcome: outcome.nullable().describe('How it ended; null while it runs.'),
    ...written,
    resources: resources.nullable().describe('What it used; null until it has ended.'),
  })
  .describe('One attempt.');

export const effectiveTimeouts = z
  .strictObject({
    queue_ms: ms.nullable().describe('Longest wait for a slot, milliseconds; null: no limit.'),
    attempt_ms: ms.describe('Longest attempt, milliseconds.'),
    total_ms: ms.nullable().describe('Longest time from submission to end, milliseconds; null: no limit.'),
    idle_ms: ms.nullable().describe('Longest time without output, milliseconds; null: no limit.'),
  })
  .describe('Time limits after all defaults.');

export const cacheUse = z
  .strictObject({
    mode: z.enum(CACHE_MODES).describe('How the execution uses the cache.'),
    key: z.string().nullable().describe('The cache key.'),
    scope: z.enum(CACHE_SCOPES).nullable().describe('Who shares the result.'),
    ttl_s: z.number().nullable().describe('How long the result is kept, seconds; null: until it is evicted.'),
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

const warning = z
  .strictObject({
    code: z
      .enum(WARNINGS)
      .describe(
        '`output_incomplete`: the end of the output may be missing. `processes_left`: execd could not confirm the end of all processes.',
      ),
    message: z.string().describe('What happened, in words.'),
  })
  .describe('Something that the status does not show.');
export const execution = z
  .strictObject({
    id: z.string().describe('Unique id, a UUID (version 7).'),
    status,
    phase: z.enum(PHASES).describe('Finer than the status. `done` is the last phase.'),
    revision: z.int().min(1).describe('Grows with each change of the stored execution.'),
    kind,
    operation: z.string().nullable().describe('Name of the operation; null for other kinds.'),
    spec: z.record(z.string(), z.unknown()).describe('The request, as it was sent.'),
    user_id: z.string().describe('The user whom it belongs to.'),
    task_id: z.string().nullable().describe('The task_id of the request.'),
    labels: labelsShown,
    priority: z.int().describe('Higher runs earlier.'),
    timeouts: effectiveTimeouts,
    limits: resourceLimits.describe('Limits on what the processes use, after all defaults.'),
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
    warnings: z.array(warning).describe('What the status does not show.'),
    result: z
      .unknown()
      .describe(
        'With `output.parse`: the parsed output. Otherwise for a command `{"stdout", "stderr", "stdout_bytes", "stderr_bytes", "stdout_truncated", "stderr_truncated"}`: the end of each stream, its size, and whether the text lacks some of it. For an HTTP call `{"status", "headers", "url", "body"}`. Null until the end.',
      ),
    output,
    resources: resources.nullable().describe('What the last attempt used; null until it has ended.'),
    timestamps: z
      .strictObject({
        created: time.describe('When it was accepted.'),
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
          .enum(['no_free_slot', 'concurrency_limit', 'user_limit', 'shutting_down', 'joined'])
          .describe('Why it waits.'),
      })
      .nullable()
      .describe('Where it waits; null if it does not.'),
    cancel: cancelShown,
    webhook: ownWebhook,
    trace_id: z.string().describe('W3C trace id.'),
    isolation: isolationTier.describe('The weakest isolation that its attempts accept.'),
    policy_version: z
      .string()
      .nullable()
      .describe('Version of the policy file that allowed it; null without a policy file.'),
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
const appliedPolicy = z
  .strictObject({
    timeouts: effectiveTimeouts,
    limits: resourceLimits,
    stop,
    retry: z.strictObject(retryShown).nullable().describe('Null: one attempt.'),
    retry_safe: z.boolean().describe('Whether an interrupted attempt is retried.'),
    output: outputPolicy,
    concurrency: z
      .strictObject({
        key: z.string().describe('What shares the limit.'),
        limit: count.describe('Executions at a time.'),
      })
      .nullable()
      .describe('Limit of the operation; null: none.'),
    priority: z.int().describe('Higher runs earlier.'),
    on_limit: z.enum(['queue', 'reject']).describe('What happens if no slot is free.'),
  })
  .describe('The policy that applies after all defaults.');

export const dryRun = z
  .strictObject({
    dry_run: z.literal(true).describe('Always true.'),
    accepted: z.boolean().describe('Whether execd would accept the request now.'),
    problem: problem.nullable().describe('Why execd would reject it.'),
    begins: z
      .enum(['hit', 'joined', 'running', 'queued', 'refused_by_circuit'])
      .nullable()
      .describe('How it would begin. `refused_by_circuit`: it would fail at once.'),
    kind,
    operation: z.string().nullable().describe('Name of the operation; null for other kinds.'),
    policy: appliedPolicy.nullable().describe('What would apply; null if the request is invalid.'),
    cache: cacheUse.nullable().describe('How it would use the cache; null if it would not.'),
    cost: z
      .strictObject({
        reserved: count.describe('The most that it can cost, credits.'),
        available: z.int().describe('Credits that the account can reserve.'),
      })
      .nullable()
      .describe('Credits; null if it is free.'),
  })
  .describe('What would happen to a request now. Nothing is stored.');

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
  .describe('What a bulk cancel did.');

export const cacheStats = z
  .strictObject({
    entries: count.describe('Results in the cache.'),
    max_entries: count.describe('Most results that the cache holds.'),
    bytes: count.describe('Memory that the results take, roughly.'),
    max_bytes: count.describe('Most memory that the results take.'),
    expiring: count.describe('Results that have a TTL.'),
    hits: count.describe('Lookups that found a result.'),
    misses: count.describe('Lookups that found none.'),
    hit_ratio: z.number().min(0).max(1).nullable().describe('Hits per lookup; null before the first one.'),
    joined: count.describe('Executions that shared the run of another one.'),
    stores: count.describe('Results that were stored.'),
    refused: count.describe('Results that were too large to be stored.'),
    evictions: count.describe('Results that were removed to make room.'),
    expirations: count.describe('Results that reached the end of their TTL.'),
  })
  .describe('Statistics of the cache since the start of the server.');

export const cacheEntry = z
  .strictObject({
    key: z.string().describe('The cache key.'),
    user_id: z.string().nullable().describe('Whose result it is; null: all users share it.'),
    operation: z.string().nullable().describe('Name of the operation; null for other kinds.'),
    run_id: z
      .string()
      .nullable()
      .describe('The execution that produced the result; null for a value that was put into the cache.'),
    result: z.unknown().describe('The result.'),
    output: z
      .strictObject({ ...written, ...kept })
      .nullable()
      .describe('What that execution wrote; null for a value that was put into the cache.'),
    stored_at: time.describe('When it was stored.'),
    age_s: z.number().describe('Age, seconds.'),
    ttl_s: z.number().nullable().describe('Time left, seconds; null: until it is evicted.'),
  })
  .describe('A stored result.');

export const circuit = z
  .strictObject({
    name: z.string().describe('What the circuit protects.'),
    state: z
      .enum(['closed', 'open', 'half_open'])
      .describe('`closed`: calls pass. `open`: calls fail at once. `half_open`: a probe passes.'),
    calls: count.describe('Calls in the current window.'),
    failures: count.describe('Failures in the current window.'),
    opened: count.describe('How often it has opened.'),
    rejected: count.describe('Executions that it has rejected.'),
    next_probe_ms: ms.nullable().describe('Time until the next probe, milliseconds; null unless it is open.'),
  })
  .describe('A circuit breaker.');
export const circuitList = z
  .strictObject({ items: z.array(circuit).describe('All circuits that were used.') })
  .describe('Circuits.');

const offeredTiers = z
  .array(isolationTier)
  .describe('Isolation tiers that the server offers; the first one is the default.');

const slots = z
  .strictObject({
    max: count.describe('Slots in total.'),
    running: count.describe('Slots in use.'),
    pending: count.describe('Executions that wait for a slot.'),
    available: count.describe('Free slots.'),
  })
  .describe('Use of slots.');

const byStatus = Object.fromEntries(
  STATUSES.map((one) => [one, count.describe(`Executions that are ${one}.`)]),
) as Record<(typeof STATUSES)[number], typeof count>;
const ratio = z.number().min(0).nullable();

export const stats = z
  .strictObject({
    executions: z.strictObject(byStatus).describe('Executions by status.'),
    total: count.describe('Executions in total.'),
    ratios: z
      .strictObject({
        cache_hit: ratio.describe('Cache lookups that found a result.'),
        timeout: ratio.describe('Executions that timed out, of those that have ended.'),
        retry: ratio.describe('Retries, of all attempts.'),
        memory: ratio.describe('Memory of the server, of what its container or machine has.'),
      })
      .describe('Ratios since the start of the server; null while nothing has been counted.'),
    concurrency: slots.describe('Slots for processes.'),
    http_concurrency: slots.describe('Slots for HTTP calls.'),
    queue: z
      .strictObject({
        depth: count.describe('Executions that wait.'),
        oldest_age_ms: ms.describe('Age of the oldest one, milliseconds.'),
      })
      .describe('The queue.'),
    write_behind: z
      .strictObject({
        waiting: count.describe('Counters that are not stored yet.'),
        lag_ms: ms.describe('Age of the oldest one, milliseconds.'),
        flushes: count.describe('Writes so far.'),
        failures: count.describe('Writes that failed.'),
      })
      .describe('Output counters of running executions, which are stored with a delay.'),
    store: z
      .strictObject({
        commits: count.describe('Transactions so far.'),
        groups: count.describe('Groups of changes in them.'),
        waiting: count.describe('Groups that wait for a transaction.'),
        commit_ms_mean: z.number().describe('Mean duration of a transaction, milliseconds.'),
      })
      .describe('The store.'),
    runner_host: z
      .strictObject({
        name: z.string().describe('`native` or `node`.'),
        pid: z.int().nullable().describe('Process id; null while it is down.'),
        restarts: count.describe('How often it was restarted.'),
        ready: z.boolean().describe('Whether it can start commands.'),
        isolation: offeredTiers,
      })
      .describe('The process that starts commands.'),
    waiting: z
      .strictObject({
        polls: count.describe('Open long polls.'),
        log_followers: count.describe('Clients that follow a log.'),
      })
      .describe('Open requests that wait.'),
    streams: z
      .strictObject({
        execution: count.describe('Open streams of one execution.'),
        events: count.describe('Open streams of all events.'),
        log: count.describe('Open streams of logs.'),
        blocked: count.describe('Streams whose client is not reading.'),
        sent: count.describe('Messages since the start.'),
        cut_slow: count.describe('Streams that were closed because the client did not read.'),
        cut_shutdown: count.describe('Streams that were closed by a shutdown.'),
      })
      .describe('Streams of server-sent events.'),
    cache: cacheStats,
  })
  .describe('Statistics of the server.');

const healthStatus = z.enum(['healthy', 'unhealthy']);
const component = z
  .strictObject({
    status: healthStatus.describe('Whether the component works.'),
    detail: z.string().nullable().describe('Why it does not; null if it does.'),
  })
  .describe('A component.');
export const health = z
  .strictObject({
    status: healthStatus.describe('`healthy` if all components are.'),
    timestamp: time.describe('When this was checked.'),
    version: z.string().describe('Version of execd.'),
    cache_size: count.describe('Results in the cache.'),
    error: z.string().nullable().describe('Detail of the first unhealthy component.'),
    components: z
      .strictObject({
        store: component,
        runner_host: component
          .extend({
            name: z.string().describe('`native` or `node`.'),
            isolation: offeredTiers,
          })
          .describe('The process that starts commands.'),
        intake: component,
        cache: component.describe(
          'The cache. Each check writes a value beside the stored results and reads it back.',
        ),
        logs: component.describe(
          'The directory of logs. execd writes a probe to it every 5 s, and every second while that fails.',
        ),
        work_directories: component.describe('The private directories of commands, probed in the same way.'),
      })
      .describe('Components.'),
  })
  .describe('Health of the server.');

export const probe = z
  .strictObject({
    status: z.enum(['ok', 'unavailable']).describe('`ok`, or why not in `reason`.'),
    reason: z.string().nullable().describe('Why the server is unavailable; null if it is not.'),
  })
  .describe('Result of a probe.');
export const removed = z
  .strictObject({ removed: count.describe('How many were removed.') })
  .describe('What was removed.');
export const flushed = z
  .strictObject({ flushed: count.describe('How many counters were stored.') })
  .describe('What was stored.');

// --------------------------------------------------------------------------------------- requests

/** For what is said about the whole: not when a part of it is wrong already. */
const hasNoIssues = ({ issues }: { issues: unknown[] }) => issues.length === 0;

/** `running` is every live attempt that is not being cancelled: how far it is, nobody stores. */
const LISTED_PHASES = ['queued', 'scheduled_retry', 'running', 'canceling', 'done'] as const;

const SEVERAL = 'Several values: repeat the parameter, or separate them with commas.';
const filterShape = {
  status: list(z.enum(STATUSES)).optional().describe(`Only these statuses. ${SEVERAL}`),
  phase: list(z.enum(LISTED_PHASES)).optional().describe(`Only these phases. ${SEVERAL}`),
  error_code: list(z.enum(errorCode.options))
    .optional()
    .describe(`Only executions that did not complete, with these codes. ${SEVERAL}`),
  cause: list(z.enum(CAUSES))
    .optional()
    .describe(`Only executions that did not complete, for these causes. ${SEVERAL}`),
  kind: list(z.enum(KINDS)).optional().describe(`Only these kinds. ${SEVERAL}`),
  operation: operationName.optional().describe('Only this operation.'),
  task_id: taskId.optional().describe('Only this task_id.'),
  plan_id: z.string().max(100).optional().describe('Only steps of this plan.'),
  step: z.string().max(200).optional().describe('Only steps with this name.'),
  label: labelPairs.optional(),
  created_after: instant.optional().describe('Only if accepted at or after this time.'),
  created_before: instant.optional().describe('Only if accepted before this time.'),
  finished_after: instant.optional().describe('Only if finished at or after this time.'),
  finished_before: instant.optional().describe('Only if finished before this time.'),
};

export const MAX_PAGE = 1000;
export const CURSOR = 'The `next_cursor` of the page before, with the same filters.';
const pageShape = {
  limit: digits(1, MAX_PAGE, 'Most items of a page.').default(50),
  cursor: z.string().max(1000).optional().describe(CURSOR),
};
/** Of listings without filters. */
export const pageQuery = z.strictObject(pageShape);
export const listQuery = z.strictObject({
  ...filterShape,
  ...pageShape,
});
export type ListQuery = z.infer<typeof listQuery>;

const {
  phase: _phase,
  kind: _kind,
  operation: _operation,
  plan_id: _plan,
  step: _step,
  ...planFilters
} = filterShape;
export const planListQuery = z.strictObject({
  ...planFilters,
  limit: digits(1, 200, 'Most items of a page.').default(50),
  cursor: z.string().max(1000).optional().describe(CURSOR),
});

/** Longest wait of a long poll and of `Prefer: wait`, seconds. */
export const MAX_WAIT_S = 60;
const wait = digits(0, MAX_WAIT_S, 'Wait until it has finished, at most so many seconds.').optional();
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

/** Where to go on reading a log: attempt and offset. */
export const LOG_CURSOR = /^\d{1,7}\.\d{1,15}$/;
const withResults = flag()
  .optional()
  .describe('`true` adds the results of the steps that have ended. Default: false.');
export const planGetQuery = z.strictObject({
  wait,
  steps: flag().optional().describe('`false` leaves out the steps. Default: true.'),
  results: withResults,
});
export const planSubmitQuery = z.strictObject({ results: withResults });

export const logStream = z
  .enum(['all', 'stdout', 'stderr'])
  .default('all')
  .describe('Which of the two streams.');
export const follow = flag()
  .default(false)
  .describe('Continue until the end, while output is being written.');
export const logsQuery = z.strictObject({
  stream: logStream,
  format: z
    .enum(['text', 'ndjson', 'sse', 'raw'])
    .default('text')
    .describe(
      '`text`: UTF-8. `ndjson`: one JSON object for each piece, with stream and time. `sse`: the same as server-sent events. `raw`: the bytes as they were written.',
    ),
  follow,
  attempt: digits(1, 1_000_000, 'Only this attempt.').optional(),
  cursor: z
    .string()
    .regex(LOG_CURSOR, 'must be ATTEMPT.OFFSET, as cursor in a record of the log')
    .optional()
    .describe('Continue after this position: the `cursor` of the last record that you have.'),
  since: instant.optional().describe('Only output that was written at or after this time.'),
  tail: digits(0, 10_000_000, 'Only the last lines of the last attempt.').optional(),
  limit_bytes: digits(1, Number.MAX_SAFE_INTEGER, 'Stop after so many bytes.').optional(),
});
export type LogsQuery = z.infer<typeof logsQuery>;

export const keyParams = z.strictObject({ key: z.string().max(200).describe('A cache key.') });
export const circuitParams = z.strictObject({
  name: z.string().max(5000).describe('Name of a circuit, as GET /v1/circuits lists it.'),
});
export const cacheFilter = z.strictObject({
  key: z.string().max(200).optional().describe('Only the result with this key.'),
  operation: operationName.optional().describe('Only results of this operation.'),
  user: z
    .string()
    .max(255)
    .optional()
    .describe('Results of this user. Requires the scope `admin` unless it is you.'),
  all: flag().optional().describe('Results of all users. Requires the scope `admin`.'),
});

export const idParams = z.strictObject({ id: z.string().max(100).describe('Its id.') });
const reason = osString.min(1).max(1000).optional().describe('Why; the execution shows it.');

/** A body that may be left out. */
export const optional = <T extends z.ZodType>(schema: T, name: string) =>
  z
    .preprocess((body) => body ?? {}, schema)
    .meta({ isOptional: true, shownAs: { $ref: `#/components/schemas/${name}` } });

/** For routes that say nothing of their query or body: they take none, and refuse what they would ignore. */
export const noQuery = z.strictObject({});
export const noBody = z.preprocess((body) => body ?? {}, z.strictObject({}));

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
  return {
    limits,
    parts,
    cancelRequest: cancel,
    cancel: optional(cancel, 'CancelRequest'),
    bulkCancel: bulkCancelRequest(limits),
    spec: specSchema(limits, parts),
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

/** Everything that stands under its own name in the OpenAPI document. */
export function components(requests: RequestSchemas): Record<string, z.ZodType> {
  const { spec, batchItem, parts } = requests;
  return {
    Spec: spec,
    ...byKind(spec, 'Spec'),
    BatchRequest: requests.batch,
    BatchItem: batchItem,
    ...byKind(batchItem, 'BatchItem'),
    Timeouts: parts.timeouts,
    OutputOptions: parts.output,
    ResourceLimits: parts.limits,
    StopOptions: parts.stop,
    ...commonParts,
    PatchRequest: requests.patch,
    CancelRequest: requests.cancelRequest,
    BulkCancelRequest: requests.bulkCancel,
    WarmRequest: requests.warm,
    Execution: execution,
    ExecutionList: executionList,
    BatchAnswer: batchAnswer,
    StepResult: stepResult,
    BulkCancelAnswer: bulkCancelAnswer,
    DryRun: dryRun,
    AppliedPolicy: appliedPolicy,
    EffectiveTimeouts: effectiveTimeouts,
    EffectiveLimits: resourceLimits,
    ...wordComponents,
    Attempt: attempt,
    ...outcomeComponents,
    Output: output,
    Resources: resources,
    CacheUse: cacheUse,
    Warning: warning,
    Problem: problem,
    FieldProblem: fieldProblem,
    ...planComponents(requests.limits, parts),
    CacheStats: cacheStats,
    CacheEntry: cacheEntry,
    Circuit: circuit,
    CircuitList: circuitList,
    ...operationComponents,
    ...accountComponents,
    ...keyComponents,
    Stats: stats,
    Slots: slots,
    Health: health,
    Probe: probe,
    Removed: removed,
    Flushed: flushed,
  };
}
