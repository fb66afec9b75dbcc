// Writes what a batch has come to: one statement for each table, all of them sent at once.
import type { FilesPart } from '../../domain/ports/files.ts';
import { readJson } from '../../domain/exact-json.ts';
import { API_KEY_COLUMNS } from '../key-rows.ts';
import { SCHEDULE_COLUMNS, SCHEDULE_RUN_COLUMNS } from '../schedule-rows.ts';
import { SIGNAL_COLUMNS } from '../signal-rows.ts';
import { WEBHOOK_COLUMNS } from '../webhook-rows.ts';
import { CIRCUIT, type ExecutionRow, OPERATION, PAUSE, SERIES } from '../rows.ts';
import { type Facts, type Kind, parts, type Usage } from '../rules/facts.ts';
import type { Cache, Order } from '../rules/orders.ts';
import type { Changes } from '../rules/working-set.ts';
import {
  ATTEMPT_COLUMNS,
  CAUSE_COLUMNS,
  CHANGING_COLUMNS,
  DELIVERY_COLUMNS,
  EVENT_COLUMNS,
  insertInto,
  LEDGER_COLUMNS,
  putInto,
  SPEC_COLUMNS,
  STATE_COLUMNS,
  unnest,
  valuesOf,
} from './columns.ts';
import type { Value } from './database.ts';

export interface Statement {
  text: string;
  values: Value[];
}

type Rows<K extends string> = readonly Readonly<Record<K, unknown>>[];

/** @param now when the batch was carried out */
export function statementsOf(changes: Changes, now: number): Statement[] {
  const writing = new Writing();
  // Before anything is removed: readers find what has been removed by its last event.
  writing.rows('insertEvents', EVENT_COLUMNS, changes.events);
  writing.rows('insertEntries', LEDGER_COLUMNS, changes.entries);
  writeFacts(writing, changes);
  for (const order of changes.orders) carryOut(writing, order, now);
  writing.rows('insertLabels', LABEL_COLUMNS, writing.labels);
  remove(writing, changes.removed);
  writeExecutions(writing, changes);
  writeCounters(writing, changes);
  writing.lanesAgain();
  return writing.statements;
}

class Writing {
  readonly statements: Statement[] = [];
  readonly labels: Record<(typeof LABEL_COLUMNS)[number], string>[] = [];
  /** In which something of what waits has changed. */
  readonly lanes = new Set<string>();

  run(name: keyof typeof SQL, ...values: Value[]): void {
    this.statements.push({ text: SQL[name], values });
  }

  rows<K extends string>(name: keyof typeof SQL, columns: readonly K[], rows: Rows<K>): void {
    if (rows.length > 0)
      this.statements.push({ text: SQL[name], values: valuesOf(columns, rows) as Value[] });
  }

  lanesAgain(): void {
    if (this.lanes.size > 0) this.run('lanesAgain', [...this.lanes]);
  }
}

/** What was changed of a kind: what it was at first, and what it has become. */
function changesOf<K extends Kind>(
  { before, after }: Changes,
  kind: K,
): { key: string; was: Facts[K] | undefined; now: Facts[K] }[] {
  const found: { key: string; was: Facts[K] | undefined; now: Facts[K] }[] = [];
  for (const [key, was] of (before[kind] ?? []) as ReadonlyMap<string, Facts[K] | undefined>) {
    const now = (after[kind] as ReadonlyMap<string, Facts[K]>).get(key);
    if (now !== undefined) found.push({ key, was, now });
  }
  return found;
}

function writeFacts(writing: Writing, changes: Changes): void {
  writeAttempts(writing, changes);
  writeDeliveries(writing, changes);
  const put = <K extends Kind, C extends string>(
    kind: K,
    name: keyof typeof SQL,
    columns: readonly C[],
    toRow: (key: string, now: NonNullable<Facts[K]>) => Record<C, unknown>,
  ) => {
    const rows = changesOf(changes, kind).flatMap(({ key, now }) => (now === null ? [] : [toRow(key, now)]));
    writing.rows(name, columns, rows);
  };
  const drop = (kind: Kind, name: keyof typeof SQL) => {
    const keys = changesOf(changes, kind).flatMap(({ key, now }) => (now === null ? [key] : []));
    if (keys.length > 0) writing.run(name, keys);
  };
  put('idempotency', 'putKeys', KEY_COLUMNS, (key, row) => ({ ...ofPair(key, 'user_id', 'key'), ...row }));
  put('accounts', 'putAccounts', ACCOUNT_COLUMNS, (userId, row) => ({ user_id: userId, ...row }));
  put('windows', 'putWindows', WINDOW_COLUMNS, (key, row) => ({ ...ofPair(key, 'user_id', 'name'), ...row }));
  drop('reservations', 'dropReservations');
  put('reservations', 'putReservations', RESERVATION_COLUMNS, (id, row) => ({ execution_id: id, ...row }));
  drop('webhooks', 'dropWebhooks');
  put('webhooks', 'putWebhooks', WEBHOOK_COLUMNS, (_, row) => row);
  drop('schedules', 'dropSchedules');
  put('schedules', 'putSchedules', SCHEDULE_COLUMNS, (_, row) => row);
  put('scheduleRuns', 'putScheduleRuns', SCHEDULE_RUN_COLUMNS, (_, row) => row);
  put('signals', 'putSignals', SIGNAL_COLUMNS, (_, row) => row);
  put('apiKeys', 'putApiKeys', API_KEY_COLUMNS, (_, row) => row);
  put('epochs', 'putEpochs', ['epoch', 'until'], (epoch, { until }) => ({ epoch, until }));
  drop('drivers', 'dropDrivers');
  put('drivers', 'putDrivers', ['plan_id', 'epoch'], (planId, epoch) => ({ plan_id: planId, epoch }));
}

function ofPair<A extends string, B extends string>(key: string, one: A, other: B): Record<A | B, string> {
  const [first, second] = parts(key);
  return { [one]: first, [other]: second } as Record<A | B, string>;
}

function writeAttempts(writing: Writing, changes: Changes): void {
  const all = changesOf(changes, 'attempts');
  const gone = all.filter(({ now }) => now.length === 0).map(({ key }) => key);
  if (gone.length > 0) writing.run('dropAttempts', gone);
  const rows = all.flatMap(({ now, was }) => now.filter((row) => was?.includes(row) !== true));
  writing.rows('putAttempts', ATTEMPT_COLUMNS, rows);
}

function writeDeliveries(writing: Writing, changes: Changes): void {
  const all = changesOf(changes, 'deliveries').flatMap(({ was, now }) =>
    now === null ? [] : [{ was, now }],
  );
  const added = all.filter(({ was }) => was == null);
  const changed = all.filter(({ was }) => was != null);
  const record = ({ now }: (typeof all)[number]) => ({ ...now, record: JSON.stringify(now.record) });
  writing.rows('insertDeliveries', DELIVERY_COLUMNS, added.map(record));
  const rows = changed.map(({ now }) => now);
  writing.rows('setDeliveries', DELIVERY_STATE_COLUMNS, rows);
  for (const { now } of all) writing.lanes.add(now.lane);
}

function writeExecutions(writing: Writing, changes: Changes): void {
  const added: ExecutionRow[] = [];
  const changed: ExecutionRow[] = [];
  const results: ExecutionRow[] = [];
  for (const { was, now } of changesOf(changes, 'executions')) {
    if (now === null) continue;
    (was == null ? added : changed).push(now);
    if (now.result !== null && now.result !== was?.result) results.push(now);
  }
  const withCause = (row: ExecutionRow) => ({ ...row, ...causeOf(row) });
  writing.rows('insertExecutions', [...STATE_COLUMNS, ...CAUSE_COLUMNS], added.map(withCause));
  writing.rows('insertSpecs', SPEC_COLUMNS, added.map(specOf));
  writing.rows('setExecutions', UPDATE_COLUMNS, changed.map(withCause));
  writing.rows('putResults', ['seq', 'result'], results);
}

/** What a search needs of the outcome: its cause, and what decides its code beside that. */
function causeOf({
  outcome,
}: Pick<ExecutionRow, 'outcome'>): Record<(typeof CAUSE_COLUMNS)[number], string | null> {
  if (outcome === null) return { cause: null, cause_by: null };
  const { cause, code, exhausted } = JSON.parse(outcome) as {
    cause: string;
    code?: string;
    exhausted?: unknown;
  };
  return { cause, cause_by: code ?? (exhausted == null ? '1' : '0') };
}

interface SearchedFacts {
  labels: Record<string, string>;
  cache: { madeBy?: unknown } | null;
  keptFrom?: string;
  onDisconnect?: string;
}

function specOf(row: ExecutionRow): Record<(typeof SPEC_COLUMNS)[number], unknown> {
  const { seq, spec, facts, webhook } = row;
  const { labels, cache, keptFrom, onDisconnect } = readJson(facts) as SearchedFacts;
  const madeBy = cache?.madeBy;
  return {
    ...{ seq, spec, facts, webhook, labels: JSON.stringify(labels) },
    made_by: madeBy == null ? null : JSON.stringify(madeBy),
    kept_from: keptFrom ?? null,
    is_followed: cache !== null || onDisconnect !== undefined ? 1 : 0,
  };
}

function remove(writing: Writing, removed: readonly ExecutionRow[]): void {
  if (removed.length === 0) return;
  const ids = removed.map(({ id }) => id);
  const seqs = removed.map(({ seq }) => seq);
  writing.run(
    'noteSwept',
    ids,
    removed.map(({ user_id: userId }) => userId),
  );
  for (const name of ['dropMarks', 'dropLabels', 'dropEvents', 'dropFiles'] as const) writing.run(name, ids);
  for (const name of ['dropSpecs', 'dropResults', 'dropExecutions'] as const) writing.run(name, seqs);
}

/** Statements that store executions with their specs and results, as they are; those that are there stay. */
export function executionStatements(rows: readonly ExecutionRow[]): Statement[] {
  const ended = rows.filter(({ result }) => result !== null);
  const columns = [...STATE_COLUMNS, ...CAUSE_COLUMNS];
  const of = <K extends string>(table: string, names: readonly K[], all: Rows<K>): Statement => ({
    text: insertInto(table, names, 'ON CONFLICT DO NOTHING'),
    values: valuesOf(names, all) as Value[],
  });
  return [
    of(
      'executions',
      columns,
      rows.map((row) => ({ ...row, ...causeOf(row) })),
    ),
    of('execution_specs', SPEC_COLUMNS, rows.map(specOf)),
    of('execution_results', ['seq', 'result'], ended),
  ];
}

const NAMED = ['keys', 'openKeys', 'counts', 'pending', 'last'] as const;
const COUNTER_COLUMNS = ['kind', 'name', 'n'] as const;

function writeCounters(writing: Writing, changes: Changes): void {
  const counters = NAMED.flatMap((kind) =>
    changesOf(changes, kind).map(({ key, now }) => ({ kind, name: key, n: now })),
  );
  const isKept = ({ kind, n }: { kind: string; n: number }) => n !== 0 || kind === 'last';
  writing.rows('putCounters', COUNTER_COLUMNS, counters.filter(isKept));
  const gone = counters.filter((one) => !isKept(one));
  writing.rows('dropCounters', ['kind', 'name'], gone);
  const users = changesOf(changes, 'users');
  const takesNothing = ({ now }: { now: Usage }) => Object.values(now).every((n) => n === 0);
  const left = users.filter(takesNothing).map(({ key }) => key);
  if (left.length > 0) writing.run('dropUsages', left);
  const rows = users.filter((one) => !takesNothing(one)).map(({ key, now }) => usageRow(key, now));
  writing.rows('putUsages', USAGE_COLUMNS, rows);
  const sums = changesOf(changes, 'sums').map(({ key, now }) => ({ ...usageRow(key, now), name: key }));
  writing.rows('putSums', SUM_COLUMNS, sums);
}

export function usageRow(
  userId: string,
  { running, waiting, retrying, keys, kept, storeBytes, logBytes, logs }: Usage,
): Record<(typeof USAGE_COLUMNS)[number], string | number> {
  const now = { running, waiting_count: waiting, retrying, keys, kept, logs };
  return { user_id: userId, ...now, store_bytes: storeBytes, log_bytes: logBytes };
}

function carryOut(writing: Writing, order: Order, now: number): void {
  switch (order.type) {
    case 'mark': {
      const { planId, step, status, reason } = order;
      const outcome = order.outcome === null ? null : JSON.stringify(order.outcome);
      return writing.run('insertMark', planId, step, status, reason, outcome, now);
    }
    case 'copy_marks':
      return writing.run('copyMarks', order.to, order.from);
    case 'label': {
      const of = { user_id: order.userId, id: order.id };
      return void writing.labels.push(...order.labels.map(([name, value]) => ({ ...of, name, value })));
    }
    case 'orphan':
      return writing.run('orphan', order.executionId);
    case 'drop_deliveries':
      writing.run('lanesOf', order.webhookId);
      writing.run('dropDeliveries', order.webhookId);
      return void writing.lanes.add('');
    case 'delivery_sweep':
      writing.run('sweep', order.finishedBefore, order.limit);
      return writing.run('sweepOrphans', order.limit);
    case 'hold':
      writing.run('hold', order.until, order.since, order.lane);
      return void writing.lanes.add(order.lane);
    case 'stop_asked':
      return writing.run('putMeta', 'stop_asked', String(order.epoch));
    case 'circuits':
      for (const { name, state } of order.put) writing.run('putMeta', CIRCUIT + name, state);
      for (const name of order.drop) writing.run('dropMeta', CIRCUIT + name);
      return;
    case 'series':
      for (const { name, state } of order.put) writing.run('putMeta', SERIES + name, state);
      for (const name of order.drop) writing.run('dropMeta', SERIES + name);
      return;
    case 'operations':
      for (const one of order.put) writing.run('putMeta', OPERATION + one.name, JSON.stringify(one));
      for (const name of order.drop) writing.run('dropMeta', OPERATION + name);
      return;
    case 'pauses':
      for (const pause of order.put) writing.run('putMeta', PAUSE + pause.name, JSON.stringify(pause));
      for (const name of order.drop) writing.run('dropMeta', PAUSE + name);
      return;
    case 'trim_schedule_runs':
      return writing.run('trimScheduleRuns', order.scheduleId, order.keep);
    case 'drop_signals':
      return writing.run('dropSignals', order.subjectId);
    case 'keys_changed':
      return writing.run('keysChanged', 'keys_version');
    case 'files':
      return changeFiles(writing, order);
    case 'cache':
      return changeCache(writing, order);
    default:
      return order satisfies never;
  }
}

function changeFiles(writing: Writing, { put, drop, forget }: FilesPart): void {
  for (const file of put) {
    const { ownerId, role, path, userId, digest, size, mode, createdAt, expiresAt, expected } = file;
    writing.run('putFile', ownerId, role, path, userId, digest, size, mode, createdAt, expiresAt, expected);
  }
  for (const id of drop) writing.run('dropUpload', id);
  for (const digest of forget) writing.run('forgetBlob', digest);
}

function changeCache(writing: Writing, { put, drop, keepAtMost }: Cache): void {
  for (const { key, storedAt, text } of put) writing.run('putCache', key, text, storedAt);
  for (const key of drop) writing.run('dropCache', key);
  if (keepAtMost !== null) writing.run('trimCache', keepAtMost);
}

const KEY_COLUMNS = ['user_id', 'key', 'body_hash', 'execution_id', 'expires_at'] as const;
const ACCOUNT_COLUMNS = ['user_id', 'balance', 'reserved'] as const;
const WINDOW_COLUMNS = ['user_id', 'name', 'began_at', 'count'] as const;
const RESERVATION_COLUMNS = ['execution_id', 'user_id', 'amount', 'due'] as const;
const LABEL_COLUMNS = ['user_id', 'name', 'value', 'id'] as const;
const DELIVERY_STATE_COLUMNS = ['id', 'state', 'tries', 'next_at', 'finished_at'] as const;
const UPDATE_COLUMNS = ['seq', ...CHANGING_COLUMNS, ...CAUSE_COLUMNS] as const;
export const USAGE_COLUMNS = [
  ...([
    'user_id',
    'running',
    'waiting_count',
    'retrying',
    'keys',
    'kept',
    'store_bytes',
    'log_bytes',
  ] as const),
  'logs',
] as const;

const SUM_COLUMNS = ['name', ...USAGE_COLUMNS.filter((name) => name !== 'user_id')] as const;

const sets = (columns: readonly string[]) => columns.map((name) => `"${name}" = n."${name}"`).join(', ');
const update = (table: string, columns: readonly string[], more = '') =>
  `UPDATE execd.${table} t SET ${sets(columns.slice(1))}${more} FROM ${unnest(table, columns)}
    AS n (${columns.map((name) => `"${name}"`).join(', ')}) WHERE t.${columns[0]} = n.${columns[0]}`;
const dropOf = (table: string, column: string, type = 'text') =>
  `DELETE FROM execd.${table} WHERE ${column} = ANY($1::${type}[])`;

const SQL = {
  insertEvents: insertInto('events', EVENT_COLUMNS),
  insertEntries: insertInto('ledger', LEDGER_COLUMNS),
  insertExecutions: insertInto('executions', [...STATE_COLUMNS, ...CAUSE_COLUMNS]),
  insertSpecs: insertInto('execution_specs', SPEC_COLUMNS),
  setExecutions: update('executions', UPDATE_COLUMNS),
  putResults: putInto('execution_results', ['seq', 'result'], ['seq']),
  dropExecutions: dropOf('executions', 'seq', 'bigint'),
  dropSpecs: dropOf('execution_specs', 'seq', 'bigint'),
  dropResults: dropOf('execution_results', 'seq', 'bigint'),
  noteSwept: `INSERT INTO execd.swept_events AS s (user_id, position)
    SELECT k.user_id, max(v.position) FROM unnest($1::text[], $2::text[]) AS k (id, user_id)
      JOIN execd.events v ON v.execution_id = k.id GROUP BY k.user_id
    ON CONFLICT (user_id) DO UPDATE SET position = greatest(s.position, excluded.position)`,
  dropEvents: dropOf('events', 'execution_id'),
  dropMarks: dropOf('plan_marks', 'plan_id'),
  dropLabels: dropOf('labels', 'id'),
  dropFiles: `${dropOf('files', 'owner_id')} AND role <> 'upload'`,
  insertLabels: insertInto('labels', LABEL_COLUMNS),
  putAttempts: putInto('attempts', ATTEMPT_COLUMNS, ['run_id', 'number']),
  dropAttempts: dropOf('attempts', 'run_id'),
  insertMark: `INSERT INTO execd.plan_marks (plan_id, step, status, reason, outcome, at)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
  copyMarks: `INSERT INTO execd.plan_marks (plan_id, step, status, reason, outcome, at)
    SELECT $1, step, status, reason, outcome, at FROM execd.plan_marks WHERE plan_id = $2 ON CONFLICT DO NOTHING`,
  putKeys: putInto('idempotency', KEY_COLUMNS, ['user_id', 'key']),
  putCache: `INSERT INTO execd.cache (key, entry, stored_at) VALUES ($1, $2, $3)
    ON CONFLICT (key) DO UPDATE SET entry = excluded.entry, stored_at = excluded.stored_at`,
  dropCache: 'DELETE FROM execd.cache WHERE key = $1',
  trimCache: `DELETE FROM execd.cache WHERE key IN (
    SELECT key FROM execd.cache ORDER BY stored_at DESC OFFSET $1::bigint)`,
  putFile: `INSERT INTO execd.files (owner_id, role, path, user_id, digest, size, mode, created_at, expires_at, expected)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (owner_id, role, path) DO UPDATE
    SET digest = excluded.digest, size = excluded.size, expires_at = excluded.expires_at`,
  dropUpload: `DELETE FROM execd.files WHERE owner_id = $1 AND role = 'upload'`,
  forgetBlob: 'DELETE FROM execd.blobs WHERE digest = $1 AND refs = 0',
  putAccounts: putInto('accounts', ACCOUNT_COLUMNS, ['user_id']),
  putWindows: putInto('windows', WINDOW_COLUMNS, ['user_id', 'name']),
  putReservations: `${insertInto('reservations', RESERVATION_COLUMNS)}
    ON CONFLICT (execution_id) DO UPDATE SET amount = excluded.amount, due = excluded.due`,
  dropReservations: dropOf('reservations', 'execution_id'),
  putSchedules: putInto('schedules', SCHEDULE_COLUMNS, ['id']),
  dropSchedules: dropOf('schedules', 'id'),
  putScheduleRuns: putInto('schedule_runs', SCHEDULE_RUN_COLUMNS, ['schedule_id', 'due_at']),
  trimScheduleRuns: `DELETE FROM execd.schedule_runs WHERE schedule_id = $1 AND due_at IN (
    SELECT due_at FROM execd.schedule_runs WHERE schedule_id = $1 ORDER BY due_at DESC OFFSET $2::bigint)`,
  putWebhooks: putInto('webhooks', WEBHOOK_COLUMNS, ['id']),
  dropWebhooks: dropOf('webhooks', 'id'),
  orphan: 'UPDATE execd.webhooks SET is_orphan = 1 WHERE id = $1',
  insertDeliveries: insertInto('deliveries', DELIVERY_COLUMNS),
  setDeliveries: update('deliveries', DELIVERY_STATE_COLUMNS, ', held_since = NULL'),
  hold: `UPDATE execd.deliveries SET next_at = $1, held_since = coalesce(held_since, $2)
    WHERE state = 'pending' AND lane = $3 AND next_at < $1`,
  lanesOf: `UPDATE execd.delivery_lanes SET next_at = -1 WHERE lane IN (
    SELECT lane FROM execd.deliveries WHERE webhook_id = $1 AND state = 'pending')`,
  dropDeliveries: 'DELETE FROM execd.deliveries WHERE webhook_id = $1',
  // A lane has the time of its first delivery, so that a look at what is due costs nothing for what is not.
  lanesAgain: `WITH lanes AS (SELECT unnest($1::text[]) COLLATE "C" AS lane
      UNION SELECT lane FROM execd.delivery_lanes WHERE next_at = -1),
    first AS (SELECT l.lane, d.user_id, d.next_at FROM lanes l LEFT JOIN LATERAL (
      SELECT user_id, next_at FROM execd.deliveries
      WHERE lane = l.lane AND state = 'pending' ORDER BY next_at, id LIMIT 1) d ON TRUE),
    gone AS (DELETE FROM execd.delivery_lanes WHERE lane IN (SELECT lane FROM first WHERE next_at IS NULL))
    INSERT INTO execd.delivery_lanes (lane, user_id, next_at)
      SELECT lane, user_id, next_at FROM first WHERE next_at IS NOT NULL
      ON CONFLICT (lane) DO UPDATE SET next_at = excluded.next_at`,
  sweep: `DELETE FROM execd.deliveries WHERE id IN (
    SELECT id FROM execd.deliveries WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)`,
  sweepOrphans: `DELETE FROM execd.webhooks WHERE id IN (SELECT id FROM execd.webhooks w WHERE is_orphan = 1
    AND NOT EXISTS (SELECT 1 FROM execd.deliveries d WHERE d.webhook_id = w.id) LIMIT $1)`,
  putSignals: putInto('signals', SIGNAL_COLUMNS, ['subject_id', 'id']),
  dropSignals: 'DELETE FROM execd.signals WHERE subject_id = $1',
  putApiKeys: putInto('api_keys', API_KEY_COLUMNS, ['id']),
  putEpochs: update('epochs', ['epoch', 'until']),
  putDrivers: putInto('plan_drivers', ['plan_id', 'epoch'], ['plan_id']),
  dropDrivers: dropOf('plan_drivers', 'plan_id'),
  putMeta: `INSERT INTO execd.meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  dropMeta: 'DELETE FROM execd.meta WHERE name = $1',
  keysChanged: `INSERT INTO execd.meta AS m (name, value) VALUES ($1, '1')
    ON CONFLICT (name) DO UPDATE SET value = (m.value::bigint + 1)::text`,
  putCounters: putInto('counters', COUNTER_COLUMNS, ['kind', 'name']),
  dropCounters: `DELETE FROM execd.counters c USING unnest($1::text[], $2::text[]) AS k (kind, name)
    WHERE c.kind = k.kind AND c.name = k.name`,
  dropUsages: dropOf('usages', 'user_id'),
  putUsages: putInto('usages', USAGE_COLUMNS, ['user_id']),
  putSums: putInto('usage_sums', SUM_COLUMNS, ['name']),
} as const;

export const PUT_META = SQL.putMeta;
