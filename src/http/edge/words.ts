// Words that many answers share, each under its own name in the OpenAPI document.
import { z } from 'zod';
import { CATALOGUE, ERROR_CODES, type ErrorType } from '../../domain/errors.ts';
import { STATUSES } from '../../domain/execution/execution.ts';
import { ISOLATION_TIERS } from '../../domain/isolation.ts';
import { KINDS } from '../../domain/kinds.ts';

export const errorType = z
  .enum(Object.keys(CATALOGUE) as [ErrorType, ...ErrorType[]])
  .describe('The type of the problem. docs/reference/errors.md lists all types.');
export const errorCode = z
  .enum(Object.keys(ERROR_CODES) as [keyof typeof ERROR_CODES])
  .describe('Coarse code of the error.');
export const errorClass = z.enum(['client', 'timeout', 'execution', 'system']).describe('Class of the code.');
export const fault = z
  .enum(['user', 'system'])
  .describe(
    'The side at fault. `user`: the request or the command. `system`: execd or one of its dependencies.',
  );
export const status = z
  .enum(STATUSES)
  .describe('`completed`, `failed`, `cancelled` and `timed_out` are terminal.');
export const kind = z.enum(KINDS).describe('The kind of the work.');
export const isolationTier = z
  .enum(ISOLATION_TIERS)
  .describe('Isolation of processes, from the weakest tier to the strongest.');
export const labelsShown = z.record(z.string(), z.string()).describe('The labels of the request.');
export const nextCursor = z
  .string()
  .nullable()
  .describe('Send it as `cursor` to get the next page; null on the last page.');
export const cancelShown = z
  .strictObject({
    at: z.iso.datetime({ precision: 3 }).describe('When the cancel was requested.'),
    reason: z.string().nullable().describe('The reason of the request.'),
  })
  .nullable()
  .describe('The cancel that ended it, or that is ending it; null if there was none.');

export const scheduleShown = z
  .strictObject({
    name: z.string().describe('Name of the schedule.'),
    due: z.iso.datetime({ precision: 3 }).describe('The due time that it was started for.'),
  })
  .nullable()
  .describe('The schedule that started it; null if none did.');

export const wordComponents = {
  Status: status,
  Kind: kind,
  IsolationTier: isolationTier,
  ErrorType: errorType,
  ErrorCode: errorCode,
  ErrorClass: errorClass,
  Fault: fault,
  LabelsShown: labelsShown,
  Cancel: cancelShown,
  StartedBySchedule: scheduleShown,
  NextCursor: nextCursor,
};
