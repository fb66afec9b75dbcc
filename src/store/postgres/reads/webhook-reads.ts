// Reads of webhooks and their deliveries.
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
import type { Reads } from './reads.ts';

/** Users in whose lanes something waits, due or not, that one look passes. */
const MOST_LOOKED_AT = 500;

// One look in an index for each user, however much waits.
const USERS = `WITH RECURSIVE users (user_id, next_at, n) AS (
    (SELECT user_id, next_at, 1 FROM execd.delivery_lanes WHERE $1::text IS NULL OR user_id > $1
      ORDER BY user_id, next_at LIMIT 1)
    UNION ALL
    SELECT next.user_id, next.next_at, u.n + 1 FROM users u CROSS JOIN LATERAL (
      SELECT user_id, next_at FROM execd.delivery_lanes WHERE user_id > u.user_id
      ORDER BY user_id, next_at LIMIT 1) next WHERE u.n < ${MOST_LOOKED_AT})
  SELECT user_id, next_at FROM users`;
const LANES = `SELECT lane FROM unnest($1::text[]) WITH ORDINALITY AS k (user_id, n) CROSS JOIN LATERAL (
    SELECT lane, next_at FROM execd.delivery_lanes WHERE user_id = k.user_id AND next_at <= $2
    ORDER BY next_at LIMIT $3) l ORDER BY k.n, l.next_at`;

export class WebhookReader {
  readonly #reads: Reads;

  constructor(reads: Reads) {
    this.#reads = reads;
  }

  /** Standing ones of a user, oldest first. */
  async webhooks(userId: string): Promise<Webhook[]> {
    const text = `SELECT * FROM execd.webhooks WHERE user_id = $1 AND execution_id IS NULL ORDER BY created_at, id`;
    return (await this.#reads.all<WebhookRow>(text, userId)).map(toWebhook);
  }

  async webhook(userId: string, id: string): Promise<Webhook | null> {
    const text = 'SELECT * FROM execd.webhooks WHERE id = $1 AND user_id = $2';
    const row = await this.#reads.one<WebhookRow>(text, id, userId);
    return row === null ? null : toWebhook(row);
  }

  async deliveries(webhookId: string, { state, limit, before }: DeliveryQuery): Promise<Delivery[]> {
    const text = `SELECT * FROM execd.deliveries WHERE webhook_id = $1 AND ($2::text IS NULL OR state = $2)
      AND ($3::bigint IS NULL OR id < $3) ORDER BY id DESC LIMIT $4`;
    return (await this.#reads.all<DeliveryRow>(text, webhookId, state, before, limit)).map(toDelivery);
  }

  async delivery(webhookId: string, id: number): Promise<Delivery | null> {
    const text = 'SELECT * FROM execd.deliveries WHERE webhook_id = $1 AND id = $2';
    const row = await this.#reads.one<DeliveryRow>(text, webhookId, id);
    return row === null ? null : toDelivery(row);
  }

  async dueLanes({ after, now, users, lanes }: DueLanesQuery): Promise<DueLanes> {
    const found = await this.#reads.all<{ user_id: string; next_at: number }>(USERS, after);
    const due = found.filter(({ next_at: nextAt }) => nextAt <= now).slice(0, users);
    // Where enough are due, the next look begins behind them; else behind all that were passed.
    const last =
      due.length === users ? due.at(-1) : found.length === MOST_LOOKED_AT ? found.at(-1) : undefined;
    const ids = due.map(({ user_id: userId }) => userId);
    const rows = ids.length === 0 ? [] : await this.#reads.all<{ lane: string }>(LANES, ids, now, lanes);
    const text = 'SELECT next_at FROM execd.delivery_lanes WHERE next_at > $1 ORDER BY next_at LIMIT 1';
    const later = await this.#reads.one<{ next_at: number }>(text, now);
    return {
      lanes: rows.map(({ lane }) => lane),
      after: last?.user_id ?? null,
      nextAt: later?.next_at ?? null,
    };
  }

  /** What is due in a lane, oldest first. */
  async due(lane: string, now: number, limit: number): Promise<DueDelivery[]> {
    const text = `SELECT * FROM execd.deliveries WHERE state = 'pending' AND lane = $1 AND next_at <= $2
      ORDER BY next_at, id LIMIT $3`;
    const rows = await this.#reads.all<DeliveryRow>(text, lane, now, limit);
    const ids = [...new Set(rows.map(({ webhook_id: id }) => id))];
    const found = ids.length === 0 ? [] : await this.#webhooks(ids);
    const webhooks = new Map(found.map((row) => [row.id, row]));
    return rows.flatMap((row) => {
      const webhook = webhooks.get(row.webhook_id);
      return webhook === undefined ? [] : [toDueDelivery(row, webhook)];
    });
  }

  #webhooks(ids: readonly string[]): Promise<WebhookRow[]> {
    return this.#reads.all<WebhookRow>('SELECT * FROM execd.webhooks WHERE id = ANY($1)', ids);
  }
}
