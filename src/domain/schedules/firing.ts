// What happens to a schedule at a time: pure. Each decision concerns one due time, and leaves the schedule as it is to be stored.
import {
  MAX_WAITING,
  type RunResult,
  type Schedule,
  type ScheduleEnd,
  type ScheduleRun,
  type Times,
} from './schedule.ts';

/** A start that is later than this was missed. */
export const LATE_MS = 60_000;

export interface Firing {
  /** As it is to be stored; null changes nothing. */
  schedule: Schedule;
  /** What became of due times, but for the one that is started. */
  runs: ScheduleRun[];
  /** The due time whose work is to be started. */
  start: { dueAt: number; isManual: boolean } | null;
  /** What runs is to be cancelled. */
  cancels: boolean;
}

export interface Moment {
  now: number;
  times: Times;
  /** Whether what was started last has not ended. */
  isLive: boolean;
}

/** When the start of a due time is due, with its jitter: the same for the same due time, whoever asks. */
export function startOf({ id, plan: { jitterMs } }: Schedule, dueAt: number): number {
  return jitterMs === 0 ? dueAt : dueAt + (hash(`${id} ${dueAt}`) % (jitterMs + 1));
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
  return sum >>> 0;
}

/** When something is to be done for it next, a start or a look at its silence; null for never. */
export function wakeAt(schedule: Schedule): number | null {
  const times = [fireAt(schedule), silenceAt(schedule)].filter((at) => at !== null);
  return times.length === 0 ? null : Math.min(...times);
}

/** When its next start is due; null for never. */
function fireAt(schedule: Schedule): number | null {
  const { state, nextAt } = schedule;
  return state !== 'active' || nextAt === null ? null : startOf(schedule, nextAt);
}

/** Since when no run of it has completed. */
export const quietSince = ({ completedAt, watchedFrom }: Schedule): number =>
  Math.max(completedAt ?? 0, watchedFrom);

/** When it is to be reported as silent; null when it is already, or never is. */
export function silenceAt(schedule: Schedule): number | null {
  const { plan, state, silentAt } = schedule;
  if (plan.silentAfterMs === null || state !== 'active' || silentAt !== null) return null;
  return quietSince(schedule) + plan.silentAfterMs;
}

/** Begins to count its silence anew. */
export const watchFrom = (schedule: Schedule, now: number): Schedule => ({
  ...schedule,
  watchedFrom: now,
  silentAt: null,
});

/**
 * What is to be stored of its silence now; null when nothing is.
 *
 * @param between milliseconds between two times, without the jumps of the wall clock between them
 */
export function hush(
  schedule: Schedule,
  now: number,
  between: (from: number, to: number) => number,
): Schedule | null {
  const at = silenceAt(schedule);
  if (at === null || at > now || schedule.plan.silentAfterMs === null) return null;
  const quietMs = between(quietSince(schedule), now);
  // The wall clock was set forward: what has not passed is counted from there.
  return quietMs < schedule.plan.silentAfterMs
    ? { ...schedule, watchedFrom: now - quietMs }
    : { ...schedule, silentAt: now };
}

/** The next due time after one, with which the schedule goes on, or its end. */
export function goOn(schedule: Schedule, after: number, { next }: Pick<Times, 'next'>): Schedule {
  const { maxRuns, endsAt } = schedule.plan;
  const isUsedUp = maxRuns !== null && schedule.runs + schedule.waiting.length >= maxRuns;
  const found = isUsedUp ? null : next(after);
  const nextAt = found === null || (endsAt !== null && found > endsAt) ? null : found;
  if (nextAt !== null || schedule.waiting.length > 0) return { ...schedule, nextAt };
  return end({ ...schedule, nextAt }, isUsedUp ? 'max_runs' : 'no_more_times');
}

export function end(schedule: Schedule, why: ScheduleEnd): Schedule {
  return { ...schedule, state: 'ended', ended: why, nextAt: null, waiting: [] };
}

/** What is due of a schedule now; null when nothing is. */
export function fire(schedule: Schedule, moment: Moment): Firing | null {
  const { now, isLive, times } = moment;
  const [first, ...rest] = schedule.waiting;
  if (first !== undefined && !isLive && schedule.state === 'active') {
    const going = { ...schedule, waiting: rest };
    const isLast = going.nextAt === null && rest.length === 0;
    const started = { ...going, runs: going.runs + 1 };
    const schedule_ = isLast ? end(started, whyLast(started)) : started;
    return { schedule: schedule_, runs: [], start: { dueAt: first, isManual: false }, cancels: false };
  }
  const wake = fireAt(schedule);
  if (wake === null || wake > now || schedule.nextAt === null) return null;
  const { due, missed } = choose(schedule, schedule.nextAt, moment);
  const runs = missed.map(({ dueAt, detail }) => runOf(schedule, dueAt, 'missed', now, detail));
  if (due === null) {
    const last = times.previous(now + 1, schedule.nextAt) ?? schedule.nextAt;
    return { schedule: goOn(schedule, last, times), runs, start: null, cancels: false };
  }
  const begun = begin(schedule, due, moment);
  return { ...begun, schedule: goOn(begun.schedule, due, times), runs: [...runs, ...begun.runs] };
}

/** Starts it now, whatever is due when. */
export function fireByHand(schedule: Schedule, moment: Moment): Firing {
  const { overlap } = schedule.plan;
  if (!moment.isLive || overlap === 'allow')
    return { schedule, runs: [], start: { dueAt: moment.now, isManual: true }, cancels: false };
  return begin(schedule, moment.now, moment, true);
}

function whyLast({ plan: { maxRuns }, runs }: Schedule): ScheduleEnd {
  return maxRuns !== null && runs >= maxRuns ? 'max_runs' : 'no_more_times';
}

interface Missed {
  dueAt: number;
  detail: string;
}

/** Which of the due times that have come is started for, and which are missed. */
function choose(
  { plan: { misfire, maxCatchUp, jitterMs } }: Schedule,
  first: number,
  { now, times }: Moment,
): { due: number | null; missed: Missed[] } {
  const latest = times.previous(now + 1, first) ?? first;
  if (misfire === 'catch_up') {
    let due = latest;
    for (let n = 1; n < maxCatchUp && due > first; n++) due = times.previous(due, first) ?? first;
    return { due, missed: missedFrom(first, due) };
  }
  const isOnTime = now - latest <= LATE_MS + jitterMs;
  if (misfire === 'once' || isOnTime) return { due: latest, missed: missedFrom(first, latest) };
  return { due: null, missed: missedFrom(first, Infinity, latest) };
}

/** One entry tells of all due times from one on and before another. */
function missedFrom(first: number, before: number, last?: number): Missed[] {
  if (first >= before) return [];
  const until = new Date(last ?? before).toISOString();
  const detail =
    last === undefined
      ? `Due times from this one and before ${until} were missed.`
      : `Due times from this one to ${until} were missed.`;
  return [{ dueAt: first, detail }];
}

/** Starts what is due, or does what is to be done while the run before lives. */
function begin(schedule: Schedule, dueAt: number, { now, isLive }: Moment, isManual = false): Firing {
  const { overlap } = schedule.plan;
  const idle = { start: null, cancels: false };
  if (!isLive || overlap === 'allow') {
    const runs = schedule.runs + (isManual ? 0 : 1);
    return { schedule: { ...schedule, runs }, runs: [], start: { dueAt, isManual }, cancels: false };
  }
  const of = (result: RunResult, at: number, detail: string | null = null) =>
    runOf(schedule, at, result, now, detail, isManual);
  if (overlap === 'skip')
    return { ...idle, schedule, runs: [of('skipped', dueAt, 'The run before had not ended.')] };
  if (overlap === 'queue') {
    if (schedule.waiting.length >= MAX_WAITING)
      return { ...idle, schedule, runs: [of('skipped', dueAt, `${MAX_WAITING} due times wait already.`)] };
    const waiting = [...schedule.waiting, dueAt];
    return { ...idle, schedule: { ...schedule, waiting }, runs: [of('waiting', dueAt)] };
  }
  const replaced = schedule.waiting.map((at) => of('skipped', at, 'A later due time replaced it.'));
  const waiting = { ...schedule, waiting: [dueAt] };
  return { schedule: waiting, runs: [...replaced, of('waiting', dueAt)], start: null, cancels: true };
}

export function runOf(
  { id: scheduleId }: Schedule,
  dueAt: number,
  result: RunResult,
  at: number,
  detail: string | null = null,
  isManual = false,
): ScheduleRun {
  return { scheduleId, dueAt, at, result, executionId: null, error: null, detail, isManual };
}
