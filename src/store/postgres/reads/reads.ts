// Reads of executions and their events.
import type { Attempt, Execution } from '../../../domain/execution/execution.ts';
import { type EventFilter, type EventRecord, matches } from '../../../domain/execution/events.ts';
import type { ExecutionId } from '../../../domain/ids.ts';
import type { ReplicaView } from '../../../domain/ports/replica.ts';
import type {
  DueStart,
  EndPlace,
  EventPage,
  InterruptedAttempt,
  StepRecord,
} from '../../../domain/ports/store.ts';
import { ASIDE } from '../../../domain/spec/plan.ts';
import type { Ended, OldEnd } from '../../removals.ts';
import {
  type AttemptRow,
  type EventFactsRow,
  type EventRow,
  type ExecutionRow,
  type StepRow,
  toEventRecord,
  toExecution,
  toStep,
} from '../../rows.ts';
import { type ReplicaRow, runningThere, type RunningThereRow, toReplicas } from '../../replica-rows.ts';
import { ATTEMPT_COLUMNS, EXECUTION_ROWS } from '../columns.ts';
import type { Database, Value } from '../database.ts';
import { HAS_FAILED, IS_ANSWER } from '../schema.ts';

type RecordRow = EventRow & EventFactsRow & { run_id: string };
interface EpochFacts {
  epoch: number;
  boot_id: string;
  replica: string;
  until: number | null;
}

const ATTEMPTS = `SELECT ${ATTEMPT_COLUMNS.join(', ')} FROM execd.attempts WHERE run_id = ANY($1) ORDER BY run_id, number`;
const EVENTS = `SELECT v.position, v.execution_id, v.sequence, v.type, v.at, v.attempt, v.phase, v.step,
    e.user_id, e.kind, e.operation, e.task_id, e.run_id, e.plan_id, e.step AS plan_step, s.labels, s.made_by,
    CASE WHEN v.type IN ('completed', 'failed', 'cancelled', 'timed_out') THEN e.outcome END AS outcome
  FROM execd.events v JOIN execd.executions e ON e.id = v.execution_id JOIN execd.execution_specs s ON s.seq = e.seq`;

/** How many steps of a plan have come to what. */
export type StepCounts = Partial<Record<StepRecord['status'], number>>;

export class Reads {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all<T>(text: string, ...values: Value[]): Promise<T[]> {
    return this.#database.read<T>(text, values);
  }

  async one<T>(text: string, ...values: Value[]): Promise<T | null> {
    const [row] = await this.all<T>(text, ...values);
    return row ?? null;
  }

  async get(id: ExecutionId): Promise<Execution | null> {
    const [execution] = await this.executions('WHERE e.id = $1', id);
    return execution ?? null;
  }

  /** @param where conditions on `e`, and the order */
  async executions(where: string, ...values: Value[]): Promise<Execution[]> {
    return this.toExecutions(await this.all<ExecutionRow>(`${EXECUTION_ROWS} ${where}`, ...values));
  }

  async toExecutions(rows: readonly ExecutionRow[]): Promise<Execution[]> {
    const attempts = await this.#attempts(rows);
    return rows.map((row) => toExecution(row, attempts(row)));
  }

  /** Those of the runs of these rows. */
  async #attempts<T extends Pick<ExecutionRow, 'run_id' | 'attempt'>>(
    rows: readonly T[],
  ): Promise<(row: T) => AttemptRow[]> {
    const runs = rows.filter(({ attempt }) => attempt > 0).map(({ run_id: runId }) => runId);
    const found = runs.length === 0 ? [] : await this.all<AttemptRow>(ATTEMPTS, [...new Set(runs)]);
    const ofRun = Map.groupBy(found, ({ run_id: runId }) => runId);
    return (row) => (row.attempt === 0 ? [] : (ofRun.get(row.run_id) ?? []));
  }

  /** Claims of epochs that are over which have not ended. */
  async interrupted(by: number, bootId: string, now: number): Promise<InterruptedAttempt[]> {
    const [executions, epochs, stopped] = await Promise.all([
      this.executions(`WHERE e.phase IN ('starting', 'canceling') ORDER BY e.seq`),
      this.all<EpochFacts>(
        `SELECT epoch, boot_id, replica, until FROM execd.epochs WHERE epoch = $1 OR epoch IN (
          SELECT a.epoch FROM execd.executions e JOIN execd.attempts a ON a.run_id = e.run_id AND a.number = e.attempt
          WHERE e.phase IN ('starting', 'canceling'))`,
        by,
      ),
      this.one<{ value: string }>(`SELECT value FROM execd.meta WHERE name = 'stop_asked'`),
    ]);
    const known = new Map(epochs.map((epoch) => [epoch.epoch, epoch]));
    const own = known.get(by)?.replica;
    return executions.flatMap((execution) => {
      const attempt: Attempt | undefined = execution.attempts.at(-1);
      const epoch = attempt === undefined || attempt.epoch === by ? undefined : known.get(attempt.epoch);
      if (attempt === undefined || epoch === undefined) return [];
      if (epoch.until === null || epoch.until > now) return [];
      const isOtherBoot = epoch.boot_id !== bootId;
      const wasStopped = Number(stopped?.value) === attempt.epoch;
      return [{ execution, attempt, isOwn: epoch.replica === own, isOtherBoot, wasStopped }];
    });
  }

  async leads(by: number, now: number): Promise<boolean> {
    const text = 'SELECT min(epoch) AS first FROM execd.epochs WHERE until IS NULL OR until > $1';
    return (await this.one<{ first: number | null }>(text, now))?.first === by;
  }

  async replicas(now: number): Promise<ReplicaView[]> {
    const text = `SELECT epoch, replica, opened_at, until, about FROM execd.epochs
      WHERE until IS NULL OR until > $1 ORDER BY epoch`;
    const [replicas, running] = await Promise.all([
      this.all<ReplicaRow>(text, now),
      this.all<RunningThereRow>(runningThere('execd.')),
    ]);
    return toReplicas(replicas, running);
  }

  async events(id: ExecutionId, afterSequence: number, limit: number): Promise<EventRecord[]> {
    const text = `${EVENTS} WHERE v.execution_id = $1 AND v.sequence > $2 ORDER BY v.sequence LIMIT $3`;
    return this.#records(await this.all<RecordRow>(text, id, afterSequence, limit < 0 ? null : limit));
  }

  /** Looks at so many events at most, whosever they are, so that no user's reading takes long. */
  async eventsAfter(filter: EventFilter, position: number, limit: number): Promise<EventPage> {
    if (filter.planId !== undefined) return this.#planEventsAfter(filter, filter.planId, position, limit);
    const found = await this.one<{ up_to: number | null }>(
      `SELECT max(position) AS up_to FROM
        (SELECT position FROM execd.events WHERE position > $1 ORDER BY position LIMIT $2) found`,
      ...[position, limit],
    );
    const upTo = found?.up_to ?? null;
    if (upTo === null) return { records: [], upTo: position };
    const text = `${EVENTS} WHERE v.position > $1 AND v.position <= $2 AND ($3::text IS NULL OR e.user_id = $3)
      ORDER BY v.position`;
    const records = await this.#records(await this.all<RecordRow>(text, position, upTo, filter.userId));
    return { records: records.filter((record) => matches(filter, record)), upTo };
  }

  /** Finds them by the steps of the plan, however much has happened between them. */
  async #planEventsAfter(
    filter: EventFilter,
    planId: ExecutionId,
    position: number,
    limit: number,
  ): Promise<EventPage> {
    const { last } = await this.eventEnds(filter.userId);
    const text = `${EVENTS} WHERE v.execution_id IN (
        SELECT id FROM execd.executions WHERE plan_id = $1 UNION ALL SELECT $1::text COLLATE "C")
      AND v.position > $2 AND v.position <= $3 ORDER BY v.position LIMIT $4`;
    const rows = await this.all<RecordRow>(text, planId, position, last, limit);
    const records = (await this.#records(rows)).filter((record) => matches(filter, record));
    const upTo = rows.length < limit ? Math.max(position, last) : (rows.at(-1)?.position ?? position);
    return { records, upTo };
  }

  /** Positions are never given out twice, so that what was removed counts too. */
  async eventEnds(userId: string | null): Promise<{ last: number; swept: number }> {
    const row = await this.one<{ last: number | null; swept: number | null }>(
      `SELECT (SELECT n FROM execd.counters WHERE kind = 'last' AND name = 'event') AS last,
        (SELECT max(position) FROM execd.swept_events WHERE $1::text IS NULL OR user_id = $1) AS swept`,
      userId,
    );
    return { last: row?.last ?? 0, swept: row?.swept ?? 0 };
  }

  async keyUse(keys: readonly string[]): Promise<Map<string, number>> {
    const text = `SELECT name, n FROM execd.counters WHERE kind = 'keys' AND name = ANY($1)`;
    return new Map((await this.all<{ name: string; n: number }>(text, keys)).map(({ name, n }) => [name, n]));
  }

  async oldestQueuedAt(): Promise<number | null> {
    const text = `SELECT min(queued_at) AS oldest FROM execd.executions WHERE phase = 'queued'`;
    return (await this.one<{ oldest: number | null }>(text))?.oldest ?? null;
  }

  pendingToFollow(): Promise<Execution[]> {
    return this.executions(`WHERE e.phase IN ('scheduled_retry', 'joined') OR (e.phase = 'queued'
      AND (s.is_followed = 1 OR e.timeouts::json ->> 'queueMs' IS NOT NULL OR e.timeouts::json ->> 'totalMs' IS NOT NULL
        OR e.timeouts::json ->> 'monitor' IS NOT NULL))
      ORDER BY e.seq`);
  }

  dueStarts(now: number, after: DueStart | null, limit: number): Promise<DueStart[]> {
    const text = `SELECT id, kind, retry_at AS "startAt" FROM execd.executions WHERE phase = 'scheduled' AND retry_at <= $1
      AND (retry_at, id) > ($2, $3) ORDER BY retry_at, id LIMIT $4`;
    return this.all(text, now, after?.startAt ?? 0, after?.id ?? '', limit);
  }

  async nextStart(): Promise<number | null> {
    const text = `SELECT min(retry_at) AS next FROM execd.executions WHERE phase = 'scheduled'`;
    return (await this.one<{ next: number | null }>(text))?.next ?? null;
  }

  endedBefore(hasFailed: boolean, before: number, after: EndPlace, limit: number): Promise<OldEnd[]> {
    const text = `SELECT id, kind, finished_at AS "finishedAt" FROM execd.executions
      WHERE ${HAS_FAILED} = ${hasFailed ? 'TRUE' : 'FALSE'} AND finished_at < $1 AND (finished_at, id) > ($2, $3)
        AND finished_at IS NOT NULL AND plan_id IS NULL ORDER BY finished_at, id LIMIT $4`;
    return this.all(text, bounded(before), after.finishedAt, after.id, limit);
  }

  async hasFailedStep(planId: ExecutionId): Promise<boolean> {
    const text = `WITH RECURSIVE plans (id) AS (
        SELECT $1::text COLLATE "C" UNION ALL
        SELECT child.id FROM plans JOIN execd.executions child ON child.plan_id = plans.id AND child.kind = 'plan')
      SELECT EXISTS (SELECT 1 FROM plans
        WHERE EXISTS (SELECT 1 FROM execd.executions WHERE plan_id = plans.id AND plan_id IS NOT NULL AND ${HAS_FAILED})
          OR EXISTS (SELECT 1 FROM execd.plan_marks m WHERE m.plan_id = plans.id AND m.status = 'failed')) AS found`;
    return (await this.one<{ found: boolean }>(text, planId))?.found === true;
  }

  /** Whether an execution has a log that is kept, or of a plan a step of it, or of a plan in it. */
  async hasLogs(id: ExecutionId): Promise<boolean> {
    const kept = `JOIN execd.attempts a ON a.run_id = e.run_id
      WHERE a.outcome IS NOT NULL AND a.output IS NOT NULL AND a.output::json ->> 'logRemoved' IS NULL`;
    const text = `WITH RECURSIVE plans (id) AS (
        SELECT $1::text COLLATE "C" UNION ALL
        SELECT child.id FROM plans JOIN execd.executions child ON child.plan_id = plans.id AND child.kind = 'plan')
      SELECT EXISTS (SELECT 1 FROM execd.executions e ${kept} AND e.id = $1)
        OR EXISTS (SELECT 1 FROM plans JOIN execd.executions e ON e.plan_id = plans.id ${kept}) AS found`;
    return (await this.one<{ found: boolean }>(text, id))?.found === true;
  }

  async leastWanted(userId: string, endedBefore: number, limit: number): Promise<Ended[]> {
    const found: Ended[] = [];
    for (const [isAnswer, hasFailed] of [
      ['TRUE', 'FALSE'],
      ['FALSE', 'FALSE'],
      ['FALSE', 'TRUE'],
    ] as const) {
      const text = `SELECT id, kind FROM execd.executions
        WHERE user_id = $1 AND ${IS_ANSWER} = ${isAnswer} AND ${HAS_FAILED} = ${hasFailed} AND finished_at < $2
          AND finished_at IS NOT NULL AND plan_id IS NULL ORDER BY finished_at LIMIT $3`;
      const left = limit - found.length;
      if (left > 0) found.push(...(await this.all<Ended>(text, userId, bounded(endedBefore), left)));
    }
    return found;
  }

  livePlans(by: number, now: number): Promise<Execution[]> {
    return this.executions(
      `WHERE e.kind = 'plan' AND e.phase IN ('starting', 'canceling')
        AND NOT EXISTS (SELECT 1 FROM execd.plan_drivers d JOIN execd.epochs p ON p.epoch = d.epoch
          WHERE d.plan_id = e.id AND d.epoch <> $1 AND (p.until IS NULL OR p.until > $2)) ORDER BY e.seq`,
      ...[by, now],
    );
  }

  async steps(planId: ExecutionId): Promise<StepRecord[]> {
    const begun = `SELECT e.step, e.id, e.kind, e.phase, e.status, e.created_at,
        (SELECT min(started_at) FROM execd.attempts a WHERE a.run_id = e.run_id) AS started_at, e.finished_at, e.attempt,
        CASE e.phase WHEN 'done' THEN e.outcome END AS outcome, NULL AS reason, s.kept_from
      FROM execd.executions e JOIN execd.execution_specs s ON s.seq = e.seq
      WHERE e.plan_id = $1 AND e.step NOT LIKE '%${ASIDE}' ORDER BY e.seq`;
    const marked = `SELECT step, NULL AS id, NULL AS kind, 'done' AS phase, status, at AS created_at,
        NULL AS started_at, at AS finished_at, 0 AS attempt, outcome, reason, NULL AS kept_from
      FROM execd.plan_marks WHERE plan_id = $1 ORDER BY step`;
    const rows = await Promise.all([this.all<StepRow>(begun, planId), this.all<StepRow>(marked, planId)]);
    return rows.flat().map(toStep);
  }

  async stepId(planId: ExecutionId, step: string): Promise<ExecutionId | null> {
    const text = 'SELECT id FROM execd.executions WHERE plan_id = $1 AND step = $2';
    return (await this.one<{ id: ExecutionId }>(text, planId, step))?.id ?? null;
  }

  async stepBytes(planIds: readonly ExecutionId[]): Promise<Map<ExecutionId, number>> {
    const text = `SELECT k.id, coalesce((SELECT sum(octet_length(s.spec)) FROM execd.executions e
        JOIN execd.execution_specs s ON s.seq = e.seq WHERE e.plan_id = k.id), 0) AS n
      FROM unnest($1::text[]) AS k (id)`;
    const rows = await this.all<{ id: ExecutionId; n: number }>(text, planIds);
    return new Map(rows.map(({ id, n }) => [id, n]));
  }

  async stepCounts(planIds: readonly ExecutionId[]): Promise<Map<ExecutionId, StepCounts>> {
    const text = `SELECT plan_id AS "planId", status, count(*) AS n FROM (
        SELECT plan_id, status FROM execd.executions WHERE plan_id = ANY($1) AND step NOT LIKE '%${ASIDE}'
        UNION ALL SELECT plan_id, status FROM execd.plan_marks WHERE plan_id = ANY($1)) steps GROUP BY plan_id, status`;
    const rows = await this.all<{ planId: ExecutionId; status: StepRecord['status']; n: number }>(
      text,
      planIds,
    );
    const ofPlan = Map.groupBy(rows, ({ planId }) => planId);
    const counts = [...ofPlan].map(([id, of]): [ExecutionId, StepCounts] => [
      id,
      Object.fromEntries(of.map(({ status, n }) => [status, n])),
    ]);
    return new Map(counts);
  }

  async missing(ids: readonly ExecutionId[]): Promise<ExecutionId[]> {
    const text = `SELECT k.id FROM unnest($1::text[]) WITH ORDINALITY AS k (id, n)
      WHERE NOT EXISTS (SELECT 1 FROM execd.attempts a WHERE a.run_id = k.id AND a.output::json ->> 'logRemoved' IS NULL) ORDER BY k.n`;
    return (await this.all<{ id: ExecutionId }>(text, ids)).map(({ id }) => id);
  }

  async #records(rows: readonly RecordRow[]): Promise<EventRecord[]> {
    const attempts = await this.#attempts(rows.filter(({ outcome }) => outcome !== null));
    return rows.map((row) => toEventRecord(row, () => attempts(row)));
  }
}

/** PostgreSQL's numbers have an end. */
export const bounded = (n: number): number =>
  Math.max(Number.MIN_SAFE_INTEGER, Math.min(n, Number.MAX_SAFE_INTEGER));
