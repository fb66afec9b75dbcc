// What streams tell, and how they are asked for.
import { z } from 'zod';
import { EVENT_TYPES } from '../domain/event-types.ts';
import { STATUSES } from '../domain/execution.ts';
import { KINDS, operationName, taskId } from '../domain/spec.ts';
import { executionError, outcome } from './outcome-schemas.ts';
import { labelPairs, list } from './schemas.ts';

const count = z.int().min(0);

export const event = z
  .strictObject({
    execution_id: z.string(),
    sequence: z.int().min(1).describe('of the execution, from 1, without gaps'),
    type: z.enum(EVENT_TYPES),
    time: z.iso.datetime({ precision: 3 }),
    status: z.enum(STATUSES).describe('that the event has led to'),
    phase: z.enum(['queued', 'scheduled_retry', 'starting', 'canceling', 'done']),
    attempt: count.describe('0 before the first one'),
    kind: z.enum(KINDS),
    operation: z.string().nullable(),
    task_id: z.string().nullable(),
    labels: z.record(z.string(), z.string()).readonly(),
    plan_id: z.string().nullable().describe('the plan that it is a step of'),
    step: z.string().nullable().describe('its name there; of a plan: the step that was skipped'),
    outcome: outcome.optional(),
    error: executionError.nullable().optional(),
    output: z
      .strictObject({
        stdout_bytes: count,
        stderr_bytes: count,
        stdout_kept_bytes: count,
        stderr_kept_bytes: count,
        truncated: z.boolean(),
        complete: z.boolean().describe('the logs hold all that was to be kept'),
      })
      .optional()
      .describe('of all attempts together'),
    log: z
      .strictObject({ attempt: z.int().min(1), seq: count, cursor: z.string() })
      .nullable()
      .optional()
      .describe('the end of the log of the last attempt'),
  })
  .describe('A lifecycle event. The last one of an execution has outcome, error, output and log too.');

const after = z.string().max(200).optional();

export const executionEventsQuery = z.strictObject({
  output: z.enum(['true', 'false']).default('false').describe('with what the execution writes'),
  after: after.describe('go on after this event id; the header Last-Event-ID goes over it'),
});
export type ExecutionEventsQuery = z.infer<typeof executionEventsQuery>;

export const planEventsQuery = z.strictObject({
  after: after.describe('go on after this event id; the header Last-Event-ID goes over it'),
});
export type PlanEventsQuery = z.infer<typeof planEventsQuery>;

export const eventsQuery = z.strictObject({
  type: list(z.enum(EVENT_TYPES)).optional(),
  status: list(z.enum(STATUSES)).optional().describe('that the event has led to'),
  kind: list(z.enum(KINDS)).optional(),
  operation: operationName.optional(),
  task_id: taskId.optional(),
  plan_id: z.string().max(100).optional().describe('of this plan and its steps'),
  label: labelPairs.optional(),
  after: after.describe('go on after this event id, or "now"; the header Last-Event-ID goes over it'),
});
export type EventsQuery = z.infer<typeof eventsQuery>;

/** What stands under its own name in the OpenAPI document. */
export const eventComponents = { Event: event };
