// Plans: submit, check, read, list, run again.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { kindsOf } from '../../domain/kinds.ts';
import { isFinished } from '../../domain/execution/execution.ts';
import { type PlanDraft, planRequest } from '../../domain/spec/plan.ts';
import type { Engine } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { bodyHash, idempotencyOf } from '../edge/idempotency.ts';
import { cursorAfter, readCursor, toFilter } from '../edge/listing.ts';
import { matchesEtag, readTraceparent } from '../edge/request-headers.ts';
import { idParams } from '../edge/schemas.ts';
import { ACCEPT_HEADERS, ACCEPT_REFUSALS, type AgainBody, againBody } from '../executions/accepting.ts';
import type { ProgressReader } from '../executions/progress.ts';
import type { RequestSchemas } from '../executions/schemas.ts';
import { withStepProgress } from './step-progress.ts';
import { accepted, PlanAnswers } from './plan-answers.ts';
import { plan, planGetQuery, planList, planListQuery, planReport, planSubmitQuery } from './plan-schemas.ts';
import { planEtag, toPlanWire } from './plan-wire.ts';

const BODY_BYTES = 16 * 1024 * 1024;
/** Of all objects of a plan together. */
const MAX_MEMBERS = 500_000;

interface Params {
  Params: z.infer<typeof idParams>;
}

const AGAIN = {
  rerun: {
    operationId: 'rerunPlan',
    summary: 'Run a plan again',
    description: 'Submits a new plan with all steps of a finished one.',
  },
  redrive: {
    operationId: 'redrivePlan',
    summary: 'Run the rest of a plan that did not complete',
    description: 'Submits a new plan that keeps the completed steps of a finished one, and runs the others.',
  },
} as const;

const oneOf = { params: idParams, tags: ['plans'] };
const accepts = {
  bodyLimit: BODY_BYTES,
  config: { access: 'submit', headers: ACCEPT_HEADERS, refuses: ACCEPT_REFUSALS, maxMembers: MAX_MEMBERS },
} as const;

interface RouteOptions {
  engine: Engine;
  answers: PlanAnswers;
  reader: ProgressReader;
}

export function planRoutes(
  app: FastifyInstance,
  { engine, reader, requests }: { engine: Engine; reader: ProgressReader; requests: RequestSchemas },
): void {
  const own: RouteOptions = { engine, reader, answers: new PlanAnswers(engine) };
  // In the order in which the API document shows them.
  submitRoutes(app, own);
  readRoutes(app, own);
  cancelRoute(app, { ...own, requests });
  againRoutes(app, own);
  removeRoute(app, own);
}

/** By the header, else by the client's id of the plan, which is a key among plans. */
function identityOf(request: FastifyRequest<{ Body: PlanDraft }>): ReturnType<typeof idempotencyOf> {
  const { id } = request.body;
  const ofHeader = idempotencyOf(request, () => request.body);
  if (ofHeader !== null || id === undefined) return ofHeader;
  return { key: `plan:${id}`, bodyHash: bodyHash(request.body) };
}

function submitRoutes(app: FastifyInstance, { engine: { plans }, answers }: RouteOptions): void {
  app.route<{ Body: PlanDraft; Querystring: z.output<typeof planSubmitQuery> }>({
    method: 'POST',
    url: '/v1/plans',
    ...accepts,
    schema: {
      operationId: 'submitPlan',
      summary: 'Submit a plan',
      description:
        'execd checks the whole plan, stores it before it responds, and runs its steps by the strategy. Each step is an execution of its own.',
      tags: ['plans'],
      querystring: planSubmitQuery,
      body: planRequest,
      response: accepted,
    },
    async handler(request, reply) {
      const submitted = await plans.submit(request.caller, request.body, {
        trace: readTraceparent(request.headers.traceparent),
        idempotency: identityOf(request),
      });
      return answers.sendAccepted(request, reply, submitted, request.query);
    },
  });

  app.route<{ Body: PlanDraft }>({
    method: 'POST',
    url: '/v1/plans/validate',
    ...accepts,
    config: { access: 'submit', maxMembers: MAX_MEMBERS },
    schema: {
      operationId: 'validatePlan',
      summary: 'Check a plan without submitting it',
      description: 'Returns every problem of the plan. execd stores and runs nothing.',
      tags: ['plans'],
      body: planRequest,
      response: { 200: json('The result of the check.', planReport) },
    },
    handler: async (request) => {
      const { problems, levels } = await plans.check(request.caller, request.body);
      return { valid: problems.length === 0, problems, levels };
    },
  });
}

function readRoutes(app: FastifyInstance, { engine, answers, reader }: RouteOptions): void {
  const { plans } = engine;
  app.route<{ Querystring: z.output<typeof planListQuery> }>({
    method: 'GET',
    url: '/v1/plans',
    config: { access: 'read' },
    schema: {
      operationId: 'listPlans',
      summary: 'List plans, newest first',
      description: 'Lists your plans that match all filters, without plans that are steps of other plans.',
      tags: ['plans'],
      querystring: planListQuery,
      response: { 200: json('A page.', planList) },
    },
    async handler(request) {
      const { limit, cursor, ...query } = request.query;
      const filter = {
        ...toFilter(request.caller.userId, { ...query, kind: kindsOf('steps') }),
        isRoot: true as const,
      };
      const after = cursor === undefined ? null : readCursor(cursor, filter);
      const { views, next } = await plans.list(filter, limit, after);
      return {
        items: views.map((view) => toPlanWire(view, false)),
        next_cursor: next === null ? null : cursorAfter(next, filter),
      };
    },
  });

  app.route<Params & { Querystring: z.output<typeof planGetQuery> }>({
    method: 'GET',
    url: '/v1/plans/:id',
    config: { access: 'read', headers: ['IfNoneMatch'], refuses: [410, 429] },
    schema: {
      ...oneOf,
      operationId: 'getPlan',
      summary: 'Get a plan and the state of its steps',
      description:
        'Responds at once, or with `wait` when the plan has finished. When the time is over, the response is the current plan.',
      querystring: planGetQuery,
      response: {
        200: json('The plan.', plan, { headers: ['ETag'] }),
        304: { description: 'The plan has not changed since `If-None-Match`.', headers: ['ETag'] },
      },
    },
    async handler(request, reply) {
      const { caller, params, query } = request;
      await plans.own(caller, params.id);
      if (query.wait !== undefined)
        await engine.wait(caller, params.id, { until: 'finished' }, query.wait * 1000, request.signal);
      const view = await withStepProgress(caller, await plans.get(caller, params.id), { engine, reader });
      const etag = planEtag(view);
      if (matchesEtag(request.headers['if-none-match'], etag))
        return reply.code(304).header('etag', etag).send();
      return answers.send(reply, view, query);
    },
  });
}

function cancelRoute(
  app: FastifyInstance,
  { engine, answers, requests }: RouteOptions & { requests: RequestSchemas },
): void {
  const { plans } = engine;
  app.route<Params & { Body: z.output<RequestSchemas['cancel']> }>({
    method: 'POST',
    url: '/v1/plans/:id/cancel',
    config: { access: 'cancel', refuses: [410] },
    schema: {
      ...oneOf,
      operationId: 'cancelPlan',
      summary: 'Cancel a plan',
      description: 'Cancels the plan and each of its steps that has not finished.',
      body: requests.cancel,
      response: {
        200: json('It has finished.', plan, { headers: ['ETag'] }),
        202: json('execd is stopping it.', plan, { headers: ['ETag'] }),
      },
    },
    async handler(request, reply) {
      const { caller, params, body } = request;
      await plans.own(caller, params.id);
      await engine.cancel(caller, params.id, body.reason ?? null, body.grace_ms ?? null);
      const view = await plans.get(caller, params.id);
      return answers.send(reply.code(isFinished(view.plan) ? 200 : 202), view);
    },
  });
}

function againRoutes(app: FastifyInstance, { engine: { plans }, answers }: RouteOptions): void {
  for (const again of ['rerun', 'redrive'] as const) {
    app.route<Params & { Body: AgainBody }>({
      method: 'POST',
      url: `/v1/plans/:id/${again}`,
      config: { access: 'submit', headers: ACCEPT_HEADERS, refuses: [409, ...ACCEPT_REFUSALS] },
      schema: { ...oneOf, ...AGAIN[again], body: againBody, response: accepted },
      async handler(request, reply) {
        const { id } = request.params;
        const { params = null } = request.body;
        const submitted = await plans[again](request.caller, id, {
          params,
          trace: readTraceparent(request.headers.traceparent),
          idempotency: idempotencyOf(request, () => ({ [`${again}_of`]: id, ...request.body })),
        });
        return answers.sendAccepted(request, reply, submitted);
      },
    });
  }
}

function removeRoute(app: FastifyInstance, { engine }: RouteOptions): void {
  const { plans } = engine;
  app.route<Params>({
    method: 'DELETE',
    url: '/v1/plans/:id',
    config: { access: 'cancel', refuses: [409, 410] },
    schema: {
      ...oneOf,
      operationId: 'deletePlan',
      summary: 'Remove a plan with its steps and their logs',
      description: 'Removes a plan that has finished. Cancel a running one first.',
      response: { 204: { description: 'Removed.' } },
    },
    async handler(request, reply) {
      await plans.own(request.caller, request.params.id);
      await engine.remove(request.caller, request.params.id);
      return reply.code(204).send();
    },
  });
}
