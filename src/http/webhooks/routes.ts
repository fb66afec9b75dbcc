// Webhooks: standing subscriptions, and those that executions brought along, with their deliveries.
import type { FastifyInstance } from 'fastify';
import { RefusedError } from '../../domain/errors.ts';
import type {
  Delivery,
  DeliveryTry,
  Webhook,
  WebhookRequest,
  Webhooks,
} from '../../domain/webhooks/webhooks.ts';
import { eventIdOf } from '../../domain/webhooks/webhooks.ts';
import { json } from '../edge/answers.ts';
import { idParams } from '../edge/schemas.ts';
import {
  type CreateWebhook,
  createWebhook,
  deliveriesQuery,
  type DeliveriesQuery,
  delivery,
  deliveryList,
  deliveryParams,
  deliveryTry,
  preview,
  previewBody,
  type PreviewBody,
  rotateSecret,
  type RotateSecret,
  webhook,
  webhookList,
  webhookWithSecret,
} from './webhook-schemas.ts';
import { isoTime } from '../edge/times.ts';
import type { z } from 'zod';

const tags = ['webhooks'];

interface One {
  Params: z.infer<typeof idParams>;
}

export function webhookRoutes(app: FastifyInstance, { webhooks }: { webhooks: Webhooks }): void {
  createRoutes(app, webhooks);
  oneRoutes(app, webhooks);
  changeRoutes(app, webhooks);
  previewRoute(app, webhooks);
  deliveryRoutes(app, webhooks);
}

function createRoutes(app: FastifyInstance, webhooks: Webhooks): void {
  app.route<{ Body: CreateWebhook }>({
    method: 'POST',
    url: '/v1/webhooks',
    config: { access: 'submit', refuses: [409] },
    schema: {
      operationId: 'createWebhook',
      summary: 'Create a webhook',
      description:
        'execd sends the events of your executions that match all filters to a URL, signed as Standard Webhooks specifies. The response contains the secret once.',
      tags,
      body: createWebhook,
      response: {
        201: json('Created.', webhookWithSecret, {
          headers: ['Location'],
          links: { read: { operationId: 'getWebhook', parameters: { id: '$response.body#/id' } } },
        }),
      },
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
    schema: {
      operationId: 'listWebhooks',
      summary: 'List webhooks',
      description: 'Lists your webhooks, without those of single executions.',
      tags,
      response: { 200: json('All of them.', webhookList) },
    },
    handler: async ({ caller }) => ({ items: (await webhooks.list(caller)).map(toWire) }),
  });
}

const one = { tags, params: idParams };

function oneRoutes(app: FastifyInstance, webhooks: Webhooks): void {
  app.route<One>({
    method: 'GET',
    url: '/v1/webhooks/:id',
    config: { access: 'read' },
    schema: {
      operationId: 'getWebhook',
      summary: 'Get a webhook',
      description: 'Returns a webhook, without its secret.',
      ...one,
      response: { 200: json('The webhook.', webhook) },
    },
    handler: async ({ params, caller }) => toWire(await webhooks.get(caller, params.id)),
  });

  app.route<One>({
    method: 'DELETE',
    url: '/v1/webhooks/:id',
    config: { access: 'submit' },
    schema: {
      operationId: 'deleteWebhook',
      summary: 'Remove a webhook and its deliveries',
      description: 'execd drops events that wait for delivery.',
      ...one,
      response: { 204: { description: 'Removed.' } },
    },
    async handler({ params, caller }, reply) {
      await webhooks.remove(caller, params.id);
      return reply.code(204).send();
    },
  });
}

function changeRoutes(app: FastifyInstance, webhooks: Webhooks): void {
  for (const [action, isEnabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    app.route<One>({
      method: 'POST',
      url: `/v1/webhooks/:id/${action}`,
      config: { access: 'submit' },
      schema: {
        operationId: `${action}Webhook`,
        summary: isEnabled ? 'Enable a webhook' : 'Disable a webhook',
        description: isEnabled
          ? 'execd sends events again, from now on.'
          : 'execd sends nothing until you enable it, and drops events that are waiting to be delivered.',
        ...one,
        response: { 200: json('The webhook.', webhook) },
      },
      handler: async ({ params, caller }) => toWire(await webhooks.setEnabled(caller, params.id, isEnabled)),
    });
  }

  app.route<One & { Body: RotateSecret }>({
    method: 'POST',
    url: '/v1/webhooks/:id/rotate-secret',
    config: { access: 'submit' },
    schema: {
      operationId: 'rotateWebhookSecret',
      summary: 'Rotate the secret of a webhook',
      description:
        'Creates a new secret. For a while, messages are signed with both. The response contains the secret once.',
      ...one,
      body: rotateSecret,
      response: { 200: json('The webhook with the new secret.', webhookWithSecret) },
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
    schema: {
      operationId: 'testWebhook',
      summary: 'Send a test message',
      description: 'Sends one message now, and returns the result. execd does not retry it.',
      ...one,
      response: { 200: json('The result of the try.', deliveryTry) },
    },
    handler: async ({ params, caller }) => toTry(await webhooks.test(caller, params.id)),
  });
}

function previewRoute(app: FastifyInstance, webhooks: Webhooks): void {
  app.route<One & { Body: PreviewBody }>({
    method: 'POST',
    url: '/v1/webhooks/:id/preview',
    config: { access: 'submit' },
    schema: {
      operationId: 'previewWebhook',
      summary: 'Show the message that a webhook would send',
      description:
        'Evaluates `when` and `template` on an event, and returns the message. execd sends nothing.',
      ...one,
      body: previewBody,
      response: { 200: json('The message.', preview) },
    },
    async handler({ params, body, caller }) {
      const { event = null, failures, previous } = body;
      const { isSent, ...message } = await webhooks.preview(caller, params.id, {
        event,
        course: { failures, previous },
      });
      return { sent: isSent, ...message, headers: { ...message.headers } };
    },
  });
}

function deliveryRoutes(app: FastifyInstance, webhooks: Webhooks): void {
  app.route<One & { Querystring: DeliveriesQuery }>({
    method: 'GET',
    url: '/v1/webhooks/:id/deliveries',
    config: { access: 'read' },
    schema: {
      operationId: 'listDeliveries',
      summary: 'List the deliveries of a webhook, newest first',
      description: 'Lists each event that execd has sent or will send, with all tries.',
      tags,
      params: idParams,
      querystring: deliveriesQuery,
      response: { 200: json('A page.', deliveryList) },
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
    config: { access: 'submit', refuses: [409] },
    schema: {
      operationId: 'redeliver',
      summary: 'Deliver an event again',
      description: 'Sends the event again soon, with the same `webhook-id`.',
      tags,
      params: deliveryParams,
      response: { 202: json('The delivery.', delivery) },
    },
    async handler({ params, caller }, reply) {
      const number = /^\d{1,15}$/.test(params.delivery) ? Number(params.delivery) : 0;
      return reply.code(202).send(toDelivery(await webhooks.redeliver(caller, params.id, number)));
    },
  });
}

function readCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new RefusedError('invalid_cursor', 'The cursor is not one that this server returned as next_cursor.');
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
  const { when = null, template = null } = body;
  const notification = when === null && template === null ? null : { when, template };
  return { url, description, filter, withResult: body.result, notification, secret };
}

function toWire({
  id,
  executionId,
  url,
  description,
  filter,
  withResult,
  notification,
  disabled,
  createdAt,
}: Webhook): z.infer<typeof webhook> {
  const label = filter.label ?? [];
  return {
    ...{ id, execution_id: executionId, url, description },
    events: [...(filter.types ?? [])],
    result: withResult,
    when: notification?.when ?? null,
    template: notification?.template ?? null,
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
