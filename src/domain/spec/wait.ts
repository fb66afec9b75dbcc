// A wait: a step of a plan that runs nothing and holds no slot. It ends by a signal, an approval, or a time.
import { z } from 'zod';
import { userId } from './access.ts';
import { labels, MAX_DELAY_MS, osString, priority, taskId } from './spec.ts';

export const signalName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/,
    'must be 1 to 100 of A-Z a-z 0-9 _ . - and begin with a letter or digit',
  );

/** Approvals that may be required. */
const MAX_REQUIRED = 100;
export const ON_EXPIRY = ['approve', 'reject'] as const;

const expiry = z.int().min(1).max(MAX_DELAY_MS).optional();

const signal = z
  .strictObject({
    name: signalName.describe('Name of the signal: `POST /v1/plans/{id}/signals/{name}` sends it.'),
    schema: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('JSON Schema of the payload, without `$ref` to other documents. Default: any JSON value.'),
    expires_ms: expiry.describe('Longest wait, milliseconds. Default: no limit.'),
    default: z
      .unknown()
      .optional()
      .describe('Value if no signal comes in time. Without it, the step then times out.'),
  })
  .refine((one) => one.default === undefined || one.expires_ms !== undefined, {
    path: ['default'],
    error: 'requires expires_ms: without it, the wait has no end',
  })
  .describe('Wait for a signal. Its payload is the value of the step.');

const approval = z
  .strictObject({
    message: osString.min(1).max(4000).optional().describe('The question for those who decide.'),
    users: z
      .array(userId)
      .min(1)
      .max(100)
      .optional()
      .describe('Users who may decide. Default: the user of the plan. Administrators may always decide.'),
    required: z
      .int()
      .min(1)
      .max(MAX_REQUIRED)
      .optional()
      .describe('Number of approvals that the step needs. Default: 1.'),
    four_eyes: z
      .boolean()
      .optional()
      .describe('Whether the user of the plan and its submitter may not decide. Default: false.'),
    expires_ms: expiry.describe('Longest wait, milliseconds. Default: no limit.'),
    on_expiry: z.enum(ON_EXPIRY).optional().describe('The decision if the time is over. Default: `reject`.'),
  })
  .refine(({ users, required = 1 }) => users === undefined || required <= users.length, {
    path: ['required'],
    error: 'must not be more than the users who may decide',
  })
  .refine(({ on_expiry: then, expires_ms: after }) => then === undefined || after !== undefined, {
    path: ['on_expiry'],
    error: 'requires expires_ms: without it, the wait has no end',
  })
  .describe('Wait for a decision. One rejection ends the wait, and the step fails.');

export const waitShape = {
  kind: z.literal('wait').describe('A wait: it runs nothing and holds no slot.'),
  signal: signal.optional(),
  approval: approval.optional(),
  until: z.iso
    .datetime({ offset: true, error: 'must be a time such as 2030-01-31T09:00:00Z, with Z or an offset' })
    .optional()
    .describe('Wait until this time. A time in the past ends the wait at once.'),
  delay_ms: z.int().min(0).max(MAX_DELAY_MS).optional().describe('Wait this long, milliseconds.'),
  task_id: taskId.optional().describe('A group of your choice. Default: that of the plan.'),
  labels: labels.optional(),
  priority: priority.optional().describe('Has no effect: a wait needs no slot.'),
};

const WAITS_FOR = ['signal', 'approval', 'until', 'delay_ms'] as const;

/** What stands under its own name in the OpenAPI document. */
export const waitParts = { WaitSignal: signal, WaitApproval: approval };

/** The schema of a wait, with the fields of a step where it is one. */
export function waitSchema<T extends z.ZodRawShape>(extra: T) {
  return z
    .strictObject({ ...waitShape, ...extra })
    .refine(
      (wait) =>
        WAITS_FOR.filter((name) => (wait as Record<string, unknown>)[name] !== undefined).length === 1,
      { error: 'must have exactly one of signal, approval, until and delay_ms' },
    );
}

/** A wait whose values are known. */
export type WaitSpec = z.infer<z.ZodObject<typeof waitShape>> & Partial<Record<Unused, undefined>>;
/** What other kinds have and a wait has not. */
type Unused =
  | 'webhook'
  | 'start_at'
  | 'cache'
  | 'concurrency'
  | 'files'
  | 'artifacts'
  | 'retry'
  | 'timeouts'
  | 'monitor';
export type Approval = z.infer<typeof approval>;

export const waitSpec = waitSchema({});
