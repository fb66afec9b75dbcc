// What a webhook sends in place of an event as it is, and when: words of a request, kept with the webhook.
import { z } from 'zod';
import { MAX_CONDITION } from './bounded.ts';
import { httpHeaders } from './headers.ts';

/** What expressions of a webhook read. */
export const NOTIFICATION_ROOTS = ['event', 'failures', 'previous'] as const;
export const READY_TEMPLATES = ['slack', 'discord', 'teams'] as const;
export type ReadyTemplate = (typeof READY_TEMPLATES)[number];

/** Of a message that a template makes. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

/** What signs a message, or says how it is sent. */
const OWN_HEADERS = /^(webhook-.*|content-type)$/i;

const expression = z.string().min(1).max(MAX_CONDITION);
export const when = expression.describe(
  'CEL over `event`, `failures` and `previous`: if it is false, execd does not send the event. Default: execd sends each event.',
);
const ownTemplate = z
  .strictObject({
    content_type: z
      .string()
      .regex(/^[\x21-\x7e][\x20-\x7e]{0,199}$/, 'must be a media type, such as application/json')
      .optional()
      .describe('Default: text/plain for a text, else application/json. For mail: text/plain or text/html.'),
    headers: httpHeaders
      .refine((all) => Object.keys(all).length <= 20, 'must have at most 20 headers')
      .refine((all) => !Object.keys(all).some((name) => OWN_HEADERS.test(name)), {
        error: 'must have neither content-type nor a header that begins with webhook-',
      })
      .optional()
      .describe('Further headers. A value may be a secret: `{"secret": "NAME", "prefix": "Bearer "}`.'),
    subject: expression
      .optional()
      .describe('For mail: CEL of the same; the subject, a text. Default: the text of the ready message.'),
    body: expression.describe(
      'CEL over `event`, `failures` and `previous`: the body. execd sends a text unchanged, other values as JSON.',
    ),
  })
  .describe('A message of your own.');
export const template = z
  .union([z.enum(READY_TEMPLATES), ownTemplate], {
    error: 'must be "slack", "discord", "teams", or an object with body',
  })
  .describe(
    'The message in place of a CloudEvent: a ready one for Slack, Discord or Teams, or one of your own.',
  );
export type Template = z.infer<typeof template>;
export type OwnTemplate = z.infer<typeof ownTemplate>;

/** How a webhook differs from one that sends each event as it is. */
export interface Notification {
  when: string | null;
  template: Template | null;
}

/** How a webhook is asked to differ; null when it is not. */
export function notificationOf({
  when = null,
  template = null,
}: {
  when?: string | null | undefined;
  template?: Template | null | undefined;
}): Notification | null {
  return when === null && template === null ? null : { when, template };
}

/** What is known of the ends before one: those that the same webhook picks, of the same operation or task. */
export interface Course {
  /** Ends in a row that failed or timed out, up to this one. */
  failures: number;
  /** The status of the end before it; null when there was none. */
  previous: string | null;
}

/** Names of the secrets that a template uses. */
export function secretsOf(template: Template | null): string[] {
  if (template === null || typeof template === 'string') return [];
  const values = Object.values(template.headers ?? {});
  return [...new Set(values.flatMap((value) => (typeof value === 'string' ? [] : [value.secret])))];
}
