// Operations: what a client may ask for by name. A file defines them: their parameters, what they run, and their
// policies. Here are the words of that file and what they mean; reading it is not done here.
import { hasSteps, RUN_KINDS, takesProcess } from '../kinds.ts';
import { resolveTimes, toWireTimes } from '../spec/times.ts';
import { z } from 'zod';
import { compileRun } from './compile-run.ts';
import { type FieldProblem, RefusedError } from '../errors.ts';
import { type Issue, issuesOf } from '../issues.ts';
import { eachLimit, type ResourceLimits } from '../limits.ts';
import type { ParamsSchema } from './params-schema.ts';
import { fillRun, type RunTemplate } from './fill-run.ts';
import { compilePlan, fillPlan } from './plan-run.ts';
import { hook } from './hook.ts';
import { priceSchema } from '../credits/price-schema.ts';
import {
  cache,
  labels,
  operationName,
  type OversizedStrategy,
  priority,
  retry,
  resourceLimits,
  RETRY_DEFAULTS,
  type RetrySpec,
  type Spec,
  type SpecLimits,
  specSchema,
  taskId,
  timeoutsSchema,
  WEEK_MS,
  type Work,
} from '../spec/spec.ts';
import type { PlanDraft, PlanSpec } from '../spec/plan.ts';
import { resolveStop, shownStop, stopSchema } from '../stop.ts';
import { PARAM_NAME } from './template.ts';

/** A request for an operation. */
export type OperationSpec = Extract<Spec, { kind: 'operation' }>;

// ---------------------------------------------------------------------------------------------- schemas

const everyBreaker = {
  open_ms: z.int().min(1).max(WEEK_MS).default(60_000).describe('how long it stays open before a probe'),
  max_open_ms: z
    .int()
    .min(1)
    .max(WEEK_MS)
    .optional()
    .describe('each probe that fails doubles `open_ms`, up to here; without it that stays'),
  probes: z.int().min(1).max(100).default(1).describe('successes in a row that close it again'),
  count_user_faults: z.boolean().default(false).describe('whether faults of the caller or the command count'),
};
const consecutive = {
  // Written so that the type may be left out.
  type: z
    .literal('consecutive')
    .optional()
    .transform(() => 'consecutive' as const),
  failures: z.int().min(1).max(10_000).default(5).describe('failures in a row that open it'),
  ...everyBreaker,
};
const count = {
  type: z.literal('count'),
  ratio: z.number().gt(0).max(1).default(0.5).describe('part of failures that opens it'),
  size: z.int().min(1).max(10_000).default(100).describe('the last calls, of which the failures are counted'),
  min_calls: z.int().min(1).max(10_000).optional().describe('calls before it may open; without it `size`'),
  ...everyBreaker,
};
const sampling = {
  type: z.literal('sampling'),
  ratio: z.number().gt(0).max(1).default(0.5).describe('part of failures that opens it'),
  min_calls: z.int().min(1).max(1_000_000).default(20).describe('calls in the window before it may open'),
  window_ms: z.int().min(100).max(WEEK_MS).default(60_000),
  ...everyBreaker,
};

/** When a circuit opens and closes. */
export const breaker = z.discriminatedUnion('type', [
  z.strictObject(consecutive),
  z.strictObject(count),
  z.strictObject(sampling),
]);
export type BreakerSettings = z.infer<typeof breaker>;

const host = z
  .string()
  .max(260)
  .regex(
    /^([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?$/,
    'must be a host name in lower case, with a port if it is not the default',
  );
const program = z
  .string()
  .max(4095)
  .regex(/^(\/[^\0]*|[^/\0]+)$/, 'must be an absolute path, or a name without a slash');
const target = { program: program.optional(), host: host.optional() };

/** The breaker of a program or a host, whoever calls it. */
export const circuitDefinition = z
  .discriminatedUnion('type', [
    z.strictObject({ ...target, ...consecutive }),
    z.strictObject({ ...target, ...count }),
    z.strictObject({ ...target, ...sampling }),
  ])
  .refine((one) => (one.program === undefined) !== (one.host === undefined), {
    error: 'exactly one of program and host must be given',
  });
export type CircuitDefinition = z.infer<typeof circuitDefinition>;

/** The parameters, as JSON Schema. Its own keywords are checked by its validator; here is what templates rely on. */
const paramsSchema = z
  .looseObject({
    type: z.literal('object').default('object'),
    properties: z
      .record(
        z
          .string()
          .regex(PARAM_NAME, 'a parameter name must be 1 to 64 of A-Z a-z 0-9 _ - and begin with a letter'),
        z.looseObject({}),
      )
      .default({}),
    required: z.array(z.string()).default([]),
    additionalProperties: z.unknown().default(false),
  })
  .superRefine(({ properties, required }, context) => {
    for (const [i, name] of required.entries()) {
      if (Object.hasOwn(properties, name)) continue;
      context.addIssue({
        code: 'custom',
        path: ['required', i],
        message: `is ${name}, which is not a parameter`,
      });
    }
  })
  .transform((schema) => schema as ParamsSchema);

/** What it runs, in the words of a request; texts may hold slots, so that its fields are checked when it is compiled. */
const run = z.looseObject({ kind: z.enum([...RUN_KINDS, 'plan']) });

/** What the steps of a plan say, each for itself. */
const OF_STEPS = [
  ...(['limits', 'stop', 'adaptive_timeout', 'retry', 'retry_safe', 'circuit', 'concurrency'] as const),
  ...(['cache', 'cacheable', 'warm', 'cost', 'on_limit', 'output'] as const),
] as const;

function adaptiveTimeoutSchema({ maxAttemptMs }: Pick<SpecLimits, 'maxAttemptMs'>) {
  const ms = z.int().min(1).max(maxAttemptMs);
  return z
    .strictObject({
      factor: z.number().min(1).max(100).default(3).describe('times the 99th percentile of what was seen'),
      min_ms: ms.default(Math.min(1000, maxAttemptMs)),
      max_ms: ms.default(maxAttemptMs),
      min_samples: z.int().min(1).max(256).default(20).describe('attempts seen before it applies'),
    })
    .refine(({ min_ms, max_ms }) => min_ms <= max_ms, {
      path: ['max_ms'],
      error: 'must not be less than min_ms (1000 by default)',
    });
}
export type AdaptiveTimeout = z.infer<ReturnType<typeof adaptiveTimeoutSchema>>;

const retryBudget = z.strictObject({
  ratio: z.number().min(0).max(100).default(0.2).describe('retries that each first attempt adds'),
  per_second: z.number().min(0).max(100_000).default(1).describe('retries that are always available'),
  burst: z.number().min(0).max(1_000_000).default(10).describe('most retries that can accumulate'),
});
export type RetryBudget = z.infer<typeof retryBudget>;

/** The schema of one operation, under the configured maxima. */
export function operationSchema(limits: SpecLimits) {
  const { output, on_limit } = specSchema(limits).options[0].shape;
  return z
    .strictObject({
      description: z.string().max(10_000).default(''),
      params: paramsSchema.prefault({}),
      run,
      timeouts: timeoutsSchema(limits).optional(),
      limits: resourceLimits(limits).optional(),
      stop: stopSchema(limits.maxGraceMs).optional(),
      adaptive_timeout: adaptiveTimeoutSchema(limits).optional(),
      retry: retry.optional(),
      retry_budget: retryBudget.prefault({}),
      retry_safe: z.boolean().optional(),
      circuit: breaker.optional(),
      concurrency: z.int().min(1).max(100_000).optional().describe('executions that run at a time'),
      cache: cache.optional(),
      cacheable: z.boolean().optional(),
      warm: z
        .array(
          z.strictObject({
            params: z.record(z.string(), z.unknown()).default({}),
            user: z.string().min(1).max(255).default('local'),
            task_id: taskId.optional(),
          }),
        )
        .max(1000)
        .optional()
        .describe('run at start, so that its results are there'),
      cost: priceSchema.optional(),
      hook: hook.optional(),
      priority: priority.optional(),
      on_limit,
      output,
      labels: labels.optional(),
    })
    .superRefine((one, context) => {
      if (!hasSteps(one.run)) return;
      if (one.hook?.answer === 'raw')
        context.addIssue({
          code: 'custom',
          path: ['hook', 'answer'],
          message: 'must be accepted or wait: a plan has no output of its own',
        });
      const ofSteps = OF_STEPS.filter((name) => one[name] !== undefined).map((name) => [name]);
      const times = Object.keys(one.timeouts ?? {}).filter((name) => name !== 'total_ms');
      for (const path of [...ofSteps, ...times.map((name) => ['timeouts', name])])
        context.addIssue({
          code: 'custom',
          path,
          message: 'must be left out: a plan has none; say it in its steps',
        });
    })
    .refine(({ cache, cacheable }) => cache === undefined || cacheable !== false, {
      path: ['cacheable'],
      error: 'must not be false beside cache',
    })
    .refine(({ limits, run }) => limits === undefined || hasSteps(run) || takesProcess(run), {
      path: ['limits'],
      error: 'must be left out for an HTTP call, which has no processes',
    })
    .refine(({ stop, run }) => stop === undefined || hasSteps(run) || takesProcess(run), {
      path: ['stop'],
      error: 'must be left out for an HTTP call, which has no processes',
    })
    .refine(({ cache, warm }) => warm === undefined || cache !== undefined, {
      path: ['warm'],
      error: 'requires a cache block, because without one nothing is stored',
    })
    .superRefine(({ hook, params }, context) => {
      for (const name of Object.keys(hook?.params ?? {})) {
        if (Object.hasOwn(params.properties, name)) continue;
        const message = `is not a parameter of the operation`;
        context.addIssue({ code: 'custom', path: ['hook', 'params', name], message });
      }
    })
    .transform((one) => ({ ...one, cacheable: one.cacheable ?? one.cache !== undefined }));
}

/** One operation as its file defines it, with the defaults that do not depend on the server. */
export type OperationDefinition = z.infer<ReturnType<typeof operationSchema>>;

/** The outline of the file. Each operation is parsed by itself, so that all problems are found together. */
export const operationsFileSchema = z.strictObject({
  operations: z.record(operationName, z.unknown()).default({}),
  circuits: z
    .array(circuitDefinition)
    .default([])
    .superRefine((circuits, context) => {
      const nameOf = (one: CircuitDefinition | undefined) => one?.program ?? one?.host;
      for (const [i, one] of circuits.entries()) {
        if (circuits.findIndex((other) => nameOf(other) === nameOf(one)) === i) continue;
        context.addIssue({ code: 'custom', path: [i], message: `${nameOf(one)} is defined twice` });
      }
    }),
});

// ---------------------------------------------------------------------------------------------- operations

/** What became of the parameters of a request: `params` has their defaults. */
export type CheckedParams =
  | { ok: true; params: Readonly<Record<string, unknown>> }
  | { ok: false; problems: readonly FieldProblem[] };

/** An operation that can be asked for. */
export interface Operation {
  name: string;
  definition: OperationDefinition;
  template: RunTemplate;
  /** The schema of a request; what the operation makes of one must fit it. */
  schema: ReturnType<typeof specSchema>;
  /** Names the definition by its content. */
  version: string;
  /** Checks parameters against their schema. Fields are JSON Pointers into the request. */
  check(params: Readonly<Record<string, unknown>>): CheckedParams;
}

/** The operations that there are. What they are may change between two calls, an `Operation` itself never. */
export interface Operations {
  get(name: string): Operation | undefined;
  /** In the order of their names. */
  all(): readonly Operation[];
  /** Breakers of programs and hosts. */
  readonly circuits: readonly CircuitDefinition[];
}

export const NO_OPERATIONS: Operations = Object.freeze({
  get: () => undefined,
  all: () => [],
  circuits: [],
});

/** One operation of a file, as far as it could be understood; it can be used when there are no issues. */
export interface ReadDefinition {
  definition: OperationDefinition | null;
  params: ParamsSchema | null;
  template: RunTemplate | null;
  /** Of an operation that is a plan: the plan with samples in its slots, to be checked as plans are. */
  sample: PlanDraft | null;
  /** With paths below the operation. */
  issues: Issue[];
}

/** Reads definitions under the configured maxima. What is wrong in one part does not hide what is wrong in another. */
export function definitionReader(limits: SpecLimits): {
  schema: Operation['schema'];
  read: (raw: unknown) => ReadDefinition;
} {
  const schema = specSchema(limits);
  const whole = operationSchema(limits);
  const read = (raw: unknown): ReadDefinition => {
    const parsed = whole.safeParse(raw);
    const issues = parsed.success ? policyIssues(parsed.data, schema) : issuesOf(parsed.error);
    const parts = (typeof raw === 'object' && raw !== null ? raw : {}) as { params?: unknown; run?: unknown };
    const params = paramsSchema.prefault({}).safeParse(parts.params).data ?? null;
    const ran = run.safeParse(parts.run).data ?? null;
    const compiled = params === null || ran === null ? null : compile(ran, params, schema);
    return {
      definition: parsed.data ?? null,
      params,
      template: compiled?.template ?? null,
      sample: compiled?.sample ?? null,
      issues: [...issues, ...(compiled?.issues ?? [])],
    };
  };
  return { schema, read };
}

function compile(ran: z.infer<typeof run>, params: ParamsSchema, schema: Operation['schema']) {
  return hasSteps(ran) ? compilePlan(ran, params) : { ...compileRun(ran, params, schema), sample: null };
}

/** What only the request's schema knows, for instance that "lost" is retried only when that is safe. */
function policyIssues(definition: OperationDefinition, schema: Operation['schema']): Issue[] {
  const request = { kind: 'operation', name: 'x' } as const;
  const parsed = schema.safeParse({ ...request, ...policiesOver(request, definition) });
  return parsed.success ? [] : issuesOf(parsed.error);
}

/** The policies of a request over those of its operation, part by part; labels are put together. */
export function policiesOver(
  request: OperationSpec,
  definition: Partial<OperationDefinition>,
): Readonly<Record<string, unknown>> {
  const { kind: _kind, name: _name, params: _params, ...own } = request;
  const { priority, on_limit, retry_safe } = definition;
  const merged = {
    priority,
    on_limit,
    retry_safe,
    ...present(own),
    timeouts: over(own.timeouts, definition.timeouts),
    limits: over(own.limits, definition.limits),
    stop: over(own.stop, definition.stop),
    retry: over(own.retry, definition.retry),
    output: over(own.output, definition.output),
    labels: over(own.labels, definition.labels),
    cache: over(own.cache, definition.cache),
  };
  return present(merged);
}

function over<T extends object>(upper: T | undefined, lower: T | undefined): T | undefined {
  return upper === undefined ? lower : { ...lower, ...present(upper) };
}

/** Without what is undefined, which would hide what lies below. */
function present<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
}

/** The operation of a request, and what runs: its template, filled, with the policies that apply. */
export interface ResolvedOperation {
  operation: Operation;
  params: Readonly<Record<string, unknown>>;
  work: Work;
}

/**
 * Turns a request for an operation into what is carried out.
 *
 * @throws RefusedError `unknown_operation`, or `validation` with each wrong parameter
 */
export function resolveOperation(operations: Operations, request: OperationSpec): ResolvedOperation {
  const operation = operations.get(request.name);
  if (operation === undefined) {
    const fields = [{ field: '/name', message: 'is not an operation of this server' }];
    throw new RefusedError(
      'unknown_operation',
      `There is no operation ${request.name}. GET /v1/operations lists all.`,
      { fields },
    );
  }
  const params = checkedParams(operation, request);
  return { operation, params, work: makeWork(operation, params, request) };
}

function checkedParams(operation: Operation, request: OperationSpec): Readonly<Record<string, unknown>> {
  const checked = operation.check(request.params ?? {});
  if (!checked.ok) throw refuse(checked.problems);
  return checked.params;
}

/** What a request for an operation that is a plan may say; the steps say the rest. */
const OF_PLANS = [
  'kind',
  'name',
  'params',
  'task_id',
  'labels',
  'priority',
  'timeouts',
  'webhook',
  'start_at',
  'delay_ms',
];

/**
 * The plan that a request for an operation is; null for an operation that is none, and for one that there is not.
 *
 * @throws RefusedError `validation` with each wrong parameter
 */
export function resolvePlan(operations: Operations, request: OperationSpec): PlanSpec | null {
  const operation = operations.get(request.name);
  if (operation === undefined || !hasSteps(operation.definition.run)) return null;
  const unfit = [
    ...Object.keys(request).filter((name) => !OF_PLANS.includes(name)),
    ...Object.keys(request.timeouts ?? {})
      .filter((name) => name !== 'total_ms')
      .map((name) => `timeouts/${name}`),
  ];
  const message = `must be left out: the operation ${request.name} is a plan, whose steps say it`;
  if (unfit.length > 0) throw refuse(unfit.map((name) => ({ field: `/${name}`, message })));
  const params = checkedParams(operation, request);
  const made = fillPlan(operation.template, params);
  if ('problems' in made) throw refuse(made.problems);
  const { definition, version } = operation;
  const { task_id, webhook, start_at, delay_ms } = request;
  return present({
    ...made.plan,
    ...{ task_id, webhook, start_at, delay_ms },
    priority: request.priority ?? definition.priority,
    timeouts: over(request.timeouts, definition.timeouts),
    labels: over(request.labels, definition.labels),
    operation: { name: request.name, version, params },
  }) as PlanSpec;
}

/** Asks for the operation of a plan again, with some parameters changed. */
export function requestAgain(
  { operation, task_id, labels, priority, timeouts, webhook }: PlanSpec & { operation: object },
  params: Readonly<Record<string, unknown>>,
): OperationSpec {
  const { name, params: before } = operation;
  const request = { kind: 'operation', name, params: { ...before, ...params } } as const;
  return present({ ...request, task_id, labels, priority, timeouts, webhook }) as OperationSpec;
}

/**
 * What an operation runs with these parameters.
 *
 * @param params checked, with their defaults
 * @throws RefusedError `validation`
 */
export function makeWork(
  operation: Operation,
  params: Readonly<Record<string, unknown>>,
  request: OperationSpec,
): Work {
  if (hasSteps(operation.definition.run)) {
    const message = `is a plan; it has no output of its own`;
    throw refuse([{ field: '/name', message }]);
  }
  const policies = policiesOver(request, operation.definition);
  const made = fillRun(operation.template, params, policies, operation.schema);
  if ('problems' in made) throw refuse(made.problems);
  if (made.spec.kind === 'operation') throw new TypeError('an operation has made an operation');
  return made.spec;
}

function refuse(problems: readonly FieldProblem[]): RefusedError {
  const fields = problems.slice(0, MAX_FIELDS);
  const detail = fields.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return new RefusedError('validation', detail, { fields });
}
const MAX_FIELDS = 100;

// ---------------------------------------------------------------------------------------------- policy

/** What the server does where neither the request nor the operation says anything. */
export interface OperationDefaults {
  attemptMs: number;
  onLimit: 'queue' | 'reject';
  oversized: OversizedStrategy;
  maxOutputBytes: number;
  spoolMaxBytes: number;
  resultBytes: number;
  /** Of a `retry` block without numbers. */
  retryAttempts: number;
  /** Seconds. */
  retryMultiplier: number;
  cacheTtlS: number;
  limits: ResourceLimits;
  graceMs: number;
}

/** The policy of an operation with every default filled in, for readers. Null is off. */
export function effectivePolicy(definition: OperationDefinition, defaults: OperationDefaults) {
  const { timeouts = {}, retry, output, cache } = definition;
  const oversized = output?.oversized ?? defaults.oversized;
  return {
    timeouts: toWireTimes(resolveTimes(timeouts, { attemptMs: defaults.attemptMs })),
    limits: !takesProcess(definition.run)
      ? null
      : eachLimit((name) => definition.limits?.[name] ?? defaults.limits[name] ?? null),
    stop: !takesProcess(definition.run)
      ? null
      : shownStop(resolveStop(definition.stop ?? {}, { byDefault: defaults.graceMs, most: null })),
    adaptive_timeout: definition.adaptive_timeout ?? null,
    retry: retry === undefined ? null : withRetryDefaults(retry, defaults),
    retry_budget: definition.retry_budget,
    retry_safe: definition.retry_safe ?? false,
    circuit: definition.circuit ?? null,
    concurrency: definition.concurrency ?? null,
    cache:
      cache === undefined
        ? null
        : {
            mode: cache.mode ?? 'read_write',
            key_exclude: cache.key_exclude ?? [],
            ttl_s: cache.ttl_s ?? defaults.cacheTtlS,
            scope: cache.scope ?? null,
            salt: cache.salt ?? null,
          },
    cacheable: definition.cacheable,
    priority: definition.priority ?? 0,
    on_limit: definition.on_limit ?? defaults.onLimit,
    output: {
      max_bytes:
        oversized === 'spool' ? defaults.spoolMaxBytes : (output?.max_bytes ?? defaults.maxOutputBytes),
      oversized,
      result_bytes: output?.result_bytes ?? defaults.resultBytes,
      parse: output?.parse ?? null,
    },
    labels: definition.labels ?? {},
    cost: definition.cost ?? null,
  };
}
export type EffectivePolicy = ReturnType<typeof effectivePolicy>;

function withRetryDefaults(spec: RetrySpec, defaults: OperationDefaults) {
  return {
    attempts: spec.attempts ?? defaults.retryAttempts,
    multiplier: spec.multiplier ?? defaults.retryMultiplier,
    min_ms: spec.min_ms ?? RETRY_DEFAULTS.minMs,
    max_ms: spec.max_ms ?? RETRY_DEFAULTS.maxMs,
    jitter: spec.jitter ?? RETRY_DEFAULTS.jitter,
    retry_on: spec.retry_on ?? null,
  };
}
