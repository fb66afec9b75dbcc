// Operations: what a client may ask for by name, and what becomes of such a request: its parameters, what it runs, its policies.
import { z } from 'zod';
import { hasSteps, takesProcess } from '../kinds.ts';
import { resolveTimes, toWireTimes } from '../spec/times.ts';
import { compileRun } from './compile-run.ts';
import { type FieldProblem, RefusedError } from '../errors.ts';
import { type Issue, issuesOf } from '../issues.ts';
import { eachLimit, type ResourceLimits } from '../limits.ts';
import type { ParamsSchema } from './params-schema.ts';
import { fillRun, type RunTemplate } from './fill-run.ts';
import { compilePlan, fillPlan } from './plan-run.ts';
import {
  type OversizedStrategy,
  RETRY_DEFAULTS,
  type RetrySpec,
  type Spec,
  type SpecLimits,
  specSchema,
  type Work,
} from '../spec/spec.ts';
import type { PlanDraft, PlanSpec } from '../spec/plan.ts';
import { resolveStop, shownStop } from '../stop.ts';
import {
  type CircuitDefinition,
  paramsSchema,
  run,
  operationSchema,
  type OperationDefinition,
} from './definition.ts';

/** A request for an operation. */
export type OperationSpec = Extract<Spec, { kind: 'operation' }>;

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
  const { priority, pool, on_limit, retry_safe } = definition;
  const merged = {
    priority,
    pool,
    on_limit,
    retry_safe,
    ...present(own),
    timeouts: over(own.timeouts, definition.timeouts),
    monitor: over(own.monitor, definition.monitor),
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
  'monitor',
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
    ...Object.keys(request.monitor ?? {})
      .filter((name) => name !== 'late_ms' && name !== 'cancel')
      .map((name) => `monitor/${name}`),
  ];
  const message = `must be left out, because the operation ${request.name} is a plan; set it in its steps`;
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
    monitor: over(request.monitor, definition.monitor),
    labels: over(request.labels, definition.labels),
    operation: { name: request.name, version, params },
  }) as PlanSpec;
}

/** Asks for the operation of a plan again, with some parameters changed. */
export function requestAgain(
  { operation, task_id, labels, priority, timeouts, monitor, webhook }: PlanSpec & { operation: object },
  params: Readonly<Record<string, unknown>>,
): OperationSpec {
  const { name, params: before } = operation;
  const request = { kind: 'operation', name, params: { ...before, ...params } } as const;
  return present({ ...request, task_id, labels, priority, timeouts, monitor, webhook }) as OperationSpec;
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
    monitor: definition.monitor ?? null,
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
