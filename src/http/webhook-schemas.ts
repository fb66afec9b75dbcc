// Webhooks on the wire.
import { z } from 'zod';
import { WEBHOOK_EVENT_TYPES } from '../domain/event-types.ts';
import { httpUrl, KINDS, labels, operationName, taskId } from '../domain/spec.ts';
import { standingWebhookEvents, webhookSecret } from '../domain/webhook-schema.ts';
import { DEFAULT_EVENTS, DELIVERY_STATES } from '../domain/webhooks.ts';
import { digits, MAX_PAGE, optional } from './schemas.ts';

const time = z.iso.datetime({ precision: 3 });
const DAY_S = 86_400;

export const createWebhook = z.strictObject({
  url: httpUrl,
  events: standingWebhookEvents.default([...DEFAULT_EVENTS]),
  kinds: z.array(z.enum(KINDS)).min(1).max(50).optional().describe('default: all'),
  operation: operationName.optional(),
  task_id: taskId.optional(),
  labels: labels.optional().describe('all must fit'),
  description: z.string().max(1000).optional(),
  secret: webhookSecret.optional().describe('default: one is made'),
});
export type CreateWebhook = z.infer<typeof createWebhook>;

export const webhook = z.strictObject({
  id: z.string(),
  execution_id: z.string().nullable().describe('of the execution that brought it along'),
  url: z.string(),
  description: z.string().nullable(),
  events: z.array(z.enum(WEBHOOK_EVENT_TYPES)),
  kinds: z.array(z.enum(KINDS)).nullable(),
  operation: z.string().nullable(),
  task_id: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  enabled: z.boolean(),
  disabled_because: z.enum(['request', 'gone']).nullable().describe('gone: the receiver answered 410'),
  created: time,
});
export const webhookWithSecret = webhook.extend({ secret: z.string().describe('told only here') });
export const webhookList = z.strictObject({ items: z.array(webhook) });

const rotateRequest = z.strictObject({
  keep_old_s: z
    .int()
    .min(0)
    .max(7 * DAY_S)
    .default(DAY_S)
    .describe('how long the old secret signs on beside the new one'),
});
export const rotateSecret = optional(rotateRequest, 'RotateSecretRequest');
export type RotateSecret = z.infer<typeof rotateRequest>;

export const deliveryTry = z.strictObject({
  at: time,
  status: z.int().nullable().describe('of the answer; null when there was none'),
  error: z.string().nullable().describe('null when it was delivered'),
  took_ms: z.int().min(0),
});

export const delivery = z.strictObject({
  id: z.string(),
  event_id: z.string().describe('the webhook-id that it is sent with, every time'),
  execution_id: z.string().nullable(),
  type: z.enum(WEBHOOK_EVENT_TYPES),
  state: z.enum(DELIVERY_STATES),
  tries: z.array(deliveryTry),
  next_try: time.nullable(),
  created: time,
});
export const deliveryList = z.strictObject({ items: z.array(delivery), next_cursor: z.string().nullable() });
export const deliveryParams = z.strictObject({ id: z.string().max(100), delivery: z.string().max(100) });

export const deliveriesQuery = z.strictObject({
  state: z.enum(DELIVERY_STATES).optional(),
  limit: digits(1, MAX_PAGE, 'items of a page').default(50),
  cursor: z.string().max(100).optional().describe('next_cursor of the page before'),
});
export type DeliveriesQuery = z.infer<typeof deliveriesQuery>;

/** What stands under its own name in the OpenAPI document. */
export const webhookComponents = {
  CreateWebhook: createWebhook,
  Webhook: webhook,
  WebhookWithSecret: webhookWithSecret,
  WebhookList: webhookList,
  RotateSecretRequest: rotateRequest,
  DeliveryTry: deliveryTry,
  Delivery: delivery,
  DeliveryList: deliveryList,
};
