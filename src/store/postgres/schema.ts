// The tables, in a schema of their own. Forward-only: a step is never edited once released. Texts are compared by their bytes,
// as everywhere else; JSON is text, because PostgreSQL's own JSON refuses what clients may send.
import { IS_OPEN_RUN } from '../rows.ts';

/** Whether an execution ended with its acceptance, by a kept result; written as in the index. */
export const IS_ANSWER = `(attempt = 0 AND kind <> 'plan' AND status = 'completed')`;
/** Whether an execution is kept longer after its end; a plan also for its steps. Written as in the indexes. */
export const HAS_FAILED = `(status IN ('failed', 'timed_out'))`;

const META = `
  CREATE TABLE execd.batches (id uuid PRIMARY KEY, at bigint NOT NULL);
  CREATE INDEX batches_by_time ON execd.batches (at);
  CREATE TABLE execd.epochs (
    epoch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, boot_id text NOT NULL, opened_at bigint NOT NULL,
    replica text NOT NULL, until bigint
  );
  CREATE INDEX epochs_live ON execd.epochs (epoch) WHERE until IS NULL OR until > 0;
  CREATE TABLE execd.plan_drivers (plan_id text PRIMARY KEY, epoch bigint NOT NULL);
  CREATE TABLE execd.counters (kind text NOT NULL, name text NOT NULL, n bigint NOT NULL, PRIMARY KEY (kind, name))
    WITH (fillfactor = 60);
  CREATE TABLE execd.usages (
    user_id text PRIMARY KEY, running bigint NOT NULL, waiting_count bigint NOT NULL, retrying bigint NOT NULL,
    keys bigint NOT NULL, kept bigint NOT NULL, store_bytes bigint NOT NULL, log_bytes bigint NOT NULL, logs bigint NOT NULL
  ) WITH (fillfactor = 60);
`;

const EXECUTIONS = `
  CREATE TABLE execd.executions (
    seq bigint PRIMARY KEY, id text NOT NULL UNIQUE, user_id text NOT NULL, run_id text NOT NULL, kind text NOT NULL,
    operation text, pool text NOT NULL, concurrency_key text, concurrency_limit bigint, task_id text, plan_id text,
    step text, priority bigint NOT NULL, timeouts text NOT NULL, phase text NOT NULL, status text NOT NULL,
    revision bigint NOT NULL, event_sequence bigint NOT NULL, attempt bigint NOT NULL, created_at bigint NOT NULL,
    queued_at bigint NOT NULL, retry_at bigint, cancel_at bigint, cancel_reason text, finished_at bigint, outcome text,
    cost text, cause text, cause_by text
  ) WITH (fillfactor = 85);
  CREATE TABLE execd.execution_specs (
    seq bigint PRIMARY KEY, spec text NOT NULL, facts text NOT NULL, webhook text, labels text NOT NULL, made_by text,
    kept_from text, is_followed bigint NOT NULL
  );
  CREATE TABLE execd.execution_results (seq bigint PRIMARY KEY, result text NOT NULL);
  CREATE INDEX executions_turns ON execd.executions (pool, priority DESC, user_id, seq)
    WHERE phase = 'queued' AND concurrency_key IS NULL;
  CREATE INDEX executions_turns_keyed ON execd.executions (pool, concurrency_key, priority DESC, user_id, seq)
    WHERE phase = 'queued' AND concurrency_key IS NOT NULL;
  CREATE INDEX executions_queue_age ON execd.executions (queued_at) WHERE phase = 'queued';
  CREATE INDEX executions_keyed ON execd.executions (concurrency_key)
    WHERE phase IN ('starting', 'canceling') AND concurrency_key IS NOT NULL;
  CREATE INDEX executions_live_key ON execd.executions (concurrency_key, seq)
    WHERE concurrency_key IS NOT NULL AND phase <> 'done';
  CREATE INDEX executions_waiting ON execd.executions (seq) WHERE phase IN ('scheduled_retry', 'joined');
  CREATE INDEX executions_awaiting ON execd.executions (seq) WHERE phase = 'awaiting';
  CREATE INDEX executions_delayed ON execd.executions (retry_at, id) WHERE phase = 'scheduled';
  CREATE INDEX executions_live ON execd.executions (seq) WHERE phase IN ('starting', 'canceling');
  CREATE INDEX executions_shared ON execd.executions (run_id, seq) WHERE run_id <> id;
  CREATE INDEX executions_by_user ON execd.executions (user_id, id);
  CREATE INDEX executions_by_task ON execd.executions (user_id, task_id, id) WHERE task_id IS NOT NULL;
  CREATE INDEX executions_by_operation ON execd.executions (user_id, operation, id) WHERE operation IS NOT NULL;
  CREATE UNIQUE INDEX executions_by_plan ON execd.executions (plan_id, step) WHERE plan_id IS NOT NULL;
  CREATE INDEX executions_live_steps ON execd.executions (plan_id, seq) WHERE plan_id IS NOT NULL AND phase <> 'done';
  CREATE INDEX executions_plans ON execd.executions (user_id, id) WHERE kind = 'plan' AND plan_id IS NULL;
  CREATE INDEX executions_by_phase ON execd.executions (user_id, phase, id) WHERE phase <> 'done';
  CREATE INDEX executions_by_status ON execd.executions (user_id, status, id) WHERE phase = 'done';
  CREATE INDEX executions_by_kind ON execd.executions (user_id, kind, id);
  CREATE INDEX executions_by_creation ON execd.executions (user_id, created_at, id);
  CREATE INDEX executions_by_end ON execd.executions (user_id, finished_at, id) WHERE finished_at IS NOT NULL;
  CREATE INDEX executions_by_cause ON execd.executions (user_id, cause, cause_by, id)
    WHERE phase = 'done' AND status <> 'completed';
  CREATE INDEX executions_finished ON execd.executions (${HAS_FAILED}, finished_at, id)
    WHERE finished_at IS NOT NULL AND plan_id IS NULL;
  CREATE INDEX executions_kept ON execd.executions (user_id, ${IS_ANSWER}, ${HAS_FAILED}, finished_at)
    WHERE finished_at IS NOT NULL AND plan_id IS NULL;
  CREATE INDEX executions_failed_steps ON execd.executions (plan_id) WHERE plan_id IS NOT NULL AND ${HAS_FAILED};
  CREATE INDEX executions_inner_plans ON execd.executions (plan_id, id) WHERE plan_id IS NOT NULL AND kind = 'plan';

  CREATE TABLE execd.labels (
    user_id text NOT NULL, name text NOT NULL, value text NOT NULL, id text NOT NULL,
    PRIMARY KEY (user_id, name, value, id)
  );
  CREATE INDEX labels_by_id ON execd.labels (id);
  CREATE TABLE execd.attempts (
    run_id text NOT NULL, number bigint NOT NULL, epoch bigint NOT NULL, claimed_at bigint NOT NULL, runner text NOT NULL,
    started_at bigint, ended_at bigint, outcome text, output text, resources text, log_complete bigint,
    PRIMARY KEY (run_id, number)
  ) WITH (fillfactor = 85);
  CREATE TABLE execd.events (
    position bigint PRIMARY KEY, execution_id text NOT NULL, sequence bigint NOT NULL, type text NOT NULL,
    at bigint NOT NULL, attempt bigint NOT NULL, phase text NOT NULL, step text
  );
  CREATE UNIQUE INDEX events_by_execution ON execd.events (execution_id, sequence);
  CREATE TABLE execd.swept_events (user_id text PRIMARY KEY, position bigint NOT NULL);
  CREATE TABLE execd.plan_marks (
    plan_id text NOT NULL, step text NOT NULL, status text NOT NULL, reason text, outcome text, at bigint NOT NULL,
    PRIMARY KEY (plan_id, step)
  );
  CREATE INDEX plan_marks_failed ON execd.plan_marks (plan_id) WHERE status = 'failed';
  CREATE TABLE execd.idempotency (
    user_id text NOT NULL, key text NOT NULL, body_hash text NOT NULL, execution_id text NOT NULL,
    expires_at bigint NOT NULL, PRIMARY KEY (user_id, key)
  );
  CREATE INDEX idempotency_expiry ON execd.idempotency (expires_at);
  CREATE TABLE execd.cache (key text PRIMARY KEY, entry text NOT NULL, stored_at bigint NOT NULL);
  CREATE INDEX cache_by_age ON execd.cache (stored_at);
`;

const CREDITS = `
  CREATE TABLE execd.accounts (
    user_id text PRIMARY KEY, balance bigint NOT NULL,
    reserved bigint NOT NULL CHECK (reserved >= 0 AND reserved <= balance)
  );
  CREATE TABLE execd.ledger (
    position bigint PRIMARY KEY, user_id text NOT NULL, kind text NOT NULL, amount bigint NOT NULL,
    balance_after bigint NOT NULL, reserved bigint NOT NULL, subject_id text NOT NULL UNIQUE, note text, by_user text,
    at bigint NOT NULL, crossed bigint
  );
  CREATE INDEX ledger_by_user ON execd.ledger (user_id, position);
  CREATE TABLE execd.reservations (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, execution_id text NOT NULL UNIQUE, user_id text NOT NULL,
    amount bigint NOT NULL, due bigint
  );
  CREATE INDEX reservations_due ON execd.reservations (seq) WHERE due IS NOT NULL;
  CREATE TABLE execd.windows (
    user_id text NOT NULL, name text NOT NULL, began_at bigint NOT NULL, count bigint NOT NULL,
    PRIMARY KEY (user_id, name)
  );
`;

const OTHERS = `
  CREATE TABLE execd.api_keys (
    id text PRIMARY KEY, sha256 text NOT NULL, user_id text NOT NULL, scopes text NOT NULL, may_run text NOT NULL,
    description text, created_at bigint, created_by text, replaces text, expires_at bigint, revoked_at bigint,
    last_used_at bigint
  );
  CREATE TABLE execd.webhooks (
    id text PRIMARY KEY, user_id text NOT NULL, execution_id text, url text NOT NULL, description text,
    filter text NOT NULL, with_result bigint NOT NULL, secrets text NOT NULL, disabled text,
    is_orphan bigint NOT NULL DEFAULT 0, created_at bigint NOT NULL
  );
  CREATE INDEX webhooks_by_user ON execd.webhooks (user_id, created_at) WHERE execution_id IS NULL;
  CREATE INDEX webhooks_orphaned ON execd.webhooks (id) WHERE is_orphan = 1;
  CREATE TABLE execd.deliveries (
    id bigint PRIMARY KEY, webhook_id text NOT NULL, user_id text NOT NULL, lane text NOT NULL, record text NOT NULL,
    state text NOT NULL, tries text NOT NULL, next_at bigint, created_at bigint NOT NULL, finished_at bigint,
    held_since bigint
  );
  CREATE INDEX deliveries_due ON execd.deliveries (lane, next_at, id) WHERE state = 'pending';
  CREATE INDEX deliveries_by_webhook ON execd.deliveries (webhook_id, id);
  CREATE INDEX deliveries_finished ON execd.deliveries (finished_at) WHERE finished_at IS NOT NULL;
  CREATE TABLE execd.delivery_lanes (lane text PRIMARY KEY, user_id text NOT NULL, next_at bigint NOT NULL);
  CREATE INDEX delivery_lanes_by_user ON execd.delivery_lanes (user_id, next_at);
  CREATE INDEX delivery_lanes_by_time ON execd.delivery_lanes (next_at);
  CREATE TABLE execd.schedules (
    id text PRIMARY KEY, user_id text NOT NULL, name text NOT NULL, plan text NOT NULL, facts text NOT NULL,
    state text NOT NULL, ended text, next_at bigint, wake_at bigint, waiting text, runs bigint NOT NULL, last_id text,
    last_at bigint, anchor bigint NOT NULL, revision bigint NOT NULL, created_at bigint NOT NULL,
    updated_at bigint NOT NULL, UNIQUE (user_id, name)
  );
  CREATE INDEX schedules_due ON execd.schedules (wake_at) WHERE wake_at IS NOT NULL;
  CREATE INDEX schedules_waiting ON execd.schedules (id) WHERE waiting IS NOT NULL;
  CREATE TABLE execd.signals (
    subject_id text NOT NULL, id text NOT NULL, name text NOT NULL, value text NOT NULL, by_user text NOT NULL,
    at bigint NOT NULL, taken_by text, PRIMARY KEY (subject_id, id)
  );
  CREATE TABLE execd.schedule_runs (
    schedule_id text NOT NULL, due_at bigint NOT NULL, at bigint NOT NULL, result text NOT NULL, execution_id text,
    error text, detail text, manual bigint NOT NULL, PRIMARY KEY (schedule_id, due_at)
  );
`;

/** Files: who owns which bytes, how often, and how much a user has: the same bytes once. The empty user is all of them. */
const FILES = `
  CREATE TABLE execd.files (
    owner_id text NOT NULL, role text NOT NULL, path text NOT NULL, user_id text NOT NULL, digest text NOT NULL,
    size bigint NOT NULL, mode bigint NOT NULL, created_at bigint NOT NULL, expires_at bigint, expected text,
    PRIMARY KEY (owner_id, role, path)
  );
  CREATE INDEX uploads_by_expiry ON execd.files (expires_at) WHERE role = 'upload';
  CREATE TABLE execd.blobs (digest text PRIMARY KEY, refs bigint NOT NULL);
  CREATE INDEX blobs_unused ON execd.blobs (digest) WHERE refs = 0;
  CREATE TABLE execd.file_use (user_id text PRIMARY KEY, bytes bigint NOT NULL, files bigint NOT NULL);
  CREATE TABLE execd.user_blobs (
    user_id text NOT NULL, name text NOT NULL, size bigint NOT NULL, refs bigint NOT NULL, PRIMARY KEY (user_id, name)
  );
  CREATE FUNCTION execd.user_blob_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
      INSERT INTO execd.file_use AS u VALUES (NEW.user_id, NEW.size, 1), ('', NEW.size, 1)
        ON CONFLICT (user_id) DO UPDATE SET bytes = u.bytes + NEW.size, files = u.files + 1;
    ELSE
      UPDATE execd.file_use SET bytes = bytes - OLD.size, files = files - 1 WHERE user_id IN (OLD.user_id, '');
      DELETE FROM execd.file_use WHERE user_id = OLD.user_id AND files = 0;
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER user_blob_changed AFTER INSERT OR DELETE ON execd.user_blobs
    FOR EACH ROW EXECUTE FUNCTION execd.user_blob_changed();
  CREATE FUNCTION execd.file_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP <> 'DELETE' THEN
      INSERT INTO execd.blobs AS b SELECT NEW.digest, 1 WHERE NEW.digest <> ''
        ON CONFLICT (digest) DO UPDATE SET refs = b.refs + 1;
      INSERT INTO execd.user_blobs AS b
        VALUES (NEW.user_id, coalesce(nullif(NEW.digest, ''), NEW.owner_id), NEW.size, 1)
        ON CONFLICT (user_id, name) DO UPDATE SET refs = b.refs + 1;
    END IF;
    IF TG_OP <> 'INSERT' THEN
      UPDATE execd.blobs SET refs = refs - 1 WHERE digest = OLD.digest;
      UPDATE execd.user_blobs SET refs = refs - 1
        WHERE user_id = OLD.user_id AND name = coalesce(nullif(OLD.digest, ''), OLD.owner_id);
      DELETE FROM execd.user_blobs
        WHERE user_id = OLD.user_id AND name = coalesce(nullif(OLD.digest, ''), OLD.owner_id) AND refs = 0;
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER file_changed AFTER INSERT OR DELETE OR UPDATE OF digest, size ON execd.files
    FOR EACH ROW EXECUTE FUNCTION execd.file_changed();
`;

const USAGES = ['running', 'waiting_count', 'retrying', 'keys', 'kept', 'store_bytes', 'log_bytes', 'logs'];
const sumsOf = (sum: string): string => USAGES.map((name) => sum.replaceAll('?', name)).join(', ');

/** Whatever the language of the database, names are in the order of their bytes. */
const byBytes = (sql: string): string =>
  sql.replaceAll(/(?<=^|[(,]) *(\w+) text\b/gm, ' $1 text COLLATE "C"');

/** What several servers need of each other: the order of transactions, sums, and how the queue has changed of late. */
const SHARED = `
  DELETE FROM execd.batches;
  ALTER TABLE execd.batches ADD COLUMN number bigint NOT NULL, ADD COLUMN epoch bigint NOT NULL,
    ADD COLUMN up_to bigint, ADD COLUMN signal text;
  CREATE UNIQUE INDEX batches_in_order ON execd.batches (number);
  CREATE TABLE execd.queue_changes (number bigint PRIMARY KEY, changes text NOT NULL);
  CREATE TABLE execd.usage_sums (
    name text PRIMARY KEY, running bigint NOT NULL, waiting_count bigint NOT NULL, retrying bigint NOT NULL,
    keys bigint NOT NULL, kept bigint NOT NULL, store_bytes bigint NOT NULL, log_bytes bigint NOT NULL, logs bigint NOT NULL
  ) WITH (fillfactor = 20);
  INSERT INTO execd.usage_sums SELECT 'total', ${sumsOf('coalesce(sum(?), 0)')} FROM execd.usages;
  INSERT INTO execd.usage_sums SELECT 'users', ${sumsOf('count(*) FILTER (WHERE ? > 0)')} FROM execd.usages;
  ALTER TABLE execd.epochs ADD COLUMN about text;
`;

/** Logs of attempts, where every server can read them. Their bytes are not compressed again and again. */
const LOGS = `
  CREATE TABLE execd.log_pieces (
    run_id text NOT NULL, attempt bigint NOT NULL, file text NOT NULL, at bigint NOT NULL, bytes bytea NOT NULL,
    PRIMARY KEY (run_id, attempt, file, at)
  );
  ALTER TABLE execd.log_pieces ALTER COLUMN bytes SET STORAGE EXTERNAL;
`;

/** What servers ask of each other lives for a moment, and is lost with a crash of the database. */
const ASKS = `
  CREATE UNLOGGED TABLE execd.asks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, by_epoch bigint NOT NULL, to_epoch bigint NOT NULL,
    run_id text NOT NULL, attempt bigint NOT NULL, ask text NOT NULL, bytes bytea, at bigint NOT NULL
  ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
  ALTER TABLE execd.asks ALTER COLUMN bytes SET STORAGE EXTERNAL;
  CREATE INDEX asks_by_epoch ON execd.asks (to_epoch, id);
  CREATE UNLOGGED TABLE execd.answers (
    id bigint PRIMARY KEY, to_epoch bigint NOT NULL, answer text NOT NULL, at bigint NOT NULL
  ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
  CREATE INDEX answers_by_epoch ON execd.answers (to_epoch);
`;

/** Bytes of files, where every server can read them. `held_by`: epochs that keep a body without an owner. */
const BLOBS = `
  CREATE TABLE execd.blob_bodies (
    id text PRIMARY KEY, digest text UNIQUE, size bigint NOT NULL, epoch bigint NOT NULL,
    held_by bigint[] NOT NULL DEFAULT '{}', revision bigint NOT NULL DEFAULT 0
  ) WITH (fillfactor = 60);
  CREATE INDEX blob_bodies_unfinished ON execd.blob_bodies (id) WHERE digest IS NULL;
  CREATE TABLE execd.blob_pieces (body text NOT NULL, at bigint NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (body, at));
  ALTER TABLE execd.blob_pieces ALTER COLUMN bytes SET STORAGE EXTERNAL;
`;

/** Runs that identical work may join. */
const JOINED = `
  ALTER TABLE execd.executions ADD COLUMN join_key text;
  CREATE INDEX executions_open_runs ON execd.executions (join_key, seq) WHERE ${IS_OPEN_RUN};
`;

export const MIGRATIONS: readonly string[] = [
  byBytes(META + EXECUTIONS + CREDITS + OTHERS + FILES),
  byBytes(SHARED),
  byBytes(LOGS),
  byBytes(ASKS),
  byBytes(BLOBS),
  byBytes(JOINED),
];

/**
 * The oldest schema whose programs work with a database of this one. A step that only adds to what is there (tables, indexes,
 * columns with a default that older programs need not know) leaves it as it is, so that a new version is rolled out while servers
 * of the one before run. Any other step sets it to its own number.
 */
export const FITS_SINCE = 3;
