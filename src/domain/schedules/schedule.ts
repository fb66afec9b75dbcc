// A schedule: work that starts again and again. It is a row that changes with each of its due times, by compare-and-set on
// its revision, so that no due time starts anything twice.
import type { StoredCaller } from '../execution/execution.ts';
import type { ExecutionId } from '../ids.ts';
import type { PlanSpec } from '../spec/plan.ts';
import type { Spec } from '../spec/spec.ts';
import type { Misfire, Overlap, When } from './schedule-schema.ts';

export const SCHEDULE_STATES = ['active', 'paused', 'ended'] as const;
export type ScheduleState = (typeof SCHEDULE_STATES)[number];
/** Why a schedule has ended: nothing more is due, it has started as much as it may, or its API key is gone. */
export const SCHEDULE_ENDS = ['no_more_times', 'max_runs', 'key_revoked'] as const;
export type ScheduleEnd = (typeof SCHEDULE_ENDS)[number];

/** What is to be started, when, and what happens if that is not possible. */
export interface SchedulePlan {
  name: string;
  description: string | null;
  when: When;
  work: Spec | PlanSpec;
  overlap: Overlap;
  misfire: Misfire;
  maxCatchUp: number;
  jitterMs: number;
  maxRuns: number | null;
  endsAt: number | null;
  /** It is reported as silent after so long without a run that has completed, milliseconds; null: never. */
  silentAfterMs: number | null;
}

export interface Schedule {
  id: string;
  userId: string;
  plan: SchedulePlan;
  /** The user whose runs it starts. */
  caller: StoredCaller;
  keyId: string | null;
  /** The administrator who has made it for its user; null when that was the user. */
  submittedBy: string | null;
  state: ScheduleState;
  ended: ScheduleEnd | null;
  /** The next due time, ms since the epoch; null when there is none. */
  nextAt: number | null;
  /** Due times whose work waits for the end of the one before, the oldest first. */
  waiting: readonly number[];
  /** Due times that it has started something for, or was refused for; those that were asked for by hand do not count. */
  runs: number;
  /** What it has started last. */
  lastId: ExecutionId | null;
  lastAt: number | null;
  /** When a run of it has completed last, ms since the epoch; null before the first. */
  completedAt: number | null;
  /** From when on its silence counts, if nothing has completed since: its creation, its last change, or the end of a pause. */
  watchedFrom: number;
  /** When it was reported as silent; null while it is not. */
  silentAt: number | null;
  /** Every `every_ms` counts from here. */
  anchor: number;
  revision: number;
  createdAt: number;
  updatedAt: number;
}

/**
 * What became of a due time. `started`: its work was accepted. `waiting`: it waits for the end of the one before. `skipped`: one was
 * running still. `missed`: execd was down or late. `refused`: it was not accepted, for the reason that `detail` tells.
 */
export const RUN_RESULTS = ['started', 'waiting', 'skipped', 'missed', 'refused'] as const;
export type RunResult = (typeof RUN_RESULTS)[number];

export interface ScheduleRun {
  scheduleId: string;
  dueAt: number;
  /** When this was decided, ms since the epoch. */
  at: number;
  result: RunResult;
  executionId: ExecutionId | null;
  /** Of a refusal: its type. */
  error: string | null;
  detail: string | null;
  /** It was asked for by hand. */
  isManual: boolean;
}

/** Schedules of one user. */
export const MAX_USER_SCHEDULES = 100;
/** Schedules of all users. */
export const MAX_SCHEDULES = 10_000;
/** Runs that the history of a schedule keeps. */
export const KEPT_RUNS = 100;
/** Due times that wait for the end of the one before. */
export const MAX_WAITING = 100;

/** Due times of a schedule. */
export interface Times {
  /** The first one after a time; null when there is none. */
  next(after: number): number | null;
  /** The last one that is not before `from`, and before a time; null when there is none. */
  previous(before: number, from: number): number | null;
}

/** Makes out due times; `anchor` is what an interval counts from. */
export type TimesOf = (when: When, anchor: number) => Times;
