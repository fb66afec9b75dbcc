// Reads of the steps of plans.
import type { ExecutionId } from '../../../domain/ids.ts';
import type { StepRecord } from '../../../domain/ports/store.ts';
import { ASIDE } from '../../../domain/spec/plan.ts';
import { type StepRow, toStep } from '../../rows.ts';
import { WITH_SPEC } from '../columns.ts';
import { HAS_FAILED } from '../migrations.ts';
import type { Statements } from '../statements.ts';

export class PlanReads {
  readonly #db: Statements;

  constructor(db: Statements) {
    this.#db = db;
  }

  /** Whether a step of a plan, or of a plan in it, has failed or timed out, however the plan ended. */
  hasFailedStep(planId: ExecutionId): boolean {
    const text = `WITH RECURSIVE plans (id) AS (
        SELECT ? UNION ALL
        SELECT child.id FROM plans JOIN executions child ON child.plan_id = plans.id AND child.kind = 'plan')
      SELECT EXISTS (SELECT 1 FROM plans
        WHERE EXISTS (SELECT 1 FROM executions WHERE plan_id = plans.id AND plan_id IS NOT NULL AND ${HAS_FAILED})
          OR EXISTS (SELECT 1 FROM plan_marks m WHERE m.plan_id = plans.id AND m.status = 'failed')) AS found`;
    return (this.#db.one(text, planId) as { found: number }).found === 1;
  }

  /** Whether an execution has a log that is kept, or of a plan a step of it, or of a plan in it. */
  hasLogs(id: ExecutionId): boolean {
    const kept = `JOIN attempts a ON a.run_id = e.run_id
      WHERE a.outcome IS NOT NULL AND a.output IS NOT NULL AND a.output ->> 'logRemoved' IS NULL`;
    const text = `WITH RECURSIVE plans (id) AS (
        SELECT ? UNION ALL
        SELECT child.id FROM plans JOIN executions child ON child.plan_id = plans.id AND child.kind = 'plan')
      SELECT EXISTS (SELECT 1 FROM executions e ${kept} AND e.id = ?)
        OR EXISTS (SELECT 1 FROM plans JOIN executions e ON e.plan_id = plans.id ${kept}) AS found`;
    return (this.#db.one(text, id, id) as { found: number }).found === 1;
  }

  steps(planId: ExecutionId): StepRecord[] {
    const begun = `SELECT step, id, kind, phase, status, created_at,
        (SELECT min(started_at) FROM attempts a WHERE a.run_id = e.run_id) AS started_at, finished_at, attempt,
        CASE phase WHEN 'done' THEN outcome END AS outcome, NULL AS reason, facts ->> 'keptFrom' AS kept_from
      FROM executions e ${WITH_SPEC} WHERE plan_id = ? AND step NOT LIKE '%${ASIDE}' ORDER BY seq`;
    const marked = `SELECT step, NULL AS id, NULL AS kind, 'done' AS phase, status, at AS created_at,
        NULL AS started_at, at AS finished_at, 0 AS attempt, outcome, reason, NULL AS kept_from
      FROM plan_marks WHERE plan_id = ?`;
    return [...this.#db.all(begun, planId), ...this.#db.all(marked, planId)].map((row) =>
      toStep(row as StepRow),
    );
  }

  stepId(planId: ExecutionId, step: string): ExecutionId | null {
    const text = 'SELECT id FROM executions WHERE plan_id = ? AND step = ?';
    return (this.#db.one(text, planId, step) as { id: ExecutionId } | undefined)?.id ?? null;
  }

  stepBytes(planIds: readonly ExecutionId[]): Map<ExecutionId, number> {
    // Its length is in the head of a row; the text is not read.
    const text = `SELECT value AS id, (SELECT sum(octet_length(spec)) FROM executions e ${WITH_SPEC} WHERE plan_id = value) AS n
      FROM json_each(?)`;
    const rows = this.#db.all(text, JSON.stringify(planIds)) as { id: ExecutionId; n: number | null }[];
    return new Map(rows.map(({ id, n }) => [id, n ?? 0]));
  }

  stepCounts(planId: ExecutionId): Partial<Record<StepRecord['status'], number>> {
    const text = `SELECT status, count(*) AS n FROM (SELECT status FROM executions WHERE plan_id = ? AND step NOT LIKE '%${ASIDE}'
        UNION ALL SELECT status FROM plan_marks WHERE plan_id = ?) GROUP BY status`;
    const rows = this.#db.all(text, planId, planId) as { status: StepRecord['status']; n: number }[];
    return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
  }
}
