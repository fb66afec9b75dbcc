// Writes what a batch has come to: each row once, and of a changed execution only what has changed.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { hasSteps } from '../../domain/kinds.ts';
import type { FilesPart } from '../../domain/ports/files.ts';
import type { EventRow, ExecutionRow, LedgerRow } from '../rows.ts';
import { type Facts, type Kind, parts } from '../rules/facts.ts';
import type { Cache, Order } from '../rules/orders.ts';
import type { Changes } from '../rules/working-set.ts';
import { CHANGING_COLUMNS, SPEC_COLUMNS, STATE_COLUMNS } from './columns.ts';
import { prepareAll } from './prepare.ts';
import {
  API_KEY_COLUMNS,
  AT_ONCE,
  SCHEDULE_COLUMNS,
  SCHEDULE_RUN_COLUMNS,
  SIGNAL_COLUMNS,
  WEBHOOK_COLUMNS,
  WRITES,
} from './writes.ts';

/** What names of circuits begin with in `meta`. */
export const CIRCUIT = 'circuit:';

export class ChangeWriter {
  readonly #db: DatabaseSync;
  readonly #sql: Record<keyof typeof WRITES, StatementSync>;
  /** By the columns that they set, as bits. */
  readonly #updates = new Map<number, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = prepareAll(db, WRITES);
  }

  /** @param now when the batch was carried out */
  write(changes: Changes, now: number): void {
    const { events, entries, orders } = changes;
    // Before anything is removed: readers find what has been removed by its last event.
    insertAll(events, this.#sql.insertEvent, this.#sql.insertEvents, eventValues);
    for (const entry of entries) this.#insertEntry(entry);
    this.#writeFacts(changes);
    for (const order of orders) this.#carryOut(order, now);
    this.#writeExecutions(changes);
  }

  #writeFacts({ before, after }: Changes): void {
    const each = <K extends Kind>(kind: K, write: (key: string, value: Facts[K], was?: Facts[K]) => void) => {
      for (const [key, was] of before[kind] ?? []) {
        const value = (after[kind] as ReadonlyMap<string, Facts[K]>).get(key);
        if (value !== undefined) write(key, value, was);
      }
    };
    const sql = this.#sql;
    each('attempts', (runId, now, was) => this.#writeAttempts(runId, now, was));
    each('idempotency', (key, row) => {
      if (row === null) return;
      sql.putKey.run(...parts(key), row.body_hash, row.execution_id, row.expires_at);
    });
    each('accounts', (userId, { balance, reserved }) => void sql.putAccount.run(userId, balance, reserved));
    each('windows', (key, row) => {
      if (row !== null) sql.putWindow.run(...parts(key), row.began_at, row.count);
    });
    each('reservations', (id, row) => {
      if (row === null) sql.dropReservation.run(id);
      else sql.putReservation.run(id, row.user_id, row.amount, row.due);
    });
    each('webhooks', (id, row) => {
      if (row === null) sql.dropWebhook.run(id);
      else sql.putWebhook.run(...WEBHOOK_COLUMNS.map((name) => row[name]));
    });
    each('deliveries', (_, row, was) => this.#writeDelivery(row, was == null));
    each('schedules', (id, row) => {
      if (row === null) sql.dropSchedule.run(id);
      else sql.putSchedule.run(...SCHEDULE_COLUMNS.map((name) => row[name]));
    });
    each('scheduleRuns', (_, row) => {
      if (row !== null) sql.putScheduleRun.run(...SCHEDULE_RUN_COLUMNS.map((name) => row[name]));
    });
    each('signals', (_, row) => {
      if (row !== null) sql.putSignal.run(...SIGNAL_COLUMNS.map((name) => row[name]));
    });
    each('epochs', (epoch, row) => {
      if (row !== null) sql.putEpoch.run(row.until, epoch);
    });
    each('drivers', (planId, epoch) => {
      if (epoch === null) sql.dropDriver.run(planId);
      else sql.putDriver.run(planId, epoch);
    });
    each('apiKeys', (_, row) => {
      if (row !== null) sql.putApiKey.run(...API_KEY_COLUMNS.map((name) => row[name]));
    });
  }

  #writeAttempts(runId: string, now: Facts['attempts'], was: Facts['attempts'] | undefined): void {
    if (now.length === 0) this.#sql.dropAttempts.run(runId);
    for (const row of now) {
      if (was?.includes(row) === true) continue;
      const { number, epoch, claimed_at, runner, started_at, ended_at } = row;
      const { outcome, output, resources, log_complete } = row;
      this.#sql.putAttempt.run(
        ...[runId, number, epoch, claimed_at, runner, started_at, ended_at],
        ...[outcome, output, resources, log_complete],
      );
    }
  }

  #writeDelivery(row: Facts['deliveries'], isNew: boolean): void {
    if (row === null) return;
    const { id, state, tries, next_at: nextAt, finished_at: finishedAt } = row;
    if (!isNew) return void this.#sql.setDelivery.run(state, tries, nextAt, finishedAt, id);
    const about = [id, row.webhook_id, row.user_id, row.lane, JSON.stringify(row.record)] as const;
    this.#sql.putDelivery.run(...about, state, tries, nextAt, row.created_at, finishedAt);
  }

  #writeExecutions({ before, after, removed }: Changes): void {
    for (const row of removed) this.#remove(row);
    const added: ExecutionRow[] = [];
    for (const [id, was] of before.executions ?? []) {
      const now = after.executions.get(id) ?? null;
      if (now === null) continue;
      if (was == null) added.push(now);
      else this.#update(was, now);
    }
    this.#insertExecutions(added);
  }

  #insertExecutions(rows: readonly ExecutionRow[]): void {
    const sql = this.#sql;
    for (const row of rows) sql.insertState.run(...STATE_COLUMNS.map((name) => row[name]));
    insertAll(rows, sql.insertSpec, sql.insertSpecs, (row) => [
      row.seq,
      ...SPEC_COLUMNS.map((name) => row[name]),
    ]);
    const ended = rows.filter(({ result }) => result !== null);
    insertAll(ended, sql.insertResult, sql.insertResults, ({ seq, result }) => [seq, result]);
    for (const { seq, cost } of rows) if (cost !== null) sql.putCost.run(seq, cost);
  }

  #update(was: ExecutionRow, now: ExecutionRow): void {
    const values: SQLInputValue[] = [];
    let changed = 0;
    for (let i = 0; i < CHANGING_COLUMNS.length; i++) {
      const name = CHANGING_COLUMNS[i] as (typeof CHANGING_COLUMNS)[number];
      if (was[name] === now[name]) continue;
      changed |= 1 << i;
      values.push(now[name]);
    }
    if (changed !== 0) this.#updateOf(changed).run(...values, now.seq);
    if (now.result !== was.result) this.#sql.insertResult.run(now.seq, now.result);
    if (now.cost !== was.cost) this.#sql.putCost.run(now.seq, now.cost);
  }

  #updateOf(changed: number): StatementSync {
    let statement = this.#updates.get(changed);
    if (statement === undefined) {
      const columns = CHANGING_COLUMNS.filter((_, i) => (changed & (1 << i)) !== 0);
      const changes = columns.map((name) => `${name} = ?`).join(', ');
      statement = this.#db.prepare(`UPDATE executions SET ${changes} WHERE seq = ?`);
      this.#updates.set(changed, statement);
    }
    return statement;
  }

  #remove(row: ExecutionRow): void {
    if (hasSteps(row)) this.#sql.dropMarks.run(row.id);
    for (const [name, value] of labelsOf(row)) this.#sql.dropLabel.run(row.user_id, name, value, row.id);
    this.#sql.noteSwept.run(row.user_id, row.id);
    this.#sql.dropEvents.run(row.id);
    this.#sql.dropFiles.run(row.id);
    this.#sql.dropExecution.run(row.seq);
    this.#sql.dropSpec.run(row.seq);
    if (row.result !== null) this.#sql.dropResult.run(row.seq);
    if (row.cost !== null) this.#sql.dropCost.run(row.seq);
  }

  #insertEntry(entry: LedgerRow): void {
    this.#sql.insertEntry.run(
      ...[entry.position, entry.user_id, entry.kind, entry.amount, entry.balance_after, entry.reserved],
      ...[entry.subject_id, entry.note, entry.by_user, entry.at, entry.crossed],
    );
  }

  #carryOut(order: Order, now: number): void {
    const sql = this.#sql;
    switch (order.type) {
      case 'mark': {
        const { planId, step, status, reason } = order;
        const outcome = order.outcome === null ? null : JSON.stringify(order.outcome);
        return void sql.insertMark.run(planId, step, status, reason, outcome, now);
      }
      case 'copy_marks':
        return void sql.copyMarks.run(order.to, order.from);
      case 'label':
        for (const [name, value] of order.labels) sql.insertLabel.run(order.userId, name, value, order.id);
        return;
      case 'orphan':
        return void sql.orphan.run(order.executionId);
      case 'drop_deliveries':
        return void sql.dropDeliveries.run(order.webhookId);
      case 'delivery_sweep':
        sql.sweep.run(order.finishedBefore, order.limit);
        return void sql.sweepOrphans.run(order.limit);
      case 'hold':
        return void sql.hold.run(order.until, order.since, order.lane, order.until);
      case 'stop_asked':
        return void sql.putMeta.run('stop_asked', String(order.epoch));
      case 'circuits':
        for (const { name, state } of order.put) sql.putMeta.run(CIRCUIT + name, state);
        for (const name of order.drop) sql.dropMeta.run(CIRCUIT + name);
        return;
      case 'trim_schedule_runs':
        return void sql.trimScheduleRuns.run(order.scheduleId, order.scheduleId, order.keep);
      case 'drop_signals':
        return void sql.dropSignals.run(order.subjectId);
      case 'keys_changed':
        return void sql.keysChanged.run();
      case 'files':
        return this.#files(order);
      case 'cache':
        return this.#cache(order);
      default:
        return order satisfies never;
    }
  }

  #files({ put, drop, forget }: FilesPart): void {
    const sql = this.#sql;
    for (const file of put) {
      const { ownerId, role, path, userId, digest, size, mode, createdAt, expiresAt, expected } = file;
      sql.putFile.run(ownerId, role, path, userId, digest, size, mode, createdAt, expiresAt, expected);
    }
    for (const id of drop) sql.dropUpload.run(id);
    for (const digest of forget) sql.forgetBlob.run(digest);
  }

  #cache({ put, drop, keepAtMost }: Cache): void {
    for (const { key, storedAt, text } of put) this.#sql.putCache.run(key, text, storedAt);
    for (const key of drop) this.#sql.dropCache.run(key);
    if (keepAtMost !== null) this.#sql.trimCache.run(keepAtMost);
  }
}

/** Several rows at a time, as far as there are so many. */
function insertAll<T>(
  rows: readonly T[],
  one: StatementSync,
  several: StatementSync,
  valuesOf: (row: T) => SQLInputValue[],
): void {
  const whole = rows.length - (rows.length % AT_ONCE);
  for (let i = 0; i < whole; i += AT_ONCE) several.run(...rows.slice(i, i + AT_ONCE).flatMap(valuesOf));
  for (const row of rows.slice(whole)) one.run(...valuesOf(row));
}

function eventValues(event: EventRow): SQLInputValue[] {
  const { position, execution_id: id, sequence, type, at, attempt, phase, step } = event;
  return [position, id, sequence, type, at, attempt, phase, step];
}

function labelsOf({ facts }: ExecutionRow): [string, string][] {
  return Object.entries((JSON.parse(facts) as { labels: Record<string, string> }).labels);
}
