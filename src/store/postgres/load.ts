// Loads the facts that a batch needs: one statement for each kind, all of them sent at once.
import { hasSteps } from '../../domain/kinds.ts';
import type { ApiKeyRow } from '../key-rows.ts';
import { type AttemptRow, type ExecutionRow, IS_OPEN_RUN } from '../rows.ts';
import {
  type AccountRow,
  type DeliveryFacts,
  type EpochRow,
  type Facts,
  type IdempotencyRow,
  type Kind,
  type Needs,
  NO_ACCOUNT,
  NO_USAGE,
  pair,
  parts,
  type ReservationRow,
  type Source,
  type Usage,
  type WindowRow,
} from '../rules/facts.ts';
import { NotLoaded, type WorkingSet } from '../rules/working-set.ts';
import type { ScheduleRow, ScheduleRunRow } from '../schedule-rows.ts';
import type { SignalRow } from '../signal-rows.ts';
import { type Listener, toListener, type WebhookRow } from '../webhook-rows.ts';
import { ATTEMPT_COLUMNS, EXECUTION_ROWS } from './columns.ts';
import type { Connection, Value } from './database.ts';

/** Counted, in one table. */
const COUNTERS = ['keys', 'openKeys', 'counts', 'pending', 'last'] as const;
type Counter = (typeof COUNTERS)[number];
type Loaded = Exclude<Kind, Counter>;

export type UsageRow = Omit<Usage, 'waiting' | 'storeBytes' | 'logBytes'> & {
  waiting_count: number;
  store_bytes: number;
  log_bytes: number;
};

export const toUsage = ({ waiting_count: waiting, store_bytes, log_bytes, ...others }: UsageRow): Usage => ({
  ...{ running: others.running, retrying: others.retrying, keys: others.keys, kept: others.kept },
  ...{ logs: others.logs, waiting, storeBytes: store_bytes, logBytes: log_bytes },
});

interface Loader<K extends Loaded> {
  text: string;
  values?: (keys: readonly string[]) => Value[];
  /** The facts in the rows, by key. */
  take: (rows: never[], keys: readonly string[]) => Map<string, Facts[K]>;
  absent: Facts[K];
}

const pairsOf = (keys: readonly string[]): Value[] => {
  const both = keys.map(parts);
  return [both.map(([one]) => one), both.map(([, other]) => other)];
};

/** One row for a key, or none. */
const one = <T>(keyOf: (row: T) => string) => ({
  take: (rows: T[]) => new Map(rows.map((row) => [keyOf(row), row])),
  absent: null,
});

function grouped<T, U>(
  rows: readonly T[],
  keyOf: (row: T) => string,
  valueOf: (row: T) => U,
): Map<string, U[]> {
  const groups = new Map<string, U[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [valueOf(row)]);
    else group.push(valueOf(row));
  }
  return groups;
}

/** Any number of rows for a key. */
const many = <T, U = T>(
  keyOf: (row: T) => string,
  valueOf: (row: T) => U = (row) => row as unknown as U,
) => ({
  take: (rows: T[]) => grouped(rows, keyOf, valueOf),
  absent: [],
});

const KEYS = (first = 1) => `FROM unnest($${first}::text[], $${first + 1}::text[]) AS k (one, other)`;
const DELIVERY = `id, webhook_id, user_id, lane, NULL AS record, state, tries, next_at, created_at, finished_at`;
type Keyed<T> = T & { one: string; other: string };
const pairOf = ({ one, other }: Keyed<object>): string => pair(one, other);
/** A row without the key that it was found by. */
const bare = <T extends object>({ one: _one, other: _other, ...row }: Keyed<T>): T => row as unknown as T;
const onePair = <T extends object>() => ({
  take: (rows: Keyed<T>[]) => new Map(rows.map((row) => [pairOf(row), bare<T>(row)])),
  absent: null,
});

const LOADERS = {
  executions: { text: `${EXECUTION_ROWS} WHERE e.id = ANY($1)`, ...one<ExecutionRow>(({ id }) => id) },
  members: {
    text: `${EXECUTION_ROWS} WHERE e.run_id = ANY($1) AND e.run_id <> e.id AND e.phase <> 'done' ORDER BY e.seq`,
    ...many<ExecutionRow>(({ run_id: runId }) => runId),
  },
  signals: {
    text: `SELECT k.*, s.* ${KEYS()} JOIN execd.signals s ON s.subject_id = k.one AND s.id = k.other`,
    values: pairsOf,
    ...onePair<SignalRow>(),
  },
  signalCounts: {
    text: 'SELECT subject_id AS name, count(*) AS n FROM execd.signals WHERE subject_id = ANY($1) GROUP BY subject_id',
    take: (rows: { name: string; n: number }[]) => new Map(rows.map(({ name, n }) => [name, n])),
    absent: 0,
  },
  sharers: {
    text: 'SELECT run_id, id FROM execd.executions WHERE run_id = ANY($1) AND run_id <> id',
    ...many<{ run_id: string; id: string }, string>(
      ({ run_id: runId }) => runId,
      ({ id }) => id,
    ),
  },
  attempts: {
    text: `SELECT ${ATTEMPT_COLUMNS.join(', ')} FROM execd.attempts WHERE run_id = ANY($1) ORDER BY run_id, number`,
    ...many<AttemptRow>(({ run_id: runId }) => runId),
  },
  steps: {
    text: `SELECT k.*, e.id ${KEYS()} JOIN execd.executions e ON e.plan_id = k.one AND e.step = k.other`,
    values: pairsOf,
    take: (rows: Keyed<{ id: string }>[]) => new Map(rows.map((row) => [pairOf(row), row.id])),
    absent: null,
  },
  liveSteps: {
    text: `${EXECUTION_ROWS} WHERE e.plan_id = ANY($1) AND e.phase <> 'done' ORDER BY e.seq`,
    ...many<ExecutionRow>(({ plan_id: planId }) => planId as string),
  },
  allSteps: {
    text: `${EXECUTION_ROWS} WHERE e.plan_id = ANY($1) ORDER BY e.seq`,
    ...many<ExecutionRow>(({ plan_id: planId }) => planId as string),
  },
  keyed: {
    text: `${EXECUTION_ROWS} WHERE e.concurrency_key = ANY($1) AND e.phase <> 'done' ORDER BY e.seq`,
    ...many<ExecutionRow>(({ concurrency_key: key }) => key as string),
  },
  openRuns: {
    text: `${EXECUTION_ROWS} WHERE e.join_key = ANY($1) AND ${IS_OPEN_RUN} ORDER BY e.seq`,
    ...many<ExecutionRow>(({ join_key: key }) => key as string),
  },
  firstEvents: {
    text: 'SELECT execution_id, position FROM execd.events WHERE execution_id = ANY($1) AND sequence = 1',
    take: (rows: { execution_id: string; position: number }[]) =>
      new Map(rows.map(({ execution_id: id, position }) => [id, position])),
    absent: null,
  },
  idempotency: {
    text: `SELECT k.*, i.body_hash, i.execution_id, i.expires_at ${KEYS()}
      JOIN execd.idempotency i ON i.user_id = k.one AND i.key = k.other`,
    values: pairsOf,
    ...onePair<IdempotencyRow>(),
  },
  accounts: {
    text: 'SELECT user_id, balance, reserved FROM execd.accounts WHERE user_id = ANY($1)',
    take: (rows: (AccountRow & { user_id: string })[]) =>
      new Map(rows.map(({ user_id: userId, ...row }) => [userId, row])),
    absent: NO_ACCOUNT,
  },
  windows: {
    text: `SELECT k.*, w.began_at, w.count ${KEYS()} JOIN execd.windows w ON w.user_id = k.one AND w.name = k.other`,
    values: pairsOf,
    ...onePair<WindowRow>(),
  },
  reservations: {
    text: 'SELECT execution_id, user_id, amount, due FROM execd.reservations WHERE execution_id = ANY($1)',
    take: (rows: (ReservationRow & { execution_id: string })[]) =>
      new Map(rows.map(({ execution_id: id, ...row }) => [id, row])),
    absent: null,
  },
  webhooks: { text: 'SELECT * FROM execd.webhooks WHERE id = ANY($1)', ...one<WebhookRow>(({ id }) => id) },
  deliveries: {
    text: `SELECT ${DELIVERY} FROM execd.deliveries WHERE id = ANY($1::bigint[])`,
    take: (rows: NonNullable<DeliveryFacts>[]) => new Map(rows.map((row) => [String(row.id), row])),
    absent: null,
  },
  waiting: {
    text: `SELECT ${DELIVERY} FROM execd.deliveries WHERE webhook_id = ANY($1) AND state = 'pending' ORDER BY id`,
    ...many<DeliveryFacts>(({ webhook_id: id }) => id),
  },
  held: {
    text: `SELECT k.*, d.id, d.webhook_id, d.user_id, d.lane, NULL AS record, d.state, d.tries, d.next_at, d.created_at,
        d.finished_at ${KEYS()}
      JOIN execd.deliveries d ON d.state = 'pending' AND d.lane = k.one AND d.held_since <= k.other::bigint ORDER BY d.id`,
    values: pairsOf,
    ...many<Keyed<DeliveryFacts>, DeliveryFacts>(pairOf, bare),
  },
  apiKeys: { text: 'SELECT * FROM execd.api_keys WHERE id = ANY($1)', ...one<ApiKeyRow>(({ id }) => id) },
  apiKeyCount: {
    text: 'SELECT count(*) AS n FROM execd.api_keys',
    values: () => [],
    take: ([row]: { n: number }[], keys: readonly string[]) => new Map(keys.map((key) => [key, row?.n ?? 0])),
    absent: 0,
  },
  schedules: {
    text: 'SELECT * FROM execd.schedules WHERE id = ANY($1)',
    ...one<ScheduleRow>(({ id }) => id),
  },
  scheduleNames: {
    text: `SELECT k.*, s.id ${KEYS()} JOIN execd.schedules s ON s.user_id = k.one AND s.name = k.other`,
    values: pairsOf,
    take: (rows: Keyed<{ id: string }>[]) => new Map(rows.map((row) => [pairOf(row), row.id])),
    absent: null,
  },
  scheduleCounts: {
    text: `SELECT k.name, (SELECT count(*) FROM execd.schedules WHERE k.name = '' OR user_id = k.name) AS n
      FROM unnest($1::text[]) AS k (name)`,
    take: (rows: { name: string; n: number }[]) => new Map(rows.map(({ name, n }) => [name, n])),
    absent: 0,
  },
  scheduleRuns: {
    text: `SELECT k.*, r.* ${KEYS()}
      JOIN execd.schedule_runs r ON r.schedule_id = k.one AND r.due_at = k.other::bigint`,
    values: pairsOf,
    ...onePair<ScheduleRunRow>(),
  },
  epochs: {
    text: 'SELECT epoch, replica, until FROM execd.epochs WHERE epoch = ANY($1::bigint[])',
    take: (rows: (EpochRow & { epoch: number })[]) =>
      new Map(rows.map(({ epoch, ...row }) => [String(epoch), row])),
    absent: null,
  },
  drivers: {
    text: 'SELECT plan_id, epoch FROM execd.plan_drivers WHERE plan_id = ANY($1)',
    take: (rows: { plan_id: string; epoch: number }[]) =>
      new Map(rows.map(({ plan_id: id, epoch }) => [id, epoch])),
    absent: null,
  },
  users: {
    text: 'SELECT * FROM execd.usages WHERE user_id = ANY($1)',
    take: (rows: (UsageRow & { user_id: string })[]) =>
      new Map(rows.map((row) => [row.user_id, toUsage(row)])),
    absent: NO_USAGE,
  },
  sums: {
    text: 'SELECT * FROM execd.usage_sums WHERE name = ANY($1)',
    take: (rows: (UsageRow & { name: string })[]) => new Map(rows.map((row) => [row.name, toUsage(row)])),
    absent: NO_USAGE,
  },
  listeners: {
    text: `SELECT * FROM execd.webhooks WHERE user_id = ANY($1) AND execution_id IS NULL AND disabled IS NULL
      ORDER BY created_at, id`,
    ...many<WebhookRow, Listener>(({ user_id: userId }) => userId, toListener),
  },
} satisfies { [K in Loaded]: Loader<K> };

/** Refuses what was not loaded. */
export const NOTHING_LOADED = Object.fromEntries(
  [...Object.keys(LOADERS), ...COUNTERS].map((kind) => [
    kind,
    (key: string): never => {
      throw new NotLoaded(kind as Kind, key);
    },
  ]),
) as unknown as Source;

const isCounter = (kind: string): kind is Counter => (COUNTERS as readonly string[]).includes(kind);

/** Loads what is needed. */
export async function load(connection: Connection, set: WorkingSet, needs: Needs): Promise<void> {
  const { runsOf = [], liveTrees = [], wholeTrees = [], ...keys } = needs;
  const all = Object.entries(keys) as [Kind, readonly string[]][];
  const kinds = all.filter(([kind, names]) => kind in LOADERS && names.length > 0);
  const counted = all.flatMap(([kind, names]) =>
    isCounter(kind) ? names.filter((name) => !set.knows(kind, name)).map((name) => ({ kind, name })) : [],
  );
  await Promise.all([
    ...kinds.map(([kind, names]) => fill(connection, set, kind as Loaded, names)),
    counted.length === 0 ? null : fillCounters(connection, set, counted),
    runsOf.length === 0 ? null : fillRuns(connection, set, runsOf),
    liveTrees.length === 0 ? null : fillTrees(connection, set, 'liveSteps', liveTrees),
    wholeTrees.length === 0 ? null : fillTrees(connection, set, 'allSteps', wholeTrees),
  ]);
}

async function fill<K extends Loaded>(
  connection: Connection,
  set: WorkingSet,
  kind: K,
  keys: readonly string[],
): Promise<Map<string, Facts[K]>> {
  const { text, values, take, absent } = LOADERS[kind] as unknown as Loader<K>;
  const rows = await connection.query<never>(text, values?.(keys) ?? [keys]);
  const found = take(rows, keys);
  for (const key of keys) set.fill(kind, key, found.get(key) ?? absent);
  return found;
}

async function fillCounters(
  connection: Connection,
  set: WorkingSet,
  counters: readonly { kind: Counter; name: string }[],
): Promise<void> {
  const text = `SELECT c.kind, c.name, c.n ${KEYS()} JOIN execd.counters c ON c.kind = k.one AND c.name = k.other`;
  const values = [counters.map(({ kind }) => kind), counters.map(({ name }) => name)];
  const rows = await connection.query<{ kind: Counter; name: string; n: number }>(text, values);
  for (const { kind, name, n } of rows) set.fill(kind, name, n);
  for (const { kind, name } of counters) set.fill(kind, name, 0);
}

/** Executions, and those that take part in the run of each. */
async function fillRuns(connection: Connection, set: WorkingSet, ids: readonly string[]): Promise<void> {
  const members = `${EXECUTION_ROWS} WHERE e.run_id IN (SELECT unnest($1::text[]) COLLATE "C"
      UNION SELECT run_id FROM execd.executions WHERE id = ANY($1)) AND e.run_id <> e.id AND e.phase <> 'done'
    ORDER BY e.seq`;
  const [executions, rows] = await Promise.all([
    fill(connection, set, 'executions', ids),
    connection.query<ExecutionRow>(members, [ids]),
  ]);
  const found = grouped(
    rows,
    ({ run_id: runId }) => runId,
    (row) => row,
  );
  for (const id of ids) {
    const runId = executions.get(id)?.run_id ?? id;
    set.fill('members', runId, found.get(runId) ?? []);
  }
}

/** The steps of plans, and of the plans among them. */
async function fillTrees(
  connection: Connection,
  set: WorkingSet,
  kind: 'liveSteps' | 'allSteps',
  ids: readonly string[],
): Promise<void> {
  const live = kind === 'liveSteps' ? `AND e.phase <> 'done'` : '';
  const text = `WITH RECURSIVE plans (id) AS (
      SELECT unnest($1::text[]) COLLATE "C" UNION
      SELECT e.id FROM plans p JOIN execd.executions e ON e.plan_id = p.id AND e.kind = 'plan' ${live})
    ${EXECUTION_ROWS} JOIN plans p ON e.plan_id = p.id ${live} ORDER BY e.seq`;
  const rows = await connection.query<ExecutionRow>(text, [ids]);
  const found = grouped(
    rows,
    ({ plan_id: planId }) => planId as string,
    (row) => row,
  );
  const plans = new Set([...ids, ...rows.filter(hasSteps).map(({ id }) => id)]);
  for (const id of plans) set.fill(kind, id, found.get(id) ?? []);
}
