// Serves the facts that the rules ask for: from memory what is counted, everything else by a look in an index.
import { hasSteps } from '../../domain/kinds.ts';
import type { ApiKeyRow } from '../key-rows.ts';
import {
  type AccountRow,
  type DeliveryFacts,
  type EpochRow,
  type Facts,
  type IdempotencyRow,
  type Kind,
  type Needs,
  NO_ACCOUNT,
  parts,
  type ReservationRow,
  type Source,
  type WindowRow,
} from '../rules/facts.ts';
import type { WorkingSet } from '../rules/working-set.ts';
import type { ScheduleRow, ScheduleRunRow } from '../schedule-rows.ts';
import type { SignalRow } from '../signal-rows.ts';
import type { WebhookRow } from '../webhook-rows.ts';
import { IS_OPEN_RUN } from '../rows.ts';
import type { Remembered } from '../memory.ts';
import { attemptsOfRun, executionsWhere, executionWithId } from './columns.ts';
import type { Statements } from './statements.ts';

/** @param memory serves what is counted */
export function sqliteSource(db: Statements, memory: Pick<Source, Remembered>): Source {
  const one = <T>(name: keyof typeof SQL, ...keys: string[]) =>
    (db.one(SQL[name], ...keys) as T | undefined) ?? null;
  const all = <T>(name: keyof typeof SQL, key: string) => db.all(SQL[name], key) as T[];
  return {
    executions: (id) => executionWithId(db, id),
    members: executionsWhere(db, MEMBERS),
    sharers: (runId) => all<{ id: string }>('sharers', runId).map(({ id }) => id),
    attempts: (runId) => attemptsOfRun(db, runId),
    steps: (key) => one<{ id: string }>('step', ...parts(key))?.id ?? null,
    liveSteps: executionsWhere(db, `WHERE plan_id = ? AND phase <> 'done' ORDER BY seq`),
    allSteps: executionsWhere(db, 'WHERE plan_id = ? ORDER BY seq'),
    keyed: executionsWhere(db, `WHERE concurrency_key = ? AND phase <> 'done' ORDER BY seq`),
    openRuns: executionsWhere(db, `WHERE join_key = ? AND ${IS_OPEN_RUN} ORDER BY seq`),
    firstEvents: (id) => one<{ position: number }>('firstEvent', id)?.position ?? null,
    idempotency: (key) => one<IdempotencyRow>('idempotency', ...parts(key)),
    accounts: (userId) => one<AccountRow>('account', userId) ?? NO_ACCOUNT,
    windows: (key) => one<WindowRow>('window', ...parts(key)),
    reservations: (id) => one<ReservationRow>('reservation', id),
    webhooks: (id) => one<WebhookRow>('webhook', id),
    deliveries: (id) => one<DeliveryFacts>('delivery', id),
    waiting: (webhookId) => all<DeliveryFacts>('waiting', webhookId),
    held: (key) => db.all(SQL.held, ...parts(key)) as DeliveryFacts[],
    apiKeys: (id) => one<ApiKeyRow>('apiKey', id),
    epochs: (epoch) => one<EpochRow>('epoch', epoch),
    drivers: (planId) => one<{ epoch: number }>('driver', planId)?.epoch ?? null,
    apiKeyCount: () => one<{ n: number }>('apiKeyCount')?.n ?? 0,
    schedules: (id) => one<ScheduleRow>('schedule', id),
    scheduleNames: (key) => one<{ id: string }>('scheduleName', ...parts(key))?.id ?? null,
    scheduleCounts: (userId) => one<{ n: number }>('scheduleCount', userId, userId)?.n ?? 0,
    signals: (key) => one<SignalRow>('signal', ...parts(key)),
    signalCounts: (id) => one<{ n: number }>('signalCount', id)?.n ?? 0,
    scheduleRuns: (key) => one<ScheduleRunRow>('scheduleRun', ...parts(key)),
    ...memory,
  };
}

/** Loads what is needed ahead: as a store does for which each look is a journey. */
export function load(set: WorkingSet, source: Source, needs: Needs): void {
  const { runsOf = [], liveTrees = [], wholeTrees = [], ...keys } = needs;
  const fill = <K extends Kind>(kind: K, key: string): Facts[K] => {
    const value = source[kind](key);
    set.fill(kind, key, value);
    return value;
  };
  for (const [kind, names] of Object.entries(keys) as [Kind, readonly string[]][]) {
    for (const name of names) fill(kind, name);
  }
  for (const id of runsOf) fill('members', fill('executions', id)?.run_id ?? id);
  const tree = (kind: 'liveSteps' | 'allSteps', planId: string): void => {
    for (const row of fill(kind, planId)) if (hasSteps(row)) tree(kind, row.id);
  };
  for (const id of liveTrees) tree('liveSteps', id);
  for (const id of wholeTrees) tree('allSteps', id);
}

const MEMBERS = `WHERE run_id = ? AND run_id <> id AND phase <> 'done' ORDER BY seq`;
const DELIVERY = `id, webhook_id, user_id, lane, NULL AS record, state, tries, next_at, created_at, finished_at`;

const SQL = {
  sharers: 'SELECT id FROM executions WHERE run_id = ? AND run_id <> id',
  step: 'SELECT id FROM executions WHERE plan_id = ? AND step = ?',
  firstEvent: 'SELECT position FROM events WHERE execution_id = ? AND sequence = 1',
  idempotency: 'SELECT body_hash, execution_id, expires_at FROM idempotency WHERE user_id = ? AND key = ?',
  account: 'SELECT balance, reserved FROM accounts WHERE user_id = ?',
  window: 'SELECT began_at, count FROM windows WHERE user_id = ? AND name = ?',
  reservation: 'SELECT user_id, amount, due FROM reservations WHERE execution_id = ?',
  webhook: 'SELECT * FROM webhooks WHERE id = ?',
  delivery: `SELECT ${DELIVERY} FROM deliveries WHERE id = CAST(? AS INTEGER)`,
  waiting: `SELECT ${DELIVERY} FROM deliveries WHERE webhook_id = ? AND state = 'pending'`,
  held: `SELECT ${DELIVERY} FROM deliveries WHERE state = 'pending' AND lane = ? AND held_since <= CAST(? AS INTEGER)`,
  apiKey: 'SELECT * FROM api_keys WHERE id = ?',
  schedule: 'SELECT * FROM schedules WHERE id = ?',
  scheduleName: 'SELECT id FROM schedules WHERE user_id = ? AND name = ?',
  scheduleCount: `SELECT count(*) AS n FROM schedules WHERE ? = '' OR user_id = ?`,
  scheduleRun: 'SELECT * FROM schedule_runs WHERE schedule_id = ? AND due_at = CAST(? AS INTEGER)',
  signal: 'SELECT * FROM signals WHERE subject_id = ? AND id = ?',
  signalCount: 'SELECT count(*) AS n FROM signals WHERE subject_id = ?',
  epoch: 'SELECT replica, until FROM epochs WHERE epoch = CAST(? AS INTEGER)',
  driver: 'SELECT epoch FROM plan_drivers WHERE plan_id = ?',
  apiKeyCount: 'SELECT count(*) AS n FROM api_keys',
} as const;
