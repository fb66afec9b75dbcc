// Signals to plans, and approvals.
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { LinkClaims } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { idempotencyOf } from '../edge/idempotency.ts';
import { isoTime } from '../edge/times.ts';
import { linkRoutes } from './link-routes.ts';
import type { WaitRoutesOptions } from './options.ts';
import {
  approvalList,
  approvalParams,
  approvalShown,
  DEFAULT_LINK_S,
  type DecisionRequest,
  decisionRequest,
  linksBody,
  type linksRequest,
  linksShown,
  plainParams,
  signalBody,
  signalList,
  signalParams,
  type signalRequest,
  signalShown,
} from './wait-schemas.ts';
import { toApprovalWire, toSignalWire } from './wait-wire.ts';

interface OfSignal {
  Params: z.infer<typeof signalParams>;
}
interface OfApproval {
  Params: z.infer<typeof approvalParams>;
}
const tags = ['plans'];

export async function waitRoutes(app: FastifyInstance, options: WaitRoutesOptions): Promise<void> {
  signalRoutes(app, options);
  approvalRoutes(app, options);
  decisionRoutes(app, options);
  await linkRoutes(app, options);
}

function signalRoutes(app: FastifyInstance, { engine: { waits } }: WaitRoutesOptions): void {
  app.route<OfSignal & { Body: z.output<typeof signalRequest> }>({
    method: 'POST',
    url: '/v1/plans/:id/signals/:name',
    config: { access: 'submit', headers: ['IdempotencyKey'], refuses: [409, 422, 429] },
    schema: {
      operationId: 'sendSignal',
      summary: 'Send a signal to a plan',
      description:
        'Ends each step of the plan that waits for the signal; its payload becomes their value. If no step waits for it, execd keeps it for the next step that does. With an `Idempotency-Key`, a repeated signal is the first one.',
      tags,
      params: signalParams,
      body: signalBody,
      response: { 202: json('Stored.', signalShown, { headers: ['IdempotencyReplayed'] }) },
    },
    async handler(request, reply) {
      const { id: planId, name } = request.params;
      request.auditFacts = { signal: name };
      const key = idempotencyOf(request, () => null)?.key;
      const value = request.body.payload ?? null;
      const sent = { name, value, id: key ?? randomUUID() };
      const { signal, isReplay } = await waits.signal(request.caller, planId, sent);
      if (isReplay) reply.header('idempotency-replayed', 'true');
      return reply.code(202).send(toSignalWire(signal));
    },
  });

  app.route<{ Params: z.infer<typeof plainParams> }>({
    method: 'GET',
    url: '/v1/plans/:id/signals',
    config: { access: 'read' },
    schema: {
      operationId: 'listSignals',
      summary: 'List the signals of a plan',
      description: 'Lists the signals of a plan, and the steps that they ended.',
      tags,
      params: plainParams,
      response: { 200: json('All of them.', signalList) },
    },
    async handler({ caller, params }) {
      return { items: (await waits.signals(caller, params.id)).map(toSignalWire) };
    },
  });
}

function approvalRoutes(app: FastifyInstance, { engine: { waits }, clock }: WaitRoutesOptions): void {
  app.route({
    method: 'GET',
    url: '/v1/approvals',
    config: { access: 'read' },
    schema: {
      operationId: 'listApprovals',
      summary: 'List approvals that wait for your decision',
      description:
        'Lists the approvals on which you may decide and have not yet, also in plans of other users.',
      tags,
      response: { 200: json('The oldest first.', approvalList) },
    },
    async handler({ caller }) {
      const views = await waits.open(caller);
      return { items: views.map((view) => toApprovalWire(view, clock.now())) };
    },
  });

  app.route<OfApproval>({
    method: 'GET',
    url: '/v1/plans/:id/approvals/:step',
    config: { access: 'read' },
    schema: {
      operationId: 'getApproval',
      summary: 'Get an approval',
      description:
        'Returns the approval that a step waits for, with its decisions. The user of the plan and those who may decide see it.',
      tags,
      params: approvalParams,
      response: { 200: json('The approval.', approvalShown) },
    },
    async handler({ caller, params }) {
      return toApprovalWire(await waits.approval(caller, params.id, params.step), clock.now());
    },
  });
}

function decisionRoutes(
  app: FastifyInstance,
  { engine: { waits }, clock, links, publicUrl }: WaitRoutesOptions,
): void {
  app.route<OfApproval & { Body: DecisionRequest }>({
    method: 'POST',
    url: '/v1/plans/:id/approvals/:step',
    config: { access: 'submit', refuses: [403, 409] },
    schema: {
      operationId: 'decide',
      summary: 'Approve or reject',
      description:
        'Decides on an approval as you. One rejection ends it; approvals end it when there are as many as it requires.',
      tags,
      params: approvalParams,
      body: decisionRequest,
      response: { 200: json('The approval with your decision.', approvalShown) },
    },
    async handler(request) {
      const { caller, params, body } = request;
      request.auditFacts = { step: params.step, decision: body.decision };
      const decided = { decision: body.decision, comment: body.comment ?? null };
      return toApprovalWire(await waits.decide(caller, params.id, params.step, decided), clock.now());
    },
  });

  app.route<OfApproval & { Body: z.output<typeof linksRequest> }>({
    method: 'POST',
    url: '/v1/plans/:id/approvals/:step/links',
    config: { access: 'submit', refuses: [403, 409] },
    schema: {
      operationId: 'createDecisionLinks',
      summary: 'Create links for a decision',
      description:
        'Returns two links for a chat message or a mail. Anyone who opens one and presses its button decides as you, without an API key. A user decides once, so the first use counts.',
      tags,
      params: approvalParams,
      body: linksBody,
      response: { 201: json('The links. They are secrets.', linksShown) },
    },
    async handler(request, reply) {
      const { caller, params, body } = request;
      request.auditFacts = { step: params.step };
      const view = await waits.approval(caller, params.id, params.step);
      const user = waits.mayDecide(caller, view);
      const latest = clock.now() + (body.expires_s ?? DEFAULT_LINK_S) * 1000;
      const expiresAt = Math.min(latest, view.expiresAt ?? Infinity);
      const base = publicUrl ?? `${request.protocol}://${request.host}`;
      const link = async (decision: LinkClaims['decision']) => {
        const claims = { executionId: view.wait.id, user, decision, expiresAt };
        return `${base}/v1/approvals/${await links.token(claims)}`;
      };
      const [approve, reject] = [await link('approve'), await link('reject')];
      return reply.code(201).send({ approve, reject, user, expires: isoTime(expiresAt) });
    },
  });
}
