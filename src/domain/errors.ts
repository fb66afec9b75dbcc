// The catalogue: every error that a client can meet, as a refused request (with an HTTP status) or as the end of
// an execution (without one). Nothing else may be answered. docs/reference/errors.md lists the same rows; a test compares.

export const ERROR_CODES = {
  E001: 'VALIDATION_ERROR',
  E002: 'TIMEOUT_ERROR',
  E003: 'EXECUTION_ERROR',
  E004: 'CANCELLED_ERROR',
  E005: 'RETRY_EXHAUSTED',
  E006: 'DATABASE_ERROR',
  E007: 'DSL_EVALUATION_ERROR',
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

export type ErrorClass = 'client' | 'timeout' | 'execution' | 'system';
/** Whose fault it is: the caller's (or the command's), or the service's. */
export type Fault = 'user' | 'system';

const CLASSES: Record<ErrorCode, ErrorClass> = {
  E001: 'client',
  E002: 'timeout',
  E003: 'execution',
  E004: 'system',
  E005: 'system',
  E006: 'system',
  E007: 'system',
};

export function classOf(code: ErrorCode): ErrorClass {
  return CLASSES[code];
}

interface Entry {
  code: ErrorCode;
  /** HTTP status of a refused request; null for the end of an execution. */
  status: number | null;
  fault: Fault;
  /** Whether the same request or run may succeed when it is tried again unchanged. */
  retryable: boolean;
  title: string;
}

/**
 * E001 asks for another request: the same one is rejected again. E002, E003 and E006 ask for patience: the same request
 * may succeed later.
 */
function codeOf(status: number, retryable: boolean): ErrorCode {
  if (status === 503) return 'E006';
  if (status === 408) return 'E002';
  return retryable || status >= 500 ? 'E003' : 'E001';
}

function refused(status: number, title: string, retryable = false): Entry & { status: number } {
  const code = codeOf(status, retryable);
  return { code, status, fault: status >= 500 ? 'system' : 'user', retryable, title };
}

function end(code: ErrorCode, fault: Fault, retryable: boolean, title: string): Entry & { status: null } {
  return { code, status: null, fault, retryable, title };
}

export const CATALOGUE = {
  // refused requests
  validation: refused(400, 'The request is invalid'),
  malformed_json: refused(400, 'The body is not JSON'),
  invalid_utf8: refused(400, 'The body is not valid UTF-8'),
  too_deep: refused(400, 'The body is nested too deeply'),
  too_many_members: refused(400, 'The objects in the body have too many members'),
  invalid_cursor: refused(400, 'The cursor does not belong to this list or log'),
  invalid_range: refused(400, 'The Range header is invalid'),
  invalid_idempotency_key: refused(400, 'The Idempotency-Key is invalid'),
  unknown_operation: refused(400, 'There is no such operation'),
  unknown_secret: refused(400, 'There is no such secret for this user'),
  malformed_request: refused(400, 'The request is not valid HTTP'),
  unauthorized: refused(401, 'A valid API key or token is required'),
  hook_refused: refused(401, 'There is no such hook, or the signature is not valid'),
  insufficient_credits: refused(402, 'The account has too few credits'),
  forbidden: refused(403, 'The API key lacks the required scope'),
  command_not_allowed: refused(403, 'The API key is not allowed to run this'),
  host_not_allowed: refused(403, 'The Host header names a host that is not allowed'),
  origin_not_allowed: refused(403, 'Requests from web pages of other origins are rejected'),
  invalid_event_id: refused(400, 'The stream cannot continue after this event id'),
  output_not_streamed: refused(403, 'This server does not stream output'),
  not_found: refused(404, 'There is no such execution or attempt'),
  artifact_not_found: refused(404, 'There is no such artifact'),
  upload_not_found: refused(404, 'There is no such upload'),
  key_rate_exceeded: refused(429, 'Too many executions with this concurrency key', true),
  operation_in_file: refused(409, 'The operations file defines this operation'),
  too_many_operations: refused(409, 'There are as many operations as execd keeps'),
  operation_not_found: refused(404, 'There is no such operation'),
  webhook_not_found: refused(404, 'There is no such webhook'),
  schedule_not_found: refused(404, 'There is no such schedule'),
  delivery_not_found: refused(404, 'There is no such delivery'),
  pause_not_found: refused(404, 'It is not paused'),
  runner_not_found: refused(404, 'There is no such server, or it is not drained'),
  cache_entry_not_found: refused(404, 'The cache has no result with this key'),
  account_not_found: refused(404, 'There is no such account'),
  key_not_found: refused(404, 'There is no such API key'),
  circuit_not_found: refused(404, 'There is no such circuit'),
  route_not_found: refused(404, 'There is no such route'),
  method_not_allowed: refused(405, 'The route does not have this method'),
  request_timeout: refused(408, 'The request did not arrive in time', true),
  run_cancelled: refused(409, 'The run was cancelled before it wrote output'),
  upload_incomplete: refused(409, 'The upload does not have all of its bytes'),
  upload_offset: refused(409, 'The upload continues at another offset'),
  approval_not_found: refused(404, 'There is no such approval'),
  signal_not_awaited: refused(404, 'The plan has no step that waits for the signal'),
  wait_over: refused(409, 'The wait is over'),
  already_decided: refused(409, 'The user has decided otherwise'),
  too_many_signals: refused(409, 'The plan keeps too many signals'),
  not_an_approver: refused(403, 'The user may not decide'),
  link_invalid: refused(404, 'The link is not valid, or has expired'),
  step_of_plan: refused(409, 'The execution is a step of a plan; remove the plan instead'),
  plan_completed: refused(409, 'The plan has completed; there is nothing to redrive'),
  execution_finished: refused(409, 'The execution has already finished'),
  webhook_disabled: refused(409, 'The webhook is disabled'),
  schedule_exists: refused(409, 'A schedule with this name exists'),
  schedule_ended: refused(409, 'The schedule has ended'),
  too_many_schedules: refused(409, 'There are too many schedules'),
  too_many_webhooks: refused(409, 'The user has too many webhooks'),
  cache_off: refused(409, 'The cache is off'),
  execution_not_finished: refused(409, 'The execution has not finished'),
  execution_not_running: refused(409, 'The execution does not run', true),
  input_closed: refused(409, 'The input of the execution is not open'),
  input_offset: refused(409, 'The input continues at another offset'),
  input_not_read: refused(409, 'The command does not read its input', true),
  no_terminal: refused(409, 'The execution has no terminal'),
  key_exists: refused(409, 'An API key with this id exists'),
  key_in_file: refused(409, 'The API key is in the keys file'),
  key_unusable: refused(409, 'The API key is revoked or expired'),
  too_many_keys: refused(409, 'There are too many API keys'),
  execution_removed: refused(410, 'The execution was removed'),
  log_read_failed: refused(410, 'The log was removed'),
  events_gone: refused(410, 'The events were removed'),
  cache_value_too_large: refused(413, 'The value is too large for the cache'),
  body_too_large: refused(413, 'The body is too large'),
  unsupported_media_type: refused(415, 'The body must be application/json'),
  unsupported_encoding: refused(415, 'Compressed bodies are not accepted'),
  range_not_satisfiable: refused(416, 'The range is outside the log'),
  invalid_operations_file: refused(422, 'The operations file is invalid'),
  invalid_credits_file: refused(422, 'The credits file is invalid'),
  invalid_roots_file: refused(422, 'The roots file is invalid'),
  invalid_keys_file: refused(422, 'The keys file is invalid'),
  invalid_secrets_file: refused(422, 'The secrets file is invalid'),
  invalid_policy_file: refused(422, 'The policy file is invalid'),
  digest_mismatch: refused(422, 'The bytes do not have the digest that you named'),
  idempotency_key_reused: refused(422, 'The Idempotency-Key was used with a different request'),
  hook_failed: refused(422, 'An expression of the hook failed on the delivery'),
  run_failed: refused(422, 'The run failed before it wrote output'),
  queue_full: refused(429, 'The queue is full', true),
  user_queue_full: refused(429, 'The user has too many waiting executions', true),
  too_many_submits: refused(429, 'The user submits too often', true),
  too_many_deliveries: refused(429, 'The hook receives too many deliveries', true),
  store_quota_exceeded: refused(429, 'The executions of the user keep too much in the store', true),
  log_quota_exceeded: refused(429, 'The logs of the user have reached their quota', true),
  concurrency_key_busy: refused(429, 'As many executions with the concurrency key run as may', true),
  too_many_open_keys: refused(429, 'Too many concurrency keys are in use', true),
  file_quota_exceeded: refused(429, 'The files of the user have reached their quota', true),
  limit_reached: refused(429, 'No slot is free', true),
  too_many_streams: refused(429, 'Too many streams are open', true),
  too_many_open_requests: refused(429, 'The user has too many open requests', true),
  websocket_required: refused(426, 'The route is for WebSockets'),
  headers_too_large: refused(431, 'The headers are too large'),
  internal_error: refused(500, 'The server failed to handle the request', true),
  log_unreadable: refused(500, 'The log cannot be read', true),
  run_broken: refused(502, 'The run could not be carried out', true),
  run_timed_out: {
    ...refused(504, 'The run exceeded a time limit before it wrote output', true),
    fault: 'user',
  },
  shutting_down: { ...refused(503, 'The server is starting or shutting down', true), code: 'E003' },
  maintenance: {
    ...refused(503, 'The server is in maintenance and accepts nothing new', true),
    code: 'E003',
  },
  identity_unavailable: {
    ...refused(503, 'The identity provider does not respond', true),
    code: 'E003',
  },
  runner_silent: {
    ...refused(503, 'The server that runs the execution does not respond', true),
    code: 'E003',
  },
  store_unavailable: refused(503, 'The store cannot be written', true),
  // ends of executions
  denied: end('E003', 'user', false, 'The policy no longer allows the execution'),
  exit_code: end('E003', 'user', true, 'The command exited with a non-zero code'),
  signal: end('E003', 'user', true, 'A signal ended the command'),
  output_not_json: end('E003', 'user', false, 'The output is not JSON, although the request requires JSON'),
  output_too_large: end('E003', 'user', false, 'The output is too large to be parsed'),
  program_not_found: end('E003', 'user', false, 'The program does not exist'),
  program_not_executable: end('E003', 'user', false, 'The program is not an executable file'),
  files_not_placed: end('E003', 'system', true, 'The files of the request could not be placed'),
  program_busy: end('E003', 'user', true, 'Another process is writing to the program'),
  interpreter_not_found: end('E003', 'user', false, 'The interpreter does not exist'),
  cwd_not_found: end('E003', 'user', false, 'The working directory does not exist'),
  cwd_not_directory: end('E003', 'user', false, 'The working directory is not a directory'),
  cwd_not_accessible: end('E003', 'user', false, 'The working directory is not accessible'),
  arguments_too_long: end('E003', 'user', false, 'The argument list is too long for the system'),
  resources_unavailable: end('E003', 'system', true, 'The system could not start another process'),
  journal_write_failed: end('E003', 'system', true, 'The log could not be created'),
  spawn_error: end('E003', 'system', true, 'The process could not be started'),
  limit_unavailable: end('E003', 'system', false, 'This machine cannot apply a limit'),
  isolation_unavailable: end('E003', 'system', false, 'This server cannot isolate the process as required'),
  terminal_unavailable: end('E003', 'system', false, 'This server cannot give the process a terminal'),
  http_status: end('E003', 'user', false, 'The target returned an unexpected status'),
  http_unavailable: end('E003', 'system', true, 'The target is unavailable'),
  egress_denied: end('E003', 'user', false, 'The address is not allowed'),
  dns_failed: end('E003', 'system', true, 'The host name could not be resolved'),
  connect_failed: end('E003', 'system', true, 'The connection failed'),
  tls_failed: end('E003', 'user', false, 'TLS failed: the target is not trusted'),
  connection_lost: end('E003', 'system', true, 'The connection was lost'),
  invalid_response: end('E003', 'system', true, 'The response is not valid HTTP'),
  too_many_redirects: end('E003', 'user', false, 'The target redirected too often'),
  step_failed: end('E003', 'user', false, 'A step of the plan did not complete'),
  no_credit: end('E003', 'user', false, 'The account had too few credits for the step'),
  rejected: end('E003', 'user', false, 'The approval was refused'),
  wait_expired: end('E002', 'user', true, 'The signal did not come in time'),
  step_refused: end('E001', 'user', false, 'The step was rejected after its references were filled in'),
  reference_unresolved: end('E007', 'user', false, 'A reference has no value'),
  condition_failed: end('E007', 'user', false, 'The condition cannot be evaluated'),
  items_unusable: end('E007', 'user', false, 'The items of the loop are not a list, or too many'),
  loop_limit: end('E007', 'user', false, 'The loop did not end within its rounds'),
  outputs_unresolved: end('E007', 'user', false, 'The outputs cannot be evaluated'),
  circuit_open: end('E003', 'system', true, 'The circuit is open'),
  retry_exhausted: end('E005', 'system', false, 'All attempts failed'),
  queue_timeout: end('E002', 'system', true, 'The execution did not start in time'),
  attempt_timeout: end('E002', 'user', true, 'The attempt exceeded its time limit'),
  total_timeout: end('E002', 'user', false, 'The execution exceeded its time limit'),
  idle_timeout: end('E002', 'user', true, 'The command wrote no output for too long'),
  output_limit: end('E003', 'user', false, 'The output exceeded its limit'),
  resource_limit: end('E003', 'user', false, 'The command exceeded a resource limit'),
  cancelled: end('E004', 'user', false, 'The execution was cancelled'),
  lost: end('E003', 'system', false, 'The attempt was interrupted'),
  internal: end('E003', 'system', true, 'execd failed to run the attempt'),
  imported: end('E003', 'user', false, 'Another system recorded this end; its record may have another code'),
} as const satisfies Record<string, Entry>;
export type ErrorType = keyof typeof CATALOGUE;

type Refusal<T extends ErrorType = ErrorType> = T extends ErrorType
  ? (typeof CATALOGUE)[T]['status'] extends number
    ? T
    : never
  : never;
/** The types that a request can be refused with. */
export type RefusalType = Refusal;

/** One wrong field of a request. */
export interface FieldProblem {
  /** JSON Pointer into the body (RFC 6901), or `?name` for a query parameter, or the header's name. */
  field: string;
  message: string;
}

const SHORT_ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text in which characters that show nothing, or that move others, show their names: `\r`, `\ufeff`. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return SHORT_ESCAPES[char] ?? (code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`);
  });
}

const QUOTED_CHARS = 100;

/** What a client has sent, for a message: in quotes, and not longer than a glance. */
export function quoted(text: string): string {
  return visible(JSON.stringify(text.length > QUOTED_CHARS ? `${text.slice(0, QUOTED_CHARS)}…` : text));
}

/** A refused request. Routes and engine throw it; the error handler turns it into a problem document. */
export class RefusedError extends Error {
  readonly type: RefusalType;
  readonly fields: readonly FieldProblem[];
  /** Seconds after which the client may try again. */
  readonly retryAfterS: number | undefined;
  /** Of a stream: the oldest id that it can go on after. */
  readonly oldest: string | undefined;

  constructor(
    type: RefusalType,
    detail: string,
    options: {
      fields?: readonly FieldProblem[];
      retryAfterS?: number;
      oldest?: string;
      cause?: unknown;
    } = {},
  ) {
    super(detail, { cause: options.cause });
    this.name = 'RefusedError';
    this.type = type;
    this.fields = options.fields ?? [];
    this.retryAfterS = options.retryAfterS;
    this.oldest = options.oldest;
  }
}
