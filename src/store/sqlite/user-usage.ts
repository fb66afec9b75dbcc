// What each user takes of the service, in the writer's memory: it goes with what the writer writes, and back when that is
// undone.
import type { DatabaseSync } from 'node:sqlite';
import type { ExecutionRow } from '../rows.ts';

export interface Usage {
  /** Executions that have a slot. */
  running: number;
  /** Executions that wait, for whatever. */
  waiting: number;
  /** Bytes that the logs of their attempts keep. */
  logBytes: number;
}

type Field = keyof Usage;
const NOTHING: Usage = Object.freeze({ running: 0, waiting: 0, logBytes: 0 });

export class UserUsage {
  readonly #usage = new Map<string, Usage>();
  /** What was added since the transaction began. */
  readonly #added: [string, Field, number][] = [];

  constructor(db: DatabaseSync) {
    const live = `SELECT user_id, status, count(*) AS n FROM executions
      WHERE status IN ('pending', 'running') AND pool <> 'none' GROUP BY user_id, status`;
    for (const { user_id, status, n } of db.prepare(live).all() as unknown as LiveRow[]) {
      this.#of(user_id)[status === 'running' ? 'running' : 'waiting'] += n;
    }
    for (const { user_id, bytes } of db.prepare(LOG_BYTES).all() as unknown as LogRow[]) {
      if (user_id !== null) this.#of(user_id).logBytes += bytes;
    }
  }

  of(userId: string): Readonly<Usage> {
    return this.#usage.get(userId) ?? NOTHING;
  }

  /** Counts an execution, or takes it out again. */
  count({ user_id, status, pool }: Pick<ExecutionRow, 'user_id' | 'status' | 'pool'>, by: 1 | -1): void {
    // A plan takes nothing; its steps do.
    if (pool === 'none') return;
    if (status === 'running') this.add(user_id, 'running', by);
    else if (status === 'pending') this.add(user_id, 'waiting', by);
  }

  add(userId: string, field: Field, by: number): void {
    if (by === 0) return;
    this.#added.push([userId, field, by]);
    this.#change(userId, field, by);
  }

  begin(): void {
    this.#added.length = 0;
  }

  /** A point to go back to. */
  get mark(): number {
    return this.#added.length;
  }

  undo(mark: number): void {
    for (const [userId, field, by] of this.#added.splice(mark).reverse()) this.#change(userId, field, -by);
  }

  #change(userId: string, field: Field, by: number): void {
    const usage = this.#of(userId);
    usage[field] += by;
    // Who takes nothing takes no memory either.
    if (usage.running === 0 && usage.waiting === 0 && usage.logBytes === 0) this.#usage.delete(userId);
  }

  #of(userId: string): Usage {
    let usage = this.#usage.get(userId);
    if (usage === undefined) {
      usage = { ...NOTHING };
      this.#usage.set(userId, usage);
    }
    return usage;
  }
}

interface LiveRow {
  user_id: string;
  status: 'pending' | 'running';
  n: number;
}
interface LogRow {
  user_id: string | null;
  bytes: number;
}

// Those that take part in a run are of one user; the one that it is named after may be gone already.
const LOG_BYTES = `
  SELECT coalesce(
      (SELECT user_id FROM executions WHERE id = a.run_id),
      (SELECT user_id FROM executions WHERE run_id = a.run_id AND run_id <> id LIMIT 1)) AS user_id,
    sum((output ->> 'stdoutKeptBytes') + (output ->> 'stderrKeptBytes')) AS bytes
  FROM attempts a WHERE ended_at IS NOT NULL AND output IS NOT NULL GROUP BY 1`;

/** What the log of an attempt keeps, from its row. */
export function keptBytes(output: string | null): number {
  if (output === null) return 0;
  const { stdoutKeptBytes, stderrKeptBytes } = JSON.parse(output) as Record<string, number | undefined>;
  return (stdoutKeptBytes ?? 0) + (stderrKeptBytes ?? 0);
}
