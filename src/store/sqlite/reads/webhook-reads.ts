// Reads of webhooks and their deliveries.
import type { SQLInputValue } from 'node:sqlite';
import type {
  Delivery,
  DeliveryQuery,
  DueDelivery,
  DueLanes,
  DueLanesQuery,
  Webhook,
} from '../../../domain/webhooks/webhooks.ts';
import {
  type DeliveryRow,
  toDelivery,
  toDueDelivery,
  toWebhook,
  type WebhookRow,
} from '../../webhook-rows.ts';

type All = (text: string, ...values: SQLInputValue[]) => unknown[];

/** Users in whose lanes something waits, due or not, that one look passes. */
const MOST_LOOKED_AT = 500;

interface UserRow {
  user_id: string;
  next_at: number;
}

const SQL = {
  firstUser: 'SELECT user_id, next_at FROM delivery_lanes ORDER BY user_id, next_at LIMIT 1',
  nextUser: 'SELECT user_id, next_at FROM delivery_lanes WHERE user_id > ? ORDER BY user_id, next_at LIMIT 1',
  dueLanes: 'SELECT lane FROM delivery_lanes WHERE user_id = ? AND next_at <= ? ORDER BY next_at LIMIT ? + 0',
  later: 'SELECT next_at FROM delivery_lanes WHERE next_at > ? ORDER BY next_at LIMIT 1',
} as const;

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

  dueLanes({ after, now, users, lanes }: DueLanesQuery): DueLanes {
    const found: string[] = [];
    let last = after;
    for (let looked = 0, due = 0; looked < MOST_LOOKED_AT && due < users; looked++) {
      const [next] = this.#all(
        last === null ? SQL.firstUser : SQL.nextUser,
        ...(last === null ? [] : [last]),
      ) as UserRow[];
      last = next?.user_id ?? null;
      if (next === undefined) break;
      if (next.next_at > now) continue;
      due += 1;
      for (const { lane } of this.#all(SQL.dueLanes, next.user_id, now, lanes) as { lane: string }[])
        found.push(lane);
    }
    const [later] = this.#all(SQL.later, now) as Pick<UserRow, 'next_at'>[];
    return { lanes: found, after: last, nextAt: later?.next_at ?? null };
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
