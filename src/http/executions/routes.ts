// Executions: submit, read, list, change, cancel, run again, remove.
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { type FieldProblem, RefusedError } from '../../domain/errors.ts';
import { isFinished } from '../../domain/execution/execution.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Engine } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { matchesEtag } from '../edge/request-headers.ts';
import { batchRoute } from './batch-route.ts';
import { ExecutionAnswers } from './execution-answers.ts';
import { bulkCancelRoute, listRoute } from './many-routes.ts';
import { oneExecution, type Params } from './one-execution.ts';
import type { ProgressReader } from './progress.ts';
import { execution, getQuery, type RequestSchemas, stepResult } from './schemas.ts';
import { dryRunRoute, rerunRoute, submitRoute } from './submit-routes.ts';
import { etagOf, toStepResult } from './wire.ts';

export interface ExecutionRoutesOptions {
  engine: Engine;
  requests: RequestSchemas;
  logPath: (runId: string, attempt: number) => string;
  clock: Clock;
  /** How far what runs is. */
  reader: ProgressReader;
}

interface RouteOptions {
  engine: Engine;
  requests: RequestSchemas;
  answers: ExecutionAnswers;
  reader: ProgressReader;
}

export function executionRoutes(app: FastifyInstance, options: ExecutionRoutesOptions): void {
  const { engine, requests, reader } = options;
  const own: RouteOptions = { engine, requests, reader, answers: new ExecutionAnswers(options) };
  // In the order in which the API document shows them.
  submitRoute(app, own);
  dryRunRoute(app, own);
  batchRoute(app, own);
  listRoute(app, own);
  readRoutes(app, own);
  changeRoutes(app, own);
  bulkCancelRoute(app, own);
  rerunRoute(app, own);
  removeRoute(app, own);
}

function readRoutes(app: FastifyInstance, { engine, answers, reader }: RouteOptions): void {
  app.route<Params & { Querystring: z.output<typeof getQuery> }>({
    method: 'GET',
    url: '/v1/executions/:id',
    config: { access: 'read', headers: ['IfNoneMatch'], refuses: [410, 429] },
    schema: {
      ...oneExecution,
      operationId: 'getExecution',
      summary: 'Get an execution',
      description:
        'Responds at once, or with `wait` when the execution has finished, or when its revision is greater than `after_revision`. When the time is over, the response is the current execution.',
      querystring: getQuery,
      response: {
        200: json('The execution.', execution, { headers: ['ETag'] }),
        304: { description: 'The execution has not changed since `If-None-Match`.', headers: ['ETag'] },
      },
    },
    async handler(request, reply) {
      const { caller, params, query } = request;
      const { wait, after_revision: after } = query;
      if (after !== undefined && wait === undefined) {
        const fields: FieldProblem[] = [{ field: '?after_revision', message: 'requires wait' }];
        throw new RefusedError('validation', '?after_revision: requires wait', { fields });
      }
      const until =
        after === undefined ? ({ until: 'finished' } as const) : ({ until: 'revision', after } as const);
      const view =
        wait === undefined
          ? await engine.get(caller, params.id)
          : await engine.wait(caller, params.id, until, wait * 1000, request.signal);
      const etag = etagOf(view);
      if (matchesEtag(request.headers['if-none-match'], etag))
        return reply.code(304).header('etag', etag).send();
      const progress = await reader.of(caller, view);
      return answers.polledBody(request, reply, { view: { ...view, progress }, etag });
    },
  });

  app.route<Params>({
    method: 'GET',
    url: '/v1/executions/:id/result',
    config: { access: 'read', refuses: [410] },
    schema: {
      ...oneExecution,
      operationId: 'getExecutionResult',
      summary: 'Get the result of an execution',
      description: 'Returns the result in short, in every state. Its `result` is null until the end.',
      response: { 200: json('The result.', stepResult) },
    },
    handler: async ({ caller, params }) => toStepResult(await engine.get(caller, params.id)),
  });
}

function changeRoutes(app: FastifyInstance, { engine, requests, answers }: RouteOptions): void {
  app.route<Params & { Body: z.output<RequestSchemas['patch']> }>({
    method: 'PATCH',
    url: '/v1/executions/:id',
    config: { access: 'submit', refuses: [409, 410] },
    schema: {
      ...oneExecution,
      operationId: 'updateExecution',
      summary: 'Change an execution that has not finished',
      description:
        'Changes the priority, or extends time limits. You cannot shorten a limit, or set one that is off.',
      body: requests.patch,
      response: { 200: json('The execution.', execution, { headers: ['ETag'] }) },
    },
    async handler(request, reply) {
      const { priority = null, timeouts = null } = request.body;
      return answers.bodyOf(
        request,
        reply,
        await engine.patch(request.caller, request.params.id, { priority, timeouts }),
      );
    },
  });

  app.route<Params & { Body: z.output<RequestSchemas['cancel']> }>({
    method: 'POST',
    url: '/v1/executions/:id/cancel',
    config: { access: 'cancel', refuses: [410] },
    schema: {
      ...oneExecution,
      operationId: 'cancelExecution',
      summary: 'Cancel an execution',
      description:
        'A waiting execution ends at once. A running one gets the stop signal, and SIGKILL after the grace; its status becomes `cancelled` when all of its processes have ended. An execution that has finished does not change.',
      body: requests.cancel,
      response: {
        200: json('It has finished.', execution, { headers: ['ETag'] }),
        202: json('execd is stopping it.', execution, { headers: ['ETag'] }),
      },
    },
    async handler(request, reply) {
      const { reason = null, grace_ms: graceMs = null } = request.body;
      const view = await engine.cancel(request.caller, request.params.id, reason, graceMs);
      return answers.bodyOf(request, reply.code(isFinished(view.execution) ? 200 : 202), view);
    },
  });
}

function removeRoute(app: FastifyInstance, { engine }: RouteOptions): void {
  app.route<Params>({
    method: 'DELETE',
    url: '/v1/executions/:id',
    config: { access: 'cancel', refuses: [409, 410] },
    schema: {
      ...oneExecution,
      operationId: 'deleteExecution',
      summary: 'Remove an execution and its log',
      description: 'Removes an execution that has finished. Cancel a running one first.',
      response: { 204: { description: 'Removed.' } },
    },
    async handler(request, reply) {
      await engine.remove(request.caller, request.params.id);
      return reply.code(204).send();
    },
  });
}
