// What a report needs of an execution that has ended, as a look at the tables finds it. Shared by the stores.
import type { EndFacts } from '../domain/execution/report.ts';
import type { MonitorEvent } from '../domain/spec/monitor.ts';
import type { FinalStatus, Outcome } from '../domain/outcome.ts';

export interface EndRow {
  id: string;
  type: string;
  status: FinalStatus;
  outcome: string;
  created_at: number;
  finished_at: number;
  claimed_at: number | null;
  started_at: number | null;
  ended_at: number | null;
  attempts: number;
  /** JSON of `Monitor['told']`; null without one. */
  told: string | null;
}

/** Where the next piece begins. */
export interface EndsPlace {
  finishedAt: number;
  id: string;
}

export interface EndsPiece {
  ends: EndFacts[];
  /** Null: nothing is left. */
  next: EndsPlace | null;
}

/** @param limit how many rows were asked for: fewer are the last */
export function pieceOf(rows: readonly EndRow[], limit: number): EndsPiece {
  const last = rows.length < limit ? undefined : rows.at(-1);
  return {
    ends: rows.map((row) => ({
      ...{ type: row.type, status: row.status, outcome: JSON.parse(row.outcome) as Outcome },
      ...{ createdAt: row.created_at, claimedAt: row.claimed_at, attempts: row.attempts },
      ...{ startedAt: row.started_at, endedAt: row.ended_at },
      told: row.told === null ? [] : (Object.keys(JSON.parse(row.told) as object) as MonitorEvent[]),
    })),
    next: last === undefined ? null : { finishedAt: last.finished_at, id: last.id },
  };
}
