// Submitting an execution: for good, as a trial, and again.
import type { FastifyInstance } from 'fastify';
import { RefusedError } from '../../domain/errors.ts';
import type { Spec } from '../../domain/spec/spec.ts';
import type { Engine } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { shortly } from '../edge/audit.ts';
import { idempotencyOf } from '../edge/idempotency.ts';
import { KnownBodies } from '../edge/known-bodies.ts';
import { readTraceparent } from '../edge/request-headers.ts';
import { knowing } from '../edge/zod-adapter.ts';
import { ACCEPT_HEADERS, ACCEPT_REFUSALS, type AgainBody, againBody } from './accepting.ts';
import { toDryRun } from './dry-run-wire.ts';
import { accepted, type ExecutionAnswers } from './execution-answers.ts';
import { oneExecution, type Params } from './one-execution.ts';
import { dryRun, type RequestSchemas, submitQuery } from './schemas.ts';

export interface SubmitRoutesOptions {
  engine: Engine;
  requests: RequestSchemas;
  answers: ExecutionAnswers;
}

export function submitRoute(app: FastifyInstance, { engine, requests, answers }: SubmitRoutesOptions): void {
  const knownBodies = new KnownBodies();
  app.route<{ Body: Spec }>({
    method: 'POST',
    url: '/v1/executions',
    config: { access: 'submit', headers: ACCEPT_HEADERS, refuses: ACCEPT_REFUSALS, knownBodies },
    validatorCompiler: knowing(knownBodies) as never,
    schema: {
      operationId: 'submitExecution',
      summary: 'Submit an execution',
      description:
        'execd stores the execution before it responds, and runs it as soon as a slot is free. Send an Idempotency-Key to be able to repeat the request safely.',
      tags: ['executions'],
      querystring: submitQuery,
      body: requests.spec,
      response: accepted,
    },
    async handler(request, reply) {
      const idempotency = idempotencyOf(request, () => request.body);
      const trace = readTraceparent(request.headers.traceparent);
      const isRepeated = knownBodies.has(request.body);
      request.auditFacts = { what: shortly(request.body) };
      const submission = { spec: request.body, trace, idempotency, rerunOf: null, isRepeated };
      const submitted = await engine.submit(request.caller, submission);
      if (!isRepeated) knownBodies.learn(request, request.body);
      return answers.acceptedBody(request, reply, submitted);
    },
  });
}

export function dryRunRoute(app: FastifyInstance, { engine, requests }: SubmitRoutesOptions): void {
  app.route<{ Body: Spec }>({
    method: 'POST',
    url: '/v1/executions/dry-run',
    config: { access: 'submit' },
    schema: {
      operationId: 'dryRunExecution',
      summary: 'Try an execution without submitting it',
      description:
        'Returns whether execd would accept the request now, how it would begin, the policy that would apply, its cache key and its cost. execd stores and runs nothing.',
      tags: ['executions'],
      body: requests.spec,
      response: { 200: json('The effect of the request.', dryRun) },
    },
    async handler(request, reply) {
      if (request.headers['idempotency-key'] !== undefined) {
        const why = 'A dry run stores nothing: send it without the header Idempotency-Key.';
        throw new RefusedError('invalid_idempotency_key', why);
      }
      request.auditFacts = { what: shortly(request.body), dry_run: true };
      const submission = { spec: request.body, trace: null, idempotency: null, rerunOf: null };
      return reply.send(toDryRun(request.body, await engine.dryRun(request.caller, submission)));
    },
  });
}

export function rerunRoute(app: FastifyInstance, { engine, answers }: SubmitRoutesOptions): void {
  app.route<Params & { Body: AgainBody }>({
    method: 'POST',
    url: '/v1/executions/:id/rerun',
    config: { access: 'submit', headers: ACCEPT_HEADERS, refuses: [409, ...ACCEPT_REFUSALS] },
    schema: {
      ...oneExecution,
      operationId: 'rerunExecution',
      summary: 'Run an execution again',
      description:
        'Submits a new execution with the spec of a finished one; of an operation or a plan, with changed `params`.',
      body: againBody,
      response: accepted,
    },
    async handler(request, reply) {
      const { id } = request.params;
      const { params = null } = request.body;
      const submitted = await engine.rerun(request.caller, id, {
        params,
        trace: readTraceparent(request.headers.traceparent),
        idempotency: idempotencyOf(request, () => ({ rerun_of: id, ...request.body })),
      });
      return answers.acceptedBody(request, reply, submitted);
    },
  });
}
