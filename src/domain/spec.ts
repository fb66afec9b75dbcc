// What a client may ask for. The schemas are the only definition: types, validation and the OpenAPI document
// all come from them. Every object is strict: a key that is not here is refused by name, never ignored.
import { z } from 'zod';

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
}

const utf8Length = (text: string): number => {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
};

/** A string that can be handed to a program: no NUL, no lone surrogate (which UTF-8 cannot carry). */
const osString = z
  .string()
  .refine((text) => !text.includes('\0'), 'must not contain a NUL character')
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode (it contains a lone surrogate)');

const argument = osString.refine(
  (text) => text.length <= MAX_ARGUMENT_BYTES && utf8Length(text) <= MAX_ARGUMENT_BYTES,
  `argument too long: at most ${MAX_ARGUMENT_BYTES} bytes (put longer text into stdin or a script source)`,
);
const nonEmpty = argument.min(1, 'must not be empty');
const absolutePath = osString.min(1, 'must not be empty').max(4095).regex(/^\//, 'must be an absolute path');

const envName = z
  .string()
  .min(1, 'an environment name must not be empty')
  .max(255)
  .regex(/^[^=\0]*$/, 'an environment name must not contain "=" or NUL')
  .refine((name) => name.isWellFormed(), 'must be well-formed Unicode')
  .refine((name) => !RESERVED_ENV.test(name), 'this environment name is reserved for the service');

const env = z.record(envName, argument);
const stdin = z.union([
  z.string().refine((text) => text.isWellFormed(), 'must be well-formed Unicode (send binary as {"base64"})'),
  z.strictObject({ base64: z.base64() }),
]);

const labelName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, {
  error: 'a label name is 1 to 63 of A-Z a-z 0-9 . _ / - and begins with a letter or digit',
});
export const labels = z
  .record(labelName, osString.max(255))
  .refine((all) => Object.keys(all).length <= 64, 'at most 64 labels');

export const priority = z.int().min(-1000).max(1000);
export const taskId = osString.min(1).max(255);
const wholeMs = (max: number, setting?: string) =>
  z
    .int()
    .min(1)
    .max(max, setting === undefined ? undefined : `must be at most ${max} (${setting})`);

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

function outputSchema(limits: SpecLimits) {
  return z
    .strictObject({
      max_bytes: z.int().min(0).max(Math.max(limits.maxOutputBytes, limits.spoolMaxBytes)).optional(),
      oversized: z.enum(OVERSIZED).optional().describe('what happens to more'),
      parse: z.literal('json').optional().describe('standard output is to be JSON, and becomes the result'),
    })
    .refine((output) => output.oversized === 'spool' || (output.max_bytes ?? 0) <= limits.maxOutputBytes, {
      path: ['max_bytes'],
      error: `must be at most ${limits.maxOutputBytes} (EXECUTION_MAX_OUTPUT_BYTES) unless oversized is "spool"`,
    });
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

/** The fields that every kind shares. */
function sharedShape(limits: SpecLimits) {
  return {
    cwd: absolutePath.optional().describe('working directory; default: a private one, removed afterwards'),
    env: env
      .optional()
      .describe('added to PATH, HOME, TMPDIR, LANG, TRACEPARENT, EXECUTION_ID and EXECUTION_ATTEMPT'),
    stdin: stdin.optional().describe('default: none'),
    task_id: taskId.optional().describe("the client's own grouping"),
    labels: labels.optional(),
    priority: priority.optional().describe('higher runs earlier; default 0'),
    on_limit: z.enum(['queue', 'reject']).optional().describe('what happens when no slot is free'),
    timeouts: timeoutsSchema(limits).optional(),
    output: outputSchema(limits).optional(),
  };
}

/** The parameters of each kind. */
function kindShapes() {
  const args = z.array(argument).max(10_000).optional();
  const word = nonEmpty.regex(/^[^-]/, 'must not begin with "-"');
  return {
    exec: { kind: z.literal('exec'), program: nonEmpty.describe('a path, or a name on the PATH'), args },
    shell: {
      kind: z.literal('shell'),
      command: nonEmpty.describe('handed to the shell with -c'),
      shell: nonEmpty.optional().describe('default: bash'),
    },
    script: {
      kind: z.literal('script'),
      path: absolutePath.optional().describe('of a script on this machine'),
      source: z
        .string()
        .min(1)
        .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
        .optional()
        .describe('the script itself'),
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

export const KINDS = ['exec', 'shell', 'script', 'aws_cli'] as const;
export type Kind = (typeof KINDS)[number];

function buildSchema(limits: SpecLimits, extra: z.ZodRawShape) {
  // `extra` is left out of the types on purpose: it only widens what a batch item may carry.
  const shared = Object.assign(sharedShape(limits), extra) as ReturnType<typeof sharedShape>;
  const kinds = kindShapes();
  const script = z
    .strictObject({ ...kinds.script, ...shared })
    .refine((spec) => (spec.path === undefined) !== (spec.source === undefined), {
      path: ['source'],
      error: 'exactly one of path and source must be given',
    })
    .refine(
      ({ source, path, interpreter }) =>
        source === undefined || path !== undefined || interpreter !== undefined || source.startsWith('#!'),
      {
        path: ['interpreter'],
        error: 'must be given unless the source begins with "#!"',
      },
    );
  return z
    .discriminatedUnion('kind', [
      z.strictObject({ ...kinds.exec, ...shared }),
      z.strictObject({ ...kinds.shell, ...shared }),
      script,
      z.strictObject({ ...kinds.aws_cli, ...shared }),
    ])
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
export type TimeoutsSpec = NonNullable<Spec['timeouts']>;

/** 1 to 255 printable ASCII characters (draft-ietf-httpapi-idempotency-key-header-07 leaves the form open). */
export const idempotencyKey = z.string().regex(/^[\x21-\x7e]{1,255}$/, '1 to 255 printable ASCII characters');

/** The schema of one item of a batch: a spec with a key of its own. */
export function batchItemSchema(
  limits: SpecLimits,
): z.ZodType<Spec & { idempotency_key?: string | undefined }> {
  return buildSchema(limits, { idempotency_key: idempotencyKey.optional() });
}
