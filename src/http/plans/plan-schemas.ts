// The wire of plans: bodies, queries and answers.
import { z } from 'zod';
import { effectiveMonitor } from '../executions/schemas.ts';
import { executionError } from '../executions/outcome-schemas.ts';
import { ownWebhook } from '../edge/own-webhook.ts';
import { STATUSES } from '../../domain/execution/execution.ts';
import { SKIP_REASONS } from '../../domain/plans/plan-state.ts';
import { planParts, planRequest, stepSchemas } from '../../domain/spec/plan.ts';
import { KINDS } from '../../domain/kinds.ts';
import { type SpecLimits, type SpecParts } from '../../domain/spec/spec.ts';
import { byKind } from '../edge/kinds.ts';
import { flag, digits } from '../edge/query.ts';
import { searchQuery } from '../edge/search-query.ts';
import { cancelShown, labelsShown, nextCursor, scheduleShown, status } from '../edge/words.ts';
import { filterShape, CURSOR, wait, time, count, ms } from '../edge/schemas.ts';

const STEP_STATUSES = [...STATUSES, 'skipped'] as const;
const STEP_PHASES = [
  'waiting',
  'scheduled',
  'awaiting',
  'joined',
  'queued',
  'scheduled_retry',
  'running',
  'canceling',
  'done',
] as const;

const eachStatus = <T>(make: (status: (typeof STEP_STATUSES)[number]) => T) =>
  Object.fromEntries(STEP_STATUSES.map((one) => [one, make(one)])) as Record<
    (typeof STEP_STATUSES)[number],
    T
  >;
const endError = executionError
  .nullable()
  .describe('Why it did not complete; null if it has, or has not ended.');

const planStep = z
  .strictObject({
    name: z.string().describe('Name of the step.'),
    kind: z.enum(KINDS).describe('The kind of the step. A loop is a plan with a step for each round.'),
    status: z.enum(STEP_STATUSES).describe('Status of the step.'),
    phase: z.enum(STEP_PHASES).describe('Finer than the status.'),
    execution_id: z.string().nullable().describe('Its execution; null until it begins, or if it is skipped.'),
    depends_on: z.array(z.string()).describe('Names of the steps that must end first.'),
    attempts: count.describe('Attempts so far.'),
    percent: z
      .number()
      .min(0)
      .max(100)
      .nullable()
      .describe(
        'The progress that it reports, 0 to 100, for the first 32 such steps that run; 0 before its first report. Null if it does not run or has no `progress`, and unless the response is that of `GET /v1/plans/{id}`.',
      ),
    skip_reason: z.enum(SKIP_REASONS).nullable().describe('Why it was skipped; null if it was not.'),
    error: endError,
    kept_from: z
      .string()
      .nullable()
      .describe('For a step that a redrive keeps: the execution that produced the result.'),
    started_at: time.nullable().describe('When it started.'),
    finished_at: time.nullable().describe('When it ended.'),
    duration_ms: ms.nullable().describe('How long it took, milliseconds.'),
  })
  .describe('A step of a plan.');

export const plan = z
  .strictObject({
    id: z.string().describe('Unique id, a UUID (version 7).'),
    client_id: z.string().nullable().describe('The id that the client gave it; null if it gave none.'),
    status,
    phase: z.enum(['scheduled', 'running', 'canceling', 'done']).describe('`done` is the last phase.'),
    revision: z.int().min(1).describe('Grows with each change of the stored plan.'),
    description: z.string().nullable().describe('The description of the request.'),
    strategy: z.record(z.string(), z.unknown()).describe('The strategy of the request.'),
    params: z.record(z.string(), z.unknown()).describe('The params of the request.'),
    operation: z
      .strictObject({
        name: z.string().describe('Its name.'),
        version: z.string().describe('Which definition of the operation ran.'),
        params: z.record(z.string(), z.unknown()).describe('Its parameters, with their defaults.'),
      })
      .nullable()
      .describe('The operation that runs this plan; null for a plan of a request.'),
    policy_version: z
      .string()
      .nullable()
      .describe('Version of the policy file, then `+` and the version of the operation. Null without both.'),
    user_id: z.string().describe('The user of the execution.'),
    task_id: z.string().nullable().describe('The task_id of the request.'),
    labels: labelsShown,
    priority: z.int().describe('Priority of the steps that have none of their own.'),
    monitor: effectiveMonitor,
    total_ms: ms.nullable().describe('Longest time from submission to end, milliseconds; null: no limit.'),
    plan_id: z.string().nullable().describe('For a plan within a plan: the outer plan.'),
    step: z.string().nullable().describe('For a plan within a plan: the name of the step.'),
    rerun_of: z.string().nullable().describe('For a rerun: the plan that it repeats.'),
    schedule: scheduleShown,
    redrive_of: z
      .string()
      .nullable()
      .describe('For a redriven plan: the plan whose completed steps it keeps.'),
    error: endError,
    result: z.unknown().describe('Its outputs; null until the end.'),
    counts: z
      .strictObject({
        total: count.describe('Steps in total.'),
        ...eachStatus((one) => count.describe(`Steps that are ${one}.`)),
      })
      .describe('Steps by status.'),
    progress: z.number().min(0).max(1).describe('Part of the steps that have ended, 0 to 1.'),
    critical_path: z
      .strictObject({
        steps: z.array(z.string()).describe('Names of the steps.'),
        duration_ms: ms.describe('Their total duration, milliseconds.'),
      })
      .nullable()
      .describe('The chain of steps that decides the duration; null until a step has ended.'),
    duration_ms: ms.describe('How long it has taken, milliseconds.'),
    timestamps: z
      .strictObject({
        start_at: time.nullable().describe('The requested start time; null: at once.'),
        created: time.describe('When it was accepted.'),
        finished: time.nullable().describe('When it ended.'),
      })
      .describe('Times in UTC.'),
    cancel: cancelShown,
    webhook: ownWebhook,
    trace_id: z.string().describe('W3C trace id.'),
    steps: z.array(planStep).optional().describe('The steps. Absent in lists, and with `steps=false`.'),
    results: z
      .array(z.unknown().meta({ shownAs: { $ref: '#/components/schemas/StepResult' } }))
      .optional()
      .describe('With `results=true`: the results of the steps that have ended, in the order of the steps.'),
    results_complete: z
      .boolean()
      .optional()
      .describe('False: the response has no room for all results. Get the others by their `execution_id`.'),
  })
  .describe('A plan: several steps that were submitted in one request.');
export type PlanWire = z.infer<typeof plan>;

export const planList = z
  .strictObject({
    items: z.array(plan).describe('Newest first.'),
    next_cursor: nextCursor,
  })
  .describe('A page of plans.');

export const planReport = z
  .strictObject({
    valid: z.boolean().describe('Whether execd would accept the plan.'),
    problems: z
      .array(
        z.strictObject({
          field: z.string().describe('JSON Pointer into the plan.'),
          message: z.string().describe('The fault of the value, and the allowed values.'),
        }),
      )
      .describe('Every problem of the plan.'),
    levels: z
      .array(z.array(z.string()))
      .nullable()
      .describe(
        'Names of steps by level: each level depends only on earlier levels. Null if the dependencies form a cycle.',
      ),
  })
  .describe('Result of a check.');

export const planLogsQuery = z.strictObject({
  stream: z.enum(['all', 'stdout', 'stderr']).default('all').describe('Which of the two streams.'),
  format: z
    .enum(['text', 'ndjson'])
    .default('text')
    .describe('`text`: lines with the name of the step. `ndjson`: one JSON object for each piece.'),
  follow: flag().default(false).describe('Continue until the end, while output is being written.'),
  step: z.string().min(1).max(200).optional().describe('Only this step.'),
  ...searchQuery,
});
export type PlanLogsQuery = z.infer<typeof planLogsQuery>;

/** The schema of a step as the documents show it. */
export function planComponents(limits: SpecLimits, parts: SpecParts): Record<string, z.ZodType> {
  const { single, plan: ofPlan, wait: ofWait } = stepSchemas(limits, parts);
  return {
    PlanRequest: planRequest,
    PlanStepRequest: z
      .discriminatedUnion('kind', [...single.options, ofWait, ofPlan])
      .describe(
        'A step: a spec with the fields of a step. Any value that is not a field of the step itself may be, or contain, a reference such as `${steps.build.stdout}`; so a reference may stand in place of a number or an object.',
      ),
    ...byKind(single, 'Step'),
    WaitStep: ofWait,
    PlanStep: ofPlan,
    ...planParts,
    Plan: plan,
    PlanList: planList,
    StepState: planStep,
    PlanReport: planReport,
  };
}

const {
  phase: _phase,
  kind: _kind,
  operation: _operation,
  plan_id: _plan,
  step: _step,
  ...planFilters
} = filterShape;
export const planListQuery = z.strictObject({
  ...planFilters,
  limit: digits(1, 200, 'Most items of a page.').default(50),
  cursor: z.string().max(1000).optional().describe(CURSOR),
});
const withResults = flag()
  .optional()
  .describe('`true` adds the results of the steps that have ended. Default: false.');
export const planGetQuery = z.strictObject({
  wait,
  steps: flag().optional().describe('`false` leaves out the steps. Default: true.'),
  results: withResults,
});
export const planSubmitQuery = z.strictObject({ results: withResults });
