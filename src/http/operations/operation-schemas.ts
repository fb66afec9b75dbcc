// The wire of operations: what a reader is told of them. Definitions themselves are never written by HTTP.
import { z } from 'zod';
import type { Operation, EffectivePolicy } from '../../domain/operations/operation.ts';
import { HOOK_SCHEMES } from '../../domain/operations/hook.ts';
import { eachLimit, LIMITS } from '../../domain/limits.ts';
import { STOP_SCOPES, STOP_SIGNALS } from '../../domain/stop.ts';
import { SPEC_KINDS } from '../../domain/kinds.ts';
import { cache, monitor, OVERSIZED, retry } from '../../domain/spec/spec.ts';
import { shownTimesShape } from '../../domain/spec/times.ts';
import { count, ms } from '../edge/schemas.ts';
import { operationDefinition, storedOperation, storedOperationList } from './stored-routes.ts';

/** What applies after all defaults. */
export const resourceLimits = z
  .strictObject(eachLimit((name) => count.nullable().describe(`${LIMITS[name].about} Null: no limit.`)))
  .describe('Limits of the processes, after all defaults.');

/** What applies after all defaults. */
const stopPolicy = z
  .strictObject({
    signal: z.enum(STOP_SIGNALS).describe('The first signal to the processes, before SIGKILL.'),
    grace_ms: ms.describe('Time between this signal and SIGKILL, milliseconds.'),
    scope: z
      .enum(STOP_SCOPES)
      .describe(
        '`all`: every process gets the signal. `main`: the first process gets it, and the others when the first has ended.',
      ),
  })
  .describe('How execd ends the processes.');
export const stop = stopPolicy.nullable().describe('How execd ends the processes; null if there are none.');

export const outputPolicy = z
  .strictObject({
    max_bytes: count.describe('Most bytes of output that the log keeps.'),
    oversized: z.enum(OVERSIZED).describe('The effect of more output.'),
    result_bytes: count.describe('Most bytes of each stream that the result holds.'),
    parse: z.literal('json').nullable().describe('How the output is parsed.'),
  })
  .describe('The part of the output that execd keeps.');

const timeouts = z.strictObject(shownTimesShape(ms)).describe('Time limits.');

const adaptiveTimeout = z
  .strictObject({
    factor: z.number().describe('Multiple of the 99th percentile of earlier attempts.'),
    min_ms: ms.describe('Shortest limit, milliseconds.'),
    max_ms: ms.describe('Longest limit, milliseconds.'),
    min_samples: count.describe('Attempts before it applies.'),
    current_ms: ms
      .nullable()
      .describe('Limit of the next attempt, milliseconds; null until there were enough attempts.'),
  })
  .describe('A limit of attempts that follows the duration of earlier ones.');

const everyBreaker = {
  open_ms: ms.describe('Time between opening and the first probe, milliseconds.'),
  max_open_ms: ms
    .optional()
    .describe(
      'Each probe that fails doubles `open_ms`, up to this many milliseconds. Without it, `open_ms` does not change.',
    ),
  probes: count.describe('Successful probes in a row that close it.'),
  count_user_faults: z.boolean().describe('Whether failures of the request or command count.'),
};
const consecutiveBreaker = z
  .strictObject({
    type: z.literal('consecutive').describe('Opens after failures in a row.'),
    failures: count.describe('How many failures in a row open it.'),
    ...everyBreaker,
  })
  .describe('A circuit breaker that counts failures in a row.');
const countBreaker = z
  .strictObject({
    type: z.literal('count').describe('Opens at a ratio of failures among the last calls.'),
    ratio: z.number().describe('Ratio of failures that opens it, 0 to 1.'),
    size: count.describe('How many of the last calls count.'),
    min_calls: count.optional().describe('The least number of calls before it can open. Default: `size`.'),
    ...everyBreaker,
  })
  .describe('A circuit breaker that measures the ratio of failures of the last calls.');
const samplingBreaker = z
  .strictObject({
    type: z.literal('sampling').describe('Opens at a ratio of failures.'),
    ratio: z.number().describe('Ratio of failures that opens it, 0 to 1.'),
    min_calls: count.describe('Calls in the window before it can open.'),
    window_ms: ms.describe('The window, milliseconds.'),
    ...everyBreaker,
  })
  .describe('A circuit breaker that measures the ratio of failures.');
const breaker = z
  .discriminatedUnion('type', [consecutiveBreaker, countBreaker, samplingBreaker])
  .describe('The settings of the circuit of the operation.');

const price = z
  .strictObject({
    per_run: count.describe('Credits for each execution that runs.'),
    per_second: count.describe('Credits for each second of run time, all attempts together.'),
    per_mb: count.describe('Credits for each million bytes of output that the log keeps.'),
    every: z
      .strictObject({
        executions: count.describe('Number of executions after which execd adds the credits.'),
        window_s: count.describe('Length of the window, seconds.'),
        credits: count.describe('Credits that execd adds.'),
      })
      .optional()
      .describe('Extra credits for every Nth execution of a user within a window, where N is `executions`.'),
    hit: count.describe('Credits for a cache hit.'),
    joined: count.describe('Credits for sharing the run of another execution.'),
  })
  .describe('A price, in credits.');

export const operationPolicy = z
  .strictObject({
    timeouts,
    monitor: monitor.nullable().describe('When execd reports its executions as late or stuck; null: never.'),
    limits: resourceLimits.nullable().describe('Limits of the processes; null for HTTP calls.'),
    stop,
    adaptive_timeout: adaptiveTimeout.nullable().describe('Null: off.'),
    retry: z
      .strictObject({
        attempts: z.int().min(1).describe('Attempts in total.'),
        multiplier: z.number().describe('Wait after the first attempt, seconds.'),
        min_ms: ms.describe('Shortest wait, milliseconds.'),
        max_ms: ms.describe('Longest wait, milliseconds.'),
        jitter: z.number().describe('Random part of the wait, 0 to 1.'),
        retry_on: retry.shape.retry_on
          .unwrap()
          .nullable()
          .describe('The ends that execd retries; null: those that another attempt can cure.'),
      })
      .nullable()
      .describe('Retries; null: one attempt.'),
    retry_budget: z
      .strictObject({
        ratio: z.number().describe('Retries that each execution adds.'),
        per_second: z.number().describe('Retries that each second adds.'),
        burst: z.number().describe('Most retries that can be saved up.'),
      })
      .describe('How many retries the executions of the operation have together.'),
    retry_safe: z.boolean().describe('Whether an interrupted attempt is retried.'),
    circuit: breaker.nullable().describe('Null: no circuit.'),
    concurrency: count.nullable().describe('Most executions at a time; null: no limit of its own.'),
    cache: z
      .strictObject({
        mode: cache.shape.mode.unwrap().describe('How executions use the cache.'),
        ttl_s: z.number().describe('How long execd keeps a result, seconds; 0: until it is evicted.'),
        scope: cache.shape.scope
          .unwrap()
          .nullable()
          .describe('The users who share a result; null: `task` if task_id is given, else `user`.'),
        key_exclude: z.array(z.string()).describe('Fields that are not part of the cache key.'),
        salt: z.string().nullable().describe('Part of the cache key.'),
      })
      .nullable()
      .describe('Null: no cache unless the request has a cache block.'),
    cacheable: z.boolean().describe('Whether a request may use the cache.'),
    priority: z.int().describe('Higher runs earlier.'),
    on_limit: z.enum(['queue', 'reject']).describe('The effect if no slot is free.'),
    output: outputPolicy,
    labels: z.record(z.string(), z.string()).describe('Labels that its executions get.'),
    cost: price.nullable().describe('Price; null: the price of the kind that it runs.'),
  })
  .describe('The policy of an operation with all defaults. A request can override most of it.');

export const operation = z
  .strictObject({
    name: z.string().describe('Name of the operation.'),
    description: z.string().describe('The description by the operator.'),
    params: z.record(z.string(), z.unknown()).describe('JSON Schema (2020-12) of the parameters.'),
    kind: z
      .enum([...SPEC_KINDS, 'plan'])
      .exclude(['operation'])
      .describe('The kind and its fields.'),
    version: z.string().describe('Names this definition; `policy_version` of its executions ends with it.'),
    hook: z
      .strictObject({
        path: z.string().describe('The path for deliveries.'),
        scheme: z.enum(HOOK_SCHEMES).describe('How deliveries are signed.'),
        user: z.string().describe('The user for whom deliveries run the operation.'),
        answer: z
          .enum(['accepted', 'wait', 'raw'])
          .describe('Whether the response waits for the end, or is the output.'),
      })
      .nullable()
      .describe('How other systems start it by signed requests; null: they cannot.'),
    policy: operationPolicy,
  })
  .describe('An operation that you can run by its name.');
export const operationList = z
  .strictObject({ items: z.array(operation).describe('All operations, by name.') })
  .describe('Operations.');
export type OperationWire = z.infer<typeof operation>;

export const reloaded = z
  .strictObject({
    operations: count.describe('Operations that are defined now.'),
    circuits: count.describe('Circuits that are defined now.'),
  })
  .describe('The number of definitions.');
export const nameParams = z.strictObject({ name: z.string().max(100).describe('Name of the operation.') });

/** What stands under its own name in the OpenAPI document. */
export const operationComponents = {
  Operation: operation,
  OperationPolicy: operationPolicy,
  ConsecutiveBreaker: consecutiveBreaker,
  SamplingBreaker: samplingBreaker,
  Breaker: breaker,
  Price: price,
  StopPolicy: stopPolicy,
  OperationList: operationList,
  OperationDefinition: operationDefinition,
  StoredOperation: storedOperation,
  StoredOperationList: storedOperationList,
  Reloaded: reloaded,
};

/** @param adaptiveMs the adaptive timeout as it is now; null when there is none yet */
export function toOperationWire(
  { name, definition, version }: Operation,
  policy: EffectivePolicy,
  adaptiveMs: number | null,
): OperationWire {
  const adaptive = policy.adaptive_timeout;
  const { hook } = definition;
  return {
    name,
    description: definition.description,
    params: definition.params,
    kind: definition.run.kind,
    version,
    hook:
      hook === undefined
        ? null
        : { path: `/v1/hooks/${name}`, scheme: hook.scheme, user: hook.user, answer: hook.answer },
    policy: {
      ...policy,
      adaptive_timeout: adaptive === null ? null : { ...adaptive, current_ms: adaptiveMs },
    },
  };
}
