// Entries of the cache, one by one: putting a value there, and listing what is there.
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { quoted, RefusedError } from '../../domain/errors.ts';
import type { Engine } from '../../engine/engine.ts';
import {
  CACHE_KEY,
  cacheEntryList,
  entriesQuery,
  putKeyParams,
  putValue,
  cacheEntry,
} from './cache-schemas.ts';
import { toCacheEntry } from './cache-wire.ts';
import { cursorAfter, readPlace } from '../edge/listing.ts';
import { json } from '../edge/answers.ts';
import { whose } from './routes.ts';

/** @param key that no request can have */
function noKey(key: string): RefusedError {
  const message = `is ${quoted(key)}; it must be a key as cache.key of an execution or of a dry run shows it: 64 digits of 0-9 and a-f`;
  return new RefusedError('validation', `key ${message}.`, { fields: [{ field: 'key', message }] });
}

export interface CacheEntriesOptions {
  engine: Engine;
  now: () => number;
}

export function cacheEntryRoutes(app: FastifyInstance, { engine, now }: CacheEntriesOptions): void {
  const tags = ['cache'];

  app.route<{ Querystring: z.output<typeof entriesQuery> }>({
    method: 'GET',
    url: '/v1/cache/entries',
    config: { access: 'read' },
    schema: {
      operationId: 'listCacheEntries',
      summary: 'List stored results',
      description: 'Lists your results and the shared ones that you may use, in the order of their keys.',
      tags,
      querystring: entriesQuery,
      response: { 200: json('A page of stored results.', cacheEntryList) },
    },
    async handler(request) {
      const { operation, limit, cursor } = request.query;
      const filter = { cacheOf: whose(request), operation };
      const after = cursor === undefined ? '' : readPlace(cursor, filter);
      const { items, next } = engine.kept.list(
        request.caller,
        { userId: filter.cacheOf, operation },
        { limit, after },
      );
      return {
        items: items.map(({ entry, bytes }) => {
          const { result: _result, output: _output, ...shown } = toCacheEntry(entry, now());
          return { ...shown, bytes };
        }),
        next_cursor: next === null ? null : cursorAfter(next, filter),
      };
    },
  });

  app.route<{ Params: z.infer<typeof putKeyParams>; Body: z.infer<typeof putValue> }>({
    method: 'PUT',
    url: '/v1/cache/:key',
    config: { access: 'submit' },
    schema: {
      operationId: 'putCacheEntry',
      summary: 'Put a value into the cache',
      description:
        'Stores a value as the result of the requests that have this key: they get it as a hit. It replaces a stored result. It counts as a submission of the user.',
      tags,
      params: putKeyParams,
      body: putValue,
      response: {
        200: json('It has replaced a stored result.', cacheEntry),
        201: json('It is stored.', cacheEntry),
      },
    },
    async handler(request, reply) {
      const { value, ttl_s, scope = 'user', operation = null } = request.body;
      const { key } = request.params;
      if (!CACHE_KEY.test(key)) throw noKey(key);
      request.auditFacts = { cache_key: key, scope, ...(operation === null ? {} : { operation }) };
      const ttlMs = ttl_s === undefined ? undefined : ttl_s === 0 ? null : ttl_s * 1000;
      const { entry, isNew } = engine.kept.put(request.caller, { key, value, scope, operation, ttlMs });
      return reply.code(isNew ? 201 : 200).send(toCacheEntry(entry, now()));
    },
  });
}
