// Counters, and who listens to what, in memory: facts that many executions change and that a look at the tables would have
// to count. They are read once, at the start, and follow what has been committed.
import type { DatabaseSync } from 'node:sqlite';
import type { FinishedExecution, Pool } from '../../domain/execution/execution.ts';
import { POOLS } from '../../domain/execution/execution.ts';
import { FINAL_STATUSES } from '../../domain/outcome.ts';
import type { ExecutionRow } from '../rows.ts';
import { countOf, ROW_BYTES, TEXTS } from '../rules/counting.ts';
import { type CountName, type Facts, NO_USAGE, type Source, type Usage } from '../rules/facts.ts';
import type { Changes } from '../rules/working-set.ts';
import { toListener, type WebhookRow } from '../webhook-rows.ts';
import { Usages } from './usages.ts';

/** The kinds of facts that are in memory. */
const KEPT = ['keys', 'openKeys', 'counts', 'listeners', 'pending', 'last'] as const;
type Kept = (typeof KEPT)[number];
export const REMEMBERED = ['users', 'sums', ...KEPT] as const;
export type Remembered = (typeof REMEMBERED)[number];

export interface Counts {
  queued: Record<Pool, number>;
  /** Those that are to start later. */
  delayed: number;
  scheduledRetry: number;
  joined: number;
  running: number;
  /** Those of the finished that are steps of a plan. */
  finishedSteps: number;
  finished: Record<FinishedExecution['status'], number>;
}

export type UserUsage = [userId: string, usage: Usage];

export class Memory {
  readonly #users = new Usages();
  readonly #facts: { [K in Kept]: Map<string, Facts[K]> } = {
    keys: new Map(),
    openKeys: new Map(),
    counts: new Map(),
    listeners: new Map(),
    pending: new Map(),
    last: new Map(),
  };

  constructor(db: DatabaseSync) {
    this.#readExecutions(db);
    this.#readBytes(db);
    this.#readWebhooks(db);
    for (const [what, text] of Object.entries(LAST)) {
      this.#facts.last.set(what, (db.prepare(text).get() as { n: number | null } | undefined)?.n ?? 0);
    }
  }

  /** Serves them to the rules. */
  readonly source: Pick<Source, Remembered> = {
    users: (userId) => this.#users.of(userId),
    sums: (of) => (of === 'users' ? this.#users.users : this.#users.sum),
    keys: (key) => this.#facts.keys.get(key) ?? 0,
    openKeys: (key) => this.#facts.openKeys.get(key) ?? 0,
    counts: (name) => this.#facts.counts.get(name) ?? 0,
    listeners: (userId) => this.#facts.listeners.get(userId) ?? [],
    pending: (userId) => this.#facts.pending.get(userId) ?? 0,
    last: (what) => this.#facts.last.get(what) ?? 0,
  };

  /** Takes in what has been committed. */
  follow({ before, after }: Changes): void {
    for (const userId of before.users?.keys() ?? [])
      this.#users.set(userId, after.users.get(userId) ?? NO_USAGE);
    for (const kind of KEPT) {
      for (const key of before[kind]?.keys() ?? []) this.#keep(kind, key, after[kind].get(key));
    }
  }

  #keep<K extends Kept>(kind: K, key: string, value: Facts[K] | undefined): void {
    const facts = this.#facts[kind] as Map<string, Facts[K]>;
    // Whoever takes nothing takes no memory either.
    if (value === undefined || isNothing(value)) facts.delete(key);
    else facts.set(key, value);
  }

  toCounts(): Counts {
    const { counts } = this.source;
    const of = <K extends string>(names: readonly K[], what: string) =>
      Object.fromEntries(names.map((name) => [name, counts(`${what} ${name}`)])) as Record<K, number>;
    return {
      queued: of(POOLS, 'queued'),
      delayed: counts('delayed'),
      scheduledRetry: counts('scheduledRetry'),
      joined: counts('joined'),
      running: counts('running'),
      finishedSteps: counts('finishedSteps'),
      finished: of(FINAL_STATUSES, 'finished'),
    };
  }

  toDeliveries(): { pending: number; dropped: number } {
    const { counts } = this.source;
    return { pending: counts('pending'), dropped: counts('dropped') };
  }

  allUsers(): UserUsage[] {
    return [...this.#users.all()];
  }

  #readExecutions(db: DatabaseSync): void {
    const rows = db.prepare(EXECUTIONS).all() as unknown as (CountedRow & { n: number })[];
    for (const row of rows) {
      const name = countOf(row);
      if (name !== null) this.#count(name, row.n);
      if (row.phase === 'done' && row.plan_id !== null) this.#count('finishedSteps', row.n);
    }
    for (const { user_id, status, phase, n } of db.prepare(LIVE).all() as unknown as LiveRow[]) {
      this.#users.change(user_id, status === 'running' ? 'running' : 'waiting', n);
      if (phase === 'scheduled_retry') this.#users.change(user_id, 'retrying', n);
    }
    for (const { user_id, n } of db.prepare(ENDED).all() as { user_id: string; n: number }[]) {
      this.#users.change(user_id, 'kept', n);
    }
    for (const { key, n } of db.prepare(KEYS).all() as { key: string; n: number }[]) {
      this.#facts.keys.set(key, n);
    }
    for (const { user_id, key, n } of db.prepare(OPEN_KEYS).all() as unknown as OpenKeyRow[]) {
      this.#facts.openKeys.set(key, n);
      this.#users.change(user_id, 'keys', 1);
    }
  }

  #readBytes(db: DatabaseSync): void {
    for (const { user_id, bytes } of db.prepare(STORE_BYTES).all() as { user_id: string; bytes: number }[]) {
      this.#users.change(user_id, 'storeBytes', bytes);
    }
    for (const { user_id, bytes, n } of db.prepare(LOG_BYTES).all() as unknown as LogRow[]) {
      if (user_id === null) continue;
      this.#users.change(user_id, 'logBytes', bytes);
      this.#users.change(user_id, 'logs', n);
    }
  }

  #readWebhooks(db: DatabaseSync): void {
    for (const row of db.prepare(STANDING).all() as unknown as WebhookRow[]) {
      const listener = toListener(row);
      this.#facts.listeners.set(row.user_id, [...this.source.listeners(row.user_id), listener]);
    }
    for (const { user_id, n } of db.prepare(PENDING).all() as { user_id: string; n: number }[]) {
      this.#facts.pending.set(user_id, n);
      this.#count('pending', n);
    }
  }

  #count(name: CountName, by: number): void {
    this.#facts.counts.set(name, this.source.counts(name) + by);
  }
}

/** Of a writer that changes none of it. */
export const NOTHING_COUNTED: Pick<Source, Remembered> = {
  users: () => NO_USAGE,
  sums: () => NO_USAGE,
  keys: () => 0,
  openKeys: () => 0,
  counts: () => 0,
  listeners: () => [],
  pending: () => 0,
  last: () => 0,
};

function isNothing(value: Facts[Kept]): boolean {
  if (typeof value === 'number') return value === 0;
  return value.length === 0;
}

type CountedRow = Pick<ExecutionRow, 'status' | 'phase' | 'pool' | 'plan_id'>;
interface LiveRow {
  user_id: string;
  status: 'pending' | 'running';
  phase: ExecutionRow['phase'];
  n: number;
}

interface OpenKeyRow {
  user_id: string;
  key: string;
  n: number;
}

interface LogRow {
  user_id: string | null;
  bytes: number;
  n: number;
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
    FROM executions)
  SELECT user_id, sum(bytes) AS bytes FROM sizes GROUP BY user_id`;

// Those that take part in a run are of one user; the one that it is named after may be gone already.
const LOG_BYTES = `
  SELECT coalesce(
      (SELECT user_id FROM executions WHERE id = a.run_id),
      (SELECT user_id FROM executions WHERE run_id = a.run_id AND run_id <> id LIMIT 1)) AS user_id,
    sum((output ->> 'stdoutKeptBytes') + (output ->> 'stderrKeptBytes')) AS bytes, count(*) AS n
  FROM attempts a WHERE outcome IS NOT NULL AND output IS NOT NULL GROUP BY 1`;
const STANDING =
  'SELECT * FROM webhooks WHERE execution_id IS NULL AND disabled IS NULL ORDER BY created_at, id';
const PENDING = `SELECT user_id, count(*) AS n FROM deliveries WHERE state = 'pending' GROUP BY user_id`;
// Numbers that others have seen are never given out twice, so that removed rows count too.
const LAST = {
  execution: 'SELECT max(seq) AS n FROM executions',
  event: `SELECT seq AS n FROM sqlite_sequence WHERE name = 'events'`,
  entry: `SELECT seq AS n FROM sqlite_sequence WHERE name = 'ledger'`,
  delivery: `SELECT seq AS n FROM sqlite_sequence WHERE name = 'deliveries'`,
};
