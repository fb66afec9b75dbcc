// The queue in memory, beside the table: how many wait where, and whose turn it is. Which executions these are is looked up
// in an index when they are claimed. After a restart everybody begins alike.
import type { ExecutionRow } from '../rows.ts';
import { type Place, Queue } from '../rules/queue.ts';
import type { Changes } from '../rules/working-set.ts';
import { executionsWhere } from './columns.ts';
import type { Statements } from './statements.ts';

type Queued = Pick<ExecutionRow, 'phase' | 'pool' | 'priority' | 'user_id' | 'concurrency_key'>;

export class Waiting {
  queue = new Queue();
  readonly #db: Statements;
  readonly #first: ReturnType<typeof executionsWhere>;
  readonly #firstKeyed: ReturnType<typeof executionsWhere>;

  constructor(db: Statements) {
    this.#db = db;
    this.#first = executionsWhere(db, FIRST);
    this.#firstKeyed = executionsWhere(db, FIRST_KEYED);
    this.reload();
  }

  /** Counts again what waits: after a transaction that was undone. */
  reload(): void {
    this.queue = new Queue();
    for (const row of this.#db.all(COUNTED) as (Queued & { n: number })[]) {
      const place = placeOf({ ...row, phase: 'queued' });
      if (place !== null) this.queue.change(place, row.n);
    }
  }

  /** Follows what has been written: what waits now, and whose slots are free again. */
  follow({ before, after }: Changes): void {
    for (const [id, was] of before.executions ?? []) {
      const from = placeOf(was);
      const to = placeOf(after.executions.get(id));
      if (isSame(from, to)) continue;
      if (from !== null) this.queue.change(from, -1);
      if (to !== null) this.queue.change(to, 1);
    }
    for (const [userId, was] of before.users ?? []) {
      const now = after.users.get(userId);
      if (was !== undefined && now !== undefined && now.running < was.running) this.queue.open(userId);
    }
  }

  heads({ pool, priority, userId, key }: Place, afterSeq: number, limit: number): ExecutionRow[] {
    return key === null
      ? this.#first(pool, priority, userId, afterSeq, limit)
      : this.#firstKeyed(pool, key, priority, userId, afterSeq, limit);
  }
}

function placeOf(row: Queued | null | undefined): Place | null {
  if (row?.phase !== 'queued' || row.pool === 'none') return null;
  return { pool: row.pool, priority: row.priority, userId: row.user_id, key: row.concurrency_key };
}

function isSame(one: Place | null, other: Place | null): boolean {
  return one?.pool === other?.pool && one?.priority === other?.priority;
}

const COUNTED = `SELECT pool, priority, user_id, concurrency_key, count(*) AS n FROM executions
  WHERE phase = 'queued' GROUP BY pool, priority, user_id, concurrency_key`;
const FIRST = `WHERE phase = 'queued' AND concurrency_key IS NULL AND pool = ? AND priority = ?
  AND user_id = ? AND seq > ? ORDER BY seq LIMIT ? + 0`;
const FIRST_KEYED = `WHERE phase = 'queued' AND pool = ? AND concurrency_key = ? AND priority = ?
  AND user_id = ? AND seq > ? ORDER BY seq LIMIT ? + 0`;
