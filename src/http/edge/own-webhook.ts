// The webhook that an execution or a plan brought along, as it is shown.
import { z } from 'zod';
import { webhookEvents, withResult } from '../../domain/webhook-schema.ts';
import { template } from '../../domain/spec/notification.ts';

export const ownWebhook = z
  .strictObject({
    url: z.string().describe('The receiver.'),
    events: webhookEvents,
    result: withResult,
    when: z.string().nullable().describe('The condition of the request; null: execd sends each event.'),
    template: template
      .nullable()
      .describe('The template of the request; null: execd sends events as CloudEvents.'),
    secret: z
      .string()
      .optional()
      .describe('The secret that execd created. Only in the response to the submission.'),
  })
  .nullable()
  .describe('The webhook of the request; null if it has none. The webhook has the id of the execution.');
