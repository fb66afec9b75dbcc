// The queue in memory, beside the table: how many wait where, and whose turn it is. Which executions these are is looked up
// in an index when they are claimed. Each transaction leaves what it has changed of the queue; another server repeats it, under
// the lock, before it looks at its own. After a restart everybody begins alike.
import type { ExecutionRow } from '../rows.ts';
import type { Look } from '../rules/picking.ts';
import type { PoolKey } from '../../domain/pools.ts';
import { type Place, Queue, type QueueChange } from '../rules/queue.ts';
import type { WorkingSet } from '../rules/working-set.ts';
import { EXECUTION_ROWS } from './columns.ts';
import type { Connection } from './database.ts';

type Queued = Pick<ExecutionRow, 'phase' | 'pool' | 'priority' | 'user_id' | 'concurrency_key'>;

/** What transactions have changed of the queue. */
export interface QueueChanges {
  number: number;
  /** JSON of `QueueChange[]`. */
  changes: string;
}

export class Waiting {
  queue = new Queue(true);
  /** The transaction after which it is like this; null: it has to be counted again, because a transaction was undone. */
  #known: number | null = null;

  get known(): number | null {
    return this.#known;
  }

  /** From now on it is not known how it is, until a transaction is said to be committed. */
  begin(): void {
    this.#known = null;
  }

  committed(number: number): void {
    this.#known = number;
  }

  /**
   * Repeats what others have done since; false when that is not known any more.
   *
   * @param last the last transaction before this one
   */
  follow(changes: readonly QueueChanges[], last: number): boolean {
    if (this.#known === null) return false;
    const missed = changes.filter(({ number }) => number > (this.#known as number));
    if (missed.length !== last - this.#known) return false;
    for (const { changes } of missed) this.queue.repeat(JSON.parse(changes) as QueueChange[]);
    this.#known = last;
    return true;
  }

  async reload(connection: Connection): Promise<void> {
    this.queue = new Queue(true);
    for (const row of await connection.query<Queued & { n: number }>(COUNTED)) {
      const place = placeOf({ ...row, phase: 'queued' });
      if (place !== null) this.queue.change(place, row.n);
    }
    this.queue.changes();
  }

  /** Whether it has as many of these pools as are counted. */
  isLike(pools: readonly PoolKey[], queued: (pool: PoolKey) => number): boolean {
    return pools.every((pool) => this.queue.waiting(pool) === queued(pool));
  }
}

/** Keeps the queue in step with a batch that is being carried out. */
export class Following {
  readonly #waiting: Waiting;
  readonly #set: WorkingSet;
  readonly #places = new Map<string, Place | null>();
  readonly #running = new Map<string, number>();

  constructor(waiting: Waiting, set: WorkingSet) {
    this.#waiting = waiting;
    this.#set = set;
  }

  /** What waits now, and whose slots are free again. */
  follow(): void {
    const { before, after } = this.#set.changed;
    const { queue } = this.#waiting;
    for (const [id, was] of before.executions ?? []) {
      const from = this.#places.get(id) ?? (this.#places.has(id) ? null : placeOf(was));
      const to = placeOf(after.executions.get(id));
      if (isSame(from, to)) continue;
      if (from !== null) queue.change(from, -1);
      if (to !== null) queue.change(to, 1);
      this.#places.set(id, to);
    }
    for (const [userId, was] of before.users ?? []) {
      const now = after.users.get(userId)?.running ?? 0;
      if (now < (this.#running.get(userId) ?? was?.running ?? 0)) queue.open(userId);
      this.#running.set(userId, now);
    }
  }

  /** Claims have taken these out of the queue themselves. */
  took(rows: readonly ExecutionRow[]): void {
    for (const { id, user_id: userId } of rows) {
      this.#places.set(id, null);
      this.#running.set(userId, this.#set.get('users', userId).running);
    }
  }

  /** Those that wait at a place because of this batch. */
  at(place: Place): ExecutionRow[] {
    const { before, after } = this.#set.changed;
    const rows = [...(before.executions?.keys() ?? [])].map((id) => after.executions.get(id));
    return rows.filter((row) => row != null && isAt(row, place)) as ExecutionRow[];
  }
}

/** Executions that wait in several places. */
export function heads(connection: Connection, looks: readonly Look[]): Promise<ExecutionRow[]> {
  const of = <T>(value: (look: Look) => T) => looks.map(value);
  return connection.query<ExecutionRow>(HEADS, [
    of(({ place }) => place.pool),
    of(({ place }) => place.priority),
    of(({ place }) => place.userId),
    of(({ place }) => place.key),
    of(({ afterSeq }) => afterSeq),
    of(({ limit }) => limit),
  ]);
}

function placeOf(row: Queued | null | undefined): Place | null {
  if (row?.phase !== 'queued' || row.pool === 'none') return null;
  return { pool: row.pool, priority: row.priority, userId: row.user_id, key: row.concurrency_key };
}

/** Whether it is of this place, whether it waits or not. */
export const isAt = (row: ExecutionRow, { pool, priority, userId, key }: Place): boolean =>
  row.pool === pool && row.priority === priority && row.user_id === userId && row.concurrency_key === key;

function isSame(one: Place | null, other: Place | null): boolean {
  return one?.pool === other?.pool && one?.priority === other?.priority;
}

const COUNTED = `SELECT pool, priority, user_id, concurrency_key, count(*) AS n FROM execd.executions
  WHERE phase = 'queued' GROUP BY pool, priority, user_id, concurrency_key`;
// The two halves are those of two indexes. The order begins with the user, and the user is not said to be equal: otherwise
// PostgreSQL may look for the place in the order of all executions, past everything that waits elsewhere.
const PLACE = `x.phase = 'queued' AND x.pool = l.pool AND x.priority = l.priority
      AND (x.user_id, x.seq) > (l.user_id, l.after) AND x.user_id <= l.user_id`;
// As an array, so that rows are fetched one by one, however many PostgreSQL expects.
const HEADS = `${EXECUTION_ROWS} WHERE e.seq = ANY(ARRAY(SELECT h.seq FROM
    unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
      AS l (pool, priority, user_id, key, after, most)
    CROSS JOIN LATERAL (
      (SELECT x.seq FROM execd.executions x WHERE ${PLACE} AND l.key IS NULL AND x.concurrency_key IS NULL
        ORDER BY x.user_id, x.seq LIMIT l.most)
      UNION ALL
      (SELECT x.seq FROM execd.executions x WHERE ${PLACE} AND x.concurrency_key = l.key
        AND x.concurrency_key IS NOT NULL ORDER BY x.user_id, x.seq LIMIT l.most)) h)) ORDER BY e.seq`;
