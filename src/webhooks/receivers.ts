// Where webhooks may send, and what: over HTTP, or by mail. Looked at when one is asked for; what can change is looked at again when
// it sends.
import type { FieldProblem } from '../domain/errors.ts';
import { isMail } from '../domain/spec/mail.ts';
import { notificationOf, type Template } from '../domain/spec/notification.ts';
import {
  type AskedWebhook,
  isMailLane,
  type WebhookMessage,
  type WebhookSender,
} from '../domain/webhooks/webhooks.ts';
import type { Notifier } from './notifier.ts';

/** Sends mail by one sender and all else by the other. */
export function byScheme(http: WebhookSender, mail: WebhookSender): WebhookSender {
  const ofUrl = (url: string) => (isMail(url) ? mail : http);
  return {
    send: (message: WebhookMessage, signal) => ofUrl(message.url).send(message, signal),
    whyNotAllowed: (url) => ofUrl(url).whyNotAllowed(url),
    waitMs: (lane) => (isMailLane(lane) ? mail : http).waitMs(lane),
    close() {
      http.close();
      mail.close();
    },
  };
}

/** What is wrong with a webhook that is asked for; empty when nothing is. */
export function webhookProblems(
  { url, when, template, secret }: AskedWebhook,
  userId: string,
  { sender, notifier }: { sender: Pick<WebhookSender, 'whyNotAllowed'>; notifier: Notifier },
): FieldProblem[] {
  const why = sender.whyNotAllowed(url);
  const problems: FieldProblem[] = why === null ? [] : [{ field: '/url', message: why }];
  problems.push(...unfit(isMail(url), template ?? null, secret ?? null));
  const notification = notificationOf({ when, template });
  if (notification !== null) problems.push(...notifier.problems(notification, userId));
  return problems;
}

const MAIL_TYPE = /^text\/(?:plain|html)(?:; ?charset=utf-8)?$/i;

/** What mail has and HTTP has not, and the other way round. */
function unfit(isMailed: boolean, template: Template | null, secret: string | null): FieldProblem[] {
  const problem = (field: string, message: string): FieldProblem => ({ field, message });
  const own = typeof template === 'object' ? template : null;
  if (!isMailed)
    return own?.subject === undefined ? [] : [problem('/template/subject', 'is for mail: use a mailto: URL')];
  return [
    ...(secret === null ? [] : [problem('/secret', 'must be left out: mail is not signed')]),
    ...(typeof template === 'string'
      ? [problem('/template', `is ${template}, which is for chats; for mail, leave it out or give a body`)]
      : []),
    ...(own?.headers === undefined
      ? []
      : [problem('/template/headers', 'must be left out: mail has no further headers')]),
    ...(own?.content_type === undefined || MAIL_TYPE.test(own.content_type)
      ? []
      : [problem('/template/content_type', 'must be text/plain or text/html for mail')]),
  ];
}
