// Operations that run a plan: the plan is taken apart when the file is read, and filled when somebody asks for it. Its texts
// hold slots, as those of other operations do, and references to its steps; what fills a slot never becomes a reference.
import type { FieldProblem } from '../errors.ts';
import { type Issue, issuesOf, pointer } from '../issues.ts';
import { type PlanDraft, planRequest, type PlanSpec } from '../spec/plan.ts';
import {
  type Compilation,
  compileNode,
  environmentIssues,
  HAS_ENVIRONMENT,
  placeOf,
  samplesFor,
  unusedIssues,
} from './compile-run.ts';
import { environmentOf, escaped, fillTree, type Place, type RunTemplate } from './fill-run.ts';
import { environmentName, type JsonSchema, type ParamsSchema } from './params-schema.ts';
import { lookUp, type Slot } from './template.ts';

/** What stands in `run` of a plan; the rest of a plan stands beside it, as the policies of others do. */
const RUN_FIELDS = ['kind', 'description', 'strategy', 'params', 'steps', 'outputs'];
/** Values of any type. */
const JSON_FIELDS = ['params', 'outputs'];

type Path = readonly PropertyKey[];

/** The place of a text in a plan: that in its step, where a step has it. */
function placeInPlan(path: Path): Place | null {
  let inStep = path;
  while (inStep[0] === 'steps' && typeof inStep[1] === 'number') inStep = inStep.slice(2);
  const [first, second] = inStep;
  if (JSON_FIELDS.includes(String(first)) || (first === 'foreach' && second === 'items')) return 'json';
  if (inStep === path) return null;
  return first === 'until' ? 'text' : placeOf(inStep);
}

/** @returns what is wrong, with paths below the operation, and the plan with samples in its slots, to be checked as a plan */
export function compilePlan(
  run: JsonSchema,
  params: ParamsSchema,
): { template: RunTemplate; issues: Issue[]; sample: PlanDraft | null } {
  const work: Compilation = {
    ...{ params, placeOf: placeInPlan, hasReferences: true, issues: [], used: new Set<string>() },
  };
  for (const key of Object.keys(run)) {
    if (RUN_FIELDS.includes(key)) continue;
    const isPolicy = key in planRequest.shape;
    const message = isPolicy ? `unknown field; put ${key} beside run, not into it` : 'unknown field';
    work.issues.push({ path: ['run', key], message });
  }
  const scripts = [...commandSteps(run, ['run'])];
  const environment: [string, string][] =
    scripts.length === 0
      ? []
      : Object.keys(params.properties)
          .map((name) => [name, environmentName(name)] as const)
          .map((one) => [...one]);
  for (const { step, path } of scripts)
    for (const issue of environmentIssues(environment, step))
      work.issues.push(
        issue.path[0] === 'run' ? { ...issue, path: [...path, ...issue.path.slice(1)] } : issue,
      );
  const template: RunTemplate = {
    hasReferences: true,
    root: compileNode(run, [], work),
    params,
    environment,
  };
  if (scripts.length === 0) work.issues.push(...unusedIssues(work));
  if (work.issues.length > 0) return { template, issues: uniqueOf(work.issues), sample: null };
  const { value, problems } = fillTree(template, samplesFor(template));
  const unfit = problems.map(({ field, message }) => ({ path: ['run'], message: `${field}: ${message}` }));
  const { kind: _kind, ...draft } = value as Record<string, unknown>;
  const parsed = planRequest.safeParse({ strategy: SERIAL, ...draft });
  const issues = parsed.success ? [] : issuesOf(parsed.error);
  const below = issues.map(({ path, message }) => ({ path: ['run', ...path], message }));
  return { template, issues: [...unfit, ...below], sample: parsed.data ?? null };
}

const SERIAL = { type: 'serial' } as const;

function uniqueOf(issues: readonly Issue[]): Issue[] {
  return [...new Map(issues.map((one) => [`${pointer(one.path)} ${one.message}`, one])).values()];
}

/** The steps that are commands for a shell or an interpreter, also those of plans in the plan. */
function* commandSteps(plan: JsonSchema, at: Path): Generator<{ step: JsonSchema; path: Path }> {
  if (!Array.isArray(plan.steps)) return;
  for (const [i, step] of (plan.steps as unknown[]).entries()) {
    if (typeof step !== 'object' || step === null) continue;
    const path = [...at, 'steps', i];
    const one = step as JsonSchema;
    if (HAS_ENVIRONMENT.has(String(one.kind))) yield { step: one, path };
    yield* commandSteps(one, path);
  }
}

/** A plan as an operation asks for it, without what a request adds. */
export type FilledPlan = Pick<PlanSpec, 'kind' | 'strategy' | 'params' | 'steps' | 'outputs' | 'description'>;

/** @param params checked, with their defaults */
export function fillPlan(
  template: RunTemplate,
  params: Readonly<Record<string, unknown>>,
): { plan: FilledPlan } | { problems: FieldProblem[] } {
  const { value, problems } = fillTree(template, (slot: Slot) => lookUp(params, slot));
  if (problems.length > 0) return { problems: [...problems] };
  const plan = { strategy: SERIAL, ...(value as object) } as unknown as FilledPlan;
  const variables = escaped(environmentOf(template, params)) as Record<string, string>;
  if (Object.keys(variables).length === 0) return { plan };
  return { plan: withVariables(plan, variables) as unknown as FilledPlan };
}

function withVariables(plan: JsonSchema, variables: Readonly<Record<string, string>>): JsonSchema {
  if (!Array.isArray(plan.steps)) return plan;
  const steps = (plan.steps as JsonSchema[]).map((step) => {
    const inner = withVariables(step, variables);
    if (!HAS_ENVIRONMENT.has(String(step.kind))) return inner;
    return { ...inner, env: { ...(inner.env as object | undefined), ...variables } };
  });
  return { ...plan, steps };
}
