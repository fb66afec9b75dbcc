// Results that other systems have kept, read into what execd keeps of an end. Three forms are known: step results of version 1.1
// (`step`, `result`, `completed`, `message`, `status`, `error_code`, `error_message`), those of version 1.0 (the status is
// `success` or `error`), and the older one (`operation`, `output`, `success`, `message`). What a record has beside is left out.
import { z } from 'zod';
import { userId } from '../domain/spec/access.ts';
import { ERROR_CODES, type ErrorCode } from '../domain/errors.ts';
import { ExactNumber } from '../domain/exact-number.ts';
import { fieldMessage, fieldProblems, sentenceOf } from '../domain/field-messages.ts';
import { CODE_OF_STATUS, FINAL_STATUSES, type FinalStatus } from '../domain/outcome.ts';
import { osString, taskId } from '../domain/spec/spec.ts';

const STATUSES = [...FINAL_STATUSES, 'success', 'error', 'pending', 'running'] as const;
type RecordStatus = (typeof STATUSES)[number];

const text = osString.max(100_000);
const step = osString.min(1).max(255);
const record = z
  .looseObject({
    step: step.nullish(),
    operation: step.nullish(),
    completed: z.boolean().nullish(),
    success: z.boolean().nullish(),
    status: z.enum(STATUSES).nullish(),
    message: text.nullish(),
    error: text.nullish(),
    error_code: text.nullish(),
    error_message: text.nullish(),
    user_id: userId.nullish(),
    task_id: taskId.nullish(),
    timestamp: z.unknown().optional(),
    finished_at: z.unknown().optional(),
    created_at: z.unknown().optional(),
  })
  .refine((one) => (one.step ?? one.operation) != null, {
    path: ['step'],
    error: 'is required (or "operation", in the older form)',
  });

export interface OldResult {
  step: string;
  result: unknown;
  status: FinalStatus;
  /** Null where it has completed. */
  code: ErrorCode | null;
  message: string | null;
  errorMessage: string | null;
  userId: string | null;
  taskId: string | null;
  /** When it ended, ms since the epoch; null when the record does not say. */
  at: number | null;
}

/** What a record says, `pending` for one that has not ended, or what is wrong with it. */
export type Read = { result: OldResult } | { pending: true } | { wrong: string };

export function readRecord(value: unknown): Read {
  const parsed = record.safeParse(value, { error: fieldMessage });
  if (!parsed.success) return { wrong: sentenceOf(fieldProblems(parsed.error, 'body'), 'the record') };
  const one = parsed.data;
  const isDone = one.completed ?? one.success ?? null;
  const status = statusOf(one.status ?? null, isDone);
  if (typeof status === 'object') return status;
  const code = codeOf(one.error_code ?? null, status);
  if (code === undefined)
    return { wrong: `/error_code: is ${JSON.stringify(one.error_code)}; it must be one of E001 to E007` };
  const at = timeOf(one.timestamp ?? one.finished_at ?? one.created_at ?? null);
  if (at === undefined)
    return { wrong: '/timestamp: must be a time, such as "2025-11-30T08:00:00Z", or seconds since 1970' };
  return {
    result: {
      step: one.step ?? (one.operation as string),
      result: 'result' in one ? one.result : 'output' in one ? one.output : null,
      ...{ status, code, at },
      message: blankToNull(one.message),
      errorMessage: blankToNull(one.error_message ?? one.error),
      userId: one.user_id ?? null,
      taskId: one.task_id ?? null,
    },
  };
}

const blankToNull = (one: string | null | undefined): string | null =>
  one == null || one === '' ? null : one;

function statusOf(
  status: RecordStatus | null,
  isDone: boolean | null,
): FinalStatus | Exclude<Read, { result: object }> {
  if (status === 'pending' || status === 'running') return { pending: true };
  if (status === null) {
    if (isDone === null) return { wrong: '/status: is required (or "completed", or "success")' };
    return isDone ? 'completed' : 'failed';
  }
  const now = status === 'success' ? 'completed' : status === 'error' ? 'failed' : status;
  if (isDone !== null && isDone !== (now === 'completed'))
    return {
      wrong: `/status: is ${JSON.stringify(status)}, but the record also has completed: ${String(isDone)}`,
    };
  return now;
}

/** A code by itself or by its name; undefined for another text. */
function codeOf(given: string | null, status: FinalStatus): ErrorCode | null | undefined {
  if (status === 'completed') return null;
  if (given === null || given === '') return CODE_OF_STATUS[status];
  const known = Object.entries(ERROR_CODES) as [ErrorCode, string][];
  return known.find(([code, name]) => given === code || given === name)?.[0];
}

/** Seconds up to here, milliseconds from here on: the year 5138 and March 1973. */
const MOST_SECONDS = 100_000_000_000;
const LATEST_MS = 253_402_300_799_999;

/** Milliseconds since the epoch; undefined for what is no time. A time without an offset is UTC. */
function timeOf(value: unknown): number | null | undefined {
  if (value === null) return null;
  const number = value instanceof ExactNumber ? Number(value) : value;
  if (typeof number === 'number') return within(number < MOST_SECONDS ? number * 1000 : number);
  if (typeof value !== 'string') return undefined;
  const isNaive = !/(Z|[+-]\d\d:?\d\d)$/i.test(value);
  return within(Date.parse(isNaive ? `${value.replace(' ', 'T')}Z` : value));
}

function within(ms: number): number | undefined {
  return ms >= 0 && ms <= LATEST_MS ? Math.floor(ms) : undefined;
}
