// What each user takes of the service, in the writer's memory: it goes with what the writer writes, and back when that is
// undone.
import type { DatabaseSync } from 'node:sqlite';
import type { Taken } from '../../domain/shares.ts';
import type { ExecutionRow } from '../rows.ts';

export interface Usage {
  /** Executions that have a slot. */
  running: number;
  /** Executions that wait, for whatever. */
  waiting: number;
  /** Those of them that wait for their next attempt. */
  retrying: number;
  /** Executions that have ended, without steps of plans. */
  kept: number;
  /** Bytes that the logs of their attempts keep. */
  logBytes: number;
}

/** What is known of a user elsewhere, too. */
export type UserCounts = [userId: string, counts: Pick<Usage, 'waiting' | 'retrying' | 'kept'>];

type Field = keyof Usage;
const countsOf = (userId: string, { waiting, retrying, kept }: Usage): UserCounts => [
  userId,
  { waiting, retrying, kept },
];
const NOTHING: Usage = Object.freeze({ running: 0, waiting: 0, retrying: 0, kept: 0, logBytes: 0 });

export class UserUsage {
  readonly #usage = new Map<string, Usage>();
  /** What was added since the transaction began. */
  readonly #added: [string, Field, number][] = [];
  /** Of all users together. */
  readonly #sum: Usage = { ...NOTHING };
  /** Users who have something that waits. */
  #waitingUsers = 0;

  constructor(db: DatabaseSync) {
    const live = `SELECT user_id, status, phase, count(*) AS n FROM executions
      WHERE status IN ('pending', 'running') AND pool <> 'none' GROUP BY user_id, status, phase`;
    for (const { user_id, status, phase, n } of db.prepare(live).all() as unknown as LiveRow[]) {
      this.#change(user_id, status === 'running' ? 'running' : 'waiting', n);
      if (phase === 'scheduled_retry') this.#change(user_id, 'retrying', n);
    }
    const kept = `SELECT user_id, count(*) AS n FROM executions
      WHERE finished_at IS NOT NULL AND plan_id IS NULL GROUP BY user_id`;
    for (const { user_id, n } of db.prepare(kept).all() as { user_id: string; n: number }[])
      this.#change(user_id, 'kept', n);
    for (const { user_id, bytes } of db.prepare(LOG_BYTES).all() as unknown as LogRow[]) {
      if (user_id !== null) this.#change(user_id, 'logBytes', bytes);
    }
  }

  /** What a user has of what waits, or of what waits for its next attempt. */
  taken(userId: string, field: 'waiting' | 'retrying'): Taken {
    const own = this.of(userId);
    const users = this.#waitingUsers + (own.waiting === 0 ? 1 : 0);
    return { own: own[field], total: this.#sum[field], users };
  }

  counts(): UserCounts[] {
    return [...this.#usage].map(([userId, usage]) => countsOf(userId, usage));
  }

  /** The counts of those users for whom something has changed since the transaction began. */
  changes(): UserCounts[] {
    const users = new Set(this.#added.map(([userId]) => userId));
    return [...users].map((userId) => countsOf(userId, this.of(userId)));
  }

  of(userId: string): Readonly<Usage> {
    return this.#usage.get(userId) ?? NOTHING;
  }

  /** Counts an execution, or takes it out again. */
  count(
    {
      user_id,
      status,
      phase,
      pool,
      plan_id,
    }: Pick<ExecutionRow, 'user_id' | 'status' | 'phase' | 'pool' | 'plan_id'>,
    by: 1 | -1,
  ): void {
    if (phase === 'done' && plan_id === null) this.add(user_id, 'kept', by);
    // A plan takes nothing; its steps do.
    if (pool === 'none') return;
    if (status === 'running') this.add(user_id, 'running', by);
    else if (status === 'pending') this.add(user_id, 'waiting', by);
    if (phase === 'scheduled_retry') this.add(user_id, 'retrying', by);
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
    const hadWaiting = usage.waiting > 0;
    usage[field] += by;
    this.#sum[field] += by;
    if (hadWaiting !== usage.waiting > 0) this.#waitingUsers += hadWaiting ? -1 : 1;
    // Who takes nothing takes no memory either.
    const { running, waiting, kept, logBytes } = usage;
    if (running === 0 && waiting === 0 && kept === 0 && logBytes === 0) this.#usage.delete(userId);
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
  phase: ExecutionRow['phase'];
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
