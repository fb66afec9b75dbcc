// Reads of the ends of a user in a window of time, for reports: newest first, without what was asked for and what came out.
import type { ReportWindow } from '../../../domain/ports/store.ts';
import { type EndRow, type EndsPiece, type EndsPlace, pieceOf } from '../../end-rows.ts';
import type { Reads } from './reads.ts';

const TEXT = `SELECT e.id, coalesce(e.operation, e.kind) AS type, e.status, e.outcome, e.created_at, e.finished_at,
    min(a.claimed_at) AS claimed_at, min(a.started_at) AS started_at, max(a.ended_at) AS ended_at, count(a.outcome) AS attempts,
    e.timeouts -> '$.monitor.told' AS told
  FROM (SELECT id, run_id, operation, kind, status, outcome, created_at, finished_at, attempt, timeouts FROM executions
    WHERE user_id = ?1 AND finished_at IS NOT NULL AND finished_at >= ?2 AND (finished_at, id) < (?3, ?4)
    AND (?5 IS NULL OR operation = ?5)
    ORDER BY finished_at DESC, id DESC LIMIT ?6 + 0) e
  LEFT JOIN attempts a ON a.run_id = e.run_id AND e.attempt > 0
  GROUP BY e.id ORDER BY e.finished_at DESC, e.id DESC`;

export function readEnds(
  reads: Reads,
  { userId, from, operation }: ReportWindow,
  before: EndsPlace,
  limit: number,
): EndsPiece {
  const rows = reads.all(TEXT, userId, from, before.finishedAt, before.id, operation, limit) as EndRow[];
  return pieceOf(rows, limit);
}
