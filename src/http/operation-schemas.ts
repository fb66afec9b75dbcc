// The wire of operations: what a reader is told of them. Definitions themselves are never written by HTTP.
import { z } from 'zod';
import type { Operation, EffectivePolicy } from '../domain/operation.ts';
import { breaker } from '../domain/operation.ts';
import { priceSchema } from '../domain/price.ts';
import { eachLimit } from '../domain/limits.ts';
import { STOP_SCOPES, STOP_SIGNALS } from '../domain/stop.ts';
import { cache, OVERSIZED, retry, SPEC_KINDS } from '../domain/spec.ts';

const ms = z.int().min(0);
const count = z.int().min(0);

/** What applies after all defaults. */
export const resourceLimits = z.strictObject(eachLimit(() => count.nullable()));

/** What applies after all defaults. */
export const stop = z
  .strictObject({
    signal: z.enum(STOP_SIGNALS).describe('asks its processes to end'),
    grace_ms: ms.describe('until SIGKILL'),
    scope: z
      .enum(STOP_SCOPES)
      .describe(
        'all: every process gets the signal; main: the first one alone, and the others after its end',
      ),
  })
  .nullable()
  .describe('how its processes are told to end; null for what has none');

const timeouts = z.strictObject({
  queue_ms: ms.nullable(),
  attempt_ms: ms,
  total_ms: ms.nullable(),
  idle_ms: ms.nullable(),
});

const adaptiveTimeout = z.strictObject({
  factor: z.number(),
  min_ms: ms,
  max_ms: ms,
  min_samples: count,
  current_ms: ms.nullable().describe('the limit of the next attempt; null until enough was seen'),
});

export const operationPolicy = z
  .strictObject({
    timeouts,
    limits: resourceLimits.nullable().describe('of what its processes may use; null for HTTP calls'),
    stop,
    adaptive_timeout: adaptiveTimeout.nullable(),
    retry: z
      .strictObject({
        attempts: z.int().min(1),
        multiplier: z.number(),
        min_ms: ms,
        max_ms: ms,
        jitter: z.number(),
        retry_on: retry.shape.retry_on.unwrap().nullable().describe('null: what may help'),
      })
      .nullable()
      .describe('null: one attempt'),
    retry_budget: z.strictObject({ ratio: z.number(), per_second: z.number(), burst: z.number() }),
    retry_safe: z.boolean(),
    circuit: breaker.nullable(),
    concurrency: count.nullable().describe('how many run at a time; null: as many as there are slots'),
    cache: z
      .strictObject({
        mode: cache.shape.mode.unwrap(),
        ttl_s: z.number().describe('0 never expires'),
        scope: cache.shape.scope.unwrap().nullable().describe('null: task when there is one, else user'),
        key_exclude: z.array(z.string()),
        salt: z.string().nullable(),
      })
      .nullable(),
    cacheable: z.boolean().describe('whether a request may ask for the cache'),
    priority: z.int(),
    on_limit: z.enum(['queue', 'reject']),
    output: z.strictObject({
      max_bytes: count,
      oversized: z.enum(OVERSIZED),
      result_bytes: count,
      parse: z.literal('json').nullable(),
    }),
    labels: z.record(z.string(), z.string()),
    cost: priceSchema.nullable().describe('null: the price of the kind that it runs'),
  })
  .describe('What applies where a request says nothing else, with every default. Null is off.');

export const operation = z
  .strictObject({
    name: z.string(),
    description: z.string(),
    params: z.record(z.string(), z.unknown()).describe('JSON Schema (2020-12) of the parameters'),
    kind: z.enum(SPEC_KINDS).exclude(['operation']).describe('of what it runs'),
    policy: operationPolicy,
  })
  .describe('An operation that can be asked for by its name.');
export const operationList = z.strictObject({ items: z.array(operation) });
export type OperationWire = z.infer<typeof operation>;

export const reloaded = z.strictObject({ operations: count, circuits: count });
export const nameParams = z.strictObject({ name: z.string().max(100) });

/** What stands under its own name in the OpenAPI document. */
export const operationComponents = {
  Operation: operation,
  OperationPolicy: operationPolicy,
  OperationList: operationList,
  Reloaded: reloaded,
};

/** @param adaptiveMs the adaptive timeout as it is now; null when there is none yet */
export function toOperationWire(
  { name, definition }: Operation,
  policy: EffectivePolicy,
  adaptiveMs: number | null,
): OperationWire {
  const adaptive = policy.adaptive_timeout;
  return {
    name,
    description: definition.description,
    params: definition.params,
    kind: definition.run.kind,
    policy: {
      ...policy,
      adaptive_timeout: adaptive === null ? null : { ...adaptive, current_ms: adaptiveMs },
    },
  };
}
