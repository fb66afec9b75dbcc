// The webhook that an execution or a plan brought along, as it is shown.
import { z } from 'zod';
import { webhookEvents } from '../domain/webhook-schema.ts';

export const ownWebhook = z
  .strictObject({
    url: z.string(),
    events: webhookEvents,
    secret: z.string().optional().describe('in the answer to its submission only, when it was made then'),
  })
  .nullable()
  .describe('its deliveries are under /v1/webhooks/ID, with the id of the execution');
