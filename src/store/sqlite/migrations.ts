// Schema of the embedded store. Forward-only: a step is never edited once released; each runs in a transaction, after
// a copy of the file has been made. `PRAGMA user_version` counts the steps that a file has had.
import { rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../../domain/ports/store.ts';
import { IS_OPEN_RUN } from '../rows.ts';
import { makePrivate } from './private-database.ts';

const INITIAL = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE epochs (epoch INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, opened_at INTEGER NOT NULL) STRICT;

  CREATE TABLE executions (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    operation TEXT,
    pool TEXT NOT NULL,
    concurrency_key TEXT,
    concurrency_limit INTEGER,
    task_id TEXT,
    spec TEXT NOT NULL,
    facts TEXT NOT NULL,
    priority INTEGER NOT NULL,
    timeouts TEXT NOT NULL,
    phase TEXT NOT NULL,
    status TEXT NOT NULL,
    revision INTEGER NOT NULL,
    event_sequence INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    retry_at INTEGER,
    cancel_at INTEGER,
    cancel_reason TEXT,
    finished_at INTEGER,
    outcome TEXT,
    result TEXT
  ) STRICT;
  CREATE INDEX executions_queue ON executions (pool, priority DESC, seq)
    WHERE phase = 'queued' AND concurrency_key IS NULL;
  CREATE INDEX executions_queue_keyed ON executions (pool, concurrency_key, priority DESC, seq)
    WHERE phase = 'queued' AND concurrency_key IS NOT NULL;
  CREATE INDEX executions_keyed ON executions (concurrency_key)
    WHERE phase IN ('starting', 'canceling') AND concurrency_key IS NOT NULL;
  CREATE INDEX executions_scheduled ON executions (retry_at) WHERE phase = 'scheduled_retry';
  CREATE INDEX executions_live ON executions (seq) WHERE phase IN ('starting', 'canceling');
  CREATE INDEX executions_shared ON executions (run_id, seq) WHERE run_id <> id;
  CREATE INDEX executions_by_user ON executions (user_id, id);
  CREATE INDEX executions_by_task ON executions (user_id, task_id, id) WHERE task_id IS NOT NULL;
  CREATE INDEX executions_by_operation ON executions (user_id, operation, id) WHERE operation IS NOT NULL;
  CREATE INDEX executions_unsuccessful ON executions (user_id, status, id)
    WHERE status IN ('failed', 'cancelled', 'timed_out');
  CREATE INDEX executions_finished ON executions (finished_at) WHERE finished_at IS NOT NULL;

  CREATE TABLE labels (
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (user_id, name, value, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE attempts (
    run_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    claimed_at INTEGER NOT NULL,
    runner TEXT NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    outcome TEXT,
    output TEXT,
    resources TEXT,
    log_complete INTEGER,
    PRIMARY KEY (run_id, number)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    execution_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    attempt INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX events_by_execution ON events (execution_id, sequence);

  CREATE TABLE cache (
    key TEXT PRIMARY KEY,
    entry TEXT NOT NULL,
    stored_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX cache_by_age ON cache (stored_at);

  CREATE TABLE idempotency (
    user_id TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_expiry ON idempotency (expires_at);
`;

const USERS = `
  CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    user_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    may_run TEXT NOT NULL,
    description TEXT,
    created_at INTEGER,
    created_by TEXT,
    replaces TEXT,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
  ) STRICT, WITHOUT ROWID;

  DROP INDEX executions_queue;
  DROP INDEX executions_queue_keyed;
  CREATE INDEX executions_turns ON executions (pool, priority DESC, user_id, seq)
    WHERE phase = 'queued' AND concurrency_key IS NULL;
  CREATE INDEX executions_turns_keyed ON executions (pool, concurrency_key, priority DESC, user_id, seq)
    WHERE phase = 'queued' AND concurrency_key IS NOT NULL;
`;

/** Steps belong to their plan; what is kept or counted is the whole. A mark is a step that has ended without an execution. */
const PLANS = `
  ALTER TABLE executions ADD COLUMN plan_id TEXT;
  ALTER TABLE executions ADD COLUMN step TEXT;
  CREATE UNIQUE INDEX executions_by_plan ON executions (plan_id, step) WHERE plan_id IS NOT NULL;
  CREATE INDEX executions_plan_phase ON executions (id, phase) WHERE kind = 'plan';
  CREATE INDEX executions_live_plans ON executions (seq) WHERE kind = 'plan' AND phase IN ('starting', 'canceling');
  CREATE INDEX executions_plans ON executions (user_id, id) WHERE kind = 'plan' AND plan_id IS NULL;
  DROP INDEX executions_finished;
  CREATE INDEX executions_finished ON executions (finished_at) WHERE finished_at IS NOT NULL AND plan_id IS NULL;
  CREATE TABLE plan_marks (
    plan_id TEXT NOT NULL,
    step TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    outcome TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (plan_id, step)
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE events ADD COLUMN step TEXT;
`;

const CREDITS = `
  ALTER TABLE executions ADD COLUMN cost TEXT;

  CREATE TABLE accounts (
    user_id TEXT PRIMARY KEY,
    balance INTEGER NOT NULL,
    reserved INTEGER NOT NULL CHECK (reserved >= 0 AND reserved <= balance)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE ledger (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    amount INTEGER NOT NULL,
    balance_after INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    subject_id TEXT NOT NULL,
    note TEXT,
    by_user TEXT,
    at INTEGER NOT NULL,
    crossed INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX ledger_once ON ledger (subject_id);
  CREATE INDEX ledger_by_user ON ledger (user_id, position);

  CREATE TABLE reservations (
    seq INTEGER PRIMARY KEY,
    execution_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    amount INTEGER NOT NULL,
    due INTEGER
  ) STRICT;
  CREATE INDEX reservations_due ON reservations (seq) WHERE due IS NOT NULL;

  CREATE TABLE windows (
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (user_id, name)
  ) STRICT, WITHOUT ROWID;
`;

/** Events that can be read by position, and what of them has gone. */
const EVENT_STREAMS = `
  ALTER TABLE events ADD COLUMN phase TEXT NOT NULL DEFAULT 'queued';
  CREATE TABLE swept_events (user_id TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

const WEBHOOKS = `
  ALTER TABLE executions ADD COLUMN webhook TEXT;

  CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    execution_id TEXT,
    url TEXT NOT NULL,
    description TEXT,
    filter TEXT NOT NULL,
    secrets TEXT NOT NULL,
    disabled TEXT,
    is_orphan INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX webhooks_by_user ON webhooks (user_id, created_at) WHERE execution_id IS NULL;
  CREATE INDEX webhooks_orphaned ON webhooks (id) WHERE is_orphan = 1;

  CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    lane TEXT NOT NULL,
    record TEXT NOT NULL,
    state TEXT NOT NULL,
    tries TEXT NOT NULL,
    next_at INTEGER,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
  ) STRICT;
  CREATE INDEX deliveries_due ON deliveries (lane, next_at, id) WHERE state = 'pending';
  CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);
  CREATE INDEX deliveries_finished ON deliveries (finished_at) WHERE finished_at IS NOT NULL;
`;

/** An index for each term of a listing, and for the age of the queue. A row is in one of the two by state. */
const LISTINGS = `
  DROP INDEX executions_unsuccessful;
  CREATE INDEX executions_by_phase ON executions (user_id, phase, id) WHERE phase <> 'done';
  CREATE INDEX executions_by_status ON executions (user_id, status, id) WHERE phase = 'done';
  CREATE INDEX executions_by_kind ON executions (user_id, kind, id);
  CREATE INDEX executions_by_creation ON executions (user_id, created_at, id);
  CREATE INDEX executions_by_end ON executions (user_id, finished_at, id) WHERE finished_at IS NOT NULL;
  CREATE INDEX executions_queue_age ON executions (queued_at) WHERE phase = 'queued';
`;

/** Ends that are no success, by what they came from. Records that were imported have codes of their own. */
const CAUSES = `
  CREATE INDEX executions_by_cause
    ON executions (user_id, outcome ->> 'cause', coalesce(outcome ->> 'code', outcome ->> 'exhausted' IS NULL), id)
    WHERE phase = 'done' AND status <> 'completed';
`;

/** Whether an execution ended with its acceptance, by a kept result; written as in the index. */
export const IS_ANSWER = `(attempt = 0 AND kind <> 'plan' AND status = 'completed')`;

/** What is kept of each user, in the order in which it goes when too much is kept. */
const KEPT = `
  CREATE INDEX executions_kept ON executions (user_id, ${IS_ANSWER}, finished_at)
    WHERE finished_at IS NOT NULL AND plan_id IS NULL;
`;

/**
 * The lanes in which deliveries wait, each with the time of its first, so that a look at what is due costs nothing for what is
 * not. Triggers keep it, since deliveries change in many ways.
 */
const FIRST_OF_LANE = `(SELECT min(next_at) FROM deliveries WHERE lane = OLD.lane AND state = 'pending')`;
const LANE_CHANGED = `
    DELETE FROM delivery_lanes WHERE lane = OLD.lane AND ${FIRST_OF_LANE} IS NULL;
    UPDATE delivery_lanes SET next_at = ${FIRST_OF_LANE} WHERE lane = OLD.lane;
`;
const LANES = `
  CREATE TABLE delivery_lanes (
    lane TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    next_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX delivery_lanes_by_user ON delivery_lanes (user_id, next_at);
  CREATE INDEX delivery_lanes_by_time ON delivery_lanes (next_at);
  INSERT INTO delivery_lanes SELECT lane, min(user_id), min(next_at) FROM deliveries WHERE state = 'pending' GROUP BY lane;
  CREATE TRIGGER delivery_added AFTER INSERT ON deliveries WHEN NEW.state = 'pending' BEGIN
    INSERT INTO delivery_lanes VALUES (NEW.lane, NEW.user_id, NEW.next_at)
      ON CONFLICT (lane) DO UPDATE SET next_at = NEW.next_at WHERE NEW.next_at < next_at;
  END;
  CREATE TRIGGER delivery_changed AFTER UPDATE OF state, next_at ON deliveries BEGIN
    INSERT INTO delivery_lanes SELECT NEW.lane, NEW.user_id, NEW.next_at WHERE NEW.state = 'pending'
      ON CONFLICT (lane) DO NOTHING;
    ${LANE_CHANGED}
  END;
  CREATE TRIGGER delivery_removed AFTER DELETE ON deliveries WHEN OLD.state = 'pending' BEGIN
    ${LANE_CHANGED}
  END;
`;

/** Webhooks that are sent results. */
const RESULTS_SENT = `ALTER TABLE webhooks ADD COLUMN with_result INTEGER NOT NULL DEFAULT 0`;

/** Since when a delivery waits for a receiver that is not asked. */
const HELD = `ALTER TABLE deliveries ADD COLUMN held_since INTEGER`;

/** Executions that are to start later, by their start. */
const DELAYED = `CREATE INDEX executions_delayed ON executions (retry_at, id) WHERE phase = 'scheduled'`;

/** What waits or runs with a concurrency key. */
const KEYED = `CREATE INDEX executions_live_key ON executions (concurrency_key, seq)
  WHERE concurrency_key IS NOT NULL AND phase <> 'done'`;

/** Runs that identical work may join. */
const JOINED = `
  ALTER TABLE executions ADD COLUMN join_key TEXT;
  CREATE INDEX executions_open_runs ON executions (join_key, seq) WHERE ${IS_OPEN_RUN};
`;

/** Schedules, and what became of their due times: one row for each, so that none is served twice. */
const SCHEDULES = `
  CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    plan TEXT NOT NULL,
    facts TEXT NOT NULL,
    state TEXT NOT NULL,
    ended TEXT,
    next_at INTEGER,
    wake_at INTEGER,
    waiting TEXT,
    runs INTEGER NOT NULL,
    last_id TEXT,
    last_at INTEGER,
    anchor INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX schedules_by_name ON schedules (user_id, name);
  CREATE INDEX schedules_due ON schedules (wake_at) WHERE wake_at IS NOT NULL;
  CREATE INDEX schedules_waiting ON schedules (id) WHERE waiting IS NOT NULL;
  CREATE TABLE schedule_runs (
    schedule_id TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    at INTEGER NOT NULL,
    result TEXT NOT NULL,
    execution_id TEXT,
    error TEXT,
    detail TEXT,
    manual INTEGER NOT NULL,
    PRIMARY KEY (schedule_id, due_at)
  ) STRICT, WITHOUT ROWID;
`;

/** Who has opened the store, and until when they hold what they have claimed; who drives which plan. */
const LEASES = `
  ALTER TABLE epochs ADD COLUMN replica TEXT NOT NULL DEFAULT 'only';
  ALTER TABLE epochs ADD COLUMN until INTEGER;
  CREATE TABLE plan_drivers (plan_id TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** Whether an execution is kept longer after its end; a plan also for its steps. Written as in the indexes. */
export const HAS_FAILED = `(status IN ('failed', 'timed_out'))`;

/** What is kept by age and, of each user, by how little it is wanted; and what a plan has failed in. */
const KEPT_LONGER = `
  DROP INDEX executions_finished;
  CREATE INDEX executions_finished ON executions (${HAS_FAILED}, finished_at, id)
    WHERE finished_at IS NOT NULL AND plan_id IS NULL;
  DROP INDEX executions_kept;
  CREATE INDEX executions_kept ON executions (user_id, ${IS_ANSWER}, ${HAS_FAILED}, finished_at)
    WHERE finished_at IS NOT NULL AND plan_id IS NULL;
  CREATE INDEX executions_failed_steps ON executions (plan_id) WHERE plan_id IS NOT NULL AND ${HAS_FAILED};
  CREATE INDEX executions_inner_plans ON executions (plan_id, id) WHERE plan_id IS NOT NULL AND kind = 'plan';
  CREATE INDEX plan_marks_failed ON plan_marks (plan_id) WHERE status = 'failed';
`;

/** Files: who owns which bytes, how often, and how much a user has: the same bytes once. The empty user is all of them. */
const FILES = `
  CREATE TABLE files (
    owner_id TEXT NOT NULL, role TEXT NOT NULL, path TEXT NOT NULL, user_id TEXT NOT NULL, digest TEXT NOT NULL,
    size INTEGER NOT NULL, mode INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, expected TEXT,
    PRIMARY KEY (owner_id, role, path)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX uploads_by_expiry ON files (expires_at) WHERE role = 'upload';
  CREATE TABLE blobs (digest TEXT NOT NULL PRIMARY KEY, refs INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX blobs_unused ON blobs (digest) WHERE refs = 0;
  CREATE TABLE file_use (
    user_id TEXT NOT NULL PRIMARY KEY, bytes INTEGER NOT NULL, files INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE user_blobs (
    user_id TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, refs INTEGER NOT NULL,
    PRIMARY KEY (user_id, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER user_blob_added AFTER INSERT ON user_blobs BEGIN
    INSERT INTO file_use SELECT NEW.user_id, NEW.size, 1 WHERE TRUE
      ON CONFLICT (user_id) DO UPDATE SET bytes = bytes + NEW.size, files = files + 1;
    INSERT INTO file_use SELECT '', NEW.size, 1 WHERE TRUE
      ON CONFLICT (user_id) DO UPDATE SET bytes = bytes + NEW.size, files = files + 1;
  END;
  CREATE TRIGGER user_blob_removed AFTER DELETE ON user_blobs BEGIN
    UPDATE file_use SET bytes = bytes - OLD.size, files = files - 1 WHERE user_id IN (OLD.user_id, '');
    DELETE FROM file_use WHERE user_id = OLD.user_id AND files = 0;
  END;
  CREATE TRIGGER file_added AFTER INSERT ON files BEGIN
    INSERT INTO blobs SELECT NEW.digest, 1 WHERE NEW.digest <> ''
      ON CONFLICT (digest) DO UPDATE SET refs = refs + 1;
    INSERT INTO user_blobs SELECT NEW.user_id, coalesce(nullif(NEW.digest, ''), NEW.owner_id), NEW.size, 1 WHERE TRUE
      ON CONFLICT (user_id, name) DO UPDATE SET refs = refs + 1;
  END;
  CREATE TRIGGER file_removed AFTER DELETE ON files BEGIN
    UPDATE blobs SET refs = refs - 1 WHERE digest = OLD.digest;
    UPDATE user_blobs SET refs = refs - 1
      WHERE user_id = OLD.user_id AND name = coalesce(nullif(OLD.digest, ''), OLD.owner_id);
    DELETE FROM user_blobs
      WHERE user_id = OLD.user_id AND name = coalesce(nullif(OLD.digest, ''), OLD.owner_id) AND refs = 0;
  END;
  CREATE TRIGGER file_changed AFTER UPDATE OF digest, size ON files BEGIN
    INSERT INTO blobs SELECT NEW.digest, 1 WHERE NEW.digest <> ''
      ON CONFLICT (digest) DO UPDATE SET refs = refs + 1;
    UPDATE blobs SET refs = refs - 1 WHERE digest = OLD.digest;
    INSERT INTO user_blobs SELECT NEW.user_id, coalesce(nullif(NEW.digest, ''), NEW.owner_id), NEW.size, 1 WHERE TRUE
      ON CONFLICT (user_id, name) DO UPDATE SET refs = refs + 1;
    UPDATE user_blobs SET refs = refs - 1
      WHERE user_id = OLD.user_id AND name = coalesce(nullif(OLD.digest, ''), OLD.owner_id);
    DELETE FROM user_blobs
      WHERE user_id = OLD.user_id AND name = coalesce(nullif(OLD.digest, ''), OLD.owner_id) AND refs = 0;
  END;
`;

const WAITS = `
  CREATE TABLE signals (
    subject_id TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, by_user TEXT NOT NULL,
    at INTEGER NOT NULL, taken_by TEXT, PRIMARY KEY (subject_id, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX executions_awaiting ON executions (seq) WHERE phase = 'awaiting';
  INSERT INTO meta (name, value) VALUES ('link_key', hex(randomblob(32)));
`;

/**
 * What was asked for, what came out and what it costs, apart from what changes on the way: a change writes its whole row, and
 * the pages that it lies in. They are emptied before they go, so that SQLite copies only what is short.
 */
const SPLIT = `
  CREATE TABLE execution_specs (
    execution_seq INTEGER PRIMARY KEY, spec TEXT NOT NULL, facts TEXT NOT NULL, webhook TEXT
  ) STRICT;
  CREATE TABLE execution_results (execution_seq INTEGER PRIMARY KEY, result TEXT NOT NULL) STRICT;
  CREATE TABLE execution_costs (execution_seq INTEGER PRIMARY KEY, cost TEXT NOT NULL) STRICT;
  INSERT INTO execution_specs SELECT seq, spec, facts, webhook FROM executions ORDER BY seq;
  INSERT INTO execution_results SELECT seq, result FROM executions WHERE result IS NOT NULL ORDER BY seq;
  INSERT INTO execution_costs SELECT seq, cost FROM executions WHERE cost IS NOT NULL ORDER BY seq;
  UPDATE executions SET spec = '', facts = '', webhook = NULL, result = NULL, cost = NULL;
  ALTER TABLE executions DROP COLUMN spec;
  ALTER TABLE executions DROP COLUMN facts;
  ALTER TABLE executions DROP COLUMN webhook;
  ALTER TABLE executions DROP COLUMN result;
  ALTER TABLE executions DROP COLUMN cost;
`;

export const MIGRATIONS: readonly string[] = [
  ...[INITIAL, PLANS, CREDITS, USERS, EVENT_STREAMS, WEBHOOKS],
  LISTINGS,
  CAUSES,
  KEPT,
  LANES,
  RESULTS_SENT,
  HELD,
  DELAYED,
  SCHEDULES,
  KEYED,
  LEASES,
  KEPT_LONGER,
  FILES,
  WAITS,
  SPLIT,
  JOINED,
];

/**
 * Brings a database to the newest schema.
 *
 * @param db    open for writing, not in a transaction
 * @param file  path of the database; the copy of an older one stands beside it
 * @throws StoreError when the schema is newer than this program
 */
export function migrate(db: DatabaseSync, file: string, migrations = MIGRATIONS): void {
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > migrations.length) {
    throw new StoreError(
      `the store ${file} has schema ${version}, but this program supports only ${migrations.length}: use a newer execd`,
    );
  }
  if (version > 0 && version < migrations.length) {
    const backup = `${file}.schema-${version}.backup`;
    rmSync(backup, { force: true });
    // SQLite writes into a file that is empty.
    makePrivate(backup);
    db.prepare('VACUUM INTO ?').run(backup);
  }
  for (let step = version; step < migrations.length; step++) {
    try {
      db.exec(`BEGIN IMMEDIATE; ${migrations[step]}; PRAGMA user_version = ${step + 1}; COMMIT`);
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}
