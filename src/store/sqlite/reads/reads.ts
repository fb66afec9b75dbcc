// Reads of the embedded store, on a connection of their own that cannot write.
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { ApiKey } from '../../../domain/access/api-key.ts';
import type { Execution } from '../../../domain/execution/execution.ts';
import { readJson } from '../../../domain/exact-json.ts';
import type { ExecutionId } from '../../../domain/ids.ts';
import type { Signal } from '../../../domain/plans/waits.ts';
import { type SignalRow, toSignal } from '../../signal-rows.ts';
import { ASIDE } from '../../../domain/spec/plan.ts';
import { type EventFilter, type EventRecord, matches } from '../../../domain/execution/events.ts';
import type {
  DueStart,
  EventPage,
  InterruptedAttempt,
  ListFilter,
  StepRecord,
} from '../../../domain/ports/store.ts';
import type { CacheEntry, KeptState } from '../../../domain/ports/group.ts';
import type { AttemptRow, EventFactsRow, EventRow, ExecutionRow, StepRow } from '../../rows.ts';
import { FileReader } from './file-reads.ts';
import { Listing } from './listing.ts';
import { HAS_FAILED, IS_ANSWER } from '../migrations.ts';
import { ScheduleReads } from './schedule-reads.ts';
import { WebhookReads } from './webhook-reads.ts';
import { toAttempt, toEventRecord, toExecution, toStep } from '../../rows.ts';
import type { Ended, EndPlace, OldEnd } from '../../removals.ts';
import { CIRCUIT } from '../changes.ts';
import { EXECUTION_ROWS, WITH_SPEC } from '../columns.ts';
import { type ApiKeyRow, toApiKey } from '../../key-rows.ts';
import { ALL_API_KEYS, API_KEYS_VERSION } from '../api-keys.ts';

type RecordRow = EventRow & EventFactsRow & { run_id: string };

const EVENT_FACTS = `e.user_id, e.kind, e.operation, e.task_id, e.run_id, e.plan_id, e.step AS plan_step, s.facts ->> 'labels' AS labels,
  s.facts -> '$.cache.madeBy' AS made_by,
  CASE WHEN v.type IN ('completed', 'failed', 'cancelled', 'timed_out') THEN e.outcome END AS outcome`;

export class Reads {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  readonly files = new FileReader((text, ...values) => this.all(text, ...values));
  readonly webhooks = new WebhookReads((text, ...values) => this.all(text, ...values));

  readonly schedules = new ScheduleReads((text, ...values) => this.all(text, ...values));

  constructor(file: string) {
    this.#db = new DatabaseSync(file, { readOnly: true });
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  get(id: ExecutionId): Execution | null {
    const row = this.one(`${EXECUTION_ROWS} WHERE id = ?`, id) as ExecutionRow | undefined;
    return row === undefined ? null : this.#execution(row);
  }

  /** Claims of epochs that are over which have not ended. */
  interrupted(by: number, bootId: string, now: number): InterruptedAttempt[] {
    const own = this.#epoch(by)?.replica;
    const rows = this.all(
      `${EXECUTION_ROWS} WHERE phase IN ('starting', 'canceling') ORDER BY seq`,
    ) as ExecutionRow[];
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

  #epoch(epoch: number): { boot_id: string; replica: string; until: number | null } | undefined {
    return this.one('SELECT boot_id, replica, until FROM epochs WHERE epoch = ?', epoch) as never;
  }

  listing(filter: ListFilter): Listing {
    return new Listing(filter, (text, ...values) => this.all(text, ...values));
  }

  toExecutions(rows: readonly ExecutionRow[]): Execution[] {
    return rows.map((row) => this.#execution(row));
  }

  events(id: ExecutionId, afterSequence: number, limit: number): EventRecord[] {
    const text = `SELECT v.*, ${EVENT_FACTS} FROM events v JOIN executions e ON e.id = v.execution_id ${WITH_SPEC}
      WHERE v.execution_id = ? AND v.sequence > ? ORDER BY v.sequence LIMIT ? + 0`;
    return this.#records(this.all(text, id, afterSequence, limit) as RecordRow[]);
  }

  /** Looks at so many events at most, whosever they are, so that no user's reading takes long. */
  eventsAfter(filter: EventFilter, position: number, limit: number): EventPage {
    if (filter.planId !== undefined) return this.#planEventsAfter(filter, filter.planId, position, limit);
    const { upTo } = this.one(
      `SELECT max(position) AS upTo FROM
        (SELECT position FROM events WHERE position > ? ORDER BY position LIMIT ? + 0)`,
      ...[position, limit],
    ) as { upTo: number | null };
    if (upTo === null) return { records: [], upTo: position };
    const text = `SELECT v.*, ${EVENT_FACTS} FROM events v CROSS JOIN executions e ON e.id = v.execution_id ${WITH_SPEC}
      WHERE v.position > ?1 AND v.position <= ?2 AND (?3 IS NULL OR e.user_id = ?3) ORDER BY v.position`;
    const rows = this.all(text, position, upTo, filter.userId) as RecordRow[];
    return { records: this.#records(rows).filter((record) => matches(filter, record)), upTo };
  }

  /** Finds them by the steps of the plan, however much has happened between them. */
  #planEventsAfter(filter: EventFilter, planId: ExecutionId, position: number, limit: number): EventPage {
    const { last } = this.eventEnds(filter.userId);
    const text = `SELECT v.*, ${EVENT_FACTS} FROM events v JOIN executions e ON e.id = v.execution_id ${WITH_SPEC}
      WHERE v.execution_id IN (SELECT id FROM executions WHERE plan_id = ?1 UNION ALL SELECT ?1)
      AND v.position > ?2 AND v.position <= ?3 ORDER BY v.position LIMIT ?4 + 0`;
    const rows = this.all(text, planId, position, last, limit) as RecordRow[];
    const records = this.#records(rows).filter((record) => matches(filter, record));
    const upTo = rows.length < limit ? Math.max(position, last) : (rows.at(-1)?.position ?? position);
    return { records, upTo };
  }

  eventEnds(userId: string | null): { last: number; swept: number } {
    const { last } = this.one('SELECT max(position) AS last FROM events') as { last: number | null };
    // Positions are never given out twice, so that what was removed counts too.
    const given = this.one(`SELECT seq FROM sqlite_sequence WHERE name = 'events'`) as
      | { seq: number }
      | undefined;
    const { swept } = this.one(
      'SELECT max(position) AS swept FROM swept_events WHERE ?1 IS NULL OR user_id = ?1',
      userId,
    ) as { swept: number | null };
    return { last: Math.max(last ?? 0, given?.seq ?? 0), swept: swept ?? 0 };
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
    const text = `${EXECUTION_ROWS} WHERE phase IN ('scheduled_retry', 'joined') OR (phase = 'queued'
      AND (timeouts ->> 'queueMs' IS NOT NULL OR timeouts ->> 'totalMs' IS NOT NULL OR facts -> 'cache' <> 'null' OR facts ->> 'onDisconnect' IS NOT NULL))
      ORDER BY seq`;
    return (this.all(text) as ExecutionRow[]).map((row) => this.#execution(row));
  }

  dueStarts(now: number, after: DueStart | null, limit: number): DueStart[] {
    const text = `SELECT id, kind, retry_at AS startAt FROM executions WHERE phase = 'scheduled' AND retry_at <= ? + 0
      AND (retry_at, id) > (? + 0, ?) ORDER BY retry_at, id LIMIT ? + 0`;
    return this.all(text, now, after?.startAt ?? 0, after?.id ?? '', limit) as DueStart[];
  }

  awaiting(): Execution[] {
    const text = `SELECT * FROM executions WHERE phase = 'awaiting' ORDER BY seq`;
    return (this.all(text) as ExecutionRow[]).map((row) => this.#execution(row));
  }

  signals(subjectId: ExecutionId): Signal[] {
    const rows = this.all('SELECT * FROM signals WHERE subject_id = ? ORDER BY at, id', subjectId);
    return (rows as SignalRow[]).map(toSignal);
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

  /** Whether a step of a plan, or of a plan in it, has failed or timed out, however the plan ended. */
  hasFailedStep(planId: ExecutionId): boolean {
    const text = `WITH RECURSIVE plans (id) AS (
        SELECT ? UNION ALL
        SELECT child.id FROM plans JOIN executions child ON child.plan_id = plans.id AND child.kind = 'plan')
      SELECT EXISTS (SELECT 1 FROM plans
        WHERE EXISTS (SELECT 1 FROM executions WHERE plan_id = plans.id AND plan_id IS NOT NULL AND ${HAS_FAILED})
          OR EXISTS (SELECT 1 FROM plan_marks m WHERE m.plan_id = plans.id AND m.status = 'failed')) AS found`;
    return (this.one(text, planId) as { found: number }).found === 1;
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
    const text = `${EXECUTION_ROWS} WHERE kind = 'plan' AND phase IN ('starting', 'canceling')
      AND NOT EXISTS (SELECT 1 FROM plan_drivers d JOIN epochs p ON p.epoch = d.epoch
        WHERE d.plan_id = e.id AND d.epoch <> ?1 AND (p.until IS NULL OR p.until > ?2)) ORDER BY seq`;
    return (this.all(text, by, now) as ExecutionRow[]).map((row) => this.#execution(row));
  }

  steps(planId: ExecutionId): StepRecord[] {
    const begun = `SELECT step, id, kind, phase, status, created_at,
        (SELECT min(started_at) FROM attempts a WHERE a.run_id = e.run_id) AS started_at, finished_at, attempt,
        CASE phase WHEN 'done' THEN outcome END AS outcome, NULL AS reason, facts ->> 'keptFrom' AS kept_from
      FROM executions e ${WITH_SPEC} WHERE plan_id = ? AND step NOT LIKE '%${ASIDE}' ORDER BY seq`;
    const marked = `SELECT step, NULL AS id, NULL AS kind, 'done' AS phase, status, at AS created_at,
        NULL AS started_at, at AS finished_at, 0 AS attempt, outcome, reason, NULL AS kept_from
      FROM plan_marks WHERE plan_id = ?`;
    return [...this.all(begun, planId), ...this.all(marked, planId)].map((row) => toStep(row as StepRow));
  }

  stepId(planId: ExecutionId, step: string): ExecutionId | null {
    const text = 'SELECT id FROM executions WHERE plan_id = ? AND step = ?';
    return (this.one(text, planId, step) as { id: ExecutionId } | undefined)?.id ?? null;
  }

  stepBytes(planIds: readonly ExecutionId[]): Map<ExecutionId, number> {
    // Its length is in the head of a row; the text is not read.
    const text = `SELECT value AS id, (SELECT sum(octet_length(spec)) FROM executions e ${WITH_SPEC} WHERE plan_id = value) AS n
      FROM json_each(?)`;
    const rows = this.all(text, JSON.stringify(planIds)) as { id: ExecutionId; n: number | null }[];
    return new Map(rows.map(({ id, n }) => [id, n ?? 0]));
  }

  stepCounts(planId: ExecutionId): Partial<Record<StepRecord['status'], number>> {
    const text = `SELECT status, count(*) AS n FROM (SELECT status FROM executions WHERE plan_id = ? AND step NOT LIKE '%${ASIDE}'
        UNION ALL SELECT status FROM plan_marks WHERE plan_id = ?) GROUP BY status`;
    const rows = this.all(text, planId, planId) as { status: StepRecord['status']; n: number }[];
    return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
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
    return ids.filter((id) => this.one('SELECT 1 FROM attempts WHERE run_id = ? LIMIT 1', id) === undefined);
  }

  #records(rows: RecordRow[]): EventRecord[] {
    return rows.map((row) => toEventRecord(row, () => this.#attempts(row)));
  }

  #execution(row: ExecutionRow): Execution {
    return toExecution(row, this.#attempts(row));
  }

  #attempts(row: Pick<ExecutionRow, 'run_id' | 'attempt'>): AttemptRow[] {
    if (row.attempt === 0) return [];
    return this.all('SELECT * FROM attempts WHERE run_id = ? ORDER BY number', row.run_id) as AttemptRow[];
  }

  all(text: string, ...values: SQLInputValue[]): unknown[] {
    return this.#statement(text).all(...values);
  }

  one(text: string, ...values: SQLInputValue[]): unknown {
    return this.#statement(text).get(...values);
  }

  /** Texts come from here only, so the number of statements is small and fixed by the filters that exist. */
  #statement(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}
