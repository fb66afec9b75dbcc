// What the client throws. Each class carries what a program needs to decide: the problem, the execution, the cause.
import type { Execution, LogEnd, Plan, Problem } from './types.ts';

/** Every error of the client but an abort, which stays the reason of the signal. */
export class ExecdError extends Error {
  override name = 'ExecdError';
}

/** execd rejected a request. `problem` is its answer (RFC 9457). */
export class ProblemError extends ExecdError {
  override name = 'ProblemError';
  readonly problem: Problem;
  /** Status of HTTP. */
  readonly status: number;
  /** Type of the problem without its prefix: `validation`, `not_found`, … */
  readonly type: string;
  /** After how many milliseconds to try again, where execd names a time. */
  readonly retryAfterMs: number | null;

  constructor(problem: Problem, retryAfterMs: number | null = null) {
    super(messageOf(problem));
    this.problem = problem;
    this.status = problem.status;
    this.type = problem.type.replace(/^urn:execd:error:/, '');
    this.retryAfterMs = retryAfterMs;
  }
}

/** The request is wrong: `problem.errors` names each field. */
export class InvalidRequestError extends ProblemError {
  override name = 'InvalidRequestError';
}
/** There is no valid key or token in the request. */
export class UnauthorizedError extends ProblemError {
  override name = 'UnauthorizedError';
}
/** The key may not do this. */
export class ForbiddenError extends ProblemError {
  override name = 'ForbiddenError';
}
/** There is no such thing, or it belongs to another user. */
export class NotFoundError extends ProblemError {
  override name = 'NotFoundError';
}
/** It has been removed. */
export class GoneError extends ProblemError {
  override name = 'GoneError';
}
/** The state does not allow it. */
export class ConflictError extends ProblemError {
  override name = 'ConflictError';
}
/** Too much at once: see `retryAfterMs`. */
export class LimitError extends ProblemError {
  override name = 'LimitError';
}
/** execd cannot answer at the moment, or failed to. */
export class ServerError extends ProblemError {
  override name = 'ServerError';
}

const CLASSES: Record<number, typeof ProblemError> = {
  400: InvalidRequestError,
  401: UnauthorizedError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  410: GoneError,
  413: InvalidRequestError,
  415: InvalidRequestError,
  422: InvalidRequestError,
  429: LimitError,
};

/** The error of a status and its body, which a proxy may have written. */
export function problemError(response: Response, body: unknown): ProblemError {
  const { status } = response;
  const Class = CLASSES[status] ?? (status >= 500 ? ServerError : ProblemError);
  return new Class(isProblem(body) ? body : foreignProblem(status, body), retryAfterMs(response));
}

function isProblem(body: unknown): body is Problem {
  return typeof (body as Problem | null | undefined)?.type === 'string' && 'status' in (body as object);
}

const SHOWN_CHARS = 200;

function foreignProblem(status: number, body: unknown): Problem {
  const text = typeof body === 'string' ? body : (JSON.stringify(body) as string | undefined);
  return {
    ...{ type: 'about:blank', title: `HTTP status ${status}`, status },
    ...{ code: 'E003', class: 'execution', fault: 'system', retryable: status >= 500 },
    detail: `The server returned ${status}, and not a response of execd: ${(text ?? '').slice(0, SHOWN_CHARS)}`,
  };
}

/** Milliseconds of a `Retry-After`; null without one. */
export function retryAfterMs({ headers }: Response): number | null {
  const value = headers.get('retry-after');
  if (value === null || !/^\d{1,9}$/.test(value)) return null;
  return Number(value) * 1000;
}

function messageOf({ title, detail, errors = [] }: Problem): string {
  const fields = errors.map(({ field, message }) => `${field}: ${message}`);
  return fields.length === 0 ? (detail === '' ? title : detail) : `${title}: ${fields.join('; ')}`;
}

/** execd cannot be reached, and has not been for as long as the client tries. `cause` is the last reason. */
export class ConnectionError extends ExecdError {
  override name = 'ConnectionError';
  readonly url: string;

  constructor(url: string, cause: unknown) {
    super(`Cannot reach execd at ${url}: ${reasonOf(cause)}`, { cause });
    this.url = url;
  }
}

/** The words of an error that say why: `fetch` hides them in its cause. */
export function reasonOf(error: unknown): string {
  const { message, cause, errors } = error as {
    message?: string;
    cause?: unknown;
    errors?: unknown[];
  };
  if (cause !== undefined) return reasonOf(cause);
  if (errors?.[0] !== undefined) return reasonOf(errors[0]);
  return message ?? String(error);
}

/** The code of the system, as `ECONNREFUSED`, where there is one. */
export function systemCodeOf(error: unknown): string | null {
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown[] };
  if (cause !== undefined) return systemCodeOf(cause);
  if (errors?.[0] !== undefined) return systemCodeOf(errors[0]);
  return typeof code === 'string' ? code : null;
}

/** An execution ended, and did not complete. `outcome` says how: `outcome.cause`, `outcome.exit_code`, … */
export class ExecutionFailedError extends ExecdError {
  override name = 'ExecutionFailedError';
  readonly execution: Execution;
  readonly outcome: Execution['outcome'];

  constructor(execution: Execution) {
    super(execution.error?.message ?? `The execution ended as ${execution.status}.`);
    this.execution = execution;
    this.outcome = execution.outcome;
  }
}

/** A plan ended, and did not complete: `plan.steps` says where. */
export class PlanFailedError extends ExecdError {
  override name = 'PlanFailedError';
  readonly plan: Plan;

  constructor(plan: Plan) {
    super(plan.error?.message ?? `The plan ended as ${plan.status}.`);
    this.plan = plan;
  }
}

/** Other bytes have come than were sent: a file was changed on its way. */
export class DigestMismatchError extends ExecdError {
  override name = 'DigestMismatchError';
  /** SHA-256 digest that the bytes should have. */
  readonly expected: string;
  /** The one that they have; null where there is none. */
  readonly actual: string | null;

  constructor(what: string, expected: string, actual: string | null) {
    super(
      `${what}: the bytes have the SHA-256 digest ${actual ?? '(none)'}; it should be ${expected}. Send or get them again.`,
    );
    this.expected = expected;
    this.actual = actual;
  }
}

/** The log that was received is not the log that execd has: bytes are missing, or came twice. */
export class LogMismatchError extends ExecdError {
  override name = 'LogMismatchError';
  readonly end: LogEnd | null;

  constructor(message: string, end: LogEnd | null) {
    super(message);
    this.end = end;
  }
}
