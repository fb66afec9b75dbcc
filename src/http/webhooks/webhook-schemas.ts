// Webhooks on the wire.
import { z } from 'zod';
import { WEBHOOK_EVENT_TYPES } from '../../domain/event-types.ts';
import { KINDS } from '../../domain/kinds.ts';
import { labels, operationName, taskId } from '../../domain/spec/spec.ts';
import { standingWebhookEvents, webhookSecret, withResult } from '../../domain/webhook-schema.ts';
import { receiverUrl } from '../../domain/spec/receiver-url.ts';
import { template, when } from '../../domain/spec/notification.ts';
import { DEFAULT_EVENTS, DELIVERY_STATES } from '../../domain/webhooks/webhooks.ts';
import { digits } from '../edge/query.ts';
import { nextCursor } from '../edge/words.ts';
import { MAX_PAGE, optional, time } from '../edge/schemas.ts';

const DAY_S = 86_400;

export const createWebhook = z
  .strictObject({
    url: receiverUrl,
    events: standingWebhookEvents.default([...DEFAULT_EVENTS]),
    result: withResult.default(false),
    kinds: z.array(z.enum(KINDS)).min(1).max(50).optional().describe('Only these kinds. Default: all.'),
    operation: operationName.optional().describe('Only this operation.'),
    task_id: taskId.optional().describe('Only this task_id.'),
    labels: labels.optional().describe('Only executions that have all of these labels.'),
    description: z.string().max(1000).optional().describe('A text of your choice.'),
    when: when.optional(),
    template: template.optional(),
    secret: webhookSecret
      .optional()
      .describe('Signs the messages. Default: execd creates one and returns it once, in the response.'),
  })
  .describe('A request for a webhook.');
export type CreateWebhook = z.infer<typeof createWebhook>;

export const webhook = z
  .strictObject({
    id: z.string().describe('Unique id.'),
    execution_id: z.string().nullable().describe('For the webhook of one execution: the execution.'),
    url: z.string().describe('The receiver.'),
    description: z.string().nullable().describe('The description of the request.'),
    events: z.array(z.enum(WEBHOOK_EVENT_TYPES)).describe('Events that are sent.'),
    result: withResult,
    when: z.string().nullable().describe('The condition of the request; null: execd sends each event.'),
    template: template
      .nullable()
      .describe('The template of the request; null: execd sends events as CloudEvents.'),
    kinds: z.array(z.enum(KINDS)).nullable().describe('Only these kinds; null: all.'),
    operation: z.string().nullable().describe('Only this operation; null: all.'),
    task_id: z.string().nullable().describe('Only this task_id; null: all.'),
    labels: z.record(z.string(), z.string()).describe('Only executions that have all of these labels.'),
    enabled: z.boolean().describe('Whether events are sent.'),
    disabled_because: z
      .enum(['request', 'gone'])
      .nullable()
      .describe(
        '`request`: you disabled it. `gone`: the receiver responded with 410. Null if it is enabled.',
      ),
    created: time.describe('When it was created.'),
  })
  .describe('A webhook.');
export const webhookWithSecret = webhook
  .extend({
    secret: z
      .string()
      .nullable()
      .describe('The secret. It is shown only once, here. Null for mail, which is not signed.'),
  })
  .describe('A webhook with its secret.');
export const webhookList = z
  .strictObject({ items: z.array(webhook).describe('Your webhooks, oldest first.') })
  .describe('Webhooks.');

const rotateRequest = z
  .strictObject({
    keep_old_s: z
      .int()
      .min(0)
      .max(7 * DAY_S)
      .default(DAY_S)
      .describe('Time during which execd also signs messages with the old secret, seconds.'),
  })
  .describe('How to rotate a secret.');
export const rotateSecret = optional(rotateRequest, 'RotateSecretRequest');
export type RotateSecret = z.infer<typeof rotateRequest>;

export const deliveryTry = z
  .strictObject({
    at: time.describe('When it was sent.'),
    status: z.int().nullable().describe('Status of the response; null if there was none.'),
    error: z.string().nullable().describe('Why it failed; null if it was delivered.'),
    took_ms: z.int().min(0).describe('How long it took, milliseconds.'),
  })
  .describe('One try to deliver an event.');

export const delivery = z
  .strictObject({
    id: z.string().describe('Id of the delivery.'),
    event_id: z.string().describe('Id of the event: the value of `webhook-id` in every try.'),
    execution_id: z.string().nullable().describe('The execution; null for an event of an account.'),
    type: z.enum(WEBHOOK_EVENT_TYPES).describe('Type of the event.'),
    state: z
      .enum(DELIVERY_STATES)
      .describe(
        '`failed`: all tries failed. `discarded`: the webhook was disabled first. `skipped`: `when` was false.',
      ),
    tries: z.array(deliveryTry).describe('All tries, the first one first.'),
    next_try: time.nullable().describe('When execd tries again; null if it does not.'),
    created: time.describe('When the event happened.'),
  })
  .describe('The delivery of an event to a webhook.');
export const deliveryList = z
  .strictObject({
    items: z.array(delivery).describe('Newest first.'),
    next_cursor: nextCursor,
  })
  .describe('A page of deliveries.');
export const deliveryParams = z.strictObject({
  id: z.string().max(100).describe('Id of the webhook.'),
  delivery: z.string().max(100).describe('Id of the delivery.'),
});

export const deliveriesQuery = z.strictObject({
  state: z.enum(DELIVERY_STATES).optional().describe('Only deliveries in this state.'),
  limit: digits(1, MAX_PAGE, 'Most items of a page.').default(50),
  cursor: z.string().max(100).optional().describe('The `next_cursor` of the page before.'),
});
export type DeliveriesQuery = z.infer<typeof deliveriesQuery>;

const previewRequest = z
  .strictObject({
    event: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('An event, as streams show it. Default: a command that failed.'),
    failures: z.int().min(0).max(1_000_000).default(1).describe('`failures` of the expressions.'),
    previous: z.string().max(100).nullable().default(null).describe('`previous` of the expressions.'),
  })
  .describe('The event for the message.');
export const previewBody = optional(previewRequest, 'WebhookPreviewRequest');
export type PreviewBody = z.output<typeof previewRequest>;
export const preview = z
  .strictObject({
    sent: z.boolean().describe('Whether it would be sent; false if `when` is false.'),
    url: z.string().describe('The receiver.'),
    headers: z.record(z.string(), z.string()).describe('Headers, with `***` in place of secrets.'),
    body: z.string().describe('The body.'),
  })
  .describe('The message that execd would send.');

/** What stands under its own name in the OpenAPI document. */
export const webhookComponents = {
  CreateWebhook: createWebhook,
  Webhook: webhook,
  WebhookWithSecret: webhookWithSecret,
  WebhookList: webhookList,
  RotateSecretRequest: rotateRequest,
  WebhookPreviewRequest: previewRequest,
  WebhookPreview: preview,
  DeliveryTry: deliveryTry,
  Delivery: delivery,
  DeliveryList: deliveryList,
};
