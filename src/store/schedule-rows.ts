// How schedules, and what became of their due times, lie in a table. Shared by the stores.
import { readJson, writeJson } from '../domain/exact-json.ts';
import type { StoredCaller } from '../domain/execution/execution.ts';
import { wakeAt } from '../domain/schedules/firing.ts';
import type {
  RunResult,
  Schedule,
  ScheduleEnd,
  SchedulePlan,
  ScheduleRun,
  ScheduleState,
} from '../domain/schedules/schedule.ts';

export interface ScheduleRow {
  id: string;
  user_id: string;
  name: string;
  /** JSON of `SchedulePlan`. */
  plan: string;
  /** JSON of `Facts`. */
  facts: string;
  state: ScheduleState;
  ended: ScheduleEnd | null;
  next_at: number | null;
  /** When something is due of it, with the jitter; null while nothing is. */
  wake_at: number | null;
  /** JSON: due times that wait; null when none does. */
  waiting: string | null;
  runs: number;
  last_id: string | null;
  last_at: number | null;
  anchor: number;
  revision: number;
  created_at: number;
  updated_at: number;
}

export const SCHEDULE_COLUMNS = [
  ...['id', 'user_id', 'name', 'plan', 'facts', 'state', 'ended', 'next_at', 'wake_at', 'waiting', 'runs'],
  ...['last_id', 'last_at', 'anchor', 'revision', 'created_at', 'updated_at'],
] as const satisfies (keyof ScheduleRow)[];

interface Facts {
  caller: StoredCaller;
  keyId: string | null;
  submittedBy: string | null;
  /** Left out in rows of earlier versions. */
  completedAt?: number | null;
  watchedFrom?: number;
  silentAt?: number | null;
}

export interface ScheduleRunRow {
  schedule_id: string;
  due_at: number;
  at: number;
  result: RunResult;
  execution_id: string | null;
  error: string | null;
  detail: string | null;
  manual: 0 | 1;
}

export const SCHEDULE_RUN_COLUMNS = [
  ...['schedule_id', 'due_at', 'at', 'result', 'execution_id', 'error', 'detail', 'manual'],
] as const satisfies (keyof ScheduleRunRow)[];

export function scheduleRow(schedule: Schedule): ScheduleRow {
  const { caller, keyId, submittedBy, completedAt, watchedFrom, silentAt, waiting } = schedule;
  return {
    ...{ id: schedule.id, user_id: schedule.userId, name: schedule.plan.name },
    plan: writeJson(schedule.plan),
    facts: writeJson({
      ...{ caller, keyId, submittedBy },
      ...{ completedAt, watchedFrom, silentAt },
    } satisfies Facts),
    ...{ state: schedule.state, ended: schedule.ended, next_at: schedule.nextAt },
    wake_at: wakeAt(schedule),
    waiting: waiting.length === 0 ? null : JSON.stringify(waiting),
    ...{ runs: schedule.runs, last_id: schedule.lastId, last_at: schedule.lastAt, anchor: schedule.anchor },
    ...{ revision: schedule.revision, created_at: schedule.createdAt, updated_at: schedule.updatedAt },
  };
}

/** Earlier versions did not look for silence. */
const planOf = ({ plan }: ScheduleRow): SchedulePlan => ({
  silentAfterMs: null,
  ...(readJson(plan) as Omit<SchedulePlan, 'silentAfterMs'>),
});

export function toSchedule(row: ScheduleRow): Schedule {
  return {
    ...{ id: row.id, userId: row.user_id, plan: planOf(row) },
    ...{ completedAt: null, watchedFrom: row.updated_at, silentAt: null },
    ...(readJson(row.facts) as Facts),
    ...{ state: row.state, ended: row.ended, nextAt: row.next_at },
    waiting: row.waiting === null ? [] : (JSON.parse(row.waiting) as number[]),
    ...{ runs: row.runs, lastId: row.last_id, lastAt: row.last_at, anchor: row.anchor },
    ...{ revision: row.revision, createdAt: row.created_at, updatedAt: row.updated_at },
  };
}

export function scheduleRunRow(run: ScheduleRun): ScheduleRunRow {
  return {
    ...{ schedule_id: run.scheduleId, due_at: run.dueAt, at: run.at, result: run.result },
    ...{ execution_id: run.executionId, error: run.error, detail: run.detail },
    manual: run.isManual ? 1 : 0,
  };
}

export function toScheduleRun(row: ScheduleRunRow): ScheduleRun {
  return {
    ...{ scheduleId: row.schedule_id, dueAt: row.due_at, at: row.at, result: row.result },
    ...{ executionId: row.execution_id, error: row.error, detail: row.detail, isManual: row.manual === 1 },
  };
}
