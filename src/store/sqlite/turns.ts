// Who is next. A higher priority always comes first; within one, users take turns, each as many in a round as they have
// weight. Whose turn it is is found by jumping from user to user in an index, so that the length of a queue costs nothing.
// Where the turns stand is kept in memory: after a restart a round begins anew.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Pool } from '../../domain/execution/execution.ts';
import type { Shares } from '../../domain/ports/store.ts';
import type { ExecutionRow } from '../rows.ts';
import type { UserUsage } from './user-usage.ts';

/** Where executions wait: those without a concurrency key, or those of one. `free` is how many of it may still run. */
interface Line {
  key: string | null;
  free: number;
}

/** Whose turn it was last in a band, and how many more they have in it. */
interface Turn {
  userId: string;
  left: number;
}

const ANY_PRIORITY = 1_000_000;

export const EQUAL_SHARES: Shares = Object.freeze({ weight: 1, running: null, users: {} });

export class Turns {
  shares: Shares = EQUAL_SHARES;
  readonly #usage: UserUsage;
  readonly #turns = new Map<string, Turn>();
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: DatabaseSync, usage: UserUsage) {
    this.#usage = usage;
    this.#sql = statements(db);
  }

  /** How many more executions of a user may run. */
  room(userId: string): number {
    const { users, running } = this.shares;
    const most = (users[userId] ?? { running }).running;
    return most === null ? Infinity : Math.max(0, most - this.#usage.of(userId).running);
  }

  /**
   * Goes through the queue of a pool in turns, until `limit` are taken or none is left that may run.
   *
   * @param lines where executions wait
   * @param take  takes an execution out of the queue
   */
  forEach(pool: Pool, limit: number, lines: readonly Line[], take: (row: ExecutionRow) => void): void {
    let left = limit;
    let below = ANY_PRIORITY;
    while (left > 0) {
      const priority = this.#top(pool, lines, below);
      if (priority === null) return;
      left -= this.#band({ pool, priority, lines, take }, left);
      below = priority;
    }
  }

  /** Takes turns in one priority; answers how many were taken, fewer than the limit when nothing more may run. */
  #band(band: Band, limit: number): number {
    const name = `${band.pool}/${band.priority}`;
    const before = this.#turns.get(name);
    let taken = 0;
    // Whoever has turns left in their round goes on.
    if (before !== undefined && before.left > 0) {
      taken += this.#take(band, before.userId, Math.min(before.left, limit));
      before.left = taken === before.left ? 0 : before.left - taken;
      if (taken < limit) before.left = 0;
    }
    let last = before?.userId ?? '';
    // A lap in which nobody could take anything is the end.
    let idleSince: string | null = null;
    while (taken < limit) {
      const userId = this.#nextUser(band, last);
      if (userId === null || userId === idleSince) break;
      const weight = this.#weightOf(userId);
      const isAlone = limit - taken > weight && this.#nextUser(band, userId) === userId;
      const most = isAlone ? limit - taken : Math.min(weight, limit - taken);
      const got = this.#take(band, userId, most);
      taken += got;
      last = userId;
      if (got === 0) idleSince ??= userId;
      else idleSince = null;
      this.#turns.set(name, { userId, left: got === most && got < weight ? weight - got : 0 });
    }
    return taken;
  }

  #weightOf(userId: string): number {
    return (this.shares.users[userId] ?? this.shares).weight;
  }

  /** The first of a user's in a band, oldest first; answers how many. */
  #take({ pool, priority, lines, take }: Band, userId: string, most: number): number {
    const limit = Math.min(most, this.room(userId));
    if (limit <= 0) return 0;
    const found: { row: ExecutionRow; line: Line }[] = [];
    for (const line of lines) {
      const wanted = Math.min(limit, line.free);
      if (wanted <= 0) continue;
      const rows = (line.key === null
        ? this.#sql.first.all(pool, priority, userId, wanted)
        : this.#sql.firstKeyed.all(pool, line.key, priority, userId, wanted)) as unknown as ExecutionRow[];
      for (const row of rows) found.push({ row, line });
    }
    if (lines.length > 1) found.sort((a, b) => a.row.seq - b.row.seq);
    for (const { row, line } of found.slice(0, limit)) {
      line.free -= 1;
      take(row);
    }
    return Math.min(found.length, limit);
  }

  /** The user after another one, in the order of their names; at the end it begins anew. */
  #nextUser(band: Band, after: string): string | null {
    return this.#userAfter(band, after) ?? (after === '' ? null : this.#userAfter(band, ''));
  }

  #userAfter({ pool, priority, lines }: Band, after: string): string | null {
    let first: string | null = null;
    for (const { key, free } of lines) {
      if (free <= 0) continue;
      const found = (
        key === null
          ? this.#sql.user.get(pool, priority, after)
          : this.#sql.userKeyed.get(pool, key, priority, after)
      ) as { user_id: string } | undefined;
      if (found !== undefined && (first === null || found.user_id < first)) first = found.user_id;
    }
    return first;
  }

  #top(pool: Pool, lines: readonly Line[], below: number): number | null {
    let top: number | null = null;
    for (const { key, free } of lines) {
      if (free <= 0) continue;
      const found = (
        key === null ? this.#sql.top.get(pool, below) : this.#sql.topKeyed.get(pool, key, below)
      ) as { priority: number } | undefined;
      if (found !== undefined && (top === null || found.priority > top)) top = found.priority;
    }
    return top;
  }
}

interface Band {
  pool: Pool;
  priority: number;
  lines: readonly Line[];
  take: (row: ExecutionRow) => void;
}

function statements(db: DatabaseSync) {
  const plain = `FROM executions WHERE phase = 'queued' AND concurrency_key IS NULL AND pool = ?`;
  const keyed = `FROM executions WHERE phase = 'queued' AND pool = ? AND concurrency_key = ?`;
  const sql = {
    top: `SELECT priority ${plain} AND priority < ? ORDER BY priority DESC LIMIT 1`,
    topKeyed: `SELECT priority ${keyed} AND priority < ? ORDER BY priority DESC LIMIT 1`,
    user: `SELECT user_id ${plain} AND priority = ? AND user_id > ? ORDER BY user_id LIMIT 1`,
    userKeyed: `SELECT user_id ${keyed} AND priority = ? AND user_id > ? ORDER BY user_id LIMIT 1`,
    first: `SELECT * ${plain} AND priority = ? AND user_id = ? ORDER BY seq LIMIT ? + 0`,
    firstKeyed: `SELECT * ${keyed} AND priority = ? AND user_id = ? ORDER BY seq LIMIT ? + 0`,
  };
  return Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, db.prepare(text)])) as {
    [name in keyof typeof sql]: StatementSync;
  };
}
