// What an operations file may say: its schemas, with the defaults that do not depend on the server.
import { z } from 'zod';
import { hasSteps, RUN_KINDS, takesProcess } from '../kinds.ts';
import { poolName } from '../pool-name.ts';
import type { ParamsSchema } from './params-schema.ts';
import { hook } from './hook.ts';
import { priceSchema } from '../credits/price-schema.ts';
import {
  cache,
  labels,
  monitor,
  operationName,
  priority,
  retry,
  resourceLimits,
  type SpecLimits,
  specSchema,
  taskId,
  timeoutsSchema,
  WEEK_MS,
} from '../spec/spec.ts';
import { stopSchema } from '../stop.ts';
import { PARAM_NAME } from './template.ts';

const everyBreaker = {
  open_ms: z.int().min(1).max(WEEK_MS).default(60_000).describe('how long it stays open before a probe'),
  max_open_ms: z
    .int()
    .min(1)
    .max(WEEK_MS)
    .optional()
    .describe('each probe that fails doubles `open_ms`, up to this; default: `open_ms` does not change'),
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
  size: z.int().min(1).max(10_000).default(100).describe('the number of last calls that count'),
  min_calls: z.int().min(1).max(10_000).optional().describe('calls before it may open; default: `size`'),
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
export const paramsSchema = z
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
export const run = z.looseObject({ kind: z.enum([...RUN_KINDS, 'plan']) });

/** What the steps of a plan say, each for itself. */
const OF_STEPS = [
  ...(['limits', 'stop', 'adaptive_timeout', 'retry', 'retry_safe', 'circuit', 'concurrency'] as const),
  ...(['cache', 'cacheable', 'warm', 'cost', 'pool', 'on_limit', 'output'] as const),
] as const;

function adaptiveTimeoutSchema({ maxAttemptMs }: Pick<SpecLimits, 'maxAttemptMs'>) {
  const ms = z.int().min(1).max(maxAttemptMs);
  return z
    .strictObject({
      factor: z.number().min(1).max(100).default(3).describe('times the 99th percentile of the run times'),
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
      monitor: monitor.optional(),
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
        .describe('run at start, to fill the cache'),
      cost: priceSchema.optional(),
      hook: hook.optional(),
      priority: priority.optional(),
      pool: poolName.optional(),
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
      const monitors = Object.keys(one.monitor ?? {}).filter(
        (name) => name !== 'late_ms' && name !== 'cancel',
      );
      const unfit = [
        ...times.map((name) => ['timeouts', name]),
        ...monitors.map((name) => ['monitor', name]),
      ];
      for (const path of [...ofSteps, ...unfit])
        context.addIssue({
          code: 'custom',
          path,
          message: 'must be left out: a plan has none; set it in its steps',
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
      error: 'requires a cache block, because execd stores nothing without one',
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
