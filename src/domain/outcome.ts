// How an attempt or an execution ended. Everything else that is said about the end (status, error code, class,
// fault, whether a retry makes sense) is a pure function of the outcome and is never stored beside it.
import { type LimitName, LIMITS } from './limits.ts';
import type { FilesEnd } from './files-end.ts';
import type { NetworkEnd } from './network.ts';
import { CATALOGUE, type ErrorType, type ErrorCode, type Fault } from './errors.ts';

/** Every cause an end can have. First cause wins: it is decided once and never repaired afterwards. */
export const CAUSES = [
  'exited',
  'signalled',
  'http_response',
  'steps_ended',
  'provided',
  'awaited',
  'rejected',
  'wait_expired',
  'evaluation_failed',
  'step_refused',
  'request_failed',
  'spawn_failed',
  'queue_timeout',
  'attempt_timeout',
  'total_timeout',
  'idle_timeout',
  'output_limit',
  'resource_limit',
  'cancelled',
  'circuit_open',
  'denied',
  'dependency_failed',
  'no_credit',
  'lost',
  'internal',
  'imported',
] as const;
export type Cause = (typeof CAUSES)[number];

export const FINAL_STATUSES = ['completed', 'failed', 'cancelled', 'timed_out'] as const;
export type FinalStatus = (typeof FINAL_STATUSES)[number];

/** A signal that was sent to the processes of an attempt: the first of its kind. */
export interface SentSignal {
  signal: string;
  at: number;
}

/** What became of the processes of an attempt that ran. */
export interface ProcessEnd {
  /** Exit code of the leader, null when a signal ended it. */
  exitCode: number | null;
  /** Name of the signal that ended the leader, for instance `SIGTERM`. */
  signal: string | null;
  /** True when not all had ended after the grace. */
  forced: boolean;
  /** In the order in which they were sent; none when it ended by itself and left nothing behind. */
  signals: readonly SentSignal[];
  /** Processes that were there when it was told to end; 0 when it ended by itself. */
  processesFound: number;
  /** Processes of the attempt besides its leader that outlived it, or had to be killed. */
  leftoverProcesses: number;
  /** Processes that could not be proven dead; 0 means that the tree was seen empty. */
  survivors: number;
  /** Something that still held the output was killed, or was left behind and told to end. */
  outputLost: boolean;
}

export const SPAWN_FAILURES = [
  'program_not_found',
  'program_not_executable',
  'interpreter_not_found',
  'cwd_not_found',
  'cwd_not_directory',
  'cwd_not_accessible',
  'arguments_too_long',
  'resources_unavailable',
  'journal_write_failed',
  'spawn_error',
  'limit_unavailable',
  'isolation_unavailable',
  'program_busy',
  'terminal_unavailable',
  'files_not_placed',
] as const;
export type SpawnFailure = (typeof SPAWN_FAILURES)[number];

/** Why an HTTP request got no answer, or none that could be used. */
export const REQUEST_FAILURES = [
  'egress_denied',
  'dns_failed',
  'connect_failed',
  'tls_failed',
  'connection_lost',
  'invalid_response',
  'too_many_redirects',
  'journal_write_failed',
] as const;
export type RequestFailure = (typeof REQUEST_FAILURES)[number];

/** What of a plan could not be worked out. */
export const EVALUATION_FAILURES = ['reference', 'condition', 'items', 'loop_limit', 'outputs'] as const;
export type EvaluationFailure = (typeof EVALUATION_FAILURES)[number];

export const LOST_DETAILS = [
  'server_crash',
  'server_stopped',
  'reboot',
  'runner_host_died',
  'runner_host_silent',
  'shutdown',
] as const;
export type LostDetail = (typeof LOST_DETAILS)[number];

/** Causes that stop a running attempt; `process` is null when it had not started yet. */

export type Outcome = Ending & {
  /** Present when it would have been retried, but for this. */
  exhausted?: Exhausted;
  /** Present when files were placed or asked for. */
  artifacts?: FilesEnd;
  /** Present when its network was that of listed hosts. */
  network?: NetworkEnd;
};

export interface Exhausted {
  /** Tries that were made. */
  attempts: number;
  /** `attempts`: all that were allowed; `budget`: the operation had too many retries of late. */
  by: 'attempts' | 'budget';
}

type Ending =
  | { cause: 'exited'; exitCode: number; process: ProcessEnd; resultError: ResultError | null }
  | { cause: 'signalled'; signal: string; process: ProcessEnd }
  | {
      cause: 'http_response';
      status: number;
      isExpected: boolean;
      /** What the answer said of when to come again (RFC 9110 §10.2.3), milliseconds; null when nothing. */
      retryAfterMs: number | null;
      resultError: ResultError | null;
      /** With a `resultError`: what the answer says that its body is, for the message. */
      bodyType?: string;
    }
  /** Of a plan: `failed` counts the steps that make it a failure, `steps` names the first of them. */
  | { cause: 'steps_ended'; failed: number; steps: readonly string[] }
  /** A value that was put into the cache has taken the place of a run. */
  | { cause: 'provided' }
  /** What a wait was for has come. `default`: its time was up, and it has a default. */
  | { cause: 'awaited'; by: 'signal' | 'approval' | 'time' | 'default' }
  /** An approval was refused by a user, with their comment, or, with null, by default when the time was up. */
  | { cause: 'rejected'; by: string | null; comment: string | null }
  /** No signal came in time. */
  | { cause: 'wait_expired'; signal: string; limitMs: number }
  /** What a plan was to work out could not be. */
  | { cause: 'evaluation_failed'; reason: EvaluationFailure; message: string }
  /** A step that was not accepted once its values were known. */
  | { cause: 'step_refused'; message: string }
  /** A step that its plan could not begin, because there was too little credit for it. */
  | { cause: 'no_credit'; message: string }
  | { cause: 'request_failed'; reason: RequestFailure; message: string }
  | { cause: 'circuit_open'; circuit: string; retryAfterMs: number }
  /** The rules have changed since its acceptance. */
  | { cause: 'denied'; message: string }
  | { cause: 'spawn_failed'; reason: SpawnFailure; message: string }
  | { cause: 'queue_timeout'; limitMs: number }
  | {
      cause: 'attempt_timeout' | 'total_timeout' | 'idle_timeout';
      limitMs: number;
      process: ProcessEnd | null;
    }
  | { cause: 'output_limit'; limitBytes: number; process: ProcessEnd | null }
  | { cause: 'resource_limit'; limit: LimitName; limitValue: number; process: ProcessEnd | null }
  | { cause: 'cancelled'; reason: string | null; process: ProcessEnd | null }
  | { cause: 'lost'; detail: LostDetail }
  | { cause: 'internal'; message: string; process: ProcessEnd | null }
  /** What another system has recorded of an end, as it was. */
  | {
      cause: 'imported';
      endedAs: FinalStatus;
      /** Null where it has completed. */
      code: ErrorCode | null;
      message: string | null;
      errorMessage: string | null;
    };

/** Why the asked-for `result` could not be made from the output of a command that exited with 0. */
export type ResultError = 'output_not_json' | 'output_too_large';

/** The exit code of the command itself; null where it has none. */
export function exitCodeOf(outcome: Outcome): number | null {
  if (outcome.cause === 'exited') return outcome.exitCode;
  return 'process' in outcome ? (outcome.process?.exitCode ?? null) : null;
}

/** What an outcome means. */
export interface Verdict {
  status: FinalStatus;
  /** Null exactly when the status is `completed`. */
  error: { code: ErrorCode; type: ErrorType; fault: Fault; retryable: boolean; message: string } | null;
}

/** The code of each cause that an unsuccessful end can have. What has used up its attempts is E005, what was imported has its own. */
export const CODE_OF_CAUSE: Readonly<Record<Exclude<Cause, 'imported'>, ErrorCode>> = {
  ...{
    exited: 'E003',
    signalled: 'E003',
    http_response: 'E003',
    steps_ended: 'E003',
    provided: 'E003',
    request_failed: 'E003',
  },
  ...{ spawn_failed: 'E003', output_limit: 'E003', resource_limit: 'E003', circuit_open: 'E003' },
  ...{ denied: 'E003', dependency_failed: 'E003', no_credit: 'E003', lost: 'E003', internal: 'E003' },
  ...{ queue_timeout: 'E002', attempt_timeout: 'E002', total_timeout: 'E002', idle_timeout: 'E002' },
  ...{ awaited: 'E003', rejected: 'E003', wait_expired: 'E002' },
  ...{ evaluation_failed: 'E007', step_refused: 'E001', cancelled: 'E004' },
};

/** The one place where an outcome is judged. */
export function judge(outcome: Outcome): Verdict {
  const verdict = judgeEnding(outcome);
  if (verdict.error === null || outcome.exhausted === undefined) return verdict;
  const { attempts, by } = outcome.exhausted;
  const why =
    by === 'attempts'
      ? `All ${attempts} attempts failed.`
      : `Failed after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}: the retry budget of the operation is used up.`;
  const { code, retryable } = CATALOGUE.retry_exhausted;
  const message = `${why} The last attempt: ${verdict.error.message}`;
  return { ...verdict, error: { ...verdict.error, code, type: 'retry_exhausted', retryable, message } };
}

/** HTTP statuses that may be different the next time: what the client cannot help (RFC 9110 §15.6, §15.5.9; RFC 6585 §4). */
export function isTransientStatus(status: number): boolean {
  return status >= 500 || status === 408 || status === 429;
}

function judgeEnding(outcome: Outcome): Verdict {
  switch (outcome.cause) {
    case 'exited':
      if (outcome.exitCode !== 0) {
        return ended('failed', 'exit_code', `The command exited with code ${outcome.exitCode}.`);
      }
      if (outcome.resultError === null) return { status: 'completed', error: null };
      return ended('failed', outcome.resultError, RESULT_MESSAGES[outcome.resultError]);
    case 'http_response':
      if (!outcome.isExpected) {
        const type = isTransientStatus(outcome.status) ? 'http_unavailable' : 'http_status';
        return ended('failed', type, `The target returned status ${outcome.status}.`);
      }
      if (outcome.resultError === null) return { status: 'completed', error: null };
      return ended('failed', outcome.resultError, bodyMessage(outcome.resultError, outcome));
    case 'request_failed':
      return ended('failed', outcome.reason, outcome.message);
    case 'provided':
    case 'awaited':
      return { status: 'completed', error: null };
    case 'rejected':
      return ended('failed', 'rejected', rejectedMessage(outcome));
    case 'wait_expired':
      return ended(
        'timed_out',
        'wait_expired',
        `The signal ${outcome.signal} did not come within ${outcome.limitMs} ms (signal.expires_ms).`,
      );
    case 'steps_ended':
      if (outcome.failed === 0) return { status: 'completed', error: null };
      return ended('failed', 'step_failed', stepsMessage(outcome.failed, outcome.steps));
    case 'evaluation_failed':
      return ended('failed', EVALUATION_ERRORS[outcome.reason], outcome.message);
    case 'step_refused':
      return ended('failed', 'step_refused', outcome.message);
    case 'no_credit':
      return ended('failed', 'no_credit', outcome.message);
    case 'circuit_open': {
      const seconds = Math.ceil(outcome.retryAfterMs / 1000);
      return ended(
        'failed',
        'circuit_open',
        `The circuit ${outcome.circuit} is open for another ${seconds} s.`,
      );
    }
    case 'signalled':
      return ended('failed', 'signal', `${outcome.signal} ended the command.`);
    case 'denied':
      return ended('failed', 'denied', outcome.message);
    case 'spawn_failed':
      return ended('failed', outcome.reason, outcome.message);
    case 'queue_timeout':
      return ended(
        'timed_out',
        'queue_timeout',
        `The execution did not start within ${outcome.limitMs} ms (timeouts.queue_ms).`,
      );
    case 'attempt_timeout':
      return ended(
        'timed_out',
        'attempt_timeout',
        `The attempt exceeded ${outcome.limitMs} ms (timeouts.attempt_ms).`,
      );
    case 'total_timeout':
      return ended(
        'timed_out',
        'total_timeout',
        `The execution did not finish within ${outcome.limitMs} ms of submission (timeouts.total_ms).`,
      );
    case 'idle_timeout':
      return ended(
        'timed_out',
        'idle_timeout',
        `The command wrote no output for ${outcome.limitMs} ms (timeouts.idle_ms).`,
      );
    case 'output_limit':
      return ended(
        'failed',
        'output_limit',
        `The output exceeded ${outcome.limitBytes} bytes (output.max_bytes).`,
      );
    case 'resource_limit': {
      const { limit, limitValue } = outcome;
      return ended('failed', 'resource_limit', `${LIMITS[limit].exceeded(limitValue)} (limits.${limit}).`);
    }
    case 'cancelled':
      return ended('cancelled', 'cancelled', outcome.reason ?? 'The execution was cancelled.');
    case 'lost':
      return ended('failed', 'lost', LOST_MESSAGES[outcome.detail]);
    case 'internal':
      return ended('failed', 'internal', outcome.message);
    case 'imported':
      return importedEnd(outcome);
    default:
      return outcome satisfies never;
  }
}

/** Of an end that says no more than its status. */
export const CODE_OF_STATUS = { failed: 'E003', cancelled: 'E004', timed_out: 'E002' } as const;

function importedEnd({
  endedAs,
  code,
  message,
  errorMessage,
}: Extract<Outcome, { cause: 'imported' }>): Verdict {
  if (endedAs === 'completed') return { status: endedAs, error: null };
  const text = errorMessage ?? message ?? 'The record that was imported has no message.';
  const verdict = ended(endedAs, 'imported', text);
  if (verdict.error === null) return verdict;
  return { ...verdict, error: { ...verdict.error, code: code ?? CODE_OF_STATUS[endedAs] } };
}

function rejectedMessage({ by, comment }: Extract<Outcome, { cause: 'rejected' }>): string {
  if (by === null) return 'No user decided in time, and the default is to reject (approval.on_expiry).';
  return comment === null ? `${by} rejected it.` : `${by} rejected it: ${comment}`;
}

const EVALUATION_ERRORS = {
  reference: 'reference_unresolved',
  condition: 'condition_failed',
  items: 'items_unusable',
  loop_limit: 'loop_limit',
  outputs: 'outputs_unresolved',
} as const satisfies Record<EvaluationFailure, ErrorType>;

function stepsMessage(failed: number, steps: readonly string[]): string {
  const names = steps.length < failed ? `${steps.join(', ')} and others` : steps.join(', ');
  return failed === 1 ? `The step ${names} did not complete.` : `${failed} steps did not complete: ${names}.`;
}

const LOST_MESSAGES: Record<LostDetail, string> = {
  server_crash: 'The server crashed while the attempt ran. execd killed its processes.',
  server_stopped: 'The server was stopped before the attempt had ended. execd killed its processes.',
  reboot: 'The machine restarted while the attempt ran.',
  runner_host_died: 'The runner host crashed while the attempt ran. execd killed its processes.',
  runner_host_silent:
    'The runner host stopped responding while the attempt ran. execd replaced it and killed its processes.',
  shutdown: 'The server was shut down and the attempt did not end within the drain time.',
};

const RESULT_MESSAGES: Record<ResultError, string> = {
  output_not_json:
    'The command succeeded, but its output is not JSON. Remove output.parse to get the output as text.',
  output_too_large:
    'The command succeeded, but its output is too large, or nested too deeply, to be parsed as JSON.',
};

function bodyMessage(
  error: ResultError,
  { status, bodyType }: { status: number; bodyType?: string },
): string {
  if (error !== 'output_not_json' || bodyType === undefined) return RESULT_MESSAGES[error];
  return `The server returned status ${status}, but the body is not JSON (${bodyType}). Remove output.parse to get the body as text.`;
}

function ended(status: Exclude<FinalStatus, 'completed'>, type: ErrorType, message: string): Verdict {
  const { code, fault, retryable } = CATALOGUE[type];
  return { status, error: { code, type, fault, retryable, message } };
}
