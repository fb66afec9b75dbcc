// The columns of the tables, and how they travel: many rows in one statement, an array for each column.
import {
  type AttemptRow,
  CHANGING_COLUMNS as CHANGING,
  type EventRow,
  type ExecutionRow,
  type LedgerRow,
} from '../rows.ts';
import type { DeliveryFacts } from '../rules/facts.ts';

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
  ...(['cancel_reason', 'finished_at', 'outcome', 'cost', 'join_key'] as const),
] as const satisfies (keyof ExecutionRow)[];

/** Those of them that change after the acceptance. */
export const CHANGING_COLUMNS = [...CHANGING, 'cost'] as const satisfies (typeof STATE_COLUMNS)[number][];

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
