// What a request says of a webhook.
import { z } from 'zod';
import { EVENT_TYPES, WEBHOOK_EVENT_TYPES } from './event-types.ts';

/** 24 to 64 bytes, as Standard Webhooks has it. */
export const webhookSecret = z
  .string()
  .regex(/^whsec_(?:[A-Za-z0-9+/]{4}){8,21}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, {
    error: 'must be "whsec_" followed by the base64 of 24 to 64 bytes',
  });

function someOf<const Types extends readonly string[]>(types: Types) {
  const events = z.array(z.enum(types)).min(1).max(types.length);
  return events.describe('Events to send. Default: completed, failed, cancelled, timed_out.');
}

export const withResult = z
  .boolean()
  .describe('Include the result in the last event, as `result`. Default: false.');

/** Of one execution. */
export const webhookEvents = someOf(EVENT_TYPES);
export const standingWebhookEvents = someOf(WEBHOOK_EVENT_TYPES);
