// Reads of schedules and of what became of their due times.
import type { SQLInputValue } from 'node:sqlite';
import type { Schedule, ScheduleRun } from '../../../domain/schedules/schedule.ts';
import { type ScheduleRow, type ScheduleRunRow, toSchedule, toScheduleRun } from '../../schedule-rows.ts';

type All = (text: string, ...values: SQLInputValue[]) => unknown[];

/** What waits is due as soon as the run before has ended, or is gone. */
const DUE = `SELECT * FROM schedules s WHERE wake_at <= ?1 + 0
  OR (waiting IS NOT NULL AND state = 'active' AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.id = s.last_id AND e.phase <> 'done'))
  ORDER BY wake_at IS NULL, wake_at, id LIMIT ?2 + 0`;

export class ScheduleReads {
  readonly #all: All;

  constructor(all: All) {
    this.#all = all;
  }

  /** Those of a user, by name. */
  ofUser(userId: string): Schedule[] {
    const rows = this.#all('SELECT * FROM schedules WHERE user_id = ? ORDER BY name', userId);
    return (rows as ScheduleRow[]).map(toSchedule);
  }

  named(userId: string, name: string): Schedule | null {
    const [row] = this.#all('SELECT * FROM schedules WHERE user_id = ? AND name = ?', userId, name);
    return row === undefined ? null : toSchedule(row as ScheduleRow);
  }

  due(now: number, limit: number): Schedule[] {
    return (this.#all(DUE, now, limit) as ScheduleRow[]).map(toSchedule);
  }

  nextAt(): number | null {
    const [row] = this.#all('SELECT min(wake_at) AS next FROM schedules') as { next: number | null }[];
    return row?.next ?? null;
  }

  /** The latest due times first. */
  runs(scheduleId: string, limit: number): ScheduleRun[] {
    const text = 'SELECT * FROM schedule_runs WHERE schedule_id = ? ORDER BY due_at DESC LIMIT ? + 0';
    return (this.#all(text, scheduleId, limit) as ScheduleRunRow[]).map(toScheduleRun);
  }
}
