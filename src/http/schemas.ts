// The wire: every body, query and answer as a schema. Requests are validated with them; answers are typed by them, and
// the OpenAPI document is made of them.
import { z } from 'zod';
import { CACHE_MODES, CACHE_SCOPES } from '../domain/cache.ts';
import { PHASES, STATUSES } from '../domain/execution.ts';
import { ISOLATION_TIERS } from '../domain/isolation.ts';
import { CAUSES } from '../domain/outcome.ts';
import { WARNINGS } from '../domain/warnings.ts';
import { accountComponents, cost } from './account-schemas.ts';
import { keyComponents } from './key-schemas.ts';
import { operationComponents, resourceLimits, stop } from './operation-schemas.ts';
import { planComponents } from './plan-schemas.ts';
import type { SpecLimits } from '../domain/spec.ts';
import { graceSchema } from '../domain/stop.ts';
import { errorClass, errorCode, executionError, fault, outcome, processEnd } from './outcome-schemas.ts';
import { ownWebhook } from './own-webhook.ts';
import {
  batchItemSchema,
  KINDS,
  operationName,
  osString,
  OVERSIZED,
  priority,
  specSchema,
  taskId,
  timeoutsSchema,
} from '../domain/spec.ts';

const time = z.iso.datetime({ precision: 3 });
const count = z.int().min(0);
const ms = z.int().min(0);

// ---------------------------------------------------------------------------------------- answers

export const problem = z
  .strictObject({
    type: z.string().describe('URN of the error type: urn:execd:error:TYPE'),
    title: z.string(),
    status: z.int(),
    code: errorCode,
    class: errorClass,
    fault,
    detail: z.string(),
    retryable: z.boolean(),
    errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
    oldest: z.string().optional().describe('of a stream: the oldest event id that it can go on after'),
  })
  .describe('An error as RFC 9457 has it.');

const output = z.strictObject({
  stdout_bytes: count.describe('bytes that were written'),
  stderr_bytes: count,
  stdout_kept_bytes: count.describe('bytes that the log keeps'),
  stderr_kept_bytes: count,
  truncated: z.boolean().describe('the log does not keep all that was written'),
  strategy: z.enum(OVERSIZED),
  max_bytes: count,
  result_bytes: count.describe('how much of each stream, or of the body of an HTTP answer, the result holds'),
  log_path: z.string().optional().describe('for administrators'),
});

const resources = z.strictObject({ cpu_ms: ms.nullable(), max_rss_bytes: count.nullable() });

const attempt = z.strictObject({
  number: z.int().min(1),
  runner: z.string(),
  claimed_at: time,
  started_at: time.nullable(),
  ended_at: time.nullable(),
  outcome: outcome.nullable(),
  stdout_bytes: count,
  stderr_bytes: count,
  resources: resources.nullable(),
});

const timeoutsShape = {
  queue_ms: ms.nullable(),
  attempt_ms: ms,
  total_ms: ms.nullable(),
  idle_ms: ms.nullable(),
};

export const execution = z.strictObject({
  id: z.string(),
  status: z.enum(STATUSES),
  phase: z.enum(PHASES),
  revision: z.int().min(1),
  kind: z.enum(KINDS),
  operation: z.string().nullable(),
  spec: z.record(z.string(), z.unknown()).describe('what was asked for, as it was sent'),
  user_id: z.string(),
  task_id: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  priority: z.int(),
  timeouts: z.strictObject(timeoutsShape),
  limits: resourceLimits.describe('of what its processes may use; null is no limit'),
  stop,
  retry: z
    .strictObject({
      attempts: z.int().min(1).describe('tries in all'),
      used: count,
      next_at: time.nullable().describe('when the next try enters the queue'),
    })
    .nullable(),
  cache: z
    .strictObject({
      mode: z.enum(CACHE_MODES),
      key: z.string().nullable(),
      scope: z.enum(CACHE_SCOPES).nullable(),
      ttl_s: z.number().nullable().describe('null never expires'),
      status: z
        .enum(['hit', 'joined', 'miss', 'stored', 'bypass'])
        .describe('stored: a miss whose result is kept; joined: it took part in the run run_id'),
      stored_at: time.nullable().describe('of a hit'),
    })
    .nullable(),
  cost: cost.nullable().describe('null: it is free'),
  plan_id: z.string().nullable().describe('the plan that it is a step of'),
  step: z.string().nullable(),
  run_id: z.string(),
  rerun_of: z.string().nullable(),
  redrive_of: z.string().nullable().describe('of a plan: the one whose completed steps it has taken over'),
  kept_from: z.string().nullable().describe('of a step: the execution whose result was taken over'),
  attempts: z.array(attempt),
  outcome: outcome.nullable(),
  error: executionError.nullable(),
  warnings: z
    .array(z.strictObject({ code: z.enum(WARNINGS), message: z.string() }))
    .describe('what the status does not show; output_incomplete: the end of the output may be missing'),
  result: z
    .unknown()
    .describe(
      'parsed output if asked for, else {"stdout", "stderr", "stdout_bytes", "stderr_bytes", "stdout_truncated", "stderr_truncated"}: the end of each stream, how many bytes it had, and whether the text is not all of it; of an HTTP call {"status", "headers", "url", "body"}',
    ),
  output,
  resources: resources.nullable(),
  timestamps: z.strictObject({
    created: time,
    queued: time,
    started: time.nullable(),
    finished: time.nullable(),
  }),
  queue: z
    .strictObject({
      position: count.nullable(),
      reason: z.enum(['no_free_slot', 'concurrency_limit', 'user_limit', 'shutting_down', 'joined']),
    })
    .nullable(),
  cancel: z.strictObject({ at: time, reason: z.string().nullable() }).nullable(),
  webhook: ownWebhook,
  trace_id: z.string(),
  isolation: z
    .enum(ISOLATION_TIERS)
    .describe('the least tier that its attempts run at; none where no process does'),
  policy_version: z.string().nullable().describe('of the policy file that has allowed it; null without one'),
  submitted_by: z.string().nullable().describe('the administrator who has submitted it for its user'),
});
export type ExecutionWire = z.infer<typeof execution>;
export type AttemptWire = z.infer<typeof attempt>;

export const dryRun = z
  .strictObject({
    dry_run: z.literal(true),
    accepted: z.boolean().describe('whether it would be accepted now'),
    problem: problem.nullable().describe('why it would not be'),
    begins: z
      .enum(['hit', 'joined', 'running', 'queued', 'refused_by_circuit'])
      .nullable()
      .describe('how it would begin; refused_by_circuit: it would fail at once'),
    kind: z.enum(KINDS),
    operation: z.string().nullable(),
    policy: z
      .strictObject({
        timeouts: z.strictObject(timeoutsShape),
        limits: resourceLimits,
        stop,
        retry: z
          .strictObject({
            attempts: z.int().min(1),
            multiplier: z.number(),
            min_ms: ms,
            max_ms: ms,
            jitter: z.number(),
          })
          .nullable(),
        retry_safe: z.boolean(),
        output: z.strictObject({
          max_bytes: count,
          oversized: z.enum(OVERSIZED),
          result_bytes: count,
          parse: z.literal('json').nullable(),
        }),
        concurrency: z.strictObject({ key: z.string(), limit: count }).nullable(),
        priority: z.int(),
        on_limit: z.enum(['queue', 'reject']),
      })
      .nullable()
      .describe('what would apply to it; null when the request cannot be made out'),
    cache: execution.shape.cache,
    cost: z
      .strictObject({
        reserved: count.describe('the most that it can cost'),
        available: z.int().describe('what the account has for it'),
      })
      .nullable()
      .describe('null: it is free'),
  })
  .describe('What would become of a request now; nothing was stored.');

/** The answer to a submit. */
export const submitAnswer = z.union([execution, dryRun]);

export const executionList = z.strictObject({
  items: z.array(execution),
  next_cursor: z.string().nullable(),
});

export const batchAnswer = z.strictObject({
  items: z.array(
    z.union([
      z.strictObject({ status: z.int(), execution, replayed: z.boolean() }),
      z.strictObject({ status: z.int(), problem }),
    ]),
  ),
});

export const stepResult = z.strictObject({
  step: z.string(),
  result: z.unknown(),
  completed: z.boolean(),
  message: z.string(),
  status: z.enum(STATUSES),
  error_code: errorCode.nullable(),
  error_message: z.string().nullable(),
});

export const bulkCancelAnswer = z.strictObject({
  cancelled: count.describe('ended at once'),
  canceling: count.describe('being stopped'),
});

export const cacheStats = z.strictObject({
  entries: count,
  max_entries: count,
  bytes: count,
  hits: count,
  misses: count,
  hit_ratio: z.number().min(0).max(1).nullable().describe('null before the first look'),
  joined: count.describe('executions that took part in the run of another one'),
  stores: count,
  evictions: count,
  expirations: count,
});

export const cacheEntry = z.strictObject({
  key: z.string(),
  operation: z.string().nullable(),
  run_id: z.string(),
  result: z.unknown(),
  stored_at: time,
  age_s: z.number(),
  ttl_s: z.number().nullable().describe('what is left; null never expires'),
});

export const circuit = z.strictObject({
  name: z.string(),
  state: z.enum(['closed', 'open', 'half_open']),
  calls: count.describe('that are counted now'),
  failures: count,
  opened: count.describe('times that it has opened'),
  rejected: count.describe('executions that it has refused'),
  next_probe_ms: ms.nullable().describe('until the next probe is let through; null unless it is open'),
});
export const circuitList = z.strictObject({ items: z.array(circuit) });

const offeredTiers = z
  .array(z.enum(ISOLATION_TIERS))
  .describe('the isolation tiers that it offers; the first one is the default');

const slots = z.strictObject({ max: count, running: count, pending: count, available: count });

export const stats = z.strictObject({
  executions: z.record(z.enum(STATUSES), count),
  concurrency: slots.describe('of what takes a process'),
  http_concurrency: slots.describe('of HTTP calls'),
  queue: z.strictObject({ depth: count, oldest_age_ms: ms }),
  write_behind: z.strictObject({ waiting: count, lag_ms: ms, flushes: count, failures: count }),
  store: z.strictObject({ commits: count, groups: count, waiting: count, commit_ms_mean: z.number() }),
  runner_host: z.strictObject({
    name: z.string(),
    pid: z.int().nullable(),
    restarts: count,
    ready: z.boolean(),
    isolation: offeredTiers,
  }),
  waiting: z.strictObject({ polls: count, log_followers: count }),
  streams: z
    .strictObject({
      execution: count,
      events: count,
      log: count,
      blocked: count.describe('whose clients take nothing now'),
      sent: count.describe('messages since the start'),
      cut_slow: count.describe('clients that took nothing for too long'),
      cut_shutdown: count,
    })
    .describe('streams of events that are open'),
  cache: cacheStats,
});

const component = z.strictObject({ status: z.enum(['healthy', 'unhealthy']), detail: z.string().nullable() });
export const health = z.strictObject({
  status: z.enum(['healthy', 'unhealthy']),
  timestamp: time,
  version: z.string(),
  cache_size: count,
  error: z.string().nullable(),
  components: z.strictObject({
    store: component,
    runner_host: component.extend({
      name: z.string().describe('native or node'),
      isolation: offeredTiers,
    }),
    intake: component,
    logs: component.describe(
      'the directory of the logs: a probe is written every 5 s, and every second while it fails',
    ),
    work_directories: component.describe('the private directories of commands, probed in the same way'),
  }),
});

export const probe = z.strictObject({ status: z.enum(['ok', 'unavailable']), reason: z.string().nullable() });
export const removed = z.strictObject({ removed: count });
export const flushed = z.strictObject({ flushed: count });

// --------------------------------------------------------------------------------------- requests

/** What stands in the OpenAPI document in place of a schema that transforms what it reads. */
const shownAs = <T extends z.ZodType>(json: object, schema: T): T => schema.meta({ shownAs: json });

/** For what is said about the whole: not when a part of it is wrong already. */
const hasNoIssues = ({ issues }: { issues: unknown[] }) => issues.length === 0;

/** Several values of one parameter, separated by commas or by repeating it. */
export const list = <T extends z.ZodEnum>(item: T) =>
  shownAs(
    {
      type: 'array',
      items: { type: 'string', enum: item.options },
      description: 'several, separated by commas',
    },
    z.preprocess(
      (value) => (typeof value === 'string' ? value.split(',') : value),
      z.array(item).min(1).max(50),
    ),
  );
export const digits = (min: number, max: number, description: string) =>
  shownAs(
    { type: 'integer', minimum: min, maximum: max, description },
    z
      .string()
      .regex(/^\d{1,15}$/, 'must be a whole number')
      .transform(Number)
      .pipe(z.int().min(min).max(max)),
  );
/** A point in time: RFC 3339 with an offset, to milliseconds since the epoch. */
const instant = shownAs(
  { type: 'string', format: 'date-time' },
  z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
);
const labelPair = z
  .string()
  .regex(/^[^=]+=/, 'must be name=value')
  .transform((text) => {
    const at = text.indexOf('=');
    return { name: text.slice(0, at), value: text.slice(at + 1) };
  });
export const labelPairs = shownAs(
  { type: 'array', items: { type: 'string' }, description: 'name=value; repeated, all must fit' },
  z.preprocess((value) => [value].flat(), z.array(labelPair).min(1).max(20)),
);

/** `running` is every live attempt that is not being cancelled: how far it is, nobody stores. */
const LISTED_PHASES = ['queued', 'scheduled_retry', 'running', 'canceling', 'done'] as const;

const filterShape = {
  status: list(z.enum(STATUSES)).optional(),
  phase: list(z.enum(LISTED_PHASES)).optional(),
  error_code: list(errorCode)
    .optional()
    .describe('of executions that did not complete; several, separated by commas'),
  cause: list(z.enum(CAUSES))
    .optional()
    .describe('of executions that did not complete; several, separated by commas'),
  kind: list(z.enum(KINDS)).optional(),
  operation: operationName.optional(),
  task_id: taskId.optional(),
  plan_id: z.string().max(100).optional().describe('steps of this plan'),
  step: z.string().max(200).optional(),
  label: labelPairs.optional(),
  created_after: instant.optional(),
  created_before: instant.optional(),
  finished_after: instant.optional(),
  finished_before: instant.optional(),
};

export const MAX_PAGE = 1000;
const pageShape = {
  limit: digits(1, MAX_PAGE, 'items of a page').default(50),
  cursor: z.string().max(1000).optional().describe('next_cursor of the page before'),
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
  limit: digits(1, 200, 'items of a page').default(50),
  cursor: z.string().max(1000).optional().describe('next_cursor of the page before'),
});

/** Longest wait of a long poll and of `Prefer: wait`, seconds. */
export const MAX_WAIT_S = 60;
export const submitQuery = z.strictObject({
  dry_run: z.enum(['true', 'false']).optional().describe('true: only say what would become of it'),
});
export const getQuery = z.strictObject({
  wait: digits(0, MAX_WAIT_S, 'seconds to wait until it has finished').optional(),
  after_revision: digits(0, Number.MAX_SAFE_INTEGER, 'with wait: until its revision is greater').optional(),
});

/** Where to go on reading a log: attempt and offset. */
export const LOG_CURSOR = /^\d{1,7}\.\d{1,15}$/;
export const planGetQuery = z.strictObject({
  wait: digits(0, MAX_WAIT_S, 'seconds to wait until it has finished').optional(),
  steps: z.enum(['true', 'false']).optional().describe('false leaves the steps out; default: true'),
});

export const logsQuery = z.strictObject({
  stream: z.enum(['all', 'stdout', 'stderr']).default('all'),
  format: z.enum(['text', 'ndjson', 'sse', 'raw']).default('text'),
  follow: z.enum(['true', 'false']).default('false'),
  attempt: digits(1, 1_000_000, 'this attempt only').optional(),
  cursor: z
    .string()
    .regex(LOG_CURSOR, 'must be attempt.offset')
    .optional()
    .describe('go on from here: attempt.offset'),
  since: instant.optional(),
  tail: digits(0, 10_000_000, 'the last lines of the last attempt').optional(),
  limit_bytes: digits(1, Number.MAX_SAFE_INTEGER, 'stop after so many bytes').optional(),
});
export type LogsQuery = z.infer<typeof logsQuery>;

export const keyParams = z.strictObject({ key: z.string().max(200) });
export const circuitParams = z.strictObject({ name: z.string().max(5000) });
export const cacheFilter = z.strictObject({
  key: z.string().max(200).optional(),
  operation: operationName.optional(),
  user: z.string().max(255).optional().describe('for administrators; default: their own'),
  all: z.enum(['true']).optional().describe('for administrators: of all users'),
});

export const idParams = z.strictObject({ id: z.string().max(100) });
const reason = osString.min(1).max(1000).optional();

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
    'time until SIGKILL, milliseconds; default: stop.grace_ms of the execution. A later cancel can make it shorter',
  );

const cancelRequest = (limits: SpecLimits) => z.strictObject({ reason, grace_ms: graceOfCancel(limits) });
const bulkCancelRequest = (limits: SpecLimits) =>
  z
    .strictObject({
      all: z.literal(true).optional(),
      status: z
        .array(z.enum(['pending', 'running']))
        .min(1)
        .max(10)
        .optional(),
      kind: z.array(z.enum(KINDS)).min(1).max(50).optional(),
      task_id: taskId.optional(),
      labels: z
        .record(z.string(), z.string())
        .refine((labels) => Object.keys(labels).length > 0, 'name at least one label')
        .optional(),
      created_after: instant.optional(),
      created_before: instant.optional(),
      reason,
      grace_ms: graceOfCancel(limits),
    })
    .refine(({ reason: _reason, grace_ms: _grace, ...filter }) => Object.keys(filter).length > 0, {
      error: 'at least one filter is needed, or "all": true',
      when: hasNoIssues,
    });

/** The request bodies that depend on the configured maxima. */
export function requestSchemas(limits: SpecLimits) {
  const cancel = cancelRequest(limits);
  return {
    limits,
    cancelRequest: cancel,
    cancel: optional(cancel, 'CancelRequest'),
    bulkCancel: bulkCancelRequest(limits),
    spec: specSchema(limits),
    batchItem: batchItemSchema(limits),
    batch: z.strictObject({
      executions: z
        .array(shownAs({ $ref: '#/components/schemas/BatchItem' }, z.unknown()))
        .min(1)
        .max(1000),
    }),
    warm: z.strictObject({
      executions: z
        .array(shownAs({ $ref: '#/components/schemas/Spec' }, z.unknown()))
        .min(1)
        .max(1000),
    }),
    patch: z
      .strictObject({ priority: priority.optional(), timeouts: timeoutsSchema(limits).optional() })
      .refine((change) => Object.keys(change).length > 0, { error: 'nothing to change', when: hasNoIssues }),
  };
}
export type RequestSchemas = ReturnType<typeof requestSchemas>;

/** Everything that stands under its own name in the OpenAPI document. */
export function components(requests: RequestSchemas): Record<string, z.ZodType> {
  return {
    Problem: problem,
    ProcessEnd: processEnd,
    Outcome: outcome,
    Output: output,
    Attempt: attempt,
    ExecutionError: executionError,
    Execution: execution,
    ExecutionList: executionList,
    BatchAnswer: batchAnswer,
    StepResult: stepResult,
    BulkCancelAnswer: bulkCancelAnswer,
    Stats: stats,
    Health: health,
    Probe: probe,
    Removed: removed,
    Flushed: flushed,
    CancelRequest: requests.cancelRequest,
    BulkCancelRequest: requests.bulkCancel,
    CacheStats: cacheStats,
    CacheEntry: cacheEntry,
    Circuit: circuit,
    CircuitList: circuitList,
    ...operationComponents,
    ...accountComponents,
    DryRun: dryRun,
    SubmitAnswer: submitAnswer,
    ...keyComponents,
    ...planComponents(requests.limits),
    Spec: requests.spec,
    BatchItem: requests.batchItem,
    BatchRequest: requests.batch,
    PatchRequest: requests.patch,
    WarmRequest: requests.warm,
  };
}
