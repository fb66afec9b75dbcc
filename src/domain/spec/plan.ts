// Plans: what a client may ask for in many steps. The schemas are the only definition, as for specs; references may stand
// in place of values, which `plan-check.ts` makes sure of.
import { z } from 'zod';
import { hasSteps, isWait, type Kind, type StepsKind } from '../kinds.ts';
import { boundedRecord, MAX_CONDITION } from './bounded.ts';
import { ExactNumber } from '../exact-number.ts';
import {
  idempotencyKey,
  labels,
  osString,
  planMonitor,
  planTimeouts,
  priority,
  type SpecLimits,
  specParts,
  startShape,
  hasOneStart,
  stepSchema as stepOfSpecSchema,
  taskId,
  webhook,
} from './spec.ts';
import { waitParts, waitSchema } from './wait.ts';

/** Steps of a plan, with those of the plans in it. */
export const MAX_STEPS = 10_000;
/** Dependencies of its steps, likewise. */
export const MAX_DEPENDENCIES = 200_000;
/** How deep plans may be nested; the outermost is 1. */
export const MAX_PLAN_DEPTH = 5;
/** Rounds of a loop. */
export const MAX_ROUNDS = 10_000;

/** Ends the name of a plan that a redrive has set aside until the step of that name begins. No name of a step has it. */
export const ASIDE = '~kept';

const stepName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, 'must be 1 to 100 of A-Z a-z 0-9 _ - and begin with a letter or _')
  // As a field it would be what an object inherits from.
  .refine((name) => name !== '__proto__', 'must not be "__proto__"; choose another name');
const condition = z.string().min(1).max(MAX_CONDITION);
const outputs = boundedRecord(stepName, z.unknown(), { most: 10_000, what: 'names' }).describe(
  'Names and values of your choice; values may be references.',
);
const maxConcurrency = z.int().min(1).max(MAX_STEPS).nullable().optional();

export const RUN_IFS = ['success', 'failure', 'always'] as const;
export type RunIf = (typeof RUN_IFS)[number];

/** What a step has beside its spec. */
const stepShape = {
  name: stepName
    .optional()
    .describe('Name of the step, unique within the plan. Default: `step_` and its index, such as `step_0`.'),
  depends_on: z
    .array(stepName)
    .max(MAX_STEPS)
    .optional()
    .describe('With the strategy `dependency_graph`: names of the steps that must end first.'),
  run_if: z
    .enum(RUN_IFS)
    .optional()
    .describe(
      'How the steps that it depends on must have ended. `success` (default): all completed. `failure`: at least one failed. `always`: any way.',
    ),
  when: condition.optional().describe('CEL expression. If it is false, execd skips the step.'),
  continue_on_error: z
    .boolean()
    .optional()
    .describe(
      'If the step fails, the plan and the steps after it continue as if it had completed. Default: false.',
    ),
  outputs: outputs.optional().describe('Values of the step for other steps: `${steps.NAME.outputs.OUTPUT}`.'),
  foreach: z
    .strictObject({
      items: z.unknown().describe('A list, or a reference to one.'),
      max_concurrency: maxConcurrency.describe('Most rounds at a time. Default: no limit.'),
      stop_on_error: z.boolean().optional().describe('Start no round after one has failed. Default: false.'),
    })
    .optional()
    .describe('Run the step once for each item, with `${item}` and `${index}`.'),
  while: z
    .strictObject({
      condition: condition.describe(
        'CEL expression over `iteration` and `previous`, evaluated before each round.',
      ),
      max_iterations: z
        .int()
        .min(1)
        .max(MAX_ROUNDS)
        .describe('Most rounds; the step fails if there would be more.'),
    })
    .optional()
    .describe('Run the step while a condition is true, with `${iteration}` and `${previous}`.'),
};
export const STEP_FIELDS = Object.keys(stepShape) as (keyof typeof stepShape)[];

const atATime = maxConcurrency.describe('Most steps at a time. Default: no limit.');
const serialStrategy = z.strictObject({
  type: z.literal('serial').describe('One step after the other.'),
  stop_on_error: z.boolean().optional().describe('Skip the rest after a failure. Default: true.'),
});
const parallelStrategy = z.strictObject({
  type: z.literal('parallel').describe('All steps at the same time.'),
  max_concurrency: atATime,
});
const graphStrategy = z.strictObject({
  type: z.literal('dependency_graph').describe('Each step when the steps that it depends on have ended.'),
  max_concurrency: atATime,
  dependencies: z
    // Looked at one by one with the steps: each may be a problem of its own.
    .record(
      z.string(),
      z
        .custom<readonly number[]>((list) => Array.isArray(list) && list.length <= MAX_STEPS, {
          error: `must be a list of at most ${MAX_STEPS} indices`,
        })
        .meta({ type: 'array', items: { type: 'integer', minimum: 0 }, maxItems: MAX_STEPS }),
    )
    .optional()
    .describe(
      'Index of a step, from 0: indices of the steps that must end first. In addition to depends_on.',
    ),
});
const strategy = z
  .discriminatedUnion('type', [serialStrategy, parallelStrategy, graphStrategy])
  .describe('In which order the steps run.');

const planShape = {
  description: osString.max(2000).optional().describe('A text of your choice.'),
  strategy,
  params: boundedRecord(z.string().min(1).max(100), z.unknown(), { most: 10_000, what: 'parameters' })
    .optional()
    .describe('Values for the steps: `${plan.params.NAME}`.'),
  steps: z
    .array(z.unknown().meta({ shownAs: { $ref: '#/components/schemas/PlanStepRequest' } }))
    .min(1)
    .describe('The steps. Together with those of plans in the plan, at most 10,000.'),
  outputs: outputs.optional().describe('The result of the plan. Values may be references to its steps.'),
  task_id: taskId.optional().describe('A group of your choice, for the plan and its steps.'),
  labels: labels.optional().describe('Labels of the plan and of its steps.'),
  priority: priority.optional().describe('Priority of the steps that have none of their own. Default: 0.'),
  timeouts: planTimeouts.optional().describe('Time limits of the plan.'),
  monitor: planMonitor.optional(),
};
/** What a plan has that is no step. */
const planFields = z.strictObject({
  id: idempotencyKey
    .optional()
    .describe(
      'Your own id, shown as `client_id`. Within 24 hours, a second request with the same id returns the first plan.',
    ),
  ...planShape,
  webhook: webhook.optional(),
  ...startShape,
});

/** Each has a name: see `named`. */
export type StepFields = z.infer<z.ZodObject<typeof stepShape>> & { name: string };
/** A step as it was written: any value beside its own fields may be, or hold, references. */
export type StepSpec = StepFields & { kind: Kind } & Record<string, unknown>;

/** The rounds that a loop makes of its one step. */
export type Loop = (
  | { items: readonly unknown[]; stopOnError: boolean }
  /** `steps`: those that the condition reads, as they were. */
  | { condition: string; maxIterations: number; steps: Readonly<Record<string, unknown>> }
) & {
  /** What expressions of the rounds read of the plan around the loop: `steps` and `plan`, as they were. */
  known?: Readonly<Record<string, unknown>>;
};

/** What a client asked for. A loop is a plan too, which no client can ask for: the engine makes it of a step. */
export type PlanSpec = Omit<z.infer<typeof planFields>, 'steps'> & {
  kind: StepsKind;
  steps: readonly StepSpec[];
  loop?: Loop;
  /** The operation that has made it, which no client can say. */
  operation?: { name: string; version: string; params: Readonly<Record<string, unknown>> };
};
/** A plan as a step. */
export type PlanStep = StepSpec & Omit<PlanSpec, 'steps'> & { steps: readonly StepSpec[] };

/** The body of a request for a plan; its steps are looked at one by one. */
export const planRequest = planFields.refine(hasOneStart.test, hasOneStart.problem);
/** A plan whose frame is right; its steps may be anything. */
export type PlanDraft = z.infer<typeof planRequest>;

/** What the checks of a plan go into beyond the schema of a step: its own fields, and those of a plan that it is. */
export const CHECKED_FIELDS: Readonly<
  Record<'single' | 'plan' | 'wait', Readonly<Record<string, z.ZodType>>>
> = {
  single: stepShape,
  wait: stepShape,
  plan: { ...planShape, ...stepShape },
};

/** The schemas of a step, by their form. */
export function stepSchemas(limits: SpecLimits, parts = specParts(limits)) {
  return {
    single: stepOfSpecSchema(parts, stepShape),
    wait: waitSchema(stepShape),
    plan: z.strictObject({
      kind: z.literal('plan').describe('A plan within the plan.'),
      ...planShape,
      ...stepShape,
    }),
  };
}

/** What stands under its own name in the OpenAPI document. */
export const planParts = {
  Strategy: strategy,
  SerialStrategy: serialStrategy,
  ParallelStrategy: parallelStrategy,
  DependencyGraphStrategy: graphStrategy,
  Outputs: outputs,
  ForEach: stepShape.foreach.unwrap(),
  While: stepShape.while.unwrap(),
  PlanTimeouts: planTimeouts,
  PlanMonitor: planMonitor,
  ...waitParts,
};

/** A plan whose steps all have names: one without gets `step_` and its index, as strategies count. */
export function named(plan: PlanDraft): PlanDraft {
  return { ...plan, steps: plan.steps.map(namedStep) };
}

/** What is asked for by a plan, with all its steps named. */
export const planSpec = (plan: PlanDraft): PlanSpec => ({ kind: 'plan', ...named(plan) }) as PlanSpec;

function namedStep(value: unknown, index: number): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof ExactNumber)
    return value;
  const step = value as Record<string, unknown>;
  // What is no list of steps is reported by the check.
  const inner =
    hasSteps(step as { kind: Kind }) && Array.isArray(step.steps)
      ? { steps: step.steps.map(namedStep) }
      : null;
  if (step.name !== undefined && inner === null) return step;
  return { name: `step_${index}`, ...step, ...inner };
}

/** Whether a step is to be run again and again. */
export function isLoop({ foreach, while: loop }: StepFields): boolean {
  return foreach !== undefined || loop !== undefined;
}

/** The spec of a step, without what only a step has. */
export function bodyOf(step: StepSpec): Record<string, unknown> & { kind: Kind } {
  const body: Record<string, unknown> & { kind: Kind } = { kind: step.kind };
  for (const [name, value] of Object.entries(step)) {
    // Of a plan the outputs are its own.
    if (name === 'outputs' && hasSteps(step)) body.outputs = value;
    else if (!(STEP_FIELDS as readonly string[]).includes(name)) body[name] = value;
  }
  if (step.kind === 'operation') {
    const { operation, ...rest } = body;
    return { ...rest, kind: 'operation', name: operation };
  }
  return body;
}

/** Whether references in a field are filled in before the step begins. A plan in a plan fills in its own. */
export function isFilledIn(step: StepSpec, field: string): boolean {
  if (field === 'kind' || (STEP_FIELDS as readonly string[]).includes(field)) return false;
  // Which signals a plan waits for is known before.
  if (isWait(step) && field === 'signal') return false;
  // Who may run which operation is known before.
  if (step.kind === 'operation' && field === 'operation') return false;
  return !hasSteps(step) || !['steps', 'strategy', 'outputs', 'description'].includes(field);
}
