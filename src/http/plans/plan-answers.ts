// Plans as a client gets them: one that was read, and one that was accepted.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { isFinished } from '../../domain/execution/execution.ts';
import type { Engine, Submitted } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { acceptedFacts } from '../edge/audit.ts';
import { preferredWait } from '../edge/request-headers.ts';
import { MAX_WAIT_S } from '../edge/schemas.ts';
import { FIRST_LOOK_S } from '../executions/accepting.ts';
import { plan, type planGetQuery, type planSubmitQuery } from './plan-schemas.ts';
import { planEtag, toPlanWire } from './plan-wire.ts';
import type { PlanWithPercents } from './step-progress.ts';

const ACCEPTED = [
  ...(['Location', 'ETag', 'RetryAfter', 'IdempotencyReplayed', 'PreferenceApplied'] as const),
  ...(['RateLimit', 'RateLimitPolicy'] as const),
];
const LINKS = {
  read: { operationId: 'getPlan', parameters: { id: '$response.body#/id' } },
  log: { operationId: 'getPlanLog', parameters: { id: '$response.body#/id' } },
  cancel: { operationId: 'cancelPlan', parameters: { id: '$response.body#/id' } },
};
/** What a submission answers. */
export const accepted = {
  200: json('It has finished while `Prefer: wait` waited.', plan, {
    headers: ACCEPTED.filter((name) => name !== 'RetryAfter'),
  }),
  202: json('It was accepted, and has not finished.', plan, { headers: ACCEPTED, links: LINKS }),
};

export class PlanAnswers {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async send(
    reply: FastifyReply,
    view: PlanWithPercents,
    { steps, results }: z.output<typeof planGetQuery> = {},
  ): Promise<FastifyReply> {
    reply.header('etag', planEtag(view)).type('application/json; charset=utf-8');
    const found = results === true ? await this.#engine.plans.results(view) : null;
    return reply.send(JSON.stringify(toPlanWire(view, steps !== false, found)));
  }

  async sendAccepted(
    request: FastifyRequest,
    reply: FastifyReply,
    submitted: Submitted,
    query: z.output<typeof planSubmitQuery> = {},
  ): Promise<FastifyReply> {
    const { id, spec } = submitted.execution;
    request.auditFacts = acceptedFacts(spec, submitted.execution, submitted.isReplay);
    const waitS = preferredWait(request.headers.prefer as string | undefined, MAX_WAIT_S);
    if (waitS !== null) {
      await this.#engine.wait(request.caller, id, { until: 'finished' }, waitS * 1000, request.signal);
      reply.header('preference-applied', `wait=${waitS}`);
    }
    const view = await this.#engine.plans.get(request.caller, id);
    const isDone = isFinished(view.plan);
    if (submitted.isReplay) reply.header('idempotency-replayed', 'true');
    if (!isDone) reply.header('retry-after', FIRST_LOOK_S);
    reply.code(isDone ? 200 : 202).header('location', `/v1/plans/${id}`);
    const { webhookSecret: secret } = submitted;
    if (secret === null) return this.send(reply, view, query);
    const wire = toPlanWire(view, true);
    // Told here, and never again.
    return reply.send({ ...wire, webhook: wire.webhook === null ? null : { ...wire.webhook, secret } });
  }
}
