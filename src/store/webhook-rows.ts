// How webhooks and deliveries lie in a table. Shared by the stores.
import type {
  Delivery,
  DeliveryState,
  DeliveryTry,
  DisabledReason,
  DueDelivery,
  Told,
  Webhook,
  WebhookFilter,
  WebhookSecret,
} from '../domain/webhooks/webhooks.ts';
import type { Notification } from '../domain/spec/notification.ts';
import { laneOf } from '../domain/webhooks/webhooks.ts';

export interface WebhookRow {
  id: string;
  user_id: string;
  execution_id: string | null;
  url: string;
  description: string | null;
  /** JSON of `WebhookFilter`, and of the notification as `notification`. */
  filter: string;
  with_result: 0 | 1;
  /** JSON of the secrets. */
  secrets: string;
  disabled: DisabledReason | null;
  created_at: number;
}

type Chosen = WebhookFilter & { notification?: Notification };

export const WEBHOOK_COLUMNS = [
  ...['id', 'user_id', 'execution_id', 'url', 'description', 'filter', 'with_result', 'secrets'],
  ...['disabled', 'created_at'],
] as const satisfies (keyof WebhookRow)[];

/** What has to be known of a standing webhook to choose its events. */
export interface Listener {
  id: string;
  userId: string;
  lane: string;
  filter: WebhookFilter;
  createdAt: number;
}

export interface DeliveryRow {
  id: number;
  webhook_id: string;
  /** JSON of `Told`. */
  record: string;
  state: DeliveryState;
  /** JSON of the tries. */
  tries: string;
  next_at: number | null;
  created_at: number;
}

export function toWebhook(row: WebhookRow): Webhook {
  const { id, user_id: userId, execution_id: executionId, url, description, disabled } = row;
  const { notification = null, ...filter } = JSON.parse(row.filter) as Chosen;
  const secrets = JSON.parse(row.secrets) as WebhookSecret[];
  const { with_result, created_at: createdAt } = row;
  const of = { id, userId, executionId, url, description, filter, secrets, disabled, createdAt };
  return { ...of, notification, withResult: with_result === 1 };
}

export function webhookRow(webhook: Webhook): WebhookRow {
  const { id, userId, executionId, url, description, filter, withResult, secrets, disabled } = webhook;
  const { notification } = webhook;
  const chosen: Chosen = notification === null ? filter : { ...filter, notification };
  const texts = { filter: JSON.stringify(chosen), secrets: JSON.stringify(secrets) };
  return {
    ...{ id, user_id: userId, execution_id: executionId, url, description, ...texts },
    ...{ with_result: withResult ? 1 : 0, disabled, created_at: webhook.createdAt },
  };
}

export function toListener(row: WebhookRow): Listener {
  const { id, user_id: userId, url, created_at: createdAt } = row;
  const { notification: _notification, ...filter } = JSON.parse(row.filter) as Chosen;
  return { id, userId, lane: laneOf({ userId, url }), filter, createdAt };
}

export function toDelivery(row: DeliveryRow): Delivery {
  const { id, webhook_id: webhookId, state, next_at: nextAt, created_at: createdAt } = row;
  const record = JSON.parse(row.record) as Told;
  const tries = JSON.parse(row.tries) as DeliveryTry[];
  return { id, webhookId, record, state, tries, nextAt, createdAt };
}

export function toDueDelivery(row: DeliveryRow, webhook: WebhookRow): DueDelivery {
  return { ...toDelivery(row), webhook: toWebhook(webhook) };
}
