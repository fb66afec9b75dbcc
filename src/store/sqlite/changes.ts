// Writes what a batch has come to: each row once.
import type { SQLInputValue } from 'node:sqlite';
import type { FilesPart } from '../../domain/ports/files.ts';
import { API_KEY_COLUMNS } from '../key-rows.ts';
import { SCHEDULE_COLUMNS, SCHEDULE_RUN_COLUMNS } from '../schedule-rows.ts';
import { SIGNAL_COLUMNS } from '../signal-rows.ts';
import { WEBHOOK_COLUMNS } from '../webhook-rows.ts';
import {
  type AttemptRow,
  CIRCUIT,
  type EventRow,
  type LedgerRow,
  OPERATION,
  PAUSE,
  SERIES,
} from '../rows.ts';
import { type Facts, type Kind, parts } from '../rules/facts.ts';
import type { Cache, Order } from '../rules/orders.ts';
import type { Changes } from '../rules/working-set.ts';
import { ATTEMPT_COLUMNS } from './columns.ts';
import { ExecutionWriter, insertAll } from './execution-writer.ts';
import type { Statements } from './statements.ts';
import { WRITES } from './writes.ts';

export class ChangeWriter {
  readonly #db: Statements;
  readonly #executions: ExecutionWriter;

  constructor(db: Statements) {
    this.#db = db;
    this.#executions = new ExecutionWriter(db);
  }

  /** @param now when the batch was carried out */
  write(changes: Changes, now: number): void {
    const { events, entries, orders } = changes;
    // Before anything is removed: readers find what has been removed by its last event.
    insertAll(this.#db, 'Event', events, eventValues);
    for (const entry of entries) this.#insertEntry(entry);
    this.#writeFacts(changes);
    for (const order of orders) this.#carryOut(order, now);
    this.#executions.write(changes);
  }

  #writeFacts({ before, after }: Changes): void {
    const each = <K extends Kind>(kind: K, write: (key: string, value: Facts[K], was?: Facts[K]) => void) => {
      for (const [key, was] of before[kind] ?? []) {
        const value = (after[kind] as ReadonlyMap<string, Facts[K]>).get(key);
        if (value !== undefined) write(key, value, was);
      }
    };
    const db = this.#db;
    const attempts: AttemptRow[] = [];
    each('attempts', (runId, now, was) => {
      attempts.push(...this.#changedAttempts(runId, now, was));
    });
    insertAll(db, 'Attempt', attempts, (row) => ATTEMPT_COLUMNS.map((name) => row[name]));
    each('idempotency', (key, row) => {
      if (row === null) return;
      db.run(WRITES.putKey, ...parts(key), row.body_hash, row.execution_id, row.expires_at);
    });
    each(
      'accounts',
      (userId, { balance, reserved }) => void db.run(WRITES.putAccount, userId, balance, reserved),
    );
    each('windows', (key, row) => {
      if (row !== null) db.run(WRITES.putWindow, ...parts(key), row.began_at, row.count);
    });
    each('reservations', (id, row) => {
      if (row === null) db.run(WRITES.dropReservation, id);
      else db.run(WRITES.putReservation, id, row.user_id, row.amount, row.due);
    });
    each('webhooks', (id, row) => {
      if (row === null) db.run(WRITES.dropWebhook, id);
      else db.run(WRITES.putWebhook, ...WEBHOOK_COLUMNS.map((name) => row[name]));
    });
    each('deliveries', (_, row, was) => this.#writeDelivery(row, was == null));
    each('schedules', (id, row) => {
      if (row === null) db.run(WRITES.dropSchedule, id);
      else db.run(WRITES.putSchedule, ...SCHEDULE_COLUMNS.map((name) => row[name]));
    });
    each('scheduleRuns', (_, row) => {
      if (row !== null) db.run(WRITES.putScheduleRun, ...SCHEDULE_RUN_COLUMNS.map((name) => row[name]));
    });
    each('signals', (_, row) => {
      if (row !== null) db.run(WRITES.putSignal, ...SIGNAL_COLUMNS.map((name) => row[name]));
    });
    each('epochs', (epoch, row) => {
      if (row !== null) db.run(WRITES.putEpoch, row.until, epoch);
    });
    each('drivers', (planId, epoch) => {
      if (epoch === null) db.run(WRITES.dropDriver, planId);
      else db.run(WRITES.putDriver, planId, epoch);
    });
    each('apiKeys', (_, row) => {
      if (row !== null) db.run(WRITES.putApiKey, ...API_KEY_COLUMNS.map((name) => row[name]));
    });
  }

  /** Those of a run that are new or have changed. */
  #changedAttempts(
    runId: string,
    now: Facts['attempts'],
    was: Facts['attempts'] | undefined,
  ): Facts['attempts'] {
    if (now.length === 0) this.#db.run(WRITES.dropAttempts, runId);
    return now.filter((row) => was?.includes(row) !== true);
  }

  #writeDelivery(row: Facts['deliveries'], isNew: boolean): void {
    if (row === null) return;
    const { id, state, tries, next_at: nextAt, finished_at: finishedAt } = row;
    if (!isNew) return void this.#db.run(WRITES.setDelivery, state, tries, nextAt, finishedAt, id);
    const about = [id, row.webhook_id, row.user_id, row.lane, JSON.stringify(row.record)] as const;
    this.#db.run(WRITES.putDelivery, ...about, state, tries, nextAt, row.created_at, finishedAt);
  }

  #insertEntry(entry: LedgerRow): void {
    this.#db.run(
      WRITES.insertEntry,
      ...[entry.position, entry.user_id, entry.kind, entry.amount, entry.balance_after, entry.reserved],
      ...[entry.subject_id, entry.note, entry.by_user, entry.at, entry.crossed],
    );
  }

  #carryOut(order: Order, now: number): void {
    const db = this.#db;
    switch (order.type) {
      case 'mark': {
        const { planId, step, status, reason } = order;
        const outcome = order.outcome === null ? null : JSON.stringify(order.outcome);
        return void db.run(WRITES.insertMark, planId, step, status, reason, outcome, now);
      }
      case 'copy_marks':
        return void db.run(WRITES.copyMarks, order.to, order.from);
      case 'label':
        for (const [name, value] of order.labels)
          db.run(WRITES.insertLabel, order.userId, name, value, order.id);
        return;
      case 'orphan':
        return void db.run(WRITES.orphan, order.executionId);
      case 'drop_deliveries':
        return void db.run(WRITES.dropDeliveries, order.webhookId);
      case 'delivery_sweep':
        db.run(WRITES.sweep, order.finishedBefore, order.limit);
        return void db.run(WRITES.sweepOrphans, order.limit);
      case 'hold':
        return void db.run(WRITES.hold, order.until, order.since, order.lane, order.until);
      case 'stop_asked':
        return void db.run(WRITES.putMeta, 'stop_asked', String(order.epoch));
      case 'circuits':
        for (const { name, state } of order.put) db.run(WRITES.putMeta, CIRCUIT + name, state);
        for (const name of order.drop) db.run(WRITES.dropMeta, CIRCUIT + name);
        return;
      case 'series':
        for (const { name, state } of order.put) db.run(WRITES.putMeta, SERIES + name, state);
        for (const name of order.drop) db.run(WRITES.dropMeta, SERIES + name);
        return;
      case 'operations':
        for (const one of order.put) db.run(WRITES.putMeta, OPERATION + one.name, JSON.stringify(one));
        for (const name of order.drop) db.run(WRITES.dropMeta, OPERATION + name);
        return;
      case 'pauses':
        for (const pause of order.put) db.run(WRITES.putMeta, PAUSE + pause.name, JSON.stringify(pause));
        for (const name of order.drop) db.run(WRITES.dropMeta, PAUSE + name);
        return;
      case 'trim_schedule_runs':
        return void db.run(WRITES.trimScheduleRuns, order.scheduleId, order.scheduleId, order.keep);
      case 'drop_signals':
        return void db.run(WRITES.dropSignals, order.subjectId);
      case 'keys_changed':
        return void db.run(WRITES.keysChanged);
      case 'files':
        return this.#files(order);
      case 'cache':
        return this.#cache(order);
      default:
        return order satisfies never;
    }
  }

  #files({ put, drop, forget }: FilesPart): void {
    const db = this.#db;
    for (const file of put) {
      const { ownerId, role, path, userId, digest, size, mode, createdAt, expiresAt, expected } = file;
      db.run(WRITES.putFile, ownerId, role, path, userId, digest, size, mode, createdAt, expiresAt, expected);
    }
    for (const id of drop) db.run(WRITES.dropUpload, id);
    for (const digest of forget) db.run(WRITES.forgetBlob, digest);
  }

  #cache({ put, drop, keepAtMost }: Cache): void {
    for (const { key, storedAt, text } of put) this.#db.run(WRITES.putCache, key, text, storedAt);
    for (const key of drop) this.#db.run(WRITES.dropCache, key);
    if (keepAtMost !== null) this.#db.run(WRITES.trimCache, keepAtMost);
  }
}

function eventValues(event: EventRow): SQLInputValue[] {
  const { position, execution_id: id, sequence, type, at, attempt, phase, step } = event;
  return [position, id, sequence, type, at, attempt, phase, step];
}
