// Reads of the embedded store, on a connection of their own that cannot write.
import type { StoredOperation } from '../../../domain/operations/stored.ts';
import type { Pause } from '../../../domain/pauses.ts';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { ApiKey } from '../../../domain/access/api-key.ts';
import type { Execution } from '../../../domain/execution/execution.ts';
import { readJson } from '../../../domain/exact-json.ts';
import type { ExecutionId } from '../../../domain/ids.ts';
import type { ReplicaView } from '../../../domain/ports/replica.ts';
import type { Signal } from '../../../domain/plans/waits.ts';
import { type SignalRow, toSignal } from '../../signal-rows.ts';
import type { DueStart, EndPlace, InterruptedAttempt, ListFilter } from '../../../domain/ports/store.ts';
import type { CacheEntry, KeptState } from '../../../domain/ports/group.ts';
import type { AttemptRow, ExecutionRow } from '../../rows.ts';
import { EventReads } from './event-reads.ts';
import { FileReader } from './file-reads.ts';
import { Listing } from './listing.ts';
import { HAS_FAILED, IS_ANSWER } from '../migrations.ts';
import { PlanReads } from './plan-reads.ts';
import { ScheduleReads } from './schedule-reads.ts';
import { WebhookReads } from './webhook-reads.ts';
import { toAttempt, toExecution } from '../../rows.ts';
import type { Ended, OldEnd } from '../../removals.ts';
import { CIRCUIT, OPERATION, PAUSE, SERIES } from '../../rows.ts';
import { attemptsOfRun, executionsWhere, executionWithId } from '../columns.ts';
import { Statements } from '../statements.ts';
import { type ReplicaRow, runningThere, type RunningThereRow, toReplicas } from '../../replica-rows.ts';
import { type ApiKeyRow, toApiKey } from '../../key-rows.ts';
import { ALL_API_KEYS, API_KEYS_VERSION } from '../api-keys.ts';

export class Reads {
  readonly events: EventReads;
  readonly plans: PlanReads;
  readonly files = new FileReader((text, ...values) => this.all(text, ...values));
  readonly webhooks = new WebhookReads((text, ...values) => this.all(text, ...values));
  readonly schedules = new ScheduleReads((text, ...values) => this.all(text, ...values));
  readonly #db: Statements;
  readonly #live: Rows;
  readonly #toFollow: Rows;
  readonly #ofPlans: Rows;
  readonly #awaiting: Rows;

  constructor(file: string) {
    const db = new Statements(new DatabaseSync(file, { readOnly: true }));
    this.#db = db;
    this.events = new EventReads(db);
    this.plans = new PlanReads(db);
    this.#live = executionsWhere(db, LIVE);
    this.#toFollow = executionsWhere(db, TO_FOLLOW);
    this.#ofPlans = executionsWhere(db, LIVE_PLANS);
    this.#awaiting = executionsWhere(db, AWAITING);
  }

  close(): void {
    const { db } = this.#db;
    if (db.isOpen) db.close();
  }

  get(id: ExecutionId): Execution | null {
    const row = executionWithId(this.#db, id);
    return row === null ? null : this.#execution(row);
  }

  /** Claims of epochs that are over which have not ended. */
  interrupted(by: number, bootId: string, now: number): InterruptedAttempt[] {
    const own = this.#epoch(by)?.replica;
    const rows = this.#live();
    const stopped = this.one(`SELECT value FROM meta WHERE name = 'stop_asked'`) as
      | { value: string }
      | undefined;
    return rows.flatMap((row) => {
      const attempt = this.#attempts(row).at(-1);
      const epoch = attempt === undefined || attempt.epoch === by ? undefined : this.#epoch(attempt.epoch);
      if (attempt === undefined || epoch === undefined) return [];
      if (epoch.until === null || epoch.until > now) return [];
      const isOtherBoot = epoch.boot_id !== bootId;
      const isOwn = epoch.replica === own;
      const wasStopped = Number(stopped?.value) === attempt.epoch;
      const execution = this.#execution(row);
      return [{ execution, attempt: toAttempt(attempt), isOwn, isOtherBoot, wasStopped }];
    });
  }

  leads(by: number, now: number): boolean {
    const text = 'SELECT min(epoch) AS first FROM epochs WHERE until IS NULL OR until > ?';
    return (this.one(text, now) as { first: number | null }).first === by;
  }

  replicas(now: number): ReplicaView[] {
    const text = `SELECT epoch, replica, opened_at, until, NULL AS about FROM epochs
      WHERE until IS NULL OR until > ? ORDER BY epoch`;
    const running = this.all(runningThere('')) as RunningThereRow[];
    return toReplicas(this.all(text, now) as ReplicaRow[], running);
  }

  #epoch(epoch: number): { boot_id: string; replica: string; until: number | null } | undefined {
    return this.one('SELECT boot_id, replica, until FROM epochs WHERE epoch = ?', epoch) as never;
  }

  listing(filter: ListFilter): Listing {
    return new Listing(filter, this.#db);
  }

  toExecutions(rows: readonly ExecutionRow[]): Execution[] {
    return rows.map((row) => this.#execution(row));
  }

  queue(): Pick<ExecutionRow, 'id' | 'pool' | 'user_id' | 'priority' | 'seq'>[] {
    const text = `SELECT id, pool, user_id, priority, seq FROM executions WHERE phase = 'queued'
      ORDER BY priority DESC, seq`;
    return this.all(text) as Pick<ExecutionRow, 'id' | 'pool' | 'user_id' | 'priority' | 'seq'>[];
  }

  keyUse(key: string): number {
    const text = `SELECT count(*) AS n FROM executions WHERE phase IN ('starting', 'canceling') AND concurrency_key = ?`;
    return (this.one(text, key) as { n: number }).n;
  }

  oldestQueuedAt(): number | null {
    const text = `SELECT min(queued_at) AS oldest FROM executions WHERE phase = 'queued'`;
    return (this.one(text) as { oldest: number | null }).oldest;
  }

  pendingToFollow(): Execution[] {
    return this.toExecutions(this.#toFollow());
  }

  dueStarts(now: number, after: DueStart | null, limit: number): DueStart[] {
    const text = `SELECT id, kind, retry_at AS startAt FROM executions WHERE phase = 'scheduled' AND retry_at <= ? + 0
      AND (retry_at, id) > (? + 0, ?) ORDER BY retry_at, id LIMIT ? + 0`;
    return this.all(text, now, after?.startAt ?? 0, after?.id ?? '', limit) as DueStart[];
  }

  awaiting(): Execution[] {
    return this.toExecutions(this.#awaiting());
  }

  signals(subjectId: ExecutionId): Signal[] {
    const rows = this.all('SELECT * FROM signals WHERE subject_id = ? ORDER BY at, id', subjectId);
    return (rows as SignalRow[]).map(toSignal);
  }

  series(webhookId: string): string | null {
    const [row] = this.all('SELECT value FROM meta WHERE name = ?', SERIES + webhookId) as {
      value: string;
    }[];
    return row?.value ?? null;
  }

  operations(): StoredOperation[] {
    const text = `SELECT value FROM meta WHERE name GLOB '${OPERATION}*' ORDER BY name`;
    return (this.all(text) as { value: string }[]).map(({ value }) => JSON.parse(value) as StoredOperation);
  }

  pauses(): Pause[] {
    const text = `SELECT value FROM meta WHERE name GLOB '${PAUSE}*'`;
    return (this.all(text) as { value: string }[]).map(({ value }) => JSON.parse(value) as Pause);
  }

  linkKey(): string {
    return (this.one(`SELECT value FROM meta WHERE name = 'link_key'`) as { value: string }).value;
  }

  nextStart(): number | null {
    const text = `SELECT min(retry_at) AS next FROM executions WHERE phase = 'scheduled'`;
    return (this.one(text) as { next: number | null }).next;
  }

  /** Executions that ended by themselves, or failed, before a time, after a place, the oldest ends first; steps go with their plan. */
  endedBefore(hasFailed: boolean, before: number, after: EndPlace, limit: number): OldEnd[] {
    const text = `SELECT id, kind, finished_at AS finishedAt FROM executions
      WHERE ${HAS_FAILED} = ? + 0 AND finished_at < ? + 0 AND (finished_at, id) > (? + 0, ?)
        AND finished_at IS NOT NULL AND plan_id IS NULL
      ORDER BY finished_at, id LIMIT ? + 0`;
    return this.all(
      text,
      Number(hasFailed),
      before,
      after.finishedAt,
      after.id,
      limit,
    ) as unknown as OldEnd[];
  }

  /** What a user can spare: answers of the cache, which ran nothing, then what did not fail, then the rest; the oldest ends first. */
  leastWanted(userId: string, endedBefore: number, limit: number): Ended[] {
    const text = `SELECT id, kind FROM executions
      WHERE user_id = ? AND ${IS_ANSWER} = ? + 0 AND ${HAS_FAILED} = ? + 0 AND finished_at < ? + 0
        AND finished_at IS NOT NULL AND plan_id IS NULL
      ORDER BY finished_at LIMIT ? + 0`;
    const before = Math.min(endedBefore, Number.MAX_SAFE_INTEGER);
    const found: Ended[] = [];
    for (const [isAnswer, hasFailed] of [
      [1, 0],
      [0, 0],
      [0, 1],
    ] as const) {
      const left = limit - found.length;
      if (left > 0) found.push(...(this.all(text, userId, isAnswer, hasFailed, before, left) as Ended[]));
    }
    return found;
  }

  livePlans(by: number, now: number): Execution[] {
    return this.toExecutions(this.#ofPlans(by, now));
  }

  cacheEntries(limit: number): CacheEntry[] {
    const rows = this.all('SELECT entry FROM cache ORDER BY stored_at DESC LIMIT ? + 0', limit) as {
      entry: string;
    }[];
    return rows.map(({ entry }) => readJson(entry) as CacheEntry);
  }

  circuits(): KeptState[] {
    const text = `SELECT substr(name, ${CIRCUIT.length + 1}) AS name, value AS state FROM meta
      WHERE substr(name, 1, ${CIRCUIT.length}) = ?`;
    return (this.all(text, CIRCUIT) as KeptState[]).map(({ name, state }) => ({ name, state }));
  }

  apiKeys(knownVersion: number): { version: number; keys: ApiKey[] } | null {
    const found = this.one(API_KEYS_VERSION) as { value: string } | undefined;
    const version = Number(found?.value ?? 0);
    if (version === knownVersion) return null;
    return { version, keys: (this.all(ALL_API_KEYS) as ApiKeyRow[]).map(toApiKey) };
  }

  missing(ids: readonly ExecutionId[]): ExecutionId[] {
    const text = `SELECT 1 FROM attempts WHERE run_id = ? AND output ->> 'logRemoved' IS NULL LIMIT 1`;
    return ids.filter((id) => this.one(text, id) === undefined);
  }

  #execution(row: ExecutionRow): Execution {
    return toExecution(row, this.#attempts(row));
  }

  #attempts({ run_id: runId, attempt }: ExecutionRow): AttemptRow[] {
    return attempt === 0 ? [] : attemptsOfRun(this.#db, runId);
  }

  all(text: string, ...values: SQLInputValue[]): unknown[] {
    return this.#db.all(text, ...values);
  }

  one(text: string, ...values: SQLInputValue[]): unknown {
    return this.#db.one(text, ...values);
  }
}

type Rows = ReturnType<typeof executionsWhere>;

const LIVE = `WHERE phase IN ('starting', 'canceling') ORDER BY seq`;
const AWAITING = `WHERE phase = 'awaiting' ORDER BY seq`;
const TO_FOLLOW = `WHERE phase IN ('scheduled_retry', 'joined') OR (phase = 'queued'
  AND (timeouts ->> 'queueMs' IS NOT NULL OR timeouts ->> 'totalMs' IS NOT NULL
    OR timeouts ->> 'monitor' IS NOT NULL OR facts -> 'cache' <> 'null' OR facts ->> 'onDisconnect' IS NOT NULL))
  ORDER BY seq`;
const LIVE_PLANS = `WHERE kind = 'plan' AND phase IN ('starting', 'canceling')
  AND NOT EXISTS (SELECT 1 FROM plan_drivers d JOIN epochs p ON p.epoch = d.epoch
    WHERE d.plan_id = e.id AND d.epoch <> ?1 AND (p.until IS NULL OR p.until > ?2)) ORDER BY seq`;
