// The webhook of the operator: told of the events of all users, as configured.
import { readFileSync } from 'node:fs';
import { type Config, ConfigError } from '../config/load.ts';
import type { WebhookEventType } from '../domain/event-types.ts';
import { webhookSecret } from '../domain/webhook-schema.ts';

/**
 * Null when the handler "webhook" is not asked for.
 *
 * @throws ConfigError when its secret cannot be read
 */
export function operatorWebhook(
  config: Config,
): { url: string; secret: string; types: WebhookEventType[]; withResult: boolean } | null {
  const { EXECUTION_EVENT_WEBHOOK_URL: url, EXECUTION_EVENT_WEBHOOK_SECRET_FILE: file } = config;
  if (!config.EXECUTION_EVENT_HANDLERS.includes('webhook') || url === undefined || file === undefined)
    return null;
  const problem = (why: string) => new ConfigError([`EXECUTION_EVENT_WEBHOOK_SECRET_FILE: ${why}`]);
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw problem((error as Error).message);
  }
  const secret = webhookSecret.safeParse(text);
  if (!secret.success) throw problem('the file must contain "whsec_" and the base64 of 24 to 64 bytes');
  return {
    ...{ url, secret: secret.data, types: config.EXECUTION_EVENT_WEBHOOK_EVENTS },
    withResult: config.EXECUTION_EVENT_WEBHOOK_RESULT,
  };
}
