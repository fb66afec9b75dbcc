// Schedules on the wire.
import { z } from 'zod';
import { type specSchema, startShape } from '../../domain/spec/spec.ts';
import { planRequest } from '../../domain/spec/plan.ts';
import { MISFIRES, OVERLAPS, scheduleName, scheduleShape } from '../../domain/schedules/schedule-schema.ts';
import { RUN_RESULTS, SCHEDULE_ENDS, SCHEDULE_STATES } from '../../domain/schedules/schedule.ts';
import { count, hasNoIssues, ms, time } from '../edge/schemas.ts';
import { errorType } from '../edge/words.ts';

/** What the schedule itself says. */
const hasNoStart = (work: unknown): boolean =>
  Object.keys(startShape).every(
    (name) => (work as Record<string, unknown> | undefined)?.[name] === undefined,
  );

/** The body of a schedule; that of a `PUT` has its name in the path. */
export function scheduleBodies({ spec }: { spec: ReturnType<typeof specSchema> }) {
  const shape = {
    ...scheduleShape,
    execution: spec
      .refine(hasNoStart, 'must have no start_at and no delay_ms: the schedule sets the start')
      .optional()
      .describe('The work: a spec as for `POST /v1/executions`. Give either `execution` or `plan`.'),
    plan: planRequest
      .refine(hasNoStart, 'must have no start_at and no delay_ms: the schedule sets the start')
      .optional()
      .describe('The work: a plan as for `POST /v1/plans`.'),
  };
  const checked = <T extends z.ZodRawShape>(whole: z.ZodObject<T>) =>
    whole
      .refine(hasOneWhen, { error: 'must have exactly one of cron, every_ms and at', when: hasNoIssues })
      .refine(hasOneWork, { error: 'must have exactly one of execution and plan', when: hasNoIssues })
      .refine(hasZoneForCron, { path: ['timezone'], error: 'must be left out unless cron is given' })
      .describe('A schedule: work and its due times.');
  return {
    create: checked(
      z.strictObject({ name: scheduleName.describe('Unique among your schedules.'), ...shape }),
    ),
    put: checked(z.strictObject(shape)),
  };
}
export type ScheduleBodies = ReturnType<typeof scheduleBodies>;
export type CreateSchedule = z.output<ScheduleBodies['create']>;
export type PutSchedule = z.output<ScheduleBodies['put']>;

const isGiven = (body: object, names: readonly string[]) =>
  names.filter((name) => (body as Record<string, unknown>)[name] !== undefined).length;
const hasOneWhen = (body: object) => isGiven(body, ['cron', 'every_ms', 'at']) === 1;
const hasOneWork = (body: object) => isGiven(body, ['execution', 'plan']) === 1;
const hasZoneForCron = (body: object) => isGiven(body, ['timezone']) <= isGiven(body, ['cron']);

export const scheduleParams = z.strictObject({ name: z.string().max(200).describe('Name of the schedule.') });

export const schedule = z
  .strictObject({
    name: z.string().describe('Name of the schedule.'),
    description: z.string().nullable().describe('The description of the request.'),
    state: z
      .enum(SCHEDULE_STATES)
      .describe(
        '`active`: runs start when they are due. `paused`: no run starts. `ended`: no more runs are due.',
      ),
    ended_because: z
      .enum(SCHEDULE_ENDS)
      .nullable()
      .describe(
        '`no_more_times`: no due time is left. `max_runs`: it has served `max_runs` due times. `key_revoked`: the API key that it was created with was revoked or removed.',
      ),
    cron: z.string().nullable().describe('When, as cron.'),
    every_ms: ms.nullable().describe('Interval, milliseconds.'),
    at: time.nullable().describe('Once, at this time.'),
    timezone: z.string().describe('Time zone of `cron`.'),
    overlap: z.enum(OVERLAPS).describe('The effect if the run before has not ended.'),
    misfire: z.enum(MISFIRES).describe('The effect of due times at which execd was down or late.'),
    max_catch_up: count.describe('With `catch_up`: how many missed due times execd runs at most.'),
    jitter_ms: ms.describe('Each start is late by a part of this, milliseconds.'),
    max_runs: count.nullable().describe('Ends after this many runs; null: no limit.'),
    ends_at: time.nullable().describe('No run is due after this time; null: no limit.'),
    silent_after_ms: ms
      .nullable()
      .describe('Silent after this time without a completed run, milliseconds; null: never.'),
    silent_since: time.nullable().describe('When execd reported it as silent; null: it is not.'),
    last_completed: time.nullable().describe('When one of its runs completed last; null: none has.'),
    next: z
      .array(time)
      .describe('The next due times, up to five. Of a paused schedule: as if it were active.'),
    last: time.nullable().describe('The last due time that started something.'),
    last_id: z.string().nullable().describe('The execution or plan that it started last.'),
    runs: count.describe('Due times that it has served, without runs by hand.'),
    waiting: count.describe('Due times that wait for the end of the run before.'),
    execution: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('Its work, without secrets of webhooks.'),
    plan: z.record(z.string(), z.unknown()).nullable().describe('The plan that it runs.'),
    user_id: z.string().describe('The user for whom it runs.'),
    created: time.describe('When it was created.'),
    updated: time.describe('When it was last changed by a request.'),
  })
  .describe('A schedule.');
export type ScheduleWire = z.infer<typeof schedule>;
export const scheduleList = z
  .strictObject({ items: z.array(schedule).describe('Your schedules, by name.') })
  .describe('Schedules.');

export const scheduleRun = z
  .strictObject({
    due: time.describe('The due time; of a run by hand, the time of the request.'),
    decided: time.describe('When execd dealt with it.'),
    result: z
      .enum(RUN_RESULTS)
      .describe(
        '`started`: see `id`. `waiting`: it waits for the end of the run before. `skipped`: the run before had not ended. `missed`: execd was down or late. `refused`: see `error`.',
      ),
    id: z.string().nullable().describe('The execution or plan.'),
    error: errorType.nullable().describe('Why it was refused.'),
    detail: z.string().nullable().describe('The reason as a sentence, or the missed due times.'),
    by_hand: z.boolean().describe('Whether it is a run by hand.'),
  })
  .describe('The result of one due time.');
export const scheduleRunList = z
  .strictObject({ items: z.array(scheduleRun).describe('The latest 100 due times, the latest first.') })
  .describe('The results of due times.');

/** What stands under its own name in the OpenAPI document. */
export function scheduleComponents(schedules: ScheduleBodies): Record<string, z.ZodType> {
  return {
    CreateSchedule: schedules.create,
    PutSchedule: schedules.put,
    Schedule: schedule,
    ScheduleList: scheduleList,
    ScheduleRun: scheduleRun,
    ScheduleRunList: scheduleRunList,
  };
}
