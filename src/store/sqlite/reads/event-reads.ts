// Reads of events, each with the facts of its execution.
import { type EventFilter, type EventRecord, matches } from '../../../domain/execution/events.ts';
import type { ExecutionId } from '../../../domain/ids.ts';
import type { EventPage } from '../../../domain/ports/store.ts';
import { type EventFactsRow, type EventRow, toEventRecord } from '../../rows.ts';
import { attemptsOfRun, WITH_SPEC } from '../columns.ts';
import type { Statements } from '../statements.ts';

type RecordRow = EventRow & EventFactsRow & { run_id: string };

const EVENT_FACTS = `e.user_id, e.kind, e.operation, e.task_id, e.run_id, e.plan_id, e.step AS plan_step, s.facts ->> 'labels' AS labels,
  s.facts -> '$.cache.madeBy' AS made_by,
  CASE WHEN v.type IN ('completed', 'failed', 'cancelled', 'timed_out') THEN e.outcome END AS outcome`;

export class EventReads {
  readonly #db: Statements;

  constructor(db: Statements) {
    this.#db = db;
  }

  of(id: ExecutionId, afterSequence: number, limit: number): EventRecord[] {
    const text = `SELECT v.*, ${EVENT_FACTS} FROM events v JOIN executions e ON e.id = v.execution_id ${WITH_SPEC}
      WHERE v.execution_id = ? AND v.sequence > ? ORDER BY v.sequence LIMIT ? + 0`;
    return this.#records(this.#db.all(text, id, afterSequence, limit) as RecordRow[]);
  }

  /** Looks at so many events at most, whosever they are, so that no user's reading takes long. */
  after(filter: EventFilter, position: number, limit: number): EventPage {
    if (filter.planId !== undefined) return this.#ofPlanAfter(filter, filter.planId, position, limit);
    const { upTo } = this.#db.one(
      `SELECT max(position) AS upTo FROM
        (SELECT position FROM events WHERE position > ? ORDER BY position LIMIT ? + 0)`,
      ...[position, limit],
    ) as { upTo: number | null };
    if (upTo === null) return { records: [], upTo: position };
    const text = `SELECT v.*, ${EVENT_FACTS} FROM events v CROSS JOIN executions e ON e.id = v.execution_id ${WITH_SPEC}
      WHERE v.position > ?1 AND v.position <= ?2 AND (?3 IS NULL OR e.user_id = ?3) ORDER BY v.position`;
    const rows = this.#db.all(text, position, upTo, filter.userId) as RecordRow[];
    return { records: this.#records(rows).filter((record) => matches(filter, record)), upTo };
  }

  /** Finds them by the steps of the plan, however much has happened between them. */
  #ofPlanAfter(filter: EventFilter, planId: ExecutionId, position: number, limit: number): EventPage {
    const { last } = this.ends(filter.userId);
    const text = `SELECT v.*, ${EVENT_FACTS} FROM events v JOIN executions e ON e.id = v.execution_id ${WITH_SPEC}
      WHERE v.execution_id IN (SELECT id FROM executions WHERE plan_id = ?1 UNION ALL SELECT ?1)
      AND v.position > ?2 AND v.position <= ?3 ORDER BY v.position LIMIT ?4 + 0`;
    const rows = this.#db.all(text, planId, position, last, limit) as RecordRow[];
    const records = this.#records(rows).filter((record) => matches(filter, record));
    const upTo = rows.length < limit ? Math.max(position, last) : (rows.at(-1)?.position ?? position);
    return { records, upTo };
  }

  ends(userId: string | null): { last: number; swept: number } {
    const { last } = this.#db.one('SELECT max(position) AS last FROM events') as { last: number | null };
    // Positions are never given out twice, so that what was removed counts too.
    const given = this.#db.one(`SELECT seq FROM sqlite_sequence WHERE name = 'events'`) as
      | { seq: number }
      | undefined;
    const { swept } = this.#db.one(
      'SELECT max(position) AS swept FROM swept_events WHERE ?1 IS NULL OR user_id = ?1',
      userId,
    ) as { swept: number | null };
    return { last: Math.max(last ?? 0, given?.seq ?? 0), swept: swept ?? 0 };
  }

  #records(rows: RecordRow[]): EventRecord[] {
    return rows.map((row) =>
      toEventRecord(row, () => (row.attempt === 0 ? [] : attemptsOfRun(this.#db, row.run_id))),
    );
  }
}
