// The columns of the tables, and how they travel: many rows in one statement, an array for each column.
import type { ApiKeyRow } from '../key-rows.ts';
import type { AttemptRow, EventRow, ExecutionRow, LedgerRow } from '../rows.ts';
import type { ScheduleRow, ScheduleRunRow } from '../schedule-rows.ts';
import type { DeliveryFacts } from '../rules/facts.ts';
import type { SignalRow } from '../signal-rows.ts';
import type { WebhookRow } from '../webhook-rows.ts';

/** What is searched by, or changes: short, since each change writes all of it. */
export const STATE_COLUMNS = [
  ...(['seq', 'id', 'user_id', 'run_id', 'kind', 'operation', 'pool', 'concurrency_key'] as const),
  ...([
    'concurrency_limit',
    'task_id',
    'plan_id',
    'step',
    'priority',
    'timeouts',
    'phase',
    'status',
  ] as const),
  ...(['revision', 'event_sequence', 'attempt', 'created_at', 'queued_at', 'retry_at', 'cancel_at'] as const),
  ...(['cancel_reason', 'finished_at', 'outcome', 'cost'] as const),
] as const satisfies (keyof ExecutionRow)[];

/** Those of them that change after the acceptance. */
export const CHANGING_COLUMNS = [
  ...([
    'run_id',
    'plan_id',
    'priority',
    'timeouts',
    'phase',
    'status',
    'revision',
    'event_sequence',
  ] as const),
  ...(['attempt', 'queued_at', 'retry_at', 'cancel_at', 'cancel_reason', 'finished_at', 'outcome'] as const),
  'cost',
] as const satisfies (typeof STATE_COLUMNS)[number][];

/** What comes out of the outcome, so that no search reads JSON. */
export const CAUSE_COLUMNS = ['cause', 'cause_by'] as const;

export const SPEC_COLUMNS = [
  ...(['seq', 'spec', 'facts', 'webhook', 'labels', 'made_by', 'kept_from'] as const),
  'is_followed',
] as const;

export const ATTEMPT_COLUMNS = [
  ...(['run_id', 'number', 'epoch', 'claimed_at', 'runner', 'started_at', 'ended_at', 'outcome'] as const),
  ...(['output', 'resources', 'log_complete'] as const),
] as const satisfies (keyof AttemptRow)[];

export const EVENT_COLUMNS = [
  ...(['position', 'execution_id', 'sequence', 'type', 'at', 'attempt', 'phase', 'step'] as const),
] as const satisfies (keyof EventRow)[];

export const LEDGER_COLUMNS = [
  ...(['position', 'user_id', 'kind', 'amount', 'balance_after', 'reserved', 'subject_id', 'note'] as const),
  ...(['by_user', 'at', 'crossed'] as const),
] as const satisfies (keyof LedgerRow)[];

export const DELIVERY_COLUMNS = [
  ...(['id', 'webhook_id', 'user_id', 'lane', 'record', 'state', 'tries', 'next_at'] as const),
  ...(['created_at', 'finished_at'] as const),
] as const satisfies (keyof DeliveryFacts)[];

export const WEBHOOK_COLUMNS = [
  ...['id', 'user_id', 'execution_id', 'url', 'description', 'filter', 'with_result', 'secrets'],
  ...['disabled', 'created_at'],
] as const satisfies (keyof WebhookRow)[];

export const API_KEY_COLUMNS = [
  ...['id', 'sha256', 'user_id', 'scopes', 'may_run', 'description', 'created_at', 'created_by', 'replaces'],
  ...['expires_at', 'revoked_at', 'last_used_at'],
] as const satisfies (keyof ApiKeyRow)[];

export const SIGNAL_COLUMNS = [
  ...['subject_id', 'id', 'name', 'value', 'by_user', 'at', 'taken_by'],
] as const satisfies (keyof SignalRow)[];

export const SCHEDULE_COLUMNS = [
  ...['id', 'user_id', 'name', 'plan', 'facts', 'state', 'ended', 'next_at', 'wake_at', 'waiting', 'runs'],
  ...['last_id', 'last_at', 'anchor', 'revision', 'created_at', 'updated_at'],
] as const satisfies (keyof ScheduleRow)[];

export const SCHEDULE_RUN_COLUMNS = [
  ...['schedule_id', 'due_at', 'at', 'result', 'execution_id', 'error', 'detail', 'manual'],
] as const satisfies (keyof ScheduleRunRow)[];

/** Columns that hold numbers; all others hold texts. */
const NUMBERS = new Set([
  ...['seq', 'concurrency_limit', 'priority', 'revision', 'event_sequence', 'attempt', 'created_at'],
  ...['queued_at', 'retry_at', 'cancel_at', 'finished_at', 'number', 'epoch', 'claimed_at', 'started_at'],
  ...['ended_at', 'log_complete', 'position', 'sequence', 'at', 'amount', 'balance_after', 'reserved'],
  ...['crossed', 'next_at', 'expires_at', 'revoked_at', 'last_used_at', 'with_result', 'wake_at', 'runs'],
  ...['last_at', 'anchor', 'updated_at', 'due_at', 'manual', 'is_followed', 'balance', 'due', 'began_at'],
  ...[
    'until',
    'count',
    'n',
    'running',
    'waiting_count',
    'retrying',
    'keys',
    'kept',
    'store_bytes',
    'log_bytes',
    'logs',
  ],
]);

const isNumber = (table: string, column: string): boolean =>
  NUMBERS.has(column) || (table === 'deliveries' && column === 'id');

/** All rows as one table; the values are an array for each column. */
export const unnest = (table: string, columns: readonly string[]): string =>
  `unnest(${columns.map((column, i) => `$${i + 1}::${isNumber(table, column) ? 'bigint' : 'text'}[]`).join(', ')})`;

export function valuesOf<K extends string>(
  columns: readonly K[],
  rows: readonly Readonly<Record<K, unknown>>[],
): unknown[][] {
  return columns.map((column) => rows.map((row) => row[column]));
}

/** @param conflict what follows where a row is there already; left out, that is an error */
export const insertInto = (table: string, columns: readonly string[], conflict = ''): string =>
  `INSERT INTO execd.${table} (${columns.map(quoted).join(', ')}) SELECT * FROM ${unnest(table, columns)} ${conflict}`;

/** Puts whole rows. */
export const putInto = (table: string, columns: readonly string[], key: readonly string[]): string => {
  const others = columns.filter((column) => !key.includes(column));
  const sets = others.map((column) => `${quoted(column)} = excluded.${quoted(column)}`).join(', ');
  return insertInto(table, columns, `ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${sets}`);
};

const quoted = (column: string): string => `"${column}"`;

/** Whole rows of executions; conditions come after it. */
export const EXECUTION_ROWS = `SELECT ${STATE_COLUMNS.map((name) => `e.${name}`).join(', ')},
  s.spec, s.facts, s.webhook, r.result
  FROM execd.executions e JOIN execd.execution_specs s ON s.seq = e.seq
  LEFT JOIN execd.execution_results r ON r.seq = e.seq`;
