// Plans: what a client may ask for in many steps. The schemas are the only definition, as for specs; references may stand
// in place of values, which `plan-check.ts` makes sure of.
import { z } from 'zod';
import { boundedRecord } from './bounded.ts';
import {
  type Kind,
  labels,
  osString,
  planTimeouts,
  priority,
  type SpecLimits,
  stepSchema as stepOfSpecSchema,
  taskId,
  webhook,
} from './spec.ts';

/** Steps of a plan, with those of the plans in it. */
export const MAX_STEPS = 10_000;
/** Dependencies of its steps, likewise. */
export const MAX_DEPENDENCIES = 200_000;
/** How deep plans may be nested; the outermost is 1. */
export const MAX_PLAN_DEPTH = 5;
/** Rounds of a loop. */
export const MAX_ROUNDS = 10_000;
/** Characters of a condition. */
export const MAX_CONDITION = 4096;

/** Ends the name of a plan that a redrive has set aside until the step of that name begins. No name of a step has it. */
export const ASIDE = '~kept';

const stepName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, 'is 1 to 100 of A-Z a-z 0-9 _ - and begins with a letter or _')
  // As a field it would be what an object inherits from.
  .refine((name) => name !== '__proto__', 'this name cannot be used');
const condition = z.string().min(1).max(MAX_CONDITION);
const outputs = boundedRecord(stepName, z.unknown(), { most: 10_000, what: 'names' }).describe(
  'names for what comes out; values may be references',
);
const maxConcurrency = z.int().min(1).max(MAX_STEPS).nullable().optional();

export const RUN_IFS = ['success', 'failure', 'always'] as const;
export type RunIf = (typeof RUN_IFS)[number];

/** What a step has beside its spec. */
const stepShape = {
  name: stepName,
  depends_on: z
    .array(stepName)
    .max(MAX_STEPS)
    .optional()
    .describe('with dependency_graph: steps that end before'),
  run_if: z
    .enum(RUN_IFS)
    .optional()
    .describe('what the steps before must have come to: success (default), failure (of any), always'),
  when: condition.optional().describe('CEL; the step is skipped when it is false'),
  continue_on_error: z
    .boolean()
    .optional()
    .describe('its failure is none of the plan, nor of the steps after it'),
  outputs: outputs.optional(),
  foreach: z
    .strictObject({
      items: z.unknown().describe('a list, or a reference to one'),
      max_concurrency: maxConcurrency.describe('rounds at a time; default: no limit'),
      stop_on_error: z.boolean().optional().describe('begin no round after one has failed; default: false'),
    })
    .optional()
    .describe('run once for each item, as ${item} and ${index}'),
  while: z
    .strictObject({
      condition: condition.describe('CEL; asked before each round: iteration, previous'),
      max_iterations: z.int().min(1).max(MAX_ROUNDS),
    })
    .optional()
    .describe('run again and again as ${iteration}, knowing ${previous}'),
};
export const STEP_FIELDS = Object.keys(stepShape) as (keyof typeof stepShape)[];

const strategy = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('serial'),
    stop_on_error: z.boolean().optional().describe('skip the rest after a failure; default: true'),
  }),
  z.strictObject({ type: z.literal('parallel'), max_concurrency: maxConcurrency }),
  z.strictObject({
    type: z.literal('dependency_graph'),
    max_concurrency: maxConcurrency,
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
      .describe('index of a step: indices of those that end before; beside depends_on'),
  }),
]);

const planShape = {
  description: osString.max(2000).optional(),
  strategy,
  params: boundedRecord(z.string().min(1).max(100), z.unknown(), { most: 10_000, what: 'parameters' })
    .optional()
    .describe('for the steps, as ${plan.params.NAME}'),
  steps: z.array(z.unknown()).min(1),
  outputs: outputs.optional().describe('the result of the plan; values may be references to its steps'),
  task_id: taskId.optional(),
  labels: labels.optional().describe('of the plan and of its steps'),
  priority: priority.optional().describe('of its steps, unless they say otherwise'),
  timeouts: planTimeouts.optional(),
};
/** What a plan has that is no step. */
const planFields = z.strictObject({
  ...planShape,
  webhook: webhook.optional().describe('who is told of the plan; not of each of its steps'),
});

export type StepFields = z.infer<z.ZodObject<typeof stepShape>>;
/** A step as it was written: any value beside its own fields may be, or hold, references. */
export type StepSpec = StepFields & { kind: Kind } & Record<string, unknown>;

/** The rounds that a loop makes of its one step. */
export type Loop =
  | { items: readonly unknown[]; stopOnError: boolean }
  /** `steps`: those that the condition reads, as they were. */
  | { condition: string; maxIterations: number; steps: Readonly<Record<string, unknown>> };

/** What a client asked for. A loop is a plan too, which no client can ask for: the engine makes it of a step. */
export type PlanSpec = Omit<z.infer<typeof planFields>, 'steps'> & {
  kind: 'plan';
  steps: readonly StepSpec[];
  loop?: Loop;
};
/** A plan as a step. */
export type PlanStep = StepSpec & Omit<PlanSpec, 'steps'> & { steps: readonly StepSpec[] };

/** The body of a request for a plan; its steps are looked at one by one. */
export const planRequest = planFields;
/** A plan whose frame is right; its steps may be anything. */
export type PlanDraft = z.infer<typeof planRequest>;

/** What the checks of a plan go into beyond the schema of a step: its own fields, and those of a plan that it is. */
export const CHECKED_FIELDS: Readonly<Record<'single' | 'plan', Readonly<Record<string, z.ZodType>>>> = {
  single: stepShape,
  plan: { ...planShape, ...stepShape },
};

/** The schemas of a step, for those that are plans and those that are not. */
export function stepSchemas(limits: SpecLimits): { single: z.ZodType; plan: z.ZodType } {
  return {
    single: stepOfSpecSchema(limits, stepShape),
    plan: z.strictObject({ kind: z.literal('plan'), ...planShape, ...stepShape }),
  };
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
    if (name === 'outputs' && step.kind === 'plan') body.outputs = value;
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
  // Who may run which operation is known before.
  if (step.kind === 'operation' && field === 'operation') return false;
  return step.kind !== 'plan' || !['steps', 'strategy', 'outputs', 'description'].includes(field);
}
