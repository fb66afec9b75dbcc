// Reads of webhooks and their deliveries.
import type { SQLInputValue } from 'node:sqlite';
import type { Delivery, DeliveryQuery, DueDelivery, Webhook } from '../../domain/webhooks.ts';
import { type DeliveryRow, toDelivery, toDueDelivery, toWebhook, type WebhookRow } from '../webhook-rows.ts';

type All = (text: string, ...values: SQLInputValue[]) => unknown[];

export class WebhookReads {
  readonly #all: All;

  constructor(all: All) {
    this.#all = all;
  }

  /** Standing ones of a user, oldest first. */
  webhooks(userId: string): Webhook[] {
    const text = `SELECT * FROM webhooks WHERE user_id = ? AND execution_id IS NULL ORDER BY created_at, id`;
    return (this.#all(text, userId) as WebhookRow[]).map(toWebhook);
  }

  webhook(userId: string, id: string): Webhook | null {
    const [row] = this.#all(
      'SELECT * FROM webhooks WHERE id = ? AND user_id = ?',
      id,
      userId,
    ) as WebhookRow[];
    return row === undefined ? null : toWebhook(row);
  }

  deliveries(webhookId: string, { state, limit, before }: DeliveryQuery): Delivery[] {
    const text = `SELECT * FROM deliveries WHERE webhook_id = ?1 AND (?2 IS NULL OR state = ?2)
      AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4 + 0`;
    return (this.#all(text, webhookId, state, before, limit) as DeliveryRow[]).map(toDelivery);
  }

  delivery(webhookId: string, id: number): Delivery | null {
    const [row] = this.#all(
      'SELECT * FROM deliveries WHERE webhook_id = ? AND id = ?',
      ...[webhookId, id],
    ) as DeliveryRow[];
    return row === undefined ? null : toDelivery(row);
  }

  /** Every lane in which something waits, with the time of its first; jumps from lane to lane. */
  lanes(): { lane: string; nextAt: number }[] {
    const text = `WITH RECURSIVE lanes (lane) AS (
        SELECT min(lane) FROM deliveries WHERE state = 'pending'
        UNION ALL
        SELECT (SELECT min(lane) FROM deliveries WHERE state = 'pending' AND lane > lanes.lane)
        FROM lanes WHERE lane IS NOT NULL)
      SELECT lane, (SELECT min(next_at) FROM deliveries d WHERE state = 'pending' AND d.lane = lanes.lane) AS nextAt
      FROM lanes WHERE lane IS NOT NULL`;
    return this.#all(text) as { lane: string; nextAt: number }[];
  }

  /** What is due in a lane, oldest first. */
  due(lane: string, now: number, limit: number): DueDelivery[] {
    const text = `SELECT * FROM deliveries WHERE state = 'pending' AND lane = ? AND next_at <= ?
      ORDER BY next_at, id LIMIT ? + 0`;
    const rows = this.#all(text, lane, now, limit) as DeliveryRow[];
    const webhooks = new Map<string, WebhookRow | undefined>();
    return rows.flatMap((row) => {
      const { webhook_id: id } = row;
      if (!webhooks.has(id))
        webhooks.set(id, this.#all('SELECT * FROM webhooks WHERE id = ?', id)[0] as WebhookRow);
      const webhook = webhooks.get(id);
      return webhook === undefined ? [] : [toDueDelivery(row, webhook)];
    });
  }
}
