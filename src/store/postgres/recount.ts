// Counts what the tables hold, and stores it as the counters of the database: after rows have come from another store.
import { type Counted, count } from '../counted.ts';
import { Memory } from '../memory.ts';
import { ROW_BYTES, TEXTS } from '../rules/counting.ts';
import { USAGE_COLUMNS, usageRow } from './changes.ts';
import { insertInto, valuesOf } from './columns.ts';
import type { Connection, Value } from './database.ts';

const NAMED = ['keys', 'openKeys', 'counts', 'pending'] as const;
const COLUMNS = ['kind', 'name', 'n'] as const;

/** In a transaction of the caller, who writes the last numbers. */
export async function recount(connection: Connection): Promise<void> {
  const memory = new Memory();
  count(memory, await counted(connection));
  await connection.send(`DELETE FROM execd.counters WHERE kind <> 'last'`);
  await connection.send('DELETE FROM execd.usages');
  const counters = NAMED.flatMap((kind) => memory.named(kind).map(([name, n]) => ({ kind, name, n })));
  await connection.query(insertInto('counters', COLUMNS), valuesOf(COLUMNS, counters) as Value[]);
  const usages = memory.allUsers().map(([userId, usage]) => usageRow(userId, usage));
  await connection.query(insertInto('usages', USAGE_COLUMNS), valuesOf(USAGE_COLUMNS, usages) as Value[]);
  await connection.send(SUMS);
  // What the queue was before is of no use to servers that start now.
  await connection.send('DELETE FROM execd.queue_changes');
}

async function counted(connection: Connection): Promise<Counted> {
  return {
    executions: await connection.query(EXECUTIONS),
    live: await connection.query(LIVE),
    ended: await connection.query(ENDED),
    keys: await connection.query(KEYS),
    openKeys: await connection.query(OPEN_KEYS),
    storeBytes: await connection.query(STORE_BYTES),
    logBytes: await connection.query(LOG_BYTES),
    pending: await connection.query(PENDING),
  };
}

const FIELDS = USAGE_COLUMNS.slice(1);
const sums = (of: (name: string) => string) => FIELDS.map(of).join(', ');
const SUMS = `DELETE FROM execd.usage_sums;
  INSERT INTO execd.usage_sums (name, ${FIELDS.join(', ')})
    SELECT 'total', ${sums((name) => `coalesce(sum(${name}), 0)`)} FROM execd.usages;
  INSERT INTO execd.usage_sums (name, ${FIELDS.join(', ')})
    SELECT 'users', ${sums((name) => `count(*) FILTER (WHERE ${name} > 0)`)} FROM execd.usages`;
const EXECUTIONS = `SELECT status, phase, pool, min(plan_id) AS plan_id, count(*) AS n FROM execd.executions
  GROUP BY status, phase, pool, plan_id IS NULL`;
const LIVE = `SELECT user_id, status, phase, count(*) AS n FROM execd.executions
  WHERE status IN ('pending', 'running') AND (pool <> 'none' OR phase = 'scheduled') GROUP BY user_id, status, phase`;
const ENDED = `SELECT user_id, count(*) AS n FROM execd.executions
  WHERE finished_at IS NOT NULL AND plan_id IS NULL GROUP BY user_id`;
const KEYS = `SELECT concurrency_key AS key, count(*) AS n FROM execd.executions
  WHERE phase IN ('starting', 'canceling') AND concurrency_key IS NOT NULL GROUP BY concurrency_key`;
const OPEN_KEYS = `SELECT min(user_id) AS user_id, concurrency_key AS key, count(*) AS n FROM execd.executions
  WHERE concurrency_key >= 'user:' AND concurrency_key < 'user;' AND phase <> 'done' GROUP BY concurrency_key`;
const STORE_BYTES = `SELECT e.user_id, sum(${TEXTS.map((name) => `coalesce(octet_length(${name}), 0)`).join(' + ')}
    + ${ROW_BYTES}) AS bytes
  FROM execd.executions e JOIN execd.execution_specs s ON s.seq = e.seq
    LEFT JOIN execd.execution_results r ON r.seq = e.seq GROUP BY e.user_id`;
// Those that take part in a run are of one user; the one that it is named after may be gone already.
const LOG_BYTES = `SELECT coalesce(
      (SELECT user_id FROM execd.executions WHERE id = a.run_id),
      (SELECT user_id FROM execd.executions WHERE run_id = a.run_id AND run_id <> id LIMIT 1)) AS user_id,
    sum(coalesce((output::json ->> 'stdoutKeptBytes')::bigint, 0)
      + coalesce((output::json ->> 'stderrKeptBytes')::bigint, 0)) AS bytes, count(*) AS n
  FROM execd.attempts a WHERE outcome IS NOT NULL AND output IS NOT NULL
    AND output::json ->> 'logRemoved' IS NULL GROUP BY 1`;
const PENDING = `SELECT user_id, count(*) AS n FROM execd.deliveries WHERE state = 'pending' GROUP BY user_id`;
