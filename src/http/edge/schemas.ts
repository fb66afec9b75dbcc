// What requests and answers of many resources share: problems, pages, filters, empty bodies.
import { z } from 'zod';
import { STATUSES } from '../../domain/execution/execution.ts';
import { CAUSES } from '../../domain/outcome.ts';
import { errorClass, errorCode, fault } from './words.ts';
import { digits, instant, labelPairs, list } from './query.ts';
import { KINDS } from '../../domain/kinds.ts';
import { operationName, taskId } from '../../domain/spec/spec.ts';

export const time = z.iso.datetime({ precision: 3 });
export const count = z.int().min(0);
export const ms = z.int().min(0);

export const fieldProblem = z
  .strictObject({
    field: z
      .string()
      .describe('JSON Pointer into the body, `?NAME` of a query parameter, or the name of a header.'),
    message: z.string().describe('The fault of the value, and the allowed values.'),
  })
  .describe('A field that is wrong.');

export const problem = z
  .strictObject({
    type: z.string().describe('`urn:execd:error:TYPE`, where TYPE is one of ErrorType.'),
    title: z.string().describe('The same for every error of this type.'),
    status: z.int().describe('HTTP status.'),
    code: errorCode,
    class: errorClass,
    fault,
    detail: z.string().describe('The fault of this request, and the remedy.'),
    retryable: z.boolean().describe('Whether the same request can succeed later, unchanged.'),
    errors: z.array(fieldProblem).optional().describe('For `validation`: each field that is wrong.'),
    oldest: z
      .string()
      .optional()
      .describe('For `events_gone`: the oldest event id after which the stream can continue.'),
  })
  .describe('An error, as RFC 9457 specifies.');

export const written = {
  stdout_bytes: count.describe('Bytes of standard output.'),
  stderr_bytes: count.describe('Bytes of standard error.'),
};
export const kept = {
  stdout_kept_bytes: count.describe('Bytes of standard output that the log keeps.'),
  stderr_kept_bytes: count.describe('Bytes of standard error that the log keeps.'),
};

/** For what is said about the whole: not when a part of it is wrong already. */
export const hasNoIssues = ({ issues }: { issues: unknown[] }) => issues.length === 0;

/** `running` is every live attempt that is not being cancelled: how far it is, nobody stores. */
const LISTED_PHASES = [
  'scheduled',
  'awaiting',
  'queued',
  'scheduled_retry',
  'running',
  'canceling',
  'done',
] as const;

const SEVERAL = 'Several values: repeat the parameter, or separate them with commas.';
export const filterShape = {
  status: list(z.enum(STATUSES)).optional().describe(`Only these statuses. ${SEVERAL}`),
  phase: list(z.enum(LISTED_PHASES)).optional().describe(`Only these phases. ${SEVERAL}`),
  error_code: list(z.enum(errorCode.options))
    .optional()
    .describe(`Only executions that did not complete, with these codes. ${SEVERAL}`),
  cause: list(z.enum(CAUSES))
    .optional()
    .describe(`Only executions that did not complete, for these causes. ${SEVERAL}`),
  kind: list(z.enum(KINDS)).optional().describe(`Only these kinds. ${SEVERAL}`),
  operation: operationName.optional().describe('Only this operation.'),
  task_id: taskId.optional().describe('Only this task_id.'),
  plan_id: z.string().max(100).optional().describe('Only steps of this plan.'),
  step: z.string().max(200).optional().describe('Only steps with this name.'),
  label: labelPairs.optional(),
  created_after: instant.optional().describe('Only if accepted at or after this time.'),
  created_before: instant.optional().describe('Only if accepted before this time.'),
  finished_after: instant.optional().describe('Only if finished at or after this time.'),
  finished_before: instant.optional().describe('Only if finished before this time.'),
};

export const MAX_PAGE = 1000;
export const CURSOR = 'The `next_cursor` of the page before, with the same filters.';
const pageShape = {
  limit: digits(1, MAX_PAGE, 'Most items of a page.').default(50),
  cursor: z.string().max(1000).optional().describe(CURSOR),
};
/** Of listings without filters. */
export const pageQuery = z.strictObject(pageShape);
export const listQuery = z.strictObject({
  ...filterShape,
  ...pageShape,
});
export type ListQuery = z.infer<typeof listQuery>;

/** Longest wait of a long poll and of `Prefer: wait`, seconds. */
export const MAX_WAIT_S = 60;
export const wait = digits(0, MAX_WAIT_S, 'Wait for the end, at most this number of seconds.').optional();

export const idParams = z.strictObject({ id: z.string().max(100).describe('Its id.') });

/** A body that may be left out. */
export const optional = <T extends z.ZodType>(schema: T, name: string) =>
  z
    .preprocess((body) => body ?? {}, schema)
    .meta({ isOptional: true, shownAs: { $ref: `#/components/schemas/${name}` } });

/** For routes that say nothing of their query or body: they take none, and refuse what they would ignore. */
export const noQuery = z.strictObject({});
export const noBody = z.preprocess((body) => body ?? {}, z.strictObject({}));
