// Counts what the tables hold, for the memory of the store: once, at the start.
import { type Counted, count } from '../counted.ts';
import { Memory } from '../memory.ts';
import { WITH_SPEC } from './columns.ts';
import type { Statements } from './statements.ts';
import { ROW_BYTES, TEXTS } from '../rules/counting.ts';
import type { WebhookRow } from '../webhook-rows.ts';

export function readMemory(db: Statements): Memory {
  const memory = new Memory();
  count(memory, {
    executions: db.all(EXECUTIONS) as Counted['executions'],
    live: db.all(LIVE) as Counted['live'],
    ended: db.all(ENDED) as Counted['ended'],
    keys: db.all(KEYS) as Counted['keys'],
    openKeys: db.all(OPEN_KEYS) as Counted['openKeys'],
    storeBytes: db.all(STORE_BYTES) as Counted['storeBytes'],
    logBytes: db.all(LOG_BYTES) as Counted['logBytes'],
    pending: db.all(PENDING) as Counted['pending'],
  });
  for (const row of db.all(STANDING) as WebhookRow[]) memory.listen(row);
  for (const [what, text] of Object.entries(LAST)) {
    memory.set('last', what, (db.one(text) as { n: number | null } | undefined)?.n ?? 0);
  }
  return memory;
}

const EXECUTIONS = `SELECT status, phase, pool, min(plan_id) AS plan_id, count(*) AS n FROM executions
  GROUP BY status, phase, pool, plan_id IS NULL`;
const LIVE = `SELECT user_id, status, phase, count(*) AS n FROM executions
  WHERE status IN ('pending', 'running') AND (pool <> 'none' OR phase = 'scheduled') GROUP BY user_id, status, phase`;
const ENDED = `SELECT user_id, count(*) AS n FROM executions
  WHERE finished_at IS NOT NULL AND plan_id IS NULL GROUP BY user_id`;
const KEYS = `SELECT concurrency_key AS key, count(*) AS n FROM executions
  WHERE phase IN ('starting', 'canceling') AND concurrency_key IS NOT NULL GROUP BY concurrency_key`;
const OPEN_KEYS = `SELECT min(user_id) AS user_id, concurrency_key AS key, count(*) AS n FROM executions
  WHERE concurrency_key >= 'user:' AND concurrency_key < 'user;' AND phase <> 'done' GROUP BY concurrency_key`;
// SQLite takes the length of a text from the head of its row. Without MATERIALIZED it would sort the texts themselves.
const STORE_BYTES = `
  WITH sizes AS MATERIALIZED (
    SELECT user_id, ${TEXTS.map((name) => `coalesce(octet_length(${name}), 0)`).join(' + ')} + ${ROW_BYTES} AS bytes
    FROM executions e ${WITH_SPEC} LEFT JOIN execution_results r ON r.execution_seq = e.seq)
  SELECT user_id, sum(bytes) AS bytes FROM sizes GROUP BY user_id`;

// Those that take part in a run are of one user; the one that it is named after may be gone already.
const LOG_BYTES = `
  SELECT coalesce(
      (SELECT user_id FROM executions WHERE id = a.run_id),
      (SELECT user_id FROM executions WHERE run_id = a.run_id AND run_id <> id LIMIT 1)) AS user_id,
    sum((output ->> 'stdoutKeptBytes') + (output ->> 'stderrKeptBytes')) AS bytes, count(*) AS n
  FROM attempts a WHERE outcome IS NOT NULL AND output IS NOT NULL AND output ->> 'logRemoved' IS NULL GROUP BY 1`;
const STANDING =
  'SELECT * FROM webhooks WHERE execution_id IS NULL AND disabled IS NULL ORDER BY created_at, id';
const PENDING = `SELECT user_id, count(*) AS n FROM deliveries WHERE state = 'pending' GROUP BY user_id`;
// Numbers that others have seen are never given out twice, so that removed rows count too.
export const LAST = {
  execution: 'SELECT max(seq) AS n FROM executions',
  event: `SELECT seq AS n FROM sqlite_sequence WHERE name = 'events'`,
  entry: `SELECT seq AS n FROM sqlite_sequence WHERE name = 'ledger'`,
  delivery: `SELECT seq AS n FROM sqlite_sequence WHERE name = 'deliveries'`,
};
