// How something ended, and the error that follows from it: of executions, plans, steps and events.
import { z } from 'zod';
import { CATALOGUE, ERROR_CODES, type ErrorType } from '../domain/errors.ts';
import { LIMIT_NAMES } from '../domain/limits.ts';
import { CAUSES } from '../domain/outcome.ts';

const time = z.iso.datetime({ precision: 3 });
const count = z.int().min(0);
const ms = z.int().min(0);
export const errorType = z.enum(Object.keys(CATALOGUE) as [ErrorType, ...ErrorType[]]);
export const errorCode = z.enum(Object.keys(ERROR_CODES) as [keyof typeof ERROR_CODES]);
export const errorClass = z.enum(['client', 'timeout', 'execution', 'system']);
export const fault = z
  .enum(['user', 'system'])
  .describe('user: the request or the command; system: the service or what it depends on');

export const processEnd = z.strictObject({
  exit_code: z.int().nullable(),
  signal: z.string().nullable(),
  forced: z.boolean().describe('after the grace, execd had to send SIGKILL'),
  signals: z
    .array(z.strictObject({ signal: z.string(), at: time }))
    .describe('the signals that execd sent: the first of each kind'),
  processes_found: count.describe('processes that were there when it was told to end'),
  leftover_processes: count.describe(
    'processes besides the first one that were left when it had ended by itself, or that execd had to kill',
  ),
  survivors: count.describe('processes that could not be proven dead'),
  output_lost: z
    .boolean()
    .describe(
      'a process that still held the output was killed, or was left behind and got the stop signal: the end of the output may be missing',
    ),
});

export const outcome = z
  .strictObject({
    cause: z.enum(CAUSES),
    exit_code: z.int().optional(),
    signal: z.string().optional(),
    reason: z.string().nullable().optional(),
    failed: count.optional().describe('of a plan: steps that make it a failure'),
    steps: z.array(z.string()).optional().describe('the first of them'),
    message: z.string().optional(),
    detail: z.string().optional(),
    limit_ms: ms.optional(),
    limit_bytes: count.optional(),
    limit: z.enum(LIMIT_NAMES).optional().describe('which limit of its resources it went over'),
    limit_value: count.optional(),
    status: z.int().optional().describe('of the HTTP answer'),
    expected: z.boolean().optional(),
    retry_after_ms: ms.nullable().optional(),
    circuit: z.string().optional(),
    exhausted: z
      .strictObject({ attempts: z.int().min(1), by: z.enum(['attempts', 'budget']) })
      .optional()
      .describe('it would have been retried, but for this'),
    process: processEnd.nullable().optional(),
  })
  .describe('How an attempt or an execution ended. The cause says which other fields there are.');

export const executionError = z.strictObject({
  code: errorCode,
  class: errorClass,
  type: errorType,
  fault,
  message: z.string(),
  details: outcome,
  retryable: z.boolean(),
});

export type OutcomeWire = z.infer<typeof outcome>;
