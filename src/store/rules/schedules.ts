// Schedules: each change is made on the revision that it was decided on, and a due time has one fate.
import { KEPT_RUNS, MAX_SCHEDULES, MAX_USER_SCHEDULES } from '../../domain/schedules/schedule.ts';
import type { SchedulePart, ScheduleRemovePart, ScheduleRunPart } from '../../domain/ports/group.ts';
import { scheduleRow, scheduleRunRow, toSchedule } from '../schedule-rows.ts';
import { noteSilence, tellingNeeds } from './deliveries.ts';
import { pair } from './facts.ts';
import { NOT_FOUND, type Rule, STALE } from './parts.ts';
import type { WorkingSet } from './working-set.ts';

/** Notes that a run has completed: its schedule is not silent. */
export function noteCompleted(set: WorkingSet, scheduleId: string): void {
  const row = set.get('schedules', scheduleId);
  if (row === null) return;
  set.put('schedules', scheduleId, scheduleRow({ ...toSchedule(row), completedAt: set.now, silentAt: null }));
}

/** How many there are of all users. */
const ALL = '';

export const schedulePart: Rule<SchedulePart> = {
  needs: ({ schedule: { id, userId, plan } }) => ({
    ...{ schedules: [id], scheduleNames: [pair(userId, plan.name)], scheduleCounts: [ALL, userId] },
    ...tellingNeeds([userId]),
  }),
  apply({ schedule: asked, isNew }, set) {
    let schedule = asked;
    const { id, userId, revision } = schedule;
    const known = set.get('schedules', id);
    const name = pair(userId, schedule.plan.name);
    if (isNew) {
      if (set.get('scheduleNames', name) !== null) return { status: 'refused', reason: 'schedule_exists' };
      const isFull =
        set.get('scheduleCounts', userId) >= MAX_USER_SCHEDULES ||
        set.get('scheduleCounts', ALL) >= MAX_SCHEDULES;
      if (isFull) return { status: 'refused', reason: 'too_many_schedules' };
      for (const whose of [ALL, userId])
        set.put('scheduleCounts', whose, set.get('scheduleCounts', whose) + 1);
      set.put('scheduleNames', name, id);
    } else {
      if (known?.revision !== revision) return STALE;
      const before = toSchedule(known);
      // A run has completed since the change was decided on.
      const hasCompleted = (before.completedAt ?? 0) > (asked.completedAt ?? 0);
      if (hasCompleted) schedule = { ...asked, completedAt: before.completedAt, silentAt: null };
      if (before.silentAt === null && asked.silentAt !== null) {
        if (hasCompleted) return STALE;
        noteSilence(set, schedule);
      }
    }
    set.put('schedules', id, scheduleRow({ ...schedule, revision: revision + 1 }));
    return null;
  },
};

export const scheduleRunPart: Rule<ScheduleRunPart> = {
  needs: ({ run: { scheduleId, dueAt } }) => ({ scheduleRuns: [pair(scheduleId, String(dueAt))] }),
  apply({ run }, set) {
    const { scheduleId, dueAt } = run;
    const key = pair(scheduleId, String(dueAt));
    const known = set.get('scheduleRuns', key);
    if (known !== null && known.result !== 'waiting') return STALE;
    set.put('scheduleRuns', key, scheduleRunRow(run));
    set.order({ type: 'trim_schedule_runs', scheduleId, keep: KEPT_RUNS });
    return null;
  },
};

export const scheduleRemovePart: Rule<ScheduleRemovePart> = {
  needs: ({ id, userId }) => ({ schedules: [id], scheduleCounts: [ALL, userId] }),
  more({ id, userId }, set) {
    const known = set.get('schedules', id);
    return known === null ? {} : { scheduleNames: [pair(userId, known.name)] };
  },
  apply({ id, userId }, set) {
    const known = set.get('schedules', id);
    if (known?.user_id !== userId) return NOT_FOUND;
    for (const whose of [ALL, userId]) set.put('scheduleCounts', whose, set.get('scheduleCounts', whose) - 1);
    set.put('scheduleNames', pair(userId, known.name), null);
    set.put('schedules', id, null);
    set.order({ type: 'trim_schedule_runs', scheduleId: id, keep: 0 });
    return null;
  },
};
