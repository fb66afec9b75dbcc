// What a client may ask for. The schemas are the only definition: types, validation and the OpenAPI document
// all come from them. Every object is strict: a key that is not here is refused by name, never ignored.
import { z } from 'zod';
import { boundedList, boundedRecord } from './bounded.ts';
import { webhookEvents, webhookSecret } from './webhook-schema.ts';
import { CACHE_MODES, CACHE_SCOPES } from './cache.ts';
import { limitsShape, NO_LIMITS, type ResourceLimits } from './limits.ts';
import { quoted } from './errors.ts';
import { CAUSES, type Cause } from './outcome.ts';
import { secretRef } from './secret-ref.ts';
import { stopSchema } from './stop.ts';

/** The largest single argument that Linux accepts, without its closing NUL (MAX_ARG_STRLEN, execve(2)). */
export const MAX_ARGUMENT_BYTES = 131_071;
/** Arguments and environment together; Linux allows at least 2 MiB with an 8 MiB stack (execve(2), ARG_MAX). */
export const MAX_ARGUMENTS_BYTES = 1_048_576;
/** Greatest queue and total limit, milliseconds. */
export const WEEK_MS = 7 * 24 * 3600 * 1000;

/** Names that the service sets itself; a client must not replace them. */
const RESERVED_ENV = /^(EXECUTION_ID|EXECUTION_ATTEMPT|EXECD_.*)$/;

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
  'circuit_open',
  'denied',
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
  `argument too long: at most ${MAX_ARGUMENT_BYTES} bytes (put longer text into stdin or a script source)`,
);
const nonEmpty = argument.min(1, 'must not be empty');
const absolutePath = osString.min(1, 'must not be empty').max(4095).regex(/^\//, 'must be an absolute path');

const BYTE_ORDER_MARK = '\ufeff';
/** A shell or an interpreter takes the mark for a part of the first line, which then does not do what it shows. */
const hasNoMark = (text: string) => !text.startsWith(BYTE_ORDER_MARK);
const MARK_FOUND =
  'must not begin with a byte order mark (U+FEFF): editors of Windows add it, and it makes the first line invalid; save the text as UTF-8 without it';
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
  .refine((name) => !RESERVED_ENV.test(name), 'this environment name is reserved for the service');

const env = boundedRecord(envName, z.union([argument, secretRef]), { most: 1000, what: 'environment names' });
const stdin = z.union([
  z.string().refine((text) => text.isWellFormed(), 'must be well-formed Unicode (send binary as {"base64"})'),
  z.strictObject({ base64: z.base64() }),
]);

const labelName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, {
  error: 'a label name is 1 to 63 of A-Z a-z 0-9 . _ / - and begins with a letter or digit',
});
export const labels = boundedRecord(labelName, osString.max(255), { most: 64, what: 'labels' });

export const priority = z.int().min(-1000).max(1000);
export const taskId = osString.min(1).max(255);
const wholeMs = (max: number, setting?: string) =>
  z
    .int()
    .min(1)
    .max(max, setting === undefined ? undefined : `must be at most ${max} (${setting})`);

/** The clock of a plan, milliseconds. */
export const planTimeouts = z.strictObject({
  total_ms: wholeMs(WEEK_MS).optional().describe('everything, from submission to end'),
});

/** The four clocks, milliseconds. `idle_ms`: no output for that long. */
export function timeoutsSchema(limits: Pick<SpecLimits, 'maxAttemptMs'>) {
  const maxTimeout = wholeMs(limits.maxAttemptMs, 'EXECUTION_MAX_TIMEOUT');
  return z.strictObject({
    queue_ms: wholeMs(WEEK_MS).optional().describe('waiting for a slot'),
    attempt_ms: maxTimeout.optional().describe('one attempt, from start to end'),
    total_ms: wholeMs(WEEK_MS).optional().describe('everything, from submission to end'),
    idle_ms: maxTimeout.optional().describe('no output for so long'),
  });
}

export const OVERSIZED = ['truncate', 'fail', 'spool'] as const;
export type OversizedStrategy = (typeof OVERSIZED)[number];

/** The most that a request may want in its result, of each stream. Output that is parsed may have as many bytes. */
export const MAX_RESULT_BYTES = 1024 * 1024;

function outputSchema(limits: SpecLimits) {
  return z
    .strictObject({
      max_bytes: z
        .int()
        .min(0)
        .max(Math.max(limits.maxOutputBytes, limits.spoolMaxBytes))
        .optional()
        .describe('how much the log keeps; default: EXECUTION_MAX_OUTPUT_BYTES'),
      oversized: z
        .enum(OVERSIZED)
        .optional()
        .describe(
          'what happens to more; truncate: execd drops it; fail: execd stops the attempt; spool: the log keeps it, up to EXECUTION_SPOOL_MAX_BYTES',
        ),
      result_bytes: z
        .int()
        .min(0)
        .max(MAX_RESULT_BYTES)
        .optional()
        .describe(
          'how much the result holds: the last bytes of each stream, the first ones of the body of an HTTP answer; default: EXECUTION_RESULT_BYTES',
        ),
      parse: z.literal('json').optional().describe('standard output is to be JSON, and becomes the result'),
    })
    .refine((output) => output.oversized === 'spool' || (output.max_bytes ?? 0) <= limits.maxOutputBytes, {
      path: ['max_bytes'],
      error: `must be at most ${limits.maxOutputBytes} (EXECUTION_MAX_OUTPUT_BYTES) unless oversized is "spool"`,
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
    attempts: z.int().min(1).max(100).optional().describe('tries in all; default 3'),
    multiplier: z.number().min(0).max(3600).optional().describe('seconds; default 1.0'),
    min_ms: z.int().min(0).max(WEEK_MS).optional().describe('least wait; default 1000'),
    max_ms: z.int().min(0).max(WEEK_MS).optional().describe('greatest wait; default 10000'),
    jitter: z.number().min(0).max(1).optional().describe('part of the wait that is random; default 0.5'),
    retry_on: z
      .strictObject({
        causes: z.array(z.enum(RETRIABLE)).max(50).optional(),
        exit_codes: z.array(z.int().min(1).max(255)).max(255).optional(),
        http_statuses: z.array(z.int().min(100).max(599)).max(500).optional(),
        faults: z
          .array(z.enum(['user', 'system']))
          .max(2)
          .optional(),
      })
      .refine(
        (on) => Object.keys(on).length > 0,
        'name at least one of causes, exit_codes, http_statuses, faults',
      )
      .optional()
      .describe(
        'default: other exit codes than 0, signals, attempt and idle timeouts, system faults, HTTP 408, 429 and 5xx',
      ),
  })
  .refine(({ min_ms = RETRY_DEFAULTS.minMs, max_ms = RETRY_DEFAULTS.maxMs }) => min_ms <= max_ms, {
    path: ['max_ms'],
    error: 'must not be less than min_ms (1000 by default)',
  });
export type RetrySpec = z.infer<typeof retry>;

/** Whether, and how, earlier results of the same work are used. */
export const cache = z.strictObject({
  mode: z
    .enum(CACHE_MODES)
    .optional()
    .describe(
      'read_write (default); read: nothing is stored; write: nothing is looked up; refresh: makes the result anew; bypass: no cache',
    ),
  ttl_s: z.number().min(0).max(315_360_000).optional().describe('how long its result is kept; 0 is for ever'),
  scope: z
    .enum(CACHE_SCOPES)
    .optional()
    .describe('who shares the result; default: the task when task_id is given, else the user'),
  key_exclude: z
    .array(z.string().min(1).max(255))
    .max(100)
    .optional()
    .describe('fields that do not tell results apart, such as env.BUILD_ID'),
  salt: z.string().max(255).optional().describe('another salt is another result'),
});
export type CacheSpec = z.infer<typeof cache>;

/** A lost attempt may have done some of its work, so that it is made again only when the client says that it may. */
const isLostRetrySafe = (spec: {
  retry?: RetrySpec | undefined;
  retry_safe?: boolean | undefined;
}): boolean => spec.retry_safe === true || !(spec.retry?.retry_on?.causes ?? []).includes('lost');

/** The fields that every kind shares. */
function sharedShape(limits: SpecLimits) {
  return {
    task_id: taskId.optional().describe("the client's own grouping"),
    labels: labels.optional(),
    priority: priority.optional().describe('higher runs earlier; default 0'),
    on_limit: z.enum(['queue', 'reject']).optional().describe('what happens when no slot is free'),
    timeouts: timeoutsSchema(limits).optional(),
    output: outputSchema(limits).optional(),
    retry: retry.optional().describe('default: one attempt'),
    retry_safe: z.boolean().optional().describe('an attempt that was interrupted may be made again'),
    cache: cache.optional().describe('default: no cache'),
    webhook: webhook.optional().describe('who is told how it ends'),
  };
}

/** The fields of the kinds that run a process. */
const processShape = {
  cwd: absolutePath.optional().describe('working directory; default: a private one, removed afterwards'),
  env: env
    .optional()
    .describe(
      'added to PATH, HOME, TMPDIR, LANG, TERM, SHELL, USER, LOGNAME, TRACEPARENT, EXECUTION_ID and EXECUTION_ATTEMPT',
    ),
  stdin: stdin.optional().describe('default: none'),
};

// RFC 9110 §5.1 and §5.5; what the connection is made of (§7.6.1) belongs to the service.
const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/, 'is not the name of a header')
  .refine((name) => !CONNECTION_HEADERS.has(name.toLowerCase()), 'this header is set by the service')
  .refine((name) => !name.toLowerCase().startsWith('execution-'), 'this header is set by the service');
const headerValue = z
  .string()
  .max(8192)
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'a header must not contain control characters, nor any beyond U+00FF');
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  ...[
    'connection',
    'content-length',
    'expect',
    'host',
    'keep-alive',
    'proxy-authorization',
    'proxy-connection',
  ],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'],
]);

/** A host as a grant or a list names it. */
export const hostName = z
  .string()
  .max(255)
  .regex(
    /^([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/,
    'is a host in lower case, without a port; an IPv6 address in brackets',
  );

export const httpUrl = z
  .string()
  .max(8192)
  .superRefine((text, context) => {
    const problem = urlProblem(text);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });

/** Null for a URL that can be asked. */
function urlProblem(text: string): string | null {
  // The WHATWG parser would drop these silently.
  if (/[\0-\x20\x7f\\]/.test(text)) return 'must not contain white space, control characters or a backslash';
  const url = URL.parse(text);
  if (url === null) return 'must be an absolute URL';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must be an http or https URL';
  if (url.username !== '' || url.password !== '') return 'must not contain a user or password';
  return url.hash === '' ? null : 'must not contain a fragment';
}

/** Who is told of the execution, signed as Standard Webhooks has it. */
export const webhook = z.strictObject({
  url: httpUrl,
  events: webhookEvents.optional(),
  secret: webhookSecret.optional().describe('default: one is made, and told in the answer'),
});

const HTTP_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const queryValue = z.string().refine((text) => text.isWellFormed(), 'must be well-formed Unicode');

/** Parameters of an HTTP call. */
const httpShape = {
  kind: z.literal('http'),
  method: z.enum(HTTP_METHODS).optional().describe('default: GET'),
  url: httpUrl,
  headers: boundedRecord(
    headerName,
    z.union([headerValue, secretRef.extend({ prefix: headerValue.max(200).optional() })]),
    { most: 1000, what: 'headers' },
  )
    .optional()
    .describe('a value may be {"secret": name, "prefix": "Bearer "}'),
  query: boundedRecord(z.string(), z.union([queryValue, boundedList(queryValue, 1000)]), {
    most: 1000,
    what: 'names',
  })
    .optional()
    .describe('added to the URL'),
  body: z
    .union([
      z.strictObject({ json: z.unknown() }),
      z.strictObject({ text: queryValue }),
      z.strictObject({ base64: z.base64() }),
    ])
    .optional()
    .describe('json and text set a content type unless the headers do'),
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
        .max(500),
    })
    .optional()
    .describe('statuses that are a success; default: 2xx'),
  max_redirects: z.int().min(0).max(20).optional().describe('default: 5'),
  redirect_hosts: z
    .union([z.literal('any'), z.array(hostName).max(100)], { error: 'must be "any" or a list of hosts' })
    .optional()
    .describe(
      'hosts that redirects may lead to besides its own; default: any, of an operation none. Listed hosts get the body and all headers but credentials',
    ),
  tls: z
    .strictObject({
      ca: z.string().max(200_000).optional().describe('certificates to trust besides the usual ones, PEM'),
      server_name: z.string().min(1).max(253).optional(),
      verify: z.boolean().optional().describe('default: true'),
    })
    .optional(),
};

export const operationName = z
  .string()
  .regex(/^[a-z][a-z0-9_.-]{0,99}$/, 'is 1 to 100 of a-z 0-9 _ . - and begins with a letter');
const operationShape = {
  kind: z.literal('operation'),
  name: operationName,
  params: z.record(z.string(), z.unknown()).optional(),
};

/** The parameters of each kind. */
function kindShapes() {
  const args = boundedList(argument, 10_000).optional();
  const word = nonEmpty.regex(/^[^-]/, 'must not begin with "-"');
  return {
    exec: { kind: z.literal('exec'), program: nonEmpty.describe('a path, or a name on the PATH'), args },
    shell: {
      kind: z.literal('shell'),
      command: nonEmpty.refine(hasNoMark, MARK_FOUND).describe('handed to the shell with -c'),
      shell: nonEmpty.optional().describe('default: bash'),
    },
    script: {
      kind: z.literal('script'),
      path: absolutePath.optional().describe('of a script on this machine'),
      source: z
        .string()
        .min(1)
        .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
        .refine(hasNoMark, MARK_FOUND)
        .optional()
        .describe('the script itself'),
      filename: scriptFilename
        .optional()
        .describe('name of the file that holds the source; default: an ending that fits the interpreter'),
      interpreter: nonEmpty.optional().describe('default: the one that the script names after #!'),
      args,
    },
    aws_cli: {
      kind: z.literal('aws_cli'),
      service: word,
      operation: word,
      args,
      profile: nonEmpty.optional(),
      region: nonEmpty.optional(),
    },
  };
}

/** Kinds that can be asked for alone; a plan is asked for by a route of its own. */
export const SPEC_KINDS = ['exec', 'shell', 'script', 'aws_cli', 'http', 'operation'] as const;
export const KINDS = [...SPEC_KINDS, 'plan'] as const;
export type Kind = (typeof KINDS)[number];

function beginningOf({ source }: { source: string }): string {
  return quoted(source.slice(0, FIRST_CHARS));
}

function buildSchema(limits: SpecLimits, extra: z.ZodRawShape, ofOperation = operationShape) {
  // `extra` is left out of the types on purpose: it only widens what a batch item may carry.
  const shared = Object.assign(sharedShape(limits), extra) as ReturnType<typeof sharedShape>;
  // A step is told of with its plan.
  if (ofOperation !== operationShape) Reflect.deleteProperty(shared, 'webhook');
  const limited = {
    limits: resourceLimits(limits).optional().describe('what its processes may use'),
    stop: stopSchema(limits.maxGraceMs).optional().describe('how its processes are told to end'),
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
      error: 'goes with source only; a script at a path has its name already',
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
        'the first line ends with a carriage return (\\r), which the system takes for a part of the name or argument of the interpreter; save the script with Unix line ends (LF)',
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
      error: 'the scope "task" needs a task_id',
    })
    .refine(isLostRetrySafe, {
      path: ['retry', 'retry_on', 'causes'],
      error: '"lost" is retried only with "retry_safe": true',
    })
    .refine((spec) => argumentBytes(spec) <= MAX_ARGUMENTS_BYTES, {
      path: ['args'],
      error: `argument list too long: program, arguments and environment take at most ${MAX_ARGUMENTS_BYTES} bytes together`,
    });
}

/** The schema of a spec under the configured maxima. */
export function specSchema(limits: SpecLimits) {
  return buildSchema(limits, {});
}

/** What the client asked for. Immutable once accepted. */
export type Spec = z.infer<ReturnType<typeof specSchema>>;
/** What can be carried out as it stands: an operation becomes one of these. */
export type Work = Exclude<Spec, { kind: 'operation' }>;
export type HttpWork = Extract<Work, { kind: 'http' }>;
export type ProcessWork = Exclude<Work, { kind: 'http' }>;
export type TimeoutsSpec = NonNullable<Spec['timeouts']>;

/** 1 to 255 printable ASCII characters (draft-ietf-httpapi-idempotency-key-header-07 leaves the form open). */
export const idempotencyKey = z.string().regex(/^[\x21-\x7e]{1,255}$/, '1 to 255 printable ASCII characters');

/** The schema of a step that is no plan: a spec with the fields of a step, which has the name of its operation elsewhere. */
export function stepSchema(limits: SpecLimits, stepShape: z.ZodRawShape): z.ZodType<Spec> {
  const { name, ...operation } = operationShape;
  return buildSchema(limits, stepShape, { ...operation, operation: name } as never);
}

/** The schema of one item of a batch: a spec with a key of its own. */
export function batchItemSchema(
  limits: SpecLimits,
): z.ZodType<Spec & { idempotency_key?: string | undefined }> {
  return buildSchema(limits, { idempotency_key: idempotencyKey.optional() });
}
