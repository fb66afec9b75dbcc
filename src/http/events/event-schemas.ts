// What streams tell, and how they are asked for.
import { progress } from '../executions/progress.ts';
import { z } from 'zod';
import { EVENT_TYPES, WEBHOOK_EVENT_TYPES } from '../../domain/event-types.ts';
import { CAUSES } from '../../domain/outcome.ts';
import { STATUSES } from '../../domain/execution/execution.ts';
import { KINDS } from '../../domain/kinds.ts';
import { operationName, taskId } from '../../domain/spec/spec.ts';
import { flag, labelPairs, list } from '../edge/query.ts';
import { executionError, outcome } from '../executions/outcome-schemas.ts';
import { kept, written, time, count, ms } from '../edge/schemas.ts';
import { kind, labelsShown, status } from '../edge/words.ts';

export const event = z
  .strictObject({
    execution_id: z.string().describe('The execution or plan.'),
    sequence: z.int().min(1).describe('Number of the event within the execution: from 1, without gaps.'),
    type: z.enum(EVENT_TYPES).describe('The type of the event.'),
    time: time.describe('When it happened.'),
    status: status.describe('Status after the event.'),
    phase: z
      .enum(['scheduled', 'awaiting', 'queued', 'scheduled_retry', 'starting', 'canceling', 'done'])
      .describe('Phase after the event.'),
    attempt: count.describe('Number of the attempt; 0 before the first one.'),
    kind,
    operation: z.string().nullable().describe('Name of the operation; null for other kinds.'),
    task_id: z.string().nullable().describe('The task_id of the request.'),
    labels: labelsShown.readonly(),
    plan_id: z.string().nullable().describe('For a step: the plan.'),
    step: z.string().nullable().describe('For a step: its name. For a plan: the step that was skipped.'),
    outcome: outcome.optional().describe('In the last event: how the execution ended.'),
    error: executionError
      .nullable()
      .optional()
      .describe('In the last event: why the execution did not complete; null if it has.'),
    result: z
      .unknown()
      .optional()
      .describe('In the last event, with `result=true`: the result of the execution.'),
    output: z
      .strictObject({
        ...written,
        ...kept,
        truncated: z.boolean().describe('Whether the logs lack some of the output.'),
        complete: z.boolean().describe('Whether the logs hold everything that execd meant to keep.'),
      })
      .optional()
      .describe('In the last event: output of all attempts together.'),
    log: z
      .strictObject({
        attempt: z.int().min(1).describe('Number of the last attempt.'),
        seq: count.describe('Records of its log.'),
        cursor: z.string().describe('End of its log.'),
      })
      .nullable()
      .optional()
      .describe('In the last event: the end of the log; null if there was no attempt.'),
  })
  .describe('A lifecycle event. The last event of an execution also has outcome, error, output and log.');

const piece = {
  seq: count.describe('Number of the record within the attempt.'),
  attempt: z.int().min(1).describe('Number of the attempt.'),
  stream: z.enum(['stdout', 'stderr']).describe('The stream that it was written to.'),
  time: time.describe('When execd received it.'),
  text: z.string().optional().describe('The output, if it is valid UTF-8.'),
  base64: z.string().optional().describe('The output in base64, if it is not valid UTF-8.'),
  cursor: z.string().describe('Position after this record, for the parameter `cursor`.'),
};

const logEnd = z
  .strictObject({
    end: z.literal(true).describe('Always true: this is the last object.'),
    complete: z.boolean().describe('Whether you have received everything that the log keeps.'),
    truncated: z.boolean().describe('Whether the log lacks some of the output.'),
    records: count.describe('Records of the log.'),
    ...written,
    ...kept,
    exit_code: z
      .int()
      .nullable()
      .describe('Exit code of the command; null if it has none, or has not ended.'),
    cause: z
      .enum(CAUSES)
      .nullable()
      .describe('How the execution, or the attempt that you asked for, has ended; null if it has not.'),
    cursor: z.string().describe('Position at the end.'),
  })
  .describe('The end of a log.');

const found = {
  match: z
    .boolean()
    .optional()
    .describe('With `q` or `regex`: whether this line matches, or is context. Not in other logs.'),
};
const logRecord = z
  .strictObject({ ...piece, ...found })
  .describe('A piece of output; with `q` or `regex` a line.');
const outputEvent = z
  .strictObject({ execution_id: z.string().describe('The execution.'), ...piece })
  .describe('A piece of output in a stream of events: the data of a message `output`.');
const progressEvent = progress
  .extend({ execution_id: z.string().describe('The execution.') })
  .describe('How far an execution is: the data of a message `progress`, which has no `id`.');
const planLogRecord = z
  .strictObject({ step: z.string().describe('Name of the step.'), ...piece, ...found })
  .describe('A piece of output of a step; with `q` or `regex` a line.');
const planLogEnd = z
  .strictObject({
    end: z.literal(true).describe('Always true: this is the last object.'),
    complete: z.boolean().describe('Whether you have received everything that the logs keep.'),
    steps: count.describe('Steps that have a log.'),
    records: count.describe('Records of all logs.'),
    ...written,
  })
  .describe('The end of the log of a plan.');

const low = z
  .strictObject({
    type: z.literal('low_balance').describe('Always `low_balance`.'),
    time: time.describe('When the balance fell below the threshold.'),
    user_id: z.string().describe('The user whose account it is.'),
    balance: z.int().describe('The balance, credits.'),
    threshold: z.int().describe('The threshold of the credits file.'),
    execution_id: z
      .string()
      .nullable()
      .describe('The execution that was charged; null if credits were taken back.'),
    position: z.int().describe('Position of the entry of the ledger.'),
  })
  .describe('The balance of an account became low.');

const silence = z
  .strictObject({
    type: z.literal('silent').describe('Always `silent`.'),
    time: time.describe('When execd reported it.'),
    user_id: z.string().describe('The user of the schedule.'),
    schedule: z.string().describe('Name of the schedule.'),
    schedule_id: z.string().describe('Id of the schedule.'),
    silent_after_ms: ms.describe('The bound of the schedule, milliseconds.'),
    last_completed: time.nullable().describe('When one of its runs completed last; null: none has.'),
    last_id: z.string().nullable().describe('The execution or plan that it started last; null: none.'),
  })
  .describe('No run of a schedule has completed for too long.');

function cloudEvent(data: z.ZodType, types: readonly string[], description: string) {
  return z
    .strictObject({
      specversion: z.literal('1.0').describe('Version of CloudEvents.'),
      id: z.string().describe('Id of the event: the same for every try, and the value of `webhook-id`.'),
      source: z.string().describe('`urn:execd:` and the id of the server.'),
      type: z.enum(types as [string, ...string[]]).describe('Type of the event.'),
      subject: z.string().describe('The execution, or the user.'),
      time: time.describe('When it happened.'),
      datacontenttype: z.literal('application/json').describe('Always `application/json`.'),
      data,
    })
    .describe(description);
}

const after = z
  .string()
  .max(200)
  .optional()
  .describe('Continue after the event with this id. The header Last-Event-ID takes precedence.');

const result = flag().default(false).describe('Include the result in the last event of each execution.');

export const executionEventsQuery = z.strictObject({
  output: flag()
    .default(false)
    .describe('Include the output of the execution, as messages `output`: one for each record of the log.'),
  lines: flag()
    .default(false)
    .describe('Include the output of the execution, with one message `output` for each line.'),
  progress: flag()
    .default(false)
    .describe('Include its progress while it runs, as messages `progress`: at most one a second.'),
  result,
  after,
});
export type ExecutionEventsQuery = z.infer<typeof executionEventsQuery>;

export const planEventsQuery = z.strictObject({ result, after });
export type PlanEventsQuery = z.infer<typeof planEventsQuery>;

const SEVERAL = 'Several values: repeat the parameter, or separate them with commas.';
export const eventsQuery = z.strictObject({
  type: list(z.enum(EVENT_TYPES)).optional().describe(`Only these types of events. ${SEVERAL}`),
  status: list(z.enum(STATUSES))
    .optional()
    .describe(`Only events after which the status is one of these. ${SEVERAL}`),
  kind: list(z.enum(KINDS)).optional().describe(`Only these kinds. ${SEVERAL}`),
  operation: operationName.optional().describe('Only this operation.'),
  task_id: taskId.optional().describe('Only this task_id.'),
  plan_id: z.string().max(100).optional().describe('Only this plan and its steps.'),
  label: labelPairs.optional(),
  result,
  after: z
    .string()
    .max(200)
    .optional()
    .describe(
      'Continue after the event with this id, or begin `now`. The header Last-Event-ID takes precedence.',
    ),
});
export type EventsQuery = z.infer<typeof eventsQuery>;

const executionTypes = [...EVENT_TYPES].map((type) => `execd.execution.${type}`);
/** What streams send. Each schema is that of the data of one sort of message, or of a line. */
export const streamed = {
  events: event,
  execution: z
    .union([event, outputEvent, progressEvent])
    .describe('The data of a message of the stream of an execution.'),
  log: z.union([logRecord, logEnd]).describe('A line of a log, or the data of a message of a log.'),
  planLog: z.union([planLogRecord, planLogEnd]).describe('A line of the log of a plan.'),
};

/** What stands under its own name in the OpenAPI document. */
export const eventComponents = {
  Event: event,
  OutputEvent: outputEvent,
  ProgressEvent: progressEvent,
  LogRecord: logRecord,
  LogEnd: logEnd,
  PlanLogRecord: planLogRecord,
  PlanLogEnd: planLogEnd,
  ExecutionStreamData: streamed.execution,
  LogLine: streamed.log,
  PlanLogLine: streamed.planLog,
  LowBalance: low,
  ExecutionCloudEvent: cloudEvent(
    event,
    executionTypes,
    'An event of an execution, as CloudEvents 1.0 specifies.',
  ),
  AccountCloudEvent: cloudEvent(
    low,
    WEBHOOK_EVENT_TYPES.filter((type) => type === 'low_balance').map((type) => `execd.account.${type}`),
    'An event of an account, as CloudEvents 1.0 specifies.',
  ),
  Silence: silence,
  ScheduleCloudEvent: cloudEvent(
    silence,
    ['execd.schedule.silent'],
    'An event of a schedule, as CloudEvents 1.0 specifies.',
  ),
  TestCloudEvent: cloudEvent(
    z.strictObject({ type: z.literal('test').describe('Always `test`.') }).describe('A test.'),
    ['execd.execution.test'],
    'A test message, as CloudEvents 1.0 specifies.',
  ),
};
