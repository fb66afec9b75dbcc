// How many executions there are of each sort, kept up to date by the writer.
import type { DatabaseSync } from 'node:sqlite';
import { type FinishedExecution, type Pool, POOLS } from '../../domain/execution/execution.ts';
import { FINAL_STATUSES } from '../../domain/outcome.ts';
import type { ExecutionRow } from '../rows.ts';

export interface Counts {
  queued: Record<Pool, number>;
  scheduledRetry: number;
  joined: number;
  running: number;
  /** Those of the finished that are steps of a plan. */
  finishedSteps: number;
  finished: Record<FinishedExecution['status'], number>;
}

/** Counts a row, or takes it out again. */
export function addTo(
  counts: Counts,
  row: Pick<ExecutionRow, 'status' | 'phase' | 'pool' | 'plan_id'>,
  by: number,
): void {
  if (row.phase === 'scheduled_retry') counts.scheduledRetry += by;
  else if (row.phase === 'joined') counts.joined += by;
  else if (row.status === 'running') counts.running += by;
  else if (row.status !== 'pending') {
    counts.finished[row.status] += by;
    if (row.plan_id !== null) counts.finishedSteps += by;
  } else if (row.pool !== 'none') counts.queued[row.pool] += by;
}

export function readCounts(db: DatabaseSync): Counts {
  const zero = <K extends string>(names: readonly K[]) =>
    Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>;
  const counts: Counts = {
    queued: zero(POOLS),
    scheduledRetry: 0,
    joined: 0,
    running: 0,
    finishedSteps: 0,
    finished: zero(FINAL_STATUSES),
  };
  const rows = db
    .prepare(
      `SELECT status, phase, pool, min(plan_id) AS plan_id, count(*) AS n FROM executions
        GROUP BY status, phase, pool, plan_id IS NULL`,
    )
    .all() as unknown as (Pick<ExecutionRow, 'status' | 'phase' | 'pool' | 'plan_id'> & { n: number })[];
  for (const row of rows) addTo(counts, row, row.n);
  return counts;
}
