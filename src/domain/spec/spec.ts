// What a client may ask for. The schemas are the only definition: types, validation and the OpenAPI document
// all come from them. Every object is strict: a key that is not here is refused by name, never ignored.
import { z } from 'zod';
import { type ProcessKind, type RequestKind } from '../kinds.ts';
import { artifacts, files, NO_CACHE } from './files.ts';
import { boundedList, boundedRecord } from './bounded.ts';
import { httpHeaders } from './headers.ts';
import { httpUrl } from './http-url.ts';
import { webhookEvents, webhookSecret, withResult } from '../webhook-schema.ts';
import { CACHE_MODES, CACHE_SCOPES } from '../cache.ts';
import { NO_LIMITS, type ResourceLimits } from '../limits.ts';
import { poolName } from '../pool-name.ts';
import { limitsShape } from './limits-schema.ts';
import { progress } from './progress.ts';
import { network } from '../network.ts';
import { sandboxShape } from './sandbox.ts';
import { scalarsShape } from './scalars.ts';
import { askedMonitor, askedPlanMonitor } from './monitor-schema.ts';
import { askedTimesShape } from './times.ts';
import { quoted } from '../errors.ts';
import { CAUSES, type Cause } from '../outcome.ts';
import { MAX_RESULT_BYTES } from '../output-totals.ts';
import { secretRef } from '../secret-ref.ts';
import { stopSchema } from '../stop.ts';
import { receiverUrl } from './receiver-url.ts';
import { template, when } from './notification.ts';

/** The largest single argument that Linux accepts, without its closing NUL (MAX_ARG_STRLEN, execve(2)). */
export const MAX_ARGUMENT_BYTES = 131_071;
/** Arguments and environment together; Linux allows at least 2 MiB with an 8 MiB stack (execve(2), ARG_MAX). */
export const MAX_ARGUMENTS_BYTES = 1_048_576;
/** Greatest queue and total limit, milliseconds. */
export const WEEK_MS = 7 * 24 * 3600 * 1000;

/** How far ahead a start may be, milliseconds. */
export const MAX_DELAY_MS = 366 * 24 * 3600 * 1000;

/** Names that the service sets itself; a client must not replace them. */
const RESERVED_ENV = /^(EXECUTION_ID|EXECUTION_ATTEMPT|EXECUTION_PROGRESS_FD|EXECD_.*)$/;

/** Upper bounds from the configuration: a request over one of them is refused, not clamped. */
export interface SpecLimits {
  /** Greatest `attempt_ms` and `idle_ms`, milliseconds. */
  maxAttemptMs: number;
  /** Greatest `output.max_bytes` with `truncate` and `fail`, bytes. */
  maxOutputBytes: number;
  /** Greatest `output.max_bytes` with `spool`, bytes. */
  spoolMaxBytes: number;
  /** Greatest `limits`. */
  resources?: ResourceLimits;
  /** Greatest `stop.grace_ms`, milliseconds. */
  maxGraceMs?: number;
}

/** What nobody can name in `retry_on`: these are never retried. */
const NEVER_RETRIED = [
  'cancelled',
  'total_timeout',
  'queue_timeout',
  'no_credit',
  'provided',
  'circuit_open',
  'denied',
  'awaited',
  'rejected',
  'wait_expired',
] as const;
const RETRIABLE = CAUSES.filter((cause) => !(NEVER_RETRIED as readonly string[]).includes(cause)) as [
  Exclude<Cause, (typeof NEVER_RETRIED)[number]>,
];

const utf8Length = (text: string): number => {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
};

/** A string that can be handed to a program: no NUL, no lone surrogate (which UTF-8 cannot carry). */
export const osString = z
  .string()
  .refine((text) => !text.includes('\0'), 'must not contain a NUL character')
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode (it contains a lone surrogate)');

const argument = osString.refine(
  (text) => text.length <= MAX_ARGUMENT_BYTES && utf8Length(text) <= MAX_ARGUMENT_BYTES,
  {
    error: ({ input }) =>
      `argument too long: it is ${utf8Length(input as string)} bytes; at most ${MAX_ARGUMENT_BYTES} are allowed. Send longer text as stdin or as a script source`,
  },
);
const nonEmpty = argument.min(1, 'must not be empty');
const absolutePath = osString.min(1, 'must not be empty').max(4095).regex(/^\//, 'must be an absolute path');

const BYTE_ORDER_MARK = '\ufeff';
/** A shell or an interpreter takes the mark for a part of the first line, which then does not do what it shows. */
const hasNoMark = (text: string) => !text.startsWith(BYTE_ORDER_MARK);
const MARK_FOUND =
  'must not begin with a byte order mark (U+FEFF), which makes the first line invalid; save the text as UTF-8 without it';
/** The first line of a script that names its interpreter, where Windows line ends make a part of the name of it. */
const SHEBANG_WITH_CR = /^#![^\n]*\r(\n|$)/;
const FIRST_CHARS = 20;

/** The last part of a file's name; an id stands before it. */
const scriptFilename = z
  .string()
  .max(100)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]*$/,
    'must be a plain file name, such as "main.ts": letters, digits, ".", "_" and "-", not beginning with "." or "-"',
  );

const envName = z
  .string()
  .min(1, 'an environment name must not be empty')
  .max(255)
  .regex(/^[^=\0]*$/, 'an environment name must not contain "=" or NUL')
  .refine((name) => name.isWellFormed(), 'must be well-formed Unicode')
  .refine((name) => !RESERVED_ENV.test(name), 'must be left out: execd sets this variable');

const env = boundedRecord(envName, z.union([argument, secretRef]), {
  most: 1000,
  what: 'environment names',
}).describe(
  'Environment, in addition to PATH, HOME, TMPDIR, LANG, TERM, SHELL, USER, LOGNAME, TRACEPARENT, EXECUTION_ID and EXECUTION_ATTEMPT. A value may be a secret: `{"secret": "NAME"}`.',
);
const stdin = z
  .union([
    z
      .string()
      .refine((text) => text.isWellFormed(), 'must be well-formed Unicode (send binary as {"base64"})'),
    z.strictObject({ base64: z.base64().describe('Bytes.') }),
    z.strictObject({
      open: z.literal(true).describe('It stays open: send it with `POST /v1/executions/{id}/stdin`.'),
    }),
  ])
  .describe('Standard input: a text, `{"base64": …}`, or `{"open": true}` to send it later. Default: empty.');

const terminalSide = z.int().min(1).max(1000);
export const terminalSize = z.strictObject({
  cols: terminalSide.describe('Characters in a line.'),
  rows: terminalSide.describe('Lines.'),
});
const tty = terminalSize.describe(
  'Gives the command a terminal of this size as standard input, output and error. Output is then all in `stdout`, and input stays open. Requires the native runner host.',
);

/** Whether input is to come while the command runs. */
export const takesLiveInput = ({
  stdin: given,
  tty: terminal,
}: {
  stdin?: unknown;
  tty?: unknown;
}): boolean => terminal !== undefined || (typeof given === 'object' && given !== null && 'open' in given);
const LIVE = 'must be left out, because input that comes while the command runs cannot be sent again';

const labelName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, {
  error: 'a label name must be 1 to 63 of A-Z a-z 0-9 . _ / - and begin with a letter or digit',
});
export const labels = boundedRecord(labelName, osString.max(255), { most: 64, what: 'labels' }).describe(
  'Names and values of your choice. You can list and cancel by them.',
);

export const priority = z.int().min(-1000).max(1000);
export const taskId = osString.min(1).max(255);
/** The bound, its setting and the value. */
const atMost = (max: number, setting: string) => ({
  error: ({ input }: { input?: unknown }) => `must be at most ${max} (${setting}), not ${String(input)}`,
});
const wholeMs = (max: number, setting?: string) =>
  z
    .int()
    .min(1)
    .max(max, setting === undefined ? undefined : atMost(max, setting));

/** The clock of a plan, milliseconds. */
export const planTimeouts = z.strictObject({
  total_ms: wholeMs(WEEK_MS).optional().describe('From submission to the end of the plan, milliseconds.'),
});

/** When execd reports that it is late or stuck. */
export const monitor = askedMonitor(wholeMs(WEEK_MS)).describe(
  'When execd reports the execution as late or stuck: an event, webhooks, and, if you want it, a cancel.',
);
/** The same of a plan. */
export const planMonitor = askedPlanMonitor(wholeMs(WEEK_MS)).describe(
  'When execd reports the plan as late: an event, webhooks, and, if you want it, a cancel. Steps have monitors of their own.',
);

/** The clocks, milliseconds. */
export function timeoutsSchema(limits: Pick<SpecLimits, 'maxAttemptMs'>) {
  const attempt = wholeMs(limits.maxAttemptMs, 'EXECUTION_MAX_TIMEOUT');
  return z.strictObject(askedTimesShape({ week: wholeMs(WEEK_MS), attempt }));
}

export const OVERSIZED = ['truncate', 'fail', 'spool'] as const;
export type OversizedStrategy = (typeof OVERSIZED)[number];

function outputSchema(limits: SpecLimits) {
  return z
    .strictObject({
      max_bytes: z
        .int()
        .min(0)
        .max(Math.max(limits.maxOutputBytes, limits.spoolMaxBytes))
        .optional()
        .describe(
          'Most bytes of output that the log keeps, both streams together. Default: EXECUTION_MAX_OUTPUT_BYTES.',
        ),
      oversized: z
        .enum(OVERSIZED)
        .optional()
        .describe(
          'The effect if the output exceeds max_bytes. `truncate`: drop the rest. `fail`: stop the attempt. `spool`: keep it, up to EXECUTION_SPOOL_MAX_BYTES.',
        ),
      result_bytes: z
        .int()
        .min(0)
        .max(MAX_RESULT_BYTES)
        .optional()
        .describe(
          'How much the result holds: the last bytes of each stream, or the first bytes of the body of an HTTP response. Default: EXECUTION_RESULT_BYTES.',
        ),
      parse: z
        .literal('json')
        .optional()
        .describe('Parse standard output, or the body of the HTTP response, as JSON; it becomes the result.'),
    })
    .refine((output) => output.oversized === 'spool' || (output.max_bytes ?? 0) <= limits.maxOutputBytes, {
      path: ['max_bytes'],
      error: ({ input }) =>
        `must be at most ${limits.maxOutputBytes} (EXECUTION_MAX_OUTPUT_BYTES) unless oversized is "spool", not ${String((input as { max_bytes?: number }).max_bytes)}`,
    });
}

/** What its processes may use. */
export function resourceLimits({ resources = NO_LIMITS }: Pick<SpecLimits, 'resources'>) {
  return z.strictObject(limitsShape(resources));
}

/** How large the arguments and the environment are together, as execve counts them. */
function argumentBytes(spec: object): number {
  const { program, command, args, env } = spec as Record<string, unknown>;
  const sizeOf = (text: unknown) => (typeof text === 'string' ? utf8Length(text) + 1 : 0);
  let bytes = sizeOf(program) + sizeOf(command);
  for (const arg of (args as string[] | undefined) ?? []) bytes += sizeOf(arg);
  for (const [name, value] of Object.entries(env ?? {})) bytes += sizeOf(name) + sizeOf(value);
  return bytes;
}

/** What holds where a `retry` block says nothing, and no setting does: the source's floor and ceiling. */
export const RETRY_DEFAULTS = { minMs: 1000, maxMs: 10_000, jitter: 0.5 } as const;

/**
 * When and how a failed attempt is made again. The wait after the n-th attempt is `multiplier` · 2^(n−1) seconds, at
 * least `min_ms` and at most `max_ms` (tenacity's wait_exponential), with a random part that is `jitter` of it wide.
 */
export const retry = z
  .strictObject({
    attempts: z.int().min(1).max(100).optional().describe('Attempts in total. Default: 3.'),
    multiplier: z
      .number()
      .min(0)
      .max(3600)
      .optional()
      .describe('Wait after the first attempt, seconds; it doubles with each attempt. Default: 1.'),
    min_ms: z.int().min(0).max(WEEK_MS).optional().describe('Shortest wait, milliseconds. Default: 1000.'),
    max_ms: z.int().min(0).max(WEEK_MS).optional().describe('Longest wait, milliseconds. Default: 10000.'),
    jitter: z.number().min(0).max(1).optional().describe('Random part of the wait, 0 to 1. Default: 0.5.'),
    retry_on: z
      .strictObject({
        causes: z.array(z.enum(RETRIABLE)).max(50).optional().describe('Values of `outcome.cause`.'),
        exit_codes: z.array(z.int().min(1).max(255)).max(255).optional().describe('Exit codes of commands.'),
        http_statuses: z
          .array(z.int().min(100).max(599))
          .max(500)
          .optional()
          .describe('Statuses of HTTP responses.'),
        faults: z
          .array(z.enum(['user', 'system']))
          .max(2)
          .optional()
          .describe('Values of `error.fault`.'),
      })
      .refine(
        (on) => Object.keys(on).length > 0,
        'must name at least one of causes, exit_codes, http_statuses, faults',
      )
      .optional()
      .describe(
        'Retry only these ends. Default: non-zero exit codes, signals, attempt and idle timeouts, system faults, HTTP 408, 429 and 5xx.',
      ),
  })
  .refine(({ min_ms = RETRY_DEFAULTS.minMs, max_ms = RETRY_DEFAULTS.maxMs }) => min_ms <= max_ms, {
    path: ['max_ms'],
    error: 'must not be less than min_ms (1000 by default)',
  })
  .describe('When and how execd retries failed attempts. Default: one attempt.');
export type RetrySpec = z.infer<typeof retry>;

/** Whether, and how, earlier results of the same work are used. */
export const cache = z
  .strictObject({
    mode: z
      .enum(CACHE_MODES)
      .optional()
      .describe(
        '`read_write` (default): use and store results. `read`: store nothing. `write`: look up nothing. `refresh`: run again and replace the stored result. `bypass`: no cache.',
      ),
    ttl_s: z
      .number()
      .min(0)
      .max(315_360_000)
      .optional()
      .describe('How long execd keeps the result, seconds. 0 keeps it until it is evicted.'),
    scope: z
      .enum(CACHE_SCOPES)
      .optional()
      .describe('The users who share the result. Default: `task` if task_id is given, else `user`.'),
    key_exclude: z
      .array(z.string().min(1).max(255))
      .max(100)
      .optional()
      .describe('Fields to leave out of the cache key, for example `env.BUILD_ID`.'),
    salt: z.string().max(255).optional().describe('Part of the cache key. Change it to get a new result.'),
  })
  .describe('Whether, and how, execd reuses results of the same work. Default: no cache.');
export type CacheSpec = z.infer<typeof cache>;

/** A lost attempt may have done some of its work, so that it is made again only when the client says that it may. */
const isLostRetrySafe = (spec: {
  retry?: RetrySpec | undefined;
  retry_safe?: boolean | undefined;
}): boolean => spec.retry_safe === true || !(spec.retry?.retry_on?.causes ?? []).includes('lost');

/** The blocks of a spec that depend on the configured maxima. Made once for all schemas that the documents show together. */
export function specParts(limits: SpecLimits) {
  return {
    timeouts: timeoutsSchema(limits).describe('Time limits.'),
    output: outputSchema(limits).describe('The part of the output that execd keeps.'),
    limits: resourceLimits(limits).describe('Limits of the processes.'),
    stop: stopSchema(limits.maxGraceMs).describe('How execd ends the processes.'),
  };
}
export type SpecParts = ReturnType<typeof specParts>;

/** When to start: a time, or a wait. */
export const startShape = {
  start_at: z.iso
    .datetime({ offset: true, error: 'must be a time such as 2030-01-31T09:00:00Z, with Z or an offset' })
    .optional()
    .describe(
      'The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.',
    ),
  delay_ms: z
    .int()
    .min(0)
    .max(MAX_DELAY_MS)
    .optional()
    .describe('How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`.'),
};
export interface StartSpec {
  start_at?: string | undefined;
  delay_ms?: number | undefined;
}
/** The same, to start at once. */
export function withoutStart<T extends StartSpec>(spec: T): T {
  const { start_at: _at, delay_ms: _delay, debounce_ms: _debounce, ...rest } = spec as T & DebounceSpec;
  return rest as unknown as T;
}

/** What both say together would have two meanings. */
export const hasOneStart = {
  test: ({ start_at, delay_ms }: StartSpec) => start_at === undefined || delay_ms === undefined,
  problem: { path: ['delay_ms'], error: 'must be left out, because start_at is given' },
};

/** What a request may ask for if as many with its key run as may, or if others wait. */
export const ON_CONFLICT = ['queue', 'reject', 'cancel_running', 'replace_queued'] as const;

export const concurrency = z
  .strictObject({
    key: z
      .string()
      .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 printable ASCII characters without spaces')
      .describe('A name of your choice. Your executions with the same key share the limit.'),
    limit: z.int().min(1).max(10_000).optional().describe('Most of them that run at a time. Default: 1.'),
    on_conflict: z
      .enum(ON_CONFLICT)
      .optional()
      .describe(
        'The effect if as many run. `queue` (default): wait. `reject`: respond with 429. `cancel_running`: cancel the oldest that run. `replace_queued`: cancel those that wait, whether or not as many run, and wait in their place.',
      ),
    rate: z
      .strictObject({
        limit: z.int().min(1).max(10_000).describe('Most executions that are accepted in `per_ms`.'),
        per_ms: z
          .int()
          .min(100)
          .max(24 * 3600 * 1000)
          .describe('Length of the window, milliseconds: 100 ms to a day.'),
      })
      .optional()
      .describe(
        'How many with the same key are accepted in a time; execd rejects more with 429. Default: no limit.',
      ),
  })
  .describe('Limits how many executions with the same key run at a time.');
export type ConcurrencySpec = z.infer<typeof concurrency>;

const debounceMs = z
  .int()
  .min(1)
  .max(24 * 3600 * 1000)
  .describe(
    'Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs.',
  );
interface DebounceSpec {
  concurrency?: ConcurrencySpec | undefined;
  debounce_ms?: number | undefined;
}

/** Fields of a spec that say the same in all kinds. */
const fields = {
  task_id: taskId.describe('A group of your choice. You can list and cancel by it.'),
  priority: priority.describe('Higher runs earlier. Default: 0.'),
  pool: poolName.describe(
    'Only servers of this pool (EXECUTION_POOL) start it; see `GET /v1/runners`. Default: `default`.',
  ),
  on_limit: z
    .enum(['queue', 'reject'])
    .describe('If no slot is free. `queue`: wait. `reject`: respond with 429. Default: EXECUTION_ON_LIMIT.'),
  retry_safe: z
    .boolean()
    .describe(
      'Whether execd may retry an attempt that was interrupted, for example by a crash. Default: false.',
    ),
  cwd: absolutePath.describe(
    'Working directory, an absolute path. Default: a private directory, which execd removes at the end.',
  ),
};

/** The fields that every kind shares. */
function sharedShape(parts: SpecParts) {
  return {
    task_id: fields.task_id.optional(),
    labels: labels.optional(),
    priority: fields.priority.optional(),
    pool: fields.pool.optional(),
    on_limit: fields.on_limit.optional(),
    timeouts: parts.timeouts.optional(),
    monitor: monitor.optional(),
    output: parts.output.optional(),
    retry: retry.optional(),
    retry_safe: fields.retry_safe.optional(),
    cache: cache.optional(),
    webhook: webhook.optional(),
    concurrency: concurrency.optional(),
    debounce_ms: debounceMs.optional(),
    ...startShape,
  };
}

/** The fields of the kinds that run a process. */
const processShape = {
  cwd: fields.cwd.optional(),
  env: env.optional(),
  stdin: stdin.optional(),
  tty: tty.optional(),
  files: files.optional(),
  artifacts: artifacts.optional(),
  progress: progress.optional(),
  ...sandboxShape,
  ...scalarsShape(),
};

/** A host as a grant or a list names it. */
export const hostName = z
  .string()
  .max(255)
  .regex(
    /^([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/,
    'must be a host name in lower case without a port, or an IPv6 address in brackets',
  );

/** Who is told of the execution, signed as Standard Webhooks has it. */
export const webhook = z
  .strictObject({
    url: receiverUrl,
    events: webhookEvents.optional(),
    result: withResult.optional(),
    when: when.optional(),
    template: template.optional(),
    secret: webhookSecret
      .optional()
      .describe('Signs the messages. Default: execd creates one and returns it once, in the response.'),
  })
  .describe(
    'A webhook for one execution or plan: execd sends its events to a URL, signed as Standard Webhooks specifies.',
  );

const HTTP_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const queryValue = z.string().refine((text) => text.isWellFormed(), 'must be well-formed Unicode');

/** Parameters of an HTTP call. */
const httpShape = {
  kind: z.literal('http').describe('An HTTP call.'),
  method: z.enum(HTTP_METHODS).optional().describe('Default: GET.'),
  url: httpUrl.describe('An absolute http or https URL.'),
  headers: httpHeaders.optional(),
  query: boundedRecord(z.string(), z.union([queryValue, boundedList(queryValue, 1000)]), {
    most: 1000,
    what: 'names',
  })
    .optional()
    .describe('Query parameters that are added to the URL. A list repeats the parameter.'),
  body: z
    .union([
      z.strictObject({ json: z.unknown().describe('Any JSON value; sent as application/json.') }),
      z.strictObject({ text: queryValue.describe('Sent as text/plain; charset=utf-8.') }),
      z.strictObject({ base64: z.base64().describe('Bytes.') }),
    ])
    .optional()
    .describe('Request body. `json` and `text` set content-type unless `headers` does.'),
  expect: z
    .strictObject({
      statuses: z
        .array(
          z.union([
            z.int().min(100).max(599),
            z.string().regex(/^[1-5]xx$/, 'must be a status, or a class such as "2xx"'),
          ]),
        )
        .min(1)
        .max(500)
        .describe('Statuses, or classes such as `2xx`.'),
    })
    .optional()
    .describe('Which statuses are a success. Default: 2xx.'),
  max_redirects: z.int().min(0).max(20).optional().describe('Most redirects to follow. Default: 5.'),
  redirect_hosts: z
    .union([z.literal('any'), z.array(hostName).max(100)], { error: 'must be "any" or a list of hosts' })
    .optional()
    .describe(
      'Other hosts that redirects may lead to. Default: `any`; for an operation, none. Listed hosts get the body and all headers except credentials.',
    ),
  tls: z
    .strictObject({
      ca: z
        .string()
        .max(200_000)
        .optional()
        .describe('Certificates to trust in addition to those of the system, PEM.'),
      server_name: z
        .string()
        .min(1)
        .max(253)
        .optional()
        .describe('Name to check the certificate for. Default: the host of the URL.'),
      verify: z.boolean().optional().describe('Whether to check the certificate. Default: true.'),
    })
    .optional()
    .describe('TLS options.'),
};

const argumentList = boundedList(argument, 10_000).describe('Arguments.');

/** Blocks that no maximum changes. */
export const commonParts = {
  TaskId: fields.task_id,
  Priority: fields.priority,
  Pool: fields.pool,
  OnLimit: fields.on_limit,
  RetrySafe: fields.retry_safe,
  WorkingDirectory: fields.cwd,
  Environment: env,
  Stdin: stdin,
  TerminalSize: tty,
  Files: files,
  Artifacts: artifacts,
  Progress: progress,
  Network: network,
  Labels: labels,
  Monitor: monitor,
  Retry: retry,
  RetryOn: retry.shape.retry_on.unwrap(),
  CacheOptions: cache,
  ConcurrencyOptions: concurrency,
  WebhookTarget: webhook,
  SecretRef: secretRef,
  Arguments: argumentList,
  HttpHeaders: httpHeaders,
  HttpQuery: httpShape.query.unwrap(),
  HttpBody: httpShape.body.unwrap(),
  HttpExpect: httpShape.expect.unwrap(),
  HttpTls: httpShape.tls.unwrap(),
};

export const operationName = z
  .string()
  .regex(/^[a-z][a-z0-9_.-]{0,99}$/, 'must be 1 to 100 of a-z 0-9 _ . - and begin with a letter');
const operationShape = {
  kind: z.literal('operation').describe('A named operation of this server.'),
  name: operationName.describe('Name of the operation; see GET /v1/operations.'),
  params: z.record(z.string(), z.unknown()).optional().describe('Its parameters.'),
};

/** The parameters of each kind. */
function kindShapes() {
  const args = argumentList.optional();
  const word = nonEmpty.regex(/^[^-]/, 'must not begin with "-"');
  return {
    exec: {
      kind: z.literal('exec').describe('A program, without a shell.'),
      program: nonEmpty.describe('A path, or a name on the PATH.'),
      args,
    },
    shell: {
      kind: z.literal('shell').describe('A command line for a shell.'),
      command: nonEmpty
        .refine(hasNoMark, MARK_FOUND)
        .describe('The command line; the shell gets it with `-c`.'),
      shell: nonEmpty.optional().describe('A path, or a name on the PATH. Default: bash.'),
    },
    script: {
      kind: z.literal('script').describe('A script, given as source or as a path.'),
      path: absolutePath
        .optional()
        .describe('Absolute path of a script on the machine of the server. Give either `path` or `source`.'),
      source: z
        .string()
        .min(1)
        .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
        .refine(hasNoMark, MARK_FOUND)
        .optional()
        .describe('The text of the script.'),
      filename: scriptFilename
        .optional()
        .describe('Name of the file that holds the source. Default: an extension that fits the interpreter.'),
      interpreter: nonEmpty
        .optional()
        .describe(
          'A path, or a name on the PATH. Default: the interpreter that the script names after `#!`.',
        ),
      args,
    },
    aws_cli: {
      kind: z.literal('aws_cli').describe('A call of the AWS CLI.'),
      service: word.describe('For example `s3api`.'),
      operation: word.describe('For example `list-buckets`.'),
      args,
      profile: nonEmpty.optional().describe('Profile of the AWS configuration.'),
      region: nonEmpty.optional().describe('AWS region.'),
    },
  };
}

/** The fields of a spec that have to do with input that comes while its command runs. */
interface LiveSpec {
  stdin?: unknown;
  tty?: unknown;
  cache?: CacheSpec | undefined;
  retry?: unknown;
  retry_safe?: boolean | undefined;
}

function beginningOf({ source }: { source: string }): string {
  return quoted(source.slice(0, FIRST_CHARS));
}

function buildSchema(parts: SpecParts, extra: z.ZodRawShape, ofOperation = operationShape) {
  // `extra` is left out of the types on purpose: it only widens what a batch item may carry.
  const shared = Object.assign(sharedShape(parts), extra) as ReturnType<typeof sharedShape>;
  // A step is told of with its plan, and starts when its plan says.
  if (ofOperation !== operationShape)
    for (const name of ['webhook', 'debounce_ms', ...Object.keys(startShape)])
      Reflect.deleteProperty(shared, name);
  const limited = {
    limits: parts.limits.optional(),
    stop: parts.stop.optional(),
  };
  const ofProcess = { ...processShape, ...limited, ...shared };
  const kinds = kindShapes();
  const script = z
    .strictObject({ ...kinds.script, ...ofProcess })
    .refine((spec) => (spec.path === undefined) !== (spec.source === undefined), {
      path: ['source'],
      error: 'exactly one of path and source must be given',
    })
    .refine((spec) => spec.filename === undefined || spec.source !== undefined, {
      path: ['filename'],
      error: 'must be left out unless source is given; a script at a path keeps its name',
    })
    .refine(
      ({ source, path, interpreter }) =>
        source === undefined || path !== undefined || interpreter !== undefined || source.startsWith('#!'),
      {
        path: ['interpreter'],
        error: ({ input }) =>
          `must be given unless the source begins with "#!"; it begins with ${beginningOf(input as { source: string })}`,
      },
    )
    .refine(({ source, interpreter }) => interpreter !== undefined || !SHEBANG_WITH_CR.test(source ?? ''), {
      path: ['source'],
      error:
        'the first line ends with a carriage return (\\r), which the system reads as part of the interpreter name; save the script with Unix line endings (LF)',
    });
  return z
    .discriminatedUnion('kind', [
      z.strictObject({ ...kinds.exec, ...ofProcess }),
      z.strictObject({ ...kinds.shell, ...ofProcess }),
      script,
      z.strictObject({ ...kinds.aws_cli, ...ofProcess }),
      z.strictObject({ ...httpShape, ...shared }),
      z.strictObject({ ...ofOperation, ...limited, ...shared }),
    ])
    .refine((spec) => spec.cache?.scope !== 'task' || spec.task_id !== undefined, {
      path: ['cache', 'scope'],
      error: 'is "task", which requires task_id',
    })
    .refine(hasOneStart.test, hasOneStart.problem)
    .refine(
      ({ concurrency, debounce_ms }: DebounceSpec) => debounce_ms === undefined || concurrency !== undefined,
      {
        path: ['debounce_ms'],
        error: 'requires concurrency.key: executions with the same key replace each other',
      },
    )
    .refine(
      ({ debounce_ms, start_at, delay_ms }: DebounceSpec & StartSpec) =>
        debounce_ms === undefined || (start_at === undefined && delay_ms === undefined),
      { path: ['debounce_ms'], error: 'must be left out, because start_at or delay_ms is given' },
    )
    .refine(
      ({ cache, artifacts }: { cache?: CacheSpec | undefined; artifacts?: unknown }) =>
        cache === undefined || cache.mode === 'bypass' || artifacts === undefined,
      { path: ['artifacts'], error: NO_CACHE },
    )
    .refine(
      (spec: LiveSpec) =>
        spec.tty === undefined || spec.stdin === undefined || takesLiveInput({ stdin: spec.stdin }),
      {
        path: ['stdin'],
        error:
          'must be left out or {"open": true} if tty is given: what a terminal reads is typed while the command runs',
      },
    )
    .refine(
      (spec: LiveSpec) => !takesLiveInput(spec) || spec.cache === undefined || spec.cache.mode === 'bypass',
      {
        path: ['cache'],
        error: LIVE,
      },
    )
    .refine((spec: LiveSpec) => !takesLiveInput(spec) || spec.retry === undefined, {
      path: ['retry'],
      error: LIVE,
    })
    .refine((spec: LiveSpec) => !takesLiveInput(spec) || spec.retry_safe !== true, {
      path: ['retry_safe'],
      error: LIVE,
    })
    .refine(isLostRetrySafe, {
      path: ['retry', 'retry_on', 'causes'],
      error: '"lost" requires "retry_safe": true',
    })
    .refine((spec) => argumentBytes(spec) <= MAX_ARGUMENTS_BYTES, {
      path: ['args'],
      error: ({ input }) =>
        `argument list too long: program, args and env are ${argumentBytes(input as object)} bytes together; at most ${MAX_ARGUMENTS_BYTES} are allowed. Send long texts as stdin or as a script source`,
    });
}

/** The schema of a spec under the configured maxima. */
export function specSchema(limits: SpecLimits, parts = specParts(limits)) {
  return buildSchema(parts, {});
}

/** What the client asked for. Immutable once accepted. */
export type Spec = z.infer<ReturnType<typeof specSchema>>;
/** What can be carried out as it stands: an operation becomes one of these. */
export type Work = Exclude<Spec, { kind: 'operation' }>;
export type HttpWork = Extract<Work, { kind: RequestKind }>;
export type ProcessWork = Extract<Work, { kind: ProcessKind }>;
export type TimeoutsSpec = NonNullable<Spec['timeouts']>;

/** 1 to 255 printable ASCII characters (draft-ietf-httpapi-idempotency-key-header-07 leaves the form open). */
export const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters without spaces');

/** The schema of a step that is no plan: a spec with the fields of a step, which has the name of its operation elsewhere. */
export function stepSchema(parts: SpecParts, stepShape: z.ZodRawShape): ReturnType<typeof specSchema> {
  const { name, ...operation } = operationShape;
  return buildSchema(parts, stepShape, { ...operation, operation: name } as never);
}

/** What becomes of a run when the client that reads its output disconnects. */
export const ON_DISCONNECT = ['cancel', 'continue'] as const;

/** The schema of a run whose output is the answer: a spec, and what a disconnect does. */
export function runRequestSchema(
  limits: SpecLimits,
  parts = specParts(limits),
): z.ZodType<Spec & { on_disconnect?: (typeof ON_DISCONNECT)[number] | undefined }> &
  Pick<ReturnType<typeof specSchema>, 'options'> {
  const onDisconnect = z
    .enum(ON_DISCONNECT)
    .optional()
    .describe(
      'If the client disconnects before the end. `cancel`: execd cancels the execution. `continue` (default): it continues, and its log can be read.',
    );
  return buildSchema(parts, { on_disconnect: onDisconnect });
}

/** The schema of one item of a batch: a spec with a key of its own. */
export function batchItemSchema(
  limits: SpecLimits,
  parts = specParts(limits),
): z.ZodType<Spec & { idempotency_key?: string | undefined }> &
  Pick<ReturnType<typeof specSchema>, 'options'> {
  const key = idempotencyKey.describe('The same key with the same spec is the same execution, for 24 hours.');
  return buildSchema(parts, { idempotency_key: key.optional() });
}
