// The webhook that an execution or a plan brought along, as it is shown.
import { z } from 'zod';
import { webhookEvents, withResult } from '../../domain/webhook-schema.ts';

export const ownWebhook = z
  .strictObject({
    url: z.string().describe('The receiver.'),
    events: webhookEvents,
    result: withResult,
    secret: z
      .string()
      .optional()
      .describe('The secret that execd created. Only in the response to the submission.'),
  })
  .nullable()
  .describe('The webhook of the request; null if it has none. Its id is that of the execution.');
