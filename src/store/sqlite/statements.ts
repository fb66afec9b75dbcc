// The statements of the writer, and the columns that they write.
//
// Wherever a limit is bound, it is `? + 0`: SQLite plans with the value of a bare hole, and so prepares the statement anew
// each time that one is bound (sqlite3ExprIsInteger; 19 instead of 0.6 microseconds for a look in an index).
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { ExecutionRow } from '../rows.ts';

/** What names of circuits begin with in `meta`. */
export const CIRCUIT = 'circuit:';

/** Those that a new execution is written with. */
export const EXECUTION_COLUMNS = [
  ...[
    'id',
    'user_id',
    'run_id',
    'kind',
    'operation',
    'pool',
    'concurrency_key',
    'concurrency_limit',
    'task_id',
    'plan_id',
    'step',
    'spec',
    'facts',
    'priority',
    'timeouts',
    'phase',
    'status',
  ],
  ...[
    'revision',
    'event_sequence',
    'attempt',
    'created_at',
    'queued_at',
    'retry_at',
    'cancel_at',
    'cancel_reason',
  ],
  ...['finished_at', 'outcome', 'result', 'cost', 'webhook'],
] as const satisfies (keyof ExecutionRow)[];

/** Those that change after the acceptance. */
export const CHANGING_COLUMNS = [
  ...[
    'run_id',
    'priority',
    'timeouts',
    'phase',
    'status',
    'revision',
    'event_sequence',
    'attempt',
    'queued_at',
  ],
  ...['retry_at', 'cancel_at', 'cancel_reason', 'finished_at', 'outcome', 'result'],
] as const satisfies (keyof ExecutionRow)[];

/** Prepares them all. */
export function prepareStatements(db: DatabaseSync) {
  const columns = EXECUTION_COLUMNS.join(', ');
  const holes = EXECUTION_COLUMNS.map(() => '?').join(', ');
  const sql = {
    putMeta: 'INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)',
    dropMeta: 'DELETE FROM meta WHERE name = ?',
    insertExecution: `INSERT INTO executions (${columns}) VALUES (${holes})`,
    getExecution: 'SELECT * FROM executions WHERE id = ?',
    updateExecution: `UPDATE executions SET ${CHANGING_COLUMNS.map((name) => `${name} = ?`).join(', ')} WHERE seq = ?`,
    owner: `SELECT * FROM executions WHERE run_id = ? AND run_id <> id
      AND phase IN ('queued', 'scheduled_retry', 'starting', 'canceling')`,
    joined: `SELECT * FROM executions WHERE run_id = ? AND run_id <> id AND phase = 'joined' ORDER BY seq LIMIT ? + 0`,
    sharing: 'SELECT 1 FROM executions WHERE run_id = ? AND run_id <> id LIMIT 1',
    deleteExecution: 'DELETE FROM executions WHERE seq = ?',
    // Jumps from key to key, however many wait with each.
    waitingKeys: `WITH RECURSIVE keys (key) AS (
        SELECT min(concurrency_key) FROM executions
          WHERE phase = 'queued' AND pool = ?1 AND concurrency_key IS NOT NULL
        UNION ALL
        SELECT (SELECT min(concurrency_key) FROM executions
          WHERE phase = 'queued' AND pool = ?1 AND concurrency_key IS NOT NULL AND concurrency_key > key)
        FROM keys WHERE key IS NOT NULL)
      SELECT key FROM keys WHERE key IS NOT NULL`,
    running: `SELECT count(*) AS n FROM executions
      WHERE concurrency_key = ? AND phase IN ('starting', 'canceling') AND concurrency_key IS NOT NULL`,
    keyLimit: `SELECT concurrency_limit AS n FROM executions
      WHERE phase = 'queued' AND pool = ? AND concurrency_key = ? ORDER BY priority DESC, user_id, seq LIMIT 1`,
    putCache: 'INSERT OR REPLACE INTO cache (key, entry, stored_at) VALUES (?, ?, ?)',
    dropCache: 'DELETE FROM cache WHERE key = ?',
    trimCache: `DELETE FROM cache WHERE key IN (
      SELECT key FROM cache ORDER BY stored_at DESC LIMIT -1 OFFSET ? + 0)`,
    insertLabel: 'INSERT INTO labels (user_id, name, value, id) VALUES (?, ?, ?, ?)',
    deleteLabel: 'DELETE FROM labels WHERE user_id = ? AND name = ? AND value = ? AND id = ?',
    insertAttempt: 'INSERT INTO attempts (run_id, number, epoch, claimed_at, runner) VALUES (?, ?, ?, ?, ?)',
    getAttempts: 'SELECT * FROM attempts WHERE run_id = ? ORDER BY number',
    endAttempt: `UPDATE attempts SET started_at = ?, ended_at = ?, outcome = ?, output = ?, resources = ?,
      log_complete = ? WHERE run_id = ? AND number = ?`,
    giveBackAttempt: 'UPDATE attempts SET ended_at = ? WHERE run_id = ? AND number = ?',
    deleteAttempts: 'DELETE FROM attempts WHERE run_id = ?',
    progress: `UPDATE attempts SET started_at = ?, output = ? WHERE run_id = ? AND number = ? AND ended_at IS NULL`,
    insertEvent:
      'INSERT INTO events (execution_id, sequence, type, at, attempt, phase, step) VALUES (?, ?, ?, ?, ?, ?, ?)',
    noteSwept: `INSERT INTO swept_events (user_id, position)
      SELECT ?, position FROM events WHERE execution_id = ? ORDER BY sequence DESC LIMIT 1
      ON CONFLICT (user_id) DO UPDATE SET position = max(position, excluded.position)`,
    deleteEvents: 'DELETE FROM events WHERE execution_id = ?',
    liveSteps: `SELECT * FROM executions WHERE plan_id = ? AND phase <> 'done' ORDER BY seq`,
    allSteps: 'SELECT * FROM executions WHERE plan_id = ? ORDER BY seq',
    // From an index: the row of a plan may be long.
    planPhase: `SELECT phase FROM executions INDEXED BY executions_plan_phase WHERE id = ? AND kind = 'plan'`,
    moveStep: 'UPDATE executions SET plan_id = ? WHERE seq = ?',
    stepOf: 'SELECT id FROM executions WHERE plan_id = ? AND step = ?',
    insertMark: `INSERT OR IGNORE INTO plan_marks (plan_id, step, status, reason, outcome, at) VALUES (?, ?, ?, ?, ?, ?)`,
    copyMarks: `INSERT OR IGNORE INTO plan_marks (plan_id, step, status, reason, outcome, at)
      SELECT ?, step, status, reason, outcome, at FROM plan_marks WHERE plan_id = ?`,
    deleteMarks: 'DELETE FROM plan_marks WHERE plan_id = ?',
    getKey: 'SELECT body_hash, execution_id, expires_at FROM idempotency WHERE user_id = ? AND key = ?',
    putKey: `INSERT OR REPLACE INTO idempotency (user_id, key, body_hash, execution_id, expires_at)
      VALUES (?, ?, ?, ?, ?)`,
  };
  return Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, db.prepare(text)])) as {
    [name in keyof typeof sql]: StatementSync;
  };
}
