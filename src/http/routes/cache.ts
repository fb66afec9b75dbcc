// The cache of results: what is in it, taking entries out of it, and filling it. Circuits: how they are, and closing them.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { RefusedError } from '../../domain/errors.ts';
import type { Spec } from '../../domain/spec.ts';
import type { Engine, Submitted } from '../../engine/engine.ts';
import { toProblem } from '../error-handler.ts';
import {
  batchAnswer,
  cacheEntry,
  cacheFilter,
  cacheStats,
  circuit,
  circuitList,
  circuitParams,
  keyParams,
  problem,
  removed,
  type RequestSchemas,
} from '../schemas.ts';
import { resultValue } from '../../domain/execution.ts';
import { isoTime, toCacheStats, toCircuit, toWire } from '../wire.ts';
import { fit, fitEach } from '../zod-adapter.ts';

export interface CacheRoutesOptions {
  engine: Engine;
  requests: RequestSchemas;
  now: () => number;
}

const errors = { '4xx': problem, '5xx': problem };

export function cacheRoutes(app: FastifyInstance, { engine, requests, now }: CacheRoutesOptions): void {
  const tags = ['cache'];

  app.route({
    method: 'GET',
    url: '/v1/cache',
    config: { access: 'read' },
    schema: { summary: 'Statistics of the cache', tags, response: { 200: cacheStats, ...errors } },
    handler: async () => toCacheStats(engine.cacheStats()),
  });

  app.route<{ Params: z.infer<typeof keyParams> }>({
    method: 'GET',
    url: '/v1/cache/:key',
    config: { access: 'read' },
    schema: {
      summary: 'A kept result of your own',
      tags,
      params: keyParams,
      response: { 200: cacheEntry, ...errors },
    },
    async handler({ params, caller }) {
      const entry = engine.cacheEntry(caller, params.key);
      if (entry === null)
        throw new RefusedError('cache_entry_not_found', `Nothing is kept under ${params.key}.`);
      const { key, operation, runId, result, storedAt, expiresAt } = entry;
      return {
        ...{ key, operation, run_id: runId, result: resultValue(result), stored_at: isoTime(storedAt) },
        age_s: Math.max(0, (now() - storedAt) / 1000),
        ttl_s: expiresAt === null ? null : Math.max(0, (expiresAt - now()) / 1000),
      };
    },
  });

  app.route<{ Querystring: z.infer<typeof cacheFilter> }>({
    method: 'DELETE',
    url: '/v1/cache',
    config: { access: 'submit' },
    schema: {
      summary: 'Forget kept results: your own, all or by key or operation',
      tags,
      querystring: cacheFilter,
      response: { 200: removed, ...errors },
    },
    async handler(request) {
      const { key, operation } = request.query;
      return { removed: engine.forget({ userId: whose(request), key, operation }) };
    },
  });

  app.route<{ Body: { executions: unknown[] } }>({
    method: 'POST',
    url: '/v1/cache/warm',
    config: { access: 'submit' },
    schema: {
      summary: 'Run executions to fill the cache',
      tags,
      body: requests.warm,
      response: { 200: batchAnswer, ...errors },
    },
    async handler({ body, caller }) {
      const checked = fitEach(body.executions, (item, i) => warming(requests, item, i));
      const wanted = checked.flatMap((one) => (one instanceof RefusedError ? [] : [one]));
      const submissions = wanted.map((spec) => ({ spec, trace: null, idempotency: null, rerunOf: null }));
      const answers = await engine.submitAll(caller, submissions);
      const items = checked.map((one) =>
        one instanceof RefusedError ? one : (answers.shift() as Submitted | RefusedError),
      );
      return {
        items: await Promise.all(
          items.map(async (one) => {
            if (one instanceof RefusedError) {
              const refusal = toProblem(one);
              return { status: refusal.status, problem: refusal };
            }
            const execution = toWire(await engine.get(caller, one.execution.id), null);
            return { status: 202, execution, replayed: false };
          }),
        ),
      };
    },
  });
}

/** A spec whose result is to be made anew and kept. */
function warming(requests: RequestSchemas, item: unknown, i: number): Spec | RefusedError {
  const fitted = fit(requests.spec, item, 'body', ['executions', i]);
  if ('error' in fitted) return fitted.error;
  const spec = fitted.value;
  if (spec.cache === undefined && spec.kind !== 'operation') {
    const fields = [
      { field: `/executions/${i}/cache`, message: 'is required: it says for whom and how long' },
    ];
    return new RefusedError('validation', 'What is to be kept needs a cache block.', { fields });
  }
  return { ...spec, cache: { ...spec.cache, mode: 'refresh' } };
}

/** Whose entries are meant; undefined is everybody's. Only administrators may mean others'. */
function whose({
  query,
  caller,
}: FastifyRequest<{ Querystring: z.infer<typeof cacheFilter> }>): string | undefined {
  const isOthers = query.all !== undefined || (query.user !== undefined && query.user !== caller.userId);
  if (isOthers && !caller.scopes.has('admin')) {
    throw new RefusedError('forbidden', 'This needs the scope "admin".');
  }
  return query.all === undefined ? (query.user ?? caller.userId) : undefined;
}

export function circuitRoutes(app: FastifyInstance, { engine }: Pick<CacheRoutesOptions, 'engine'>): void {
  const tags = ['circuits'];

  app.route({
    method: 'GET',
    url: '/v1/circuits',
    config: { access: 'read' },
    schema: { summary: 'Circuits that have been used', tags, response: { 200: circuitList, ...errors } },
    handler: async () => ({ items: engine.circuits().map(toCircuit) }),
  });

  app.route<{ Params: z.infer<typeof circuitParams> }>({
    method: 'POST',
    url: '/v1/circuits/:name/reset',
    config: { access: 'admin' },
    schema: {
      summary: 'Close a circuit',
      tags,
      params: circuitParams,
      response: { 200: circuit, ...errors },
    },
    async handler({ params }) {
      const view = engine.resetCircuit(params.name);
      if (view === null) throw new RefusedError('circuit_not_found', `There is no circuit ${params.name}.`);
      return toCircuit(view);
    },
  });
}
