// Webhooks, on the side of the receiver: whether a request is from execd, and what it says.
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { ExecdError } from './errors.ts';
import type { components } from './types.ts';

/** What execd sends to a webhook. */
export type WebhookMessage =
  | components['schemas']['ExecutionCloudEvent']
  | components['schemas']['AccountCloudEvent']
  | components['schemas']['TestCloudEvent'];

/** The request is not one that execd has signed with this secret, or it is older than five minutes. */
export class WebhookSignatureError extends ExecdError {
  override name = 'WebhookSignatureError';
}

export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

/**
 * Checks the signature of a request, and returns its message.
 *
 * @param body the bytes of the body as they came; text that was parsed and written again does not fit its signature
 * @param secret `whsec_…`; while a secret is rotated, both
 * @throws WebhookSignatureError
 */
export function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string | readonly string[],
): WebhookMessage {
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];
  const signed = Object.fromEntries(names.map((name) => [name, valueOf(headers, name)]));
  let reason: unknown = new Error('There is no secret.');
  for (const one of typeof secret === 'string' ? [secret] : secret) {
    try {
      return new Webhook(one).verify(text, signed) as WebhookMessage;
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      reason = error;
    }
  }
  throw new WebhookSignatureError((reason as Error).message, { cause: reason });
}

function valueOf(headers: WebhookHeaders, name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? '';
  const [, value] = Object.entries(headers).find(([one]) => one.toLowerCase() === name) ?? [];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}
