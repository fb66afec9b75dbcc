// What is sent to a webhook: an event as CloudEvents has it (https://github.com/cloudevents/spec, 1.0), signed as Standard
// Webhooks has it (https://www.standardwebhooks.com).
import { createHmac } from 'node:crypto';
import { isMail } from '../domain/spec/mail.ts';
import type { Webhook, WebhookSecret } from '../domain/webhooks/webhooks.ts';

export interface CloudEvent {
  id: string;
  /** Without `execd.`. */
  type: string;
  subject: string;
  /** Milliseconds since the epoch. */
  time: number;
  data: object;
}

/** @param source names the store that the event is of */
export function toBody({ id, type, subject, time, data }: CloudEvent, source: string): string {
  return JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type: `execd.${type}`,
    subject,
    time: new Date(time).toISOString(),
    datacontenttype: 'application/json',
    data,
  });
}

/** The headers of a message that is sent now; one signature for each secret that is valid. */
export function signedHeaders(
  id: string,
  body: string,
  { secrets, now }: { secrets: readonly WebhookSecret[]; now: number },
): Record<string, string> {
  const timestamp = Math.floor(now / 1000);
  const valid = secrets.filter(({ until }) => until === null || until > now);
  const signatures = valid.map(({ secret }) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  };
}

/** What says which message it is, to the receiver of a webhook: a signature, or the id of a mail. */
export function ownHeaders(
  { id: webhookId, url, secrets }: Pick<Webhook, 'id' | 'url' | 'secrets'>,
  event: Pick<CloudEvent, 'id'>,
  { body, now }: { body: string; now: number },
): Record<string, string> {
  if (isMail(url)) return { 'message-id': `${event.id}.${webhookId}` };
  return signedHeaders(event.id, body, { secrets, now });
}
