// Plans: submit, check, read, list, run again.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isFinished } from '../../domain/execution.ts';
import { type PlanDraft, planRequest } from '../../domain/plan.ts';
import type { Engine, PlanView, Submitted } from '../../engine/engine.ts';
import { matchesEtag, preferredWait, readTraceparent } from '../headers.ts';
import { idempotencyOf } from '../idempotency.ts';
import { acceptedFacts } from '../plugins/audit.ts';
import { cursorAfter, readCursor, toFilter } from '../listing.ts';
import { plan, planList, planReport } from '../plan-schemas.ts';
import { planEtag, toPlanWire } from '../plan-wire.ts';
import {
  idParams,
  MAX_WAIT_S,
  planGetQuery,
  planListQuery,
  problem,
  type RequestSchemas,
} from '../schemas.ts';
import type { z } from 'zod';
import { ACCEPT_HEADERS, FIRST_LOOK_S } from './executions.ts';

const BODY_BYTES = 16 * 1024 * 1024;
/** Of all objects of a plan together. */
const MAX_MEMBERS = 500_000;

interface Params {
  Params: z.infer<typeof idParams>;
}

export function planRoutes(
  app: FastifyInstance,
  { engine, requests }: { engine: Engine; requests: RequestSchemas },
): void {
  const { plans } = engine;
  const errors = { '4xx': problem, '5xx': problem };
  const oneOf = { params: idParams, tags: ['plans'] };
  const accepts = {
    bodyLimit: BODY_BYTES,
    config: { access: 'submit', headers: ACCEPT_HEADERS, maxMembers: MAX_MEMBERS },
  } as const;

  function send(reply: FastifyReply, view: PlanView, hasSteps: boolean): FastifyReply {
    reply.header('etag', planEtag(view)).type('application/json; charset=utf-8');
    return reply.send(JSON.stringify(toPlanWire(view, hasSteps)));
  }

  async function sendAccepted(
    request: FastifyRequest,
    reply: FastifyReply,
    submitted: Submitted,
  ): Promise<FastifyReply> {
    const { id, spec } = submitted.execution;
    request.auditFacts = acceptedFacts(spec, submitted.execution, submitted.isReplay);
    const waitS = preferredWait(request.headers.prefer as string | undefined, MAX_WAIT_S);
    if (waitS !== null) {
      await engine.wait(request.caller, id, { until: 'finished' }, waitS * 1000, request.signal);
      reply.header('preference-applied', `wait=${waitS}`);
    }
    const view = await plans.get(request.caller, id);
    const isDone = isFinished(view.plan);
    if (submitted.isReplay) reply.header('idempotency-replayed', 'true');
    if (!isDone) reply.header('retry-after', FIRST_LOOK_S);
    reply.code(isDone ? 200 : 202).header('location', `/v1/plans/${id}`);
    const { webhookSecret: secret } = submitted;
    if (secret === null) return send(reply, view, true);
    const wire = toPlanWire(view, true);
    // Told here, and never again.
    return reply.send({ ...wire, webhook: wire.webhook === null ? null : { ...wire.webhook, secret } });
  }

  app.route<{ Body: PlanDraft }>({
    method: 'POST',
    url: '/v1/plans',
    ...accepts,
    schema: {
      summary: 'Submit a plan',
      tags: ['plans'],
      body: planRequest,
      response: { 200: plan, 202: plan, ...errors },
    },
    async handler(request, reply) {
      const submitted = await plans.submit(request.caller, request.body, {
        trace: readTraceparent(request.headers.traceparent),
        idempotency: idempotencyOf(request, () => request.body),
      });
      return sendAccepted(request, reply, submitted);
    },
  });

  app.route<{ Body: PlanDraft }>({
    method: 'POST',
    url: '/v1/plans/validate',
    ...accepts,
    config: { access: 'submit', maxMembers: MAX_MEMBERS },
    schema: {
      summary: 'Check a plan without beginning anything: every problem at once',
      tags: ['plans'],
      body: planRequest,
      response: { 200: planReport, ...errors },
    },
    handler: async (request) => {
      const { problems, levels } = await plans.check(request.caller, request.body);
      return { valid: problems.length === 0, problems, levels };
    },
  });

  app.route<{ Querystring: z.output<typeof planListQuery> }>({
    method: 'GET',
    url: '/v1/plans',
    config: { access: 'read' },
    schema: {
      summary: 'List plans, newest first; those that are steps are with their plans',
      tags: ['plans'],
      querystring: planListQuery,
      response: { 200: planList, ...errors },
    },
    async handler(request) {
      const { limit, cursor, ...query } = request.query;
      const filter = {
        ...toFilter(request.caller.userId, { ...query, kind: ['plan'] }),
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
    config: { access: 'read', headers: { 'if-none-match': 'an ETag; unchanged is a 304' } },
    schema: {
      ...oneOf,
      summary: 'Read a plan and how far its steps are, at once or when it has finished',
      querystring: planGetQuery,
      response: { 200: plan, 304: { description: 'It is as If-None-Match says' }, ...errors },
    },
    async handler(request, reply) {
      const { caller, params, query } = request;
      await plans.own(caller, params.id);
      if (query.wait !== undefined)
        await engine.wait(caller, params.id, { until: 'finished' }, query.wait * 1000, request.signal);
      const view = await plans.get(caller, params.id);
      const etag = planEtag(view);
      if (matchesEtag(request.headers['if-none-match'], etag))
        return reply.code(304).header('etag', etag).send();
      return send(reply, view, query.steps !== 'false');
    },
  });

  app.route<Params & { Body: z.output<RequestSchemas['cancel']> }>({
    method: 'POST',
    url: '/v1/plans/:id/cancel',
    config: { access: 'cancel' },
    schema: {
      ...oneOf,
      summary: 'Cancel a plan and all that lives of it',
      body: requests.cancel,
      response: { 200: plan, 202: plan, ...errors },
    },
    async handler(request, reply) {
      const { caller, params, body } = request;
      await plans.own(caller, params.id);
      await engine.cancel(caller, params.id, body.reason ?? null, body.grace_ms ?? null);
      const view = await plans.get(caller, params.id);
      return send(reply.code(isFinished(view.plan) ? 200 : 202), view, true);
    },
  });

  for (const again of ['rerun', 'redrive'] as const) {
    app.route<Params>({
      method: 'POST',
      url: `/v1/plans/:id/${again}`,
      config: { access: 'submit', headers: ACCEPT_HEADERS },
      schema: {
        ...oneOf,
        summary:
          again === 'rerun'
            ? 'Submit the whole plan again'
            : 'Submit a plan that takes over the completed steps of a failed one, and runs the others',
        response: { 200: plan, 202: plan, ...errors },
      },
      async handler(request, reply) {
        const { id } = request.params;
        const submitted = await plans[again](request.caller, id, {
          trace: readTraceparent(request.headers.traceparent),
          idempotency: idempotencyOf(request, () => ({ [`${again}_of`]: id })),
        });
        return sendAccepted(request, reply, submitted);
      },
    });
  }

  app.route<Params>({
    method: 'DELETE',
    url: '/v1/plans/:id',
    config: { access: 'cancel' },
    schema: {
      ...oneOf,
      summary: 'Remove a finished plan with its steps and their logs',
      response: { 204: { description: 'Removed' }, ...errors },
    },
    async handler(request, reply) {
      await plans.own(request.caller, request.params.id);
      await engine.remove(request.caller, request.params.id);
      return reply.code(204).send();
    },
  });
}
