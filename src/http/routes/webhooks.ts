// Webhooks: standing subscriptions, and those that executions brought along, with their deliveries.
import type { FastifyInstance } from 'fastify';
import { RefusedError } from '../../domain/errors.ts';
import type { Delivery, DeliveryTry, Webhook, WebhookRequest, Webhooks } from '../../domain/webhooks.ts';
import { eventIdOf } from '../../domain/webhooks.ts';
import { idParams, problem } from '../schemas.ts';
import {
  type CreateWebhook,
  createWebhook,
  deliveriesQuery,
  type DeliveriesQuery,
  delivery,
  deliveryList,
  deliveryParams,
  deliveryTry,
  rotateSecret,
  type RotateSecret,
  webhook,
  webhookList,
  webhookWithSecret,
} from '../webhook-schemas.ts';
import { isoTime } from '../wire.ts';
import type { z } from 'zod';

const errors = { '4xx': problem, '5xx': problem };
const tags = ['webhooks'];

interface One {
  Params: z.infer<typeof idParams>;
}

export function webhookRoutes(app: FastifyInstance, { webhooks }: { webhooks: Webhooks }): void {
  subscriptionRoutes(app, webhooks);
  deliveryRoutes(app, webhooks);
}

function subscriptionRoutes(app: FastifyInstance, webhooks: Webhooks): void {
  app.route<{ Body: CreateWebhook }>({
    method: 'POST',
    url: '/v1/webhooks',
    config: { access: 'submit' },
    schema: {
      summary: 'Be told of your executions',
      tags,
      body: createWebhook,
      response: { 201: webhookWithSecret, ...errors },
    },
    async handler({ body, caller }, reply) {
      const made = await webhooks.create(caller, toRequest(body));
      reply.code(201).header('location', `/v1/webhooks/${made.webhook.id}`);
      return { ...toWire(made.webhook), secret: made.secret };
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/webhooks',
    config: { access: 'read' },
    schema: { summary: 'Your webhooks', tags, response: { 200: webhookList, ...errors } },
    handler: async ({ caller }) => ({ items: (await webhooks.list(caller)).map(toWire) }),
  });

  const one = { tags, params: idParams };
  app.route<One>({
    method: 'GET',
    url: '/v1/webhooks/:id',
    config: { access: 'read' },
    schema: { summary: 'One webhook', ...one, response: { 200: webhook, ...errors } },
    handler: async ({ params, caller }) => toWire(await webhooks.get(caller, params.id)),
  });

  app.route<One>({
    method: 'DELETE',
    url: '/v1/webhooks/:id',
    config: { access: 'submit' },
    schema: {
      summary: 'Remove a webhook and its deliveries',
      ...one,
      response: { 204: { description: 'It is gone' }, ...errors },
    },
    async handler({ params, caller }, reply) {
      await webhooks.remove(caller, params.id);
      return reply.code(204).send();
    },
  });

  for (const [action, isEnabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    app.route<One>({
      method: 'POST',
      url: `/v1/webhooks/:id/${action}`,
      config: { access: 'submit' },
      schema: {
        summary: isEnabled ? 'Deliver again' : 'Deliver nothing; what waits is discarded',
        ...one,
        response: { 200: webhook, ...errors },
      },
      handler: async ({ params, caller }) => toWire(await webhooks.setEnabled(caller, params.id, isEnabled)),
    });
  }

  app.route<One & { Body: RotateSecret }>({
    method: 'POST',
    url: '/v1/webhooks/:id/rotate-secret',
    config: { access: 'submit' },
    schema: {
      summary: 'Make a new secret; the old one signs on for a while',
      ...one,
      body: rotateSecret,
      response: { 200: webhookWithSecret, ...errors },
    },
    async handler({ params, body, caller }) {
      const rotated = await webhooks.rotate(caller, params.id, body.keep_old_s * 1000);
      return { ...toWire(rotated.webhook), secret: rotated.secret };
    },
  });

  app.route<One>({
    method: 'POST',
    url: '/v1/webhooks/:id/test',
    config: { access: 'submit' },
    schema: { summary: 'Send a test now, once', ...one, response: { 200: deliveryTry, ...errors } },
    handler: async ({ params, caller }) => toTry(await webhooks.test(caller, params.id)),
  });
}

function deliveryRoutes(app: FastifyInstance, webhooks: Webhooks): void {
  app.route<One & { Querystring: DeliveriesQuery }>({
    method: 'GET',
    url: '/v1/webhooks/:id/deliveries',
    config: { access: 'read' },
    schema: {
      summary: 'Deliveries, newest first',
      tags,
      params: idParams,
      querystring: deliveriesQuery,
      response: { 200: deliveryList, ...errors },
    },
    async handler({ params, query, caller }) {
      const { limit, state = null, cursor } = query;
      const before = cursor === undefined ? null : readCursor(cursor);
      const found = await webhooks.deliveries(caller, params.id, { state, limit: limit + 1, before });
      const items = found.slice(0, limit);
      const last = items.at(-1);
      const hasMore = found.length > limit && last !== undefined;
      return { items: items.map(toDelivery), next_cursor: hasMore ? String(last.id) : null };
    },
  });

  app.route<{ Params: z.infer<typeof deliveryParams> }>({
    method: 'POST',
    url: '/v1/webhooks/:id/deliveries/:delivery/redeliver',
    config: { access: 'submit' },
    schema: {
      summary: 'Deliver again, under the same id',
      tags,
      params: deliveryParams,
      response: { 202: delivery, ...errors },
    },
    async handler({ params, caller }, reply) {
      const number = /^\d{1,15}$/.test(params.delivery) ? Number(params.delivery) : 0;
      return reply.code(202).send(toDelivery(await webhooks.redeliver(caller, params.id, number)));
    },
  });
}

function readCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new RefusedError('invalid_cursor', 'The cursor was not made by this server.');
}

function toRequest(body: CreateWebhook): WebhookRequest {
  const { url, description = null, secret = null } = body;
  const label = Object.entries(body.labels ?? {}).map(([name, value]) => ({ name, value }));
  const filter = {
    types: body.events,
    kind: body.kinds,
    operation: body.operation,
    taskId: body.task_id,
    label,
  };
  return { url, description, filter, secret };
}

function toWire({
  id,
  executionId,
  url,
  description,
  filter,
  disabled,
  createdAt,
}: Webhook): z.infer<typeof webhook> {
  const label = filter.label ?? [];
  return {
    ...{ id, execution_id: executionId, url, description },
    events: [...(filter.types ?? [])],
    kinds: filter.kind === undefined ? null : [...filter.kind],
    operation: filter.operation ?? null,
    task_id: filter.taskId ?? null,
    labels: Object.fromEntries(label.map(({ name, value }) => [name, value])),
    enabled: disabled === null,
    disabled_because: disabled,
    created: isoTime(createdAt),
  };
}

function toTry({ at, status, error, tookMs }: DeliveryTry): z.infer<typeof deliveryTry> {
  return { at: isoTime(at), status, error, took_ms: tookMs };
}

function toDelivery({ id, record, state, tries, nextAt, createdAt }: Delivery): z.infer<typeof delivery> {
  return {
    id: String(id),
    event_id: eventIdOf(record),
    ...{ execution_id: record.executionId, type: record.type, state },
    tries: tries.map(toTry),
    next_try: nextAt === null ? null : isoTime(nextAt),
    created: isoTime(createdAt),
  };
}
