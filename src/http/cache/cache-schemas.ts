// What goes over the wire where values are put into the cache, and its entries are listed.
import { z } from 'zod';
import { CACHE_SCOPES } from '../../domain/cache.ts';
import { cache, operationName } from '../../domain/spec/spec.ts';
import { digits, flag } from '../edge/query.ts';
import { CURSOR, time, count, ms, written, kept } from '../edge/schemas.ts';
import { nextCursor } from '../edge/words.ts';

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
      .describe('The output of that execution; null for a value that was put into the cache.'),
    stored_at: time.describe('When it was stored.'),
    age_s: z.number().describe('Age, seconds.'),
    ttl_s: z.number().nullable().describe('Time left, seconds; null: until it is evicted.'),
  })
  .describe('A stored result.');
export const cacheFilter = z.strictObject({
  key: z.string().max(200).optional().describe('Only the result with this key.'),
  operation: operationName.optional().describe('Only results of this operation.'),
  user: z
    .string()
    .max(255)
    .optional()
    .describe('Results of this user. For another user than you, this requires the scope `admin`.'),
  all: flag().optional().describe('Results of all users. Requires the scope `admin`.'),
});

export const CACHE_KEY = /^[0-9a-f]{64}$/;
export const putKeyParams = z.strictObject({
  key: z.string().regex(CACHE_KEY).describe('`cache.key` of an execution, or of a dry run of the request.'),
});

export const putValue = z
  .strictObject({
    value: z.unknown().describe('The result, as JSON.'),
    ttl_s: cache.shape.ttl_s,
    scope: z
      .enum(CACHE_SCOPES)
      .optional()
      .describe('The scope of the key; default: `user`. `global` requires the scope `admin`.'),
    operation: operationName.optional().describe('The operation that the result is of.'),
  })
  .refine((body) => body.value !== undefined, {
    path: ['value'],
    error: 'is required; null is a valid value',
  })
  .describe('A value for the cache.');

export const entriesQuery = z.strictObject({
  operation: cacheFilter.shape.operation,
  user: cacheFilter.shape.user,
  all: cacheFilter.shape.all,
  limit: digits(1, 1000, 'Most items of a page.').default(100),
  cursor: z.string().max(1000).optional().describe(CURSOR),
});

const { result: _result, output: _output, ...listed } = cacheEntry.shape;
export const cacheEntryList = z
  .strictObject({
    items: z
      .array(
        z
          .strictObject({ ...listed, bytes: z.int().min(0).describe('Memory that it takes, roughly.') })
          .describe('The entry of a stored result.'),
      )
      .describe('Stored results, in the order of their keys.'),
    next_cursor: nextCursor,
  })
  .describe('A page of stored results.');

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
    evictions: count.describe('Results that execd removed to make room.'),
    expirations: count.describe('Results that reached the end of their TTL.'),
  })
  .describe('Statistics of the cache since the start of the server.');

export const circuit = z
  .strictObject({
    name: z.string().describe('The name: the kind and the target.'),
    state: z
      .enum(['closed', 'open', 'half_open', 'isolated'])
      .describe(
        '`closed`: calls pass. `open`: calls fail at once. `half_open`: a probe passes. `isolated`: calls fail at once until the circuit is reset.',
      ),
    calls: count.describe('Calls in the current window.'),
    failures: count.describe('Failures in the current window.'),
    opened: count.describe('How often it has opened.'),
    rejected: count.describe('Executions that it has rejected.'),
    next_probe_ms: ms.nullable().describe('Time until the next probe, milliseconds; null unless it is open.'),
  })
  .describe('A circuit breaker.');
export const circuitList = z
  .strictObject({ items: z.array(circuit).describe('Circuits that were used.') })
  .describe('Circuits.');
export const removed = z
  .strictObject({ removed: count.describe('How many were removed.') })
  .describe('The number of removed entries.');

export const keyParams = z.strictObject({ key: z.string().max(200).describe('A cache key.') });
export const circuitParams = z.strictObject({
  name: z.string().max(5000).describe('Name of a circuit, as GET /v1/circuits lists it.'),
});
