// The cache of results: what is in it, taking entries out of it, and filling it. Circuits: how they are, and closing them.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { quoted, RefusedError } from '../../domain/errors.ts';
import { sentenceOf } from '../../domain/field-messages.ts';
import { type Execution, isFinished } from '../../domain/execution/execution.ts';
import type { Spec } from '../../domain/spec/spec.ts';
import type { Engine, Submitted } from '../../engine/engine.ts';
import { toProblem } from '../edge/error-handler.ts';
import { preferredWait } from '../edge/request-headers.ts';
import { json } from '../edge/answers.ts';
import { batchAnswer, type RequestSchemas } from '../executions/schemas.ts';
import {
  cacheEntry,
  cacheFilter,
  cacheStats,
  circuit,
  circuitList,
  circuitParams,
  keyParams,
  removed,
} from './cache-schemas.ts';
import { MAX_WAIT_S } from '../edge/schemas.ts';
import { toCacheEntry, toCacheStats, toCircuit } from './cache-wire.ts';
import { toWire } from '../executions/wire.ts';
import { fit, fitEach } from '../edge/zod-adapter.ts';

export interface CacheRoutesOptions {
  engine: Engine;
  requests: RequestSchemas;
  now: () => number;
  warmUps: WarmUps;
}

/** Is told of each execution that is to fill the cache. */
export interface WarmUps {
  watch(execution: Execution): void;
}

/** Results of an answer to a warm-up, characters: of what is beyond, execd shows how it was accepted. */
const ANSWER_BYTES = 8 * 1024 * 1024;

export function cacheRoutes(app: FastifyInstance, options: CacheRoutesOptions): void {
  const { engine, now } = options;
  const tags = ['cache'];

  app.route({
    method: 'GET',
    url: '/v1/cache',
    config: { access: 'read' },
    schema: {
      operationId: 'getCacheStats',
      summary: 'Get statistics of the cache',
      description: 'Returns counters since the start of the server.',
      tags,
      response: { 200: json('The statistics.', cacheStats) },
    },
    handler: async () => toCacheStats(engine.cacheStats()),
  });

  app.route<{ Params: z.infer<typeof keyParams> }>({
    method: 'GET',
    url: '/v1/cache/:key',
    config: { access: 'read' },
    schema: {
      operationId: 'getCacheEntry',
      summary: 'Get a stored result',
      description: 'Returns a result that you can use.',
      tags,
      params: keyParams,
      response: { 200: json('The result.', cacheEntry) },
    },
    async handler({ params, caller }) {
      const entry = engine.cacheEntry(caller, params.key);
      if (entry === null)
        throw new RefusedError(
          'cache_entry_not_found',
          `The cache has no result of yours with the key ${quoted(params.key)}.`,
        );
      return toCacheEntry(entry, now());
    },
  });

  app.route<{ Querystring: z.infer<typeof cacheFilter> }>({
    method: 'DELETE',
    url: '/v1/cache',
    config: { access: 'submit' },
    schema: {
      operationId: 'clearCache',
      summary: 'Remove stored results',
      description: 'Removes your results that match all filters; without filters, all of yours.',
      tags,
      querystring: cacheFilter,
      response: { 200: json('How many were removed.', removed) },
    },
    async handler(request) {
      const { key, operation } = request.query;
      return { removed: engine.forget({ userId: whose(request), key, operation }) };
    },
  });

  warmRoute(app, options);
}

function warmRoute(app: FastifyInstance, { engine, requests, warmUps }: CacheRoutesOptions): void {
  app.route<{ Body: { executions: unknown[] } }>({
    method: 'POST',
    url: '/v1/cache/warm',
    config: { access: 'submit', headers: ['Prefer'] },
    schema: {
      operationId: 'warmCache',
      summary: 'Run executions to fill the cache',
      description:
        'Runs each item whose result is not in the cache; with `cache.mode: "refresh"`, in any case. Each item is accepted or rejected by itself.',
      tags: ['cache'],
      body: requests.warm,
      response: { 200: json('The result of each item.', batchAnswer, { headers: ['PreferenceApplied'] }) },
    },
    async handler(request, reply) {
      const { body, caller } = request;
      const checked = fitEach(body.executions, (item, i) => warming(requests, item, i));
      const wanted = checked.flatMap((one) => (one instanceof RefusedError ? [] : [one]));
      const submissions = wanted.map((spec) => ({ spec, trace: null, idempotency: null, rerunOf: null }));
      const answers = await engine.submitAll(caller, submissions);
      for (const one of answers) if (!(one instanceof RefusedError)) warmUps.watch(one.execution);
      const waitS = preferredWait(request.headers.prefer as string | undefined, MAX_WAIT_S);
      if (waitS !== null) reply.header('preference-applied', `wait=${waitS}`);
      const view = async ({ execution }: Submitted) =>
        waitS === null
          ? engine.get(caller, execution.id)
          : engine.wait(caller, execution.id, { until: 'finished' }, waitS * 1000, request.signal);
      const items = checked.map((one) =>
        one instanceof RefusedError ? one : (answers.shift() as Submitted | RefusedError),
      );
      const views = await Promise.all(
        items.map(async (one) => (one instanceof RefusedError ? one : { now: await view(one), first: one })),
      );
      let room = ANSWER_BYTES;
      return {
        items: await Promise.all(
          views.map(async (one) => {
            if (one instanceof RefusedError) {
              const refusal = toProblem(one);
              return { status: refusal.status, problem: refusal };
            }
            const { execution } = one.now;
            room -= isFinished(execution) ? JSON.stringify(execution.result).length : 0;
            const shown = room > 0 ? one.now : await engine.view(one.first.execution);
            const status = isFinished(shown.execution) ? 200 : 202;
            return { status, execution: toWire(shown, null), replayed: false };
          }),
        ),
      };
    },
  });
}

/** A spec whose result is to be kept. */
function warming(requests: RequestSchemas, item: unknown, i: number): Spec | RefusedError {
  const fitted = fit(requests.spec, item, 'body', ['executions', i]);
  if ('error' in fitted) return fitted.error;
  const spec = fitted.value;
  const { mode } = spec.cache ?? {};
  const problem = (field: string, message: string) => {
    const fields = [{ field: `/executions/${i}/cache${field}`, message }];
    return new RefusedError('validation', sentenceOf(fields), { fields });
  };
  if (spec.cache === undefined && spec.kind !== 'operation')
    return problem('', 'is required, because execd is to store the result');
  if (mode === 'read' || mode === 'bypass')
    return problem('/mode', `is "${mode}", with which execd stores no result; use "read_write" or "refresh"`);
  return { ...spec, cache: spec.cache ?? {} };
}

/** Whose entries are meant; undefined is everybody's. Only administrators may mean others'. */
export function whose({
  query,
  caller,
}: Pick<
  FastifyRequest<{ Querystring: Pick<z.infer<typeof cacheFilter>, 'user' | 'all'> }>,
  'query' | 'caller'
>): string | undefined {
  const isOthers = query.all === true || (query.user !== undefined && query.user !== caller.userId);
  if (isOthers && !caller.scopes.has('admin')) {
    throw new RefusedError(
      'forbidden',
      'This request requires the scope "admin", which the credential does not have.',
    );
  }
  return query.all === true ? undefined : (query.user ?? caller.userId);
}

export function circuitRoutes(app: FastifyInstance, { engine }: Pick<CacheRoutesOptions, 'engine'>): void {
  const tags = ['circuits'];

  app.route({
    method: 'GET',
    url: '/v1/circuits',
    config: { access: 'read' },
    schema: {
      operationId: 'listCircuits',
      summary: 'List circuits',
      description:
        'Lists the circuits that executions and webhooks have used. Only the user of a webhook and administrators see the circuit of its receiver.',
      tags,
      response: { 200: json('All circuits.', circuitList) },
    },
    handler: async ({ caller }) => ({ items: engine.circuits(caller).map(toCircuit) }),
  });

  const change = (
    action: 'reset' | 'isolate',
    words: { operationId: string; summary: string; description: string },
  ): void =>
    void app.route<{ Params: z.infer<typeof circuitParams> }>({
      method: 'POST',
      url: `/v1/circuits/:name/${action}`,
      config: { access: 'admin' },
      schema: {
        ...words,
        tags,
        params: circuitParams,
        response: { 200: json('The circuit.', circuit) },
      },
      async handler({ params }) {
        const view = await engine.changeCircuit(params.name, action);
        if (view === null)
          throw new RefusedError(
            'circuit_not_found',
            `There is no circuit ${quoted(params.name)}. GET /v1/circuits lists all.`,
          );
        return toCircuit(view);
      },
    });
  change('reset', {
    operationId: 'resetCircuit',
    summary: 'Close a circuit',
    description: 'Closes a circuit and forgets its failures.',
  });
  change('isolate', {
    operationId: 'isolateCircuit',
    summary: 'Hold a circuit open',
    description:
      'Rejects all calls of a circuit, without probes and also after a restart, until the circuit is reset.',
  });
}
