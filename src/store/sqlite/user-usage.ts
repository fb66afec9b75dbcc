// What each user takes of the service, in the writer's memory: it goes with what the writer writes, and back when that is
// undone.
import type { DatabaseSync } from 'node:sqlite';
import { KEPT, type KeptUse } from '../../domain/kept.ts';
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
  /** Bytes of their executions in the store, with steps of plans. */
  storeBytes: number;
  /** Bytes that the logs of their attempts keep. */
  logBytes: number;
  /** Attempts that have ended, each with its log. */
  logs: number;
}

/** What is known of a user elsewhere, too. */
export type UserCounts = [userId: string, counts: Usage];

type Field = keyof Usage;
const FIELDS = ['running', 'waiting', 'retrying', 'kept', ...KEPT] as const satisfies Field[];
export const NO_USAGE: Usage = Object.freeze({
  ...{ running: 0, waiting: 0, retrying: 0, kept: 0 },
  ...{ storeBytes: 0, logBytes: 0, logs: 0 },
});

/** The usage of several users, their sums, and how many of them have some of each. */
export class Usages {
  readonly #usage = new Map<string, Usage>();
  readonly #sum: Usage = { ...NO_USAGE };
  readonly #users: Usage = { ...NO_USAGE };

  of(userId: string): Readonly<Usage> {
    return this.#usage.get(userId) ?? NO_USAGE;
  }

  all(): IterableIterator<UserCounts> {
    return this.#usage.entries();
  }

  change(userId: string, field: Field, by: number): void {
    if (by === 0) return;
    const usage = this.#usage.get(userId) ?? { ...NO_USAGE };
    const before = usage[field];
    usage[field] += by;
    this.#sum[field] += by;
    this.#users[field] += Number(usage[field] > 0) - Number(before > 0);
    // A user who takes nothing takes no memory either.
    if (usage[field] === 0 && FIELDS.every((one) => usage[one] === 0)) this.#usage.delete(userId);
    else this.#usage.set(userId, usage);
  }

  set(userId: string, now: Usage): void {
    for (const field of FIELDS) this.change(userId, field, now[field] - this.of(userId)[field]);
  }

  /** What a user has, among the users who have some of it. */
  taken(userId: string, field: Field, among: Field = field): Taken {
    const own = this.of(userId);
    return { own: own[field], total: this.#sum[field], users: this.#users[among] + (own[among] > 0 ? 0 : 1) };
  }

  keeps(userId: string): KeptUse {
    return Object.fromEntries(KEPT.map((what) => [what, this.taken(userId, what)])) as KeptUse;
  }
}

export class UserUsage {
  readonly #usages = new Usages();
  /** What was added since the transaction began. */
  readonly #added: [string, Field, number][] = [];

  constructor(db: DatabaseSync) {
    const live = `SELECT user_id, status, phase, count(*) AS n FROM executions
      WHERE status IN ('pending', 'running') AND pool <> 'none' GROUP BY user_id, status, phase`;
    for (const { user_id, status, phase, n } of db.prepare(live).all() as unknown as LiveRow[]) {
      this.#usages.change(user_id, status === 'running' ? 'running' : 'waiting', n);
      if (phase === 'scheduled_retry') this.#usages.change(user_id, 'retrying', n);
    }
    const kept = `SELECT user_id, count(*) AS n FROM executions
      WHERE finished_at IS NOT NULL AND plan_id IS NULL GROUP BY user_id`;
    for (const { user_id, n } of db.prepare(kept).all() as { user_id: string; n: number }[])
      this.#usages.change(user_id, 'kept', n);
    for (const { user_id, bytes } of db.prepare(STORE_BYTES).all() as { user_id: string; bytes: number }[])
      this.#usages.change(user_id, 'storeBytes', bytes);
    for (const { user_id, bytes, n } of db.prepare(LOG_BYTES).all() as unknown as LogRow[]) {
      if (user_id === null) continue;
      this.#usages.change(user_id, 'logBytes', bytes);
      this.#usages.change(user_id, 'logs', n);
    }
  }

  /** What a user has of what waits, or of what waits for its next attempt. */
  taken(userId: string, field: 'waiting' | 'retrying'): Taken {
    return this.#usages.taken(userId, field, 'waiting');
  }

  keeps(userId: string): KeptUse {
    return this.#usages.keeps(userId);
  }

  counts(): UserCounts[] {
    return [...this.#usages.all()];
  }

  /** The counts of those users for whom something has changed since the transaction began. */
  changes(): UserCounts[] {
    const users = new Set(this.#added.map(([userId]) => userId));
    return [...users].map((userId) => [userId, this.of(userId)]);
  }

  of(userId: string): Readonly<Usage> {
    return this.#usages.of(userId);
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
    this.#usages.change(userId, field, by);
  }

  begin(): void {
    this.#added.length = 0;
  }

  /** A point to go back to. */
  get mark(): number {
    return this.#added.length;
  }

  undo(mark: number): void {
    for (const [userId, field, by] of this.#added.splice(mark).reverse())
      this.#usages.change(userId, field, -by);
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
  n: number;
}

/** What a row takes beside its texts, with its events and its entries in indexes, roughly. */
const ROW_BYTES = 1024;
/** Long texts of an execution; the others are short, or bounded. */
const TEXTS = ['spec', 'facts', 'webhook', 'outcome', 'result'] as const satisfies (keyof ExecutionRow)[];

type Texts = Pick<ExecutionRow, (typeof TEXTS)[number]>;

/** What an execution takes in the store. */
export const storeBytesOf = (row: Texts): number =>
  TEXTS.reduce((sum, name) => sum + Buffer.byteLength(row[name] ?? ''), ROW_BYTES);
/** That part of it which comes with its end. */
export const endBytesOf = ({ outcome, result }: Pick<Texts, 'outcome' | 'result'>): number =>
  Buffer.byteLength(outcome ?? '') + Buffer.byteLength(result ?? '');

// SQLite takes the length of a text from the head of its row. Without MATERIALIZED it would sort the texts themselves.
const STORE_BYTES = `
  WITH sizes AS MATERIALIZED (
    SELECT user_id, ${TEXTS.map((name) => `coalesce(octet_length(${name}), 0)`).join(' + ')} + ${ROW_BYTES} AS bytes
    FROM executions)
  SELECT user_id, sum(bytes) AS bytes FROM sizes GROUP BY user_id`;

// Those that take part in a run are of one user; the one that it is named after may be gone already.
const LOG_BYTES = `
  SELECT coalesce(
      (SELECT user_id FROM executions WHERE id = a.run_id),
      (SELECT user_id FROM executions WHERE run_id = a.run_id AND run_id <> id LIMIT 1)) AS user_id,
    sum((output ->> 'stdoutKeptBytes') + (output ->> 'stderrKeptBytes')) AS bytes, count(*) AS n
  FROM attempts a WHERE outcome IS NOT NULL AND output IS NOT NULL GROUP BY 1`;

/** What the log of an attempt keeps, from its row. */
export function keptBytes(output: string | null): number {
  if (output === null) return 0;
  const { stdoutKeptBytes, stderrKeptBytes } = JSON.parse(output) as Record<string, number | undefined>;
  return (stdoutKeptBytes ?? 0) + (stderrKeptBytes ?? 0);
}
