// The statements by which changes are written.
import { API_KEY_COLUMNS } from '../key-rows.ts';
import { SCHEDULE_COLUMNS, SCHEDULE_RUN_COLUMNS } from '../schedule-rows.ts';
import { SIGNAL_COLUMNS } from '../signal-rows.ts';
import { WEBHOOK_COLUMNS } from '../webhook-rows.ts';
import { ATTEMPT_COLUMNS, SPEC_COLUMNS, STATE_COLUMNS } from './columns.ts';

const holes = (columns: readonly unknown[]): string => columns.map(() => '?').join(', ');

/**
 * Rows that one statement writes, where they come in great numbers: not executions, of which SQLite would copy each page of
 * their indexes first, to undo the statement alone.
 */
export const AT_ONCE = 8;
const atOnce = (insert: string, columns: number): string => {
  const row = `(${Array.from({ length: columns }, () => '?').join(', ')})`;
  return `${insert} VALUES ${Array.from({ length: AT_ONCE }, () => row).join(', ')}`;
};

const INSERT_EVENT = 'INSERT INTO events (position, execution_id, sequence, type, at, attempt, phase, step)';
const INSERT_SPEC = `INSERT INTO execution_specs (execution_seq, ${SPEC_COLUMNS.join(', ')})`;
/** In place of what was there of it. */
const PUT_ATTEMPT = `INSERT OR REPLACE INTO attempts (${ATTEMPT_COLUMNS.join(', ')})`;
const INSERT_RESULT = 'INSERT INTO execution_results (execution_seq, result)';

export const WRITES = {
  putMeta: 'INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)',
  insertState: `INSERT INTO executions (${STATE_COLUMNS.join(', ')}) VALUES (${holes(STATE_COLUMNS)})`,
  insertSpec: `${INSERT_SPEC} VALUES (?, ${holes(SPEC_COLUMNS)})`,
  insertSpecs: atOnce(INSERT_SPEC, 1 + SPEC_COLUMNS.length),
  insertResult: `${INSERT_RESULT} VALUES (?, ?)`,
  insertResults: atOnce(INSERT_RESULT, 2),
  putCost: 'INSERT OR REPLACE INTO execution_costs (execution_seq, cost) VALUES (?, ?)',
  dropMeta: 'DELETE FROM meta WHERE name = ?',
  dropExecution: 'DELETE FROM executions WHERE seq = ?',
  dropSpec: 'DELETE FROM execution_specs WHERE execution_seq = ?',
  dropResult: 'DELETE FROM execution_results WHERE execution_seq = ?',
  dropCost: 'DELETE FROM execution_costs WHERE execution_seq = ?',
  insertLabel: 'INSERT INTO labels (user_id, name, value, id) VALUES (?, ?, ?, ?)',
  dropLabel: 'DELETE FROM labels WHERE user_id = ? AND name = ? AND value = ? AND id = ?',
  insertAttempt: `${PUT_ATTEMPT} VALUES (${holes(ATTEMPT_COLUMNS)})`,
  insertAttempts: atOnce(PUT_ATTEMPT, ATTEMPT_COLUMNS.length),
  dropAttempts: 'DELETE FROM attempts WHERE run_id = ?',
  insertEvent: `${INSERT_EVENT} VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  insertEvents: atOnce(INSERT_EVENT, 8),
  noteSwept: `INSERT INTO swept_events (user_id, position)
    SELECT ?, position FROM events WHERE execution_id = ? ORDER BY sequence DESC LIMIT 1
    ON CONFLICT (user_id) DO UPDATE SET position = max(position, excluded.position)`,
  dropEvents: 'DELETE FROM events WHERE execution_id = ?',
  insertMark: `INSERT OR IGNORE INTO plan_marks (plan_id, step, status, reason, outcome, at) VALUES (?, ?, ?, ?, ?, ?)`,
  copyMarks: `INSERT OR IGNORE INTO plan_marks (plan_id, step, status, reason, outcome, at)
    SELECT ?, step, status, reason, outcome, at FROM plan_marks WHERE plan_id = ?`,
  dropMarks: 'DELETE FROM plan_marks WHERE plan_id = ?',
  putKey: `INSERT OR REPLACE INTO idempotency (user_id, key, body_hash, execution_id, expires_at)
    VALUES (?, ?, ?, ?, ?)`,
  putCache: 'INSERT OR REPLACE INTO cache (key, entry, stored_at) VALUES (?, ?, ?)',
  putFile: `INSERT INTO files (owner_id, role, path, user_id, digest, size, mode, created_at, expires_at, expected)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner_id, role, path) DO UPDATE SET digest = excluded.digest,
    size = excluded.size, expires_at = excluded.expires_at`,
  dropFiles: `DELETE FROM files WHERE owner_id = ? AND role <> 'upload'`,
  dropUpload: `DELETE FROM files WHERE owner_id = ? AND role = 'upload'`,
  forgetBlob: 'DELETE FROM blobs WHERE digest = ? AND refs = 0',
  dropCache: 'DELETE FROM cache WHERE key = ?',
  trimCache: `DELETE FROM cache WHERE key IN (
    SELECT key FROM cache ORDER BY stored_at DESC LIMIT -1 OFFSET ? + 0)`,
  putAccount: `INSERT INTO accounts (user_id, balance, reserved) VALUES (?, ?, ?)
    ON CONFLICT (user_id) DO UPDATE SET balance = excluded.balance, reserved = excluded.reserved`,
  putWindow: 'INSERT OR REPLACE INTO windows (user_id, name, began_at, count) VALUES (?, ?, ?, ?)',
  putReservation: `INSERT INTO reservations (execution_id, user_id, amount, due) VALUES (?, ?, ?, ?)
    ON CONFLICT (execution_id) DO UPDATE SET amount = excluded.amount, due = excluded.due`,
  dropReservation: 'DELETE FROM reservations WHERE execution_id = ?',
  insertEntry: `INSERT INTO ledger (position, user_id, kind, amount, balance_after, reserved, subject_id, note, by_user, at,
    crossed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  putSchedule: `INSERT OR REPLACE INTO schedules (${SCHEDULE_COLUMNS.join(', ')}) VALUES (${holes(SCHEDULE_COLUMNS)})`,
  dropSchedule: 'DELETE FROM schedules WHERE id = ?',
  putScheduleRun: `INSERT OR REPLACE INTO schedule_runs (${SCHEDULE_RUN_COLUMNS.join(', ')})
    VALUES (${holes(SCHEDULE_RUN_COLUMNS)})`,
  putSignal: `INSERT OR REPLACE INTO signals (${SIGNAL_COLUMNS.join(', ')}) VALUES (${holes(SIGNAL_COLUMNS)})`,
  dropSignals: 'DELETE FROM signals WHERE subject_id = ?',
  trimScheduleRuns: `DELETE FROM schedule_runs WHERE schedule_id = ? AND due_at IN (
    SELECT due_at FROM schedule_runs WHERE schedule_id = ? ORDER BY due_at DESC LIMIT -1 OFFSET ? + 0)`,
  putWebhook: `INSERT INTO webhooks (${WEBHOOK_COLUMNS.join(', ')}) VALUES (${holes(WEBHOOK_COLUMNS)})
    ON CONFLICT (id) DO UPDATE SET url = excluded.url, description = excluded.description, filter = excluded.filter,
    with_result = excluded.with_result, secrets = excluded.secrets, disabled = excluded.disabled`,
  dropWebhook: 'DELETE FROM webhooks WHERE id = ?',
  orphan: 'UPDATE webhooks SET is_orphan = 1 WHERE id = ?',
  putDelivery: `INSERT INTO deliveries (id, webhook_id, user_id, lane, record, state, tries, next_at, created_at,
    finished_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  setDelivery: `UPDATE deliveries SET state = ?, tries = ?, next_at = ?, finished_at = ?, held_since = NULL WHERE id = ?`,
  hold: `UPDATE deliveries SET next_at = ?, held_since = coalesce(held_since, ?)
    WHERE state = 'pending' AND lane = ? AND next_at < ?`,
  dropDeliveries: 'DELETE FROM deliveries WHERE webhook_id = ?',
  sweep: `DELETE FROM deliveries WHERE id IN (
    SELECT id FROM deliveries WHERE finished_at < ? ORDER BY finished_at LIMIT ? + 0)`,
  sweepOrphans: `DELETE FROM webhooks WHERE id IN (SELECT id FROM webhooks w WHERE is_orphan = 1
    AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.webhook_id = w.id) LIMIT ? + 0)`,
  putApiKey: `INSERT OR REPLACE INTO api_keys (${API_KEY_COLUMNS.join(', ')}) VALUES (${holes(API_KEY_COLUMNS)})`,
  putEpoch: 'UPDATE epochs SET until = ? WHERE epoch = CAST(? AS INTEGER)',
  putDriver: 'INSERT OR REPLACE INTO plan_drivers (plan_id, epoch) VALUES (?, ?)',
  dropDriver: 'DELETE FROM plan_drivers WHERE plan_id = ?',
  keysChanged: `INSERT INTO meta (name, value) VALUES ('keys_version', '1')
    ON CONFLICT (name) DO UPDATE SET value = CAST(value + 1 AS TEXT)`,
} as const;
