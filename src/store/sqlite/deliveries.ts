// Webhooks in the writer: what is to be delivered is noted in the transaction of the event. Where nobody listens, an event
// costs a look into a map.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LedgerEntry } from '../../domain/credits/account.ts';
import { matches } from '../../domain/execution/events.ts';
import type * as ports from '../../domain/ports/group.ts';
import {
  laneOf,
  lowBalanceOf,
  OPERATOR,
  type Told,
  userOfLane,
  type WebhookFilter,
} from '../../domain/webhooks/webhooks.ts';
import { type AttemptRow, type EventRow, type ExecutionRow, type NewRow, toEventRecord } from '../rows.ts';
import { toWebhook, type WebhookRow } from '../webhook-rows.ts';

/** Who is told, as far as the writer has to know. */
interface Listener {
  id: string;
  userId: string;
  lane: string;
  filter: WebhookFilter;
}

export class DeliveryWriter {
  /** Deliveries that wait, all and by user, and those that were dropped because too many did. */
  pending = 0;
  dropped = 0;
  readonly #pendingOf = new Map<string, number>();
  /** What the group that is being carried out has changed of it. */
  #changes: [userId: string, by: number][] = [];
  #standing = new Map<string, Listener[]>();
  readonly #maxPending: number;
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(db: DatabaseSync, maxPending: number) {
    this.#maxPending = maxPending;
    this.#sql = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]),
    ) as Record<keyof typeof SQL, StatementSync>;
    this.reload();
  }

  /** Reads again what is kept in memory: at the start, and when a transaction was undone. */
  reload(): void {
    this.#standing = new Map();
    for (const row of this.#sql.standing.all() as unknown as WebhookRow[]) {
      const { id, userId, url, filter } = toWebhook(row);
      const all = this.#standing.get(userId) ?? [];
      this.#standing.set(userId, [...all, { id, userId, lane: laneOf({ userId, url }), filter }]);
    }
    this.#changes = [];
    this.#pendingOf.clear();
    this.pending = 0;
    for (const { user_id, n } of this.#sql.countPending.all() as { user_id: string; n: number }[]) {
      this.#add(user_id, n);
    }
  }

  /** A group begins. */
  begin(): void {
    this.#changes = [];
  }

  /** The group is undone; `hasWebhooks`: it had changed those. */
  undo(hasWebhooks: boolean): void {
    for (const [userId, by] of this.#changes.splice(0)) this.#add(userId, -by);
    if (hasWebhooks) this.reload();
  }

  /** Whether anybody is told of the events of an execution. */
  hears({ user_id, webhook }: Pick<ExecutionRow, 'user_id' | 'webhook'>): boolean {
    return webhook !== null || this.#standing.has(user_id) || this.#standing.has(OPERATOR.userId);
  }

  /** Notes the deliveries of the events of one group. */
  note(row: NewRow, events: readonly EventRow[], attempts: () => AttemptRow[]): void {
    if (!this.hears(row)) return;
    const standing = this.#standing.get(row.user_id) ?? [];
    const operator = this.#standing.get(OPERATOR.userId) ?? [];
    const listeners = [...ownListener(row), ...standing, ...operator];
    const { labels, cache } = JSON.parse(row.facts) as Facts;
    const shown = { labels: JSON.stringify(labels), made_by: textOf(cache?.madeBy) };
    for (const event of events) {
      const record = toEventRecord({ ...row, plan_step: row.step, ...event, ...shown }, attempts);
      for (const { id, userId, lane, filter } of listeners) {
        if (matches(filter, record)) this.#insert({ id, userId, lane }, record);
      }
    }
  }

  /** Notes the deliveries of an entry that took a balance below the threshold. */
  noteEntry(entry: LedgerEntry): void {
    const low = lowBalanceOf(entry);
    if (low === null) return;
    for (const owner of [entry.userId, OPERATOR.userId]) {
      for (const listener of this.#standing.get(owner) ?? []) {
        if (listener.filter.types?.includes(low.type)) this.#insert(listener, low);
      }
    }
  }

  #insert({ id, userId, lane }: Pick<Listener, 'id' | 'userId' | 'lane'>, told: Told): void {
    if ((this.#pendingOf.get(userId) ?? 0) >= this.#maxPending) {
      this.dropped += 1;
      return;
    }
    this.#sql.insert.run(id, userId, lane, JSON.stringify(told), told.at, told.at);
    this.#count(userId, 1);
  }

  put({ webhook, at }: ports.WebhookPart): void {
    const { id, userId, executionId, url, description, filter, withResult, secrets, disabled, createdAt } =
      webhook;
    const [filterText, secretsText] = [JSON.stringify(filter), JSON.stringify(secrets)];
    this.#sql.put.run(
      id,
      userId,
      executionId,
      url,
      description,
      filterText,
      Number(withResult),
      secretsText,
      disabled,
      createdAt,
    );
    if (disabled !== null) {
      const { changes } = this.#sql.discard.run(at, id);
      this.#count(userId, -Number(changes));
    }
    if (executionId === null) this.reload();
  }

  remove({ userId, webhookId }: ports.WebhookRemovePart): boolean {
    const { changes } = this.#sql.remove.run(webhookId, userId);
    if (changes === 0) return false;
    this.#sql.removeDeliveries.run(webhookId);
    this.reload();
    return true;
  }

  /** The execution has been removed: its webhook goes when its last delivery has. */
  orphan(executionId: string): void {
    this.#sql.orphan.run(executionId);
  }

  /** False when there is no such delivery, or it is not to be tried any more. */
  settle({ id, state, tries, nextAt, at, isRedelivery }: ports.DeliveryPart): boolean {
    const before = this.#sql.get.get(id) as { state: string; user_id: string } | undefined;
    if (before === undefined || (before.state !== 'pending' && !isRedelivery)) return false;
    const finishedAt = state === 'pending' ? null : at;
    this.#sql.settle.run(state, JSON.stringify(tries), nextAt, finishedAt, id);
    this.#count(before.user_id, Number(state === 'pending') - Number(before.state === 'pending'));
    return true;
  }

  hold({ lane, at, until, heldBefore, lastTry }: ports.HoldLanePart): void {
    const { changes } = this.#sql.expire.run(JSON.stringify(lastTry), at, lane, heldBefore);
    if (changes > 0) this.#count(userOfLane(lane), -Number(changes));
    this.#sql.hold.run(until, at, lane, until);
  }

  sweep({ finishedBefore, limit }: ports.DeliverySweepPart): void {
    this.#sql.sweep.run(finishedBefore, limit);
    this.#sql.sweepOrphans.run(limit);
  }

  #count(userId: string, by: number): void {
    this.#changes.push([userId, by]);
    this.#add(userId, by);
  }

  #add(userId: string, by: number): void {
    this.pending += by;
    this.#pendingOf.set(userId, (this.#pendingOf.get(userId) ?? 0) + by);
    if (this.#pendingOf.get(userId) === 0) this.#pendingOf.delete(userId);
  }
}

interface Facts {
  labels: object;
  cache: { madeBy?: object } | null;
}

const textOf = (value: object | undefined) => (value === undefined ? null : JSON.stringify(value));

function ownListener({ id, user_id: userId, webhook }: NewRow): Listener[] {
  if (webhook === null) return [];
  const { url, events } = JSON.parse(webhook) as { url: string; events: WebhookFilter['types'] };
  return [{ id, userId, lane: laneOf({ userId, url }), filter: { userId, types: events } }];
}

const SQL = {
  standing: 'SELECT * FROM webhooks WHERE execution_id IS NULL AND disabled IS NULL ORDER BY created_at, id',
  countPending: `SELECT user_id, count(*) AS n FROM deliveries WHERE state = 'pending' GROUP BY user_id`,
  insert: `INSERT INTO deliveries (webhook_id, user_id, lane, record, state, tries, next_at, created_at)
    VALUES (?, ?, ?, ?, 'pending', '[]', ?, ?)`,
  put: `INSERT INTO webhooks (id, user_id, execution_id, url, description, filter, with_result, secrets, disabled, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET url = excluded.url,
    description = excluded.description, filter = excluded.filter, with_result = excluded.with_result, secrets = excluded.secrets,
    disabled = excluded.disabled`,
  discard: `UPDATE deliveries SET state = 'discarded', next_at = NULL, finished_at = ?
    WHERE webhook_id = ? AND state = 'pending'`,
  remove: 'DELETE FROM webhooks WHERE id = ? AND user_id = ? AND execution_id IS NULL',
  removeDeliveries: 'DELETE FROM deliveries WHERE webhook_id = ?',
  orphan: 'UPDATE webhooks SET is_orphan = 1 WHERE id = ?',
  get: 'SELECT state, user_id FROM deliveries WHERE id = ?',
  settle:
    'UPDATE deliveries SET state = ?, tries = ?, next_at = ?, finished_at = ?, held_since = NULL WHERE id = ?',
  hold: `UPDATE deliveries SET next_at = ?, held_since = coalesce(held_since, ?)
    WHERE state = 'pending' AND lane = ? AND next_at < ?`,
  expire: `UPDATE deliveries SET state = 'failed', tries = json_insert(tries, '$[#]', json(?)), next_at = NULL, finished_at = ?
    WHERE state = 'pending' AND lane = ? AND held_since <= ?`,
  sweep: `DELETE FROM deliveries WHERE id IN (
    SELECT id FROM deliveries WHERE finished_at < ? ORDER BY finished_at LIMIT ? + 0)`,
  sweepOrphans: `DELETE FROM webhooks WHERE id IN (SELECT id FROM webhooks w WHERE is_orphan = 1
    AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.webhook_id = w.id) LIMIT ? + 0)`,
} as const;
