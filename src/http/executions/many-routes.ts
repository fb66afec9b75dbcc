// Executions by what they have in common: listed, and cancelled.
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { ListFilter } from '../../domain/ports/store.ts';
import type { Engine } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { cursorAfter, readCursor, toFilter } from '../edge/listing.ts';
import { listQuery } from '../edge/schemas.ts';
import { bulkCancelAnswer, executionList, type RequestSchemas } from './schemas.ts';
import { toWire } from './wire.ts';

/** Executions that a listing reads at a time, and characters at which it ends a page early. */
const LIST_READ = 50;
const PAGE_BYTES = 8 * 1024 * 1024;

export function listRoute(app: FastifyInstance, { engine }: { engine: Engine }): void {
  app.route<{ Querystring: z.output<typeof listQuery> }>({
    method: 'GET',
    url: '/v1/executions',
    config: { access: 'read' },
    schema: {
      operationId: 'listExecutions',
      summary: 'List executions, newest first',
      description:
        'Lists your executions that match all filters. A page can have fewer items than `limit`, or none: continue while `next_cursor` is not null.',
      tags: ['executions'],
      querystring: listQuery,
      response: { 200: json('A page.', executionList) },
    },
    async handler(request, reply) {
      const { limit, cursor, ...query } = request.query;
      const filter = toFilter(request.caller.userId, query);
      const after = cursor === undefined ? null : readCursor(cursor, filter);
      const { items, nextAfter } = await readPage(engine, filter, limit, after);
      const nextCursor = nextAfter === null ? null : cursorAfter(nextAfter, filter);
      reply.type('application/json; charset=utf-8');
      return reply.send(`{"items":[${items.join(',')}],"next_cursor":${JSON.stringify(nextCursor)}}`);
    },
  });
}

/**
 * A page as JSON texts, and the id after which the next one begins; null when it is the last. It is bounded by bytes
 * too: specs and results can be large.
 */
async function readPage(
  engine: Engine,
  filter: ListFilter,
  limit: number,
  after: string | null,
): Promise<{ items: string[]; nextAfter: string | null }> {
  const items: string[] = [];
  let bytes = 0;
  for (let from = after; ;) {
    const wanted = Math.min(LIST_READ, limit - items.length);
    const { views, next } = await engine.list(filter, wanted, from);
    for (const view of views) {
      const item = JSON.stringify(toWire(view, null));
      bytes += item.length;
      if (items.length > 0 && bytes > PAGE_BYTES) return { items, nextAfter: from };
      items.push(item);
      from = view.execution.id;
    }
    if (next === null || items.length === limit || views.length < wanted) return { items, nextAfter: next };
  }
}

export function bulkCancelRoute(
  app: FastifyInstance,
  { engine, requests }: { engine: Engine; requests: RequestSchemas },
): void {
  app.route<{ Body: z.output<RequestSchemas['bulkCancel']> }>({
    method: 'POST',
    url: '/v1/executions/cancel',
    config: { access: 'cancel' },
    schema: {
      operationId: 'cancelExecutions',
      summary: 'Cancel many executions',
      description: 'Cancels each of your executions that has not finished and that matches all filters.',
      tags: ['executions'],
      body: requests.bulkCancel,
      response: { 202: json('How many were cancelled.', bulkCancelAnswer) },
    },
    async handler(request, reply) {
      const { reason = null, grace_ms: graceMs = null, labels, status, kind, ...rest } = request.body;
      const label = Object.entries(labels ?? {}).map(([name, value]) => ({ name, value }));
      const { userId } = request.caller;
      const filter = { ...toFilter(userId, { ...rest, status, kind, label }), userId };
      return reply.code(202).send(await engine.cancelMany(filter, reason, graceMs));
    },
  });
}
