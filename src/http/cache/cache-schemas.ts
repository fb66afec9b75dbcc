// What goes over the wire where values are put into the cache, and its entries are listed.
import { z } from 'zod';
import { CACHE_SCOPES } from '../../domain/cache.ts';
import { cache, operationName } from '../../domain/spec/spec.ts';
import { digits } from '../edge/query.ts';
import { cacheEntry, cacheFilter, CURSOR } from '../executions/schemas.ts';
import { nextCursor } from '../edge/words.ts';

export const CACHE_KEY = /^[0-9a-f]{64}$/;
export const putKeyParams = z.strictObject({
  key: z
    .string()
    .regex(CACHE_KEY)
    .describe('`cache.key` of an execution, or of a dry run of the request that is to get the value.'),
});

export const putValue = z
  .strictObject({
    value: z.unknown().describe('The result, as JSON.'),
    ttl_s: cache.shape.ttl_s,
    scope: z
      .enum(CACHE_SCOPES)
      .optional()
      .describe('The scope that the key was made for; default: `user`. `global` requires the scope `admin`.'),
    operation: operationName.optional().describe('The operation that the result is of.'),
  })
  .refine((body) => body.value !== undefined, { path: ['value'], error: 'is required; null is a value, too' })
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
          .describe('A stored result, without the result.'),
      )
      .describe('Stored results, in the order of their keys.'),
    next_cursor: nextCursor,
  })
  .describe('A page of stored results.');
