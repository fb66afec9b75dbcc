// Looks a plan over before anything of it is begun: every problem at once, each with its place.
import type { z } from 'zod';
import { hasSteps, isWait } from '../kinds.ts';
import type { Conditions } from './conditions.ts';
import type { FieldProblem } from '../errors.ts';
import { parseFields } from '../exact-fields.ts';
import { ExactNumber } from '../exact-number.ts';
import { fieldMessage, fieldProblems } from '../field-messages.ts';
import { type Issue, pointer } from '../issues.ts';
import { Ancestors, circleOf, levelsOf } from './plan-graph.ts';
import {
  CHECKED_FIELDS,
  isFilledIn,
  MAX_DEPENDENCIES,
  MAX_PLAN_DEPTH,
  MAX_STEPS,
  named,
  type PlanDraft,
  stepSchemas,
  type StepSpec,
} from '../spec/plan.ts';
import { hasReferences } from './references.ts';
import { ScopeCheck } from './plan-scope.ts';
import type { SpecLimits } from '../spec/spec.ts';
import type { WaitSpec } from '../spec/wait.ts';

export interface PlanReport {
  problems: FieldProblem[];
  /** Names of the steps by level, each of which needs only those before; null when they go round in a circle. */
  levels: string[][] | null;
}

type Path = readonly (string | number)[];

const MAX_PROBLEMS = 1000;
/** A check in pieces, each of which takes a few milliseconds at most: between any two, others may have their turn. */
export type PlanCheck = Generator<undefined, PlanReport>;

/** Checks a plan in one go: for those that an operator writes. */
export function planChecks(check: (plan: PlanDraft) => PlanCheck): (plan: PlanDraft) => Issue[] {
  return (plan) => {
    const going = check(named(plan));
    let step = going.next();
    while (step.done !== true) step = going.next();
    return step.value.problems.map(({ field, message }) => ({ path: splitField(field).map(toKey), message }));
  };
}

const toKey = (part: string): string | number => (/^\d+$/.test(part) ? Number(part) : part);

/** Checks plans under the configured maxima. */
export function planChecker(
  limits: SpecLimits,
  conditions: Conditions,
  schemaProblem: SchemaProblem,
): (plan: PlanDraft) => PlanCheck {
  const schemas = stepSchemas(limits);
  return function* check(plan) {
    const problems: FieldProblem[] = [];
    const add = (path: Path, message: string) => {
      if (problems.length < MAX_PROBLEMS) problems.push({ field: pointer(path), message });
    };
    const isFull = () => problems.length === MAX_PROBLEMS;
    const context = { schemas, conditions, schemaProblem, add, isFull, steps: 0, dependencies: 0 };
    const levels = yield* checkPlan(plan, [], 1, context);
    return { problems, levels };
  };
}

/** Why the schema of a signal cannot be used; null when it can. */
export type SchemaProblem = (schema: Readonly<Record<string, unknown>>) => string | null;

interface Context {
  schemaProblem: SchemaProblem;
  schemas: ReturnType<typeof stepSchemas>;
  conditions: Conditions;
  add: (path: Path, message: string) => void;
  /** Whether there are so many problems that nobody needs another. */
  isFull: () => boolean;
  /** Steps so far. */
  steps: number;
  /** Dependencies so far. */
  dependencies: number;
}

/** Checks a plan, and those in it; answers its levels. */
function* checkPlan(
  plan: PlanDraft,
  at: Path,
  depth: number,
  context: Context,
): Generator<undefined, string[][] | null> {
  const { add } = context;
  context.steps += plan.steps.length;
  if (context.steps > MAX_STEPS) {
    add(
      [...at, 'steps'],
      `too many steps: at most ${MAX_STEPS} steps are allowed, including those of plans in the plan`,
    );
    return null;
  }
  if (depth > MAX_PLAN_DEPTH) {
    add(at, `plans can be nested at most ${MAX_PLAN_DEPTH} deep`);
    return null;
  }
  const steps: (StepSpec | null)[] = [];
  for (const [i, step] of plan.steps.entries()) {
    steps.push(checkFields(step, [...at, 'steps', i], context));
    yield;
    if (context.isFull()) return null;
  }
  const names = numbersOf(steps, at, add);
  const before = yield* orderOf(plan, steps, names, at, context);
  const levels = levelsOf(before);
  if (levels === null) {
    const circle = (circleOf(before) ?? []).map((i) => nameOf(steps[i], i));
    const first = names.get(circle[0] ?? '') ?? 0;
    add([...at, 'steps', first, 'depends_on'], `forms a cycle: ${circle.join(' -> ')}`);
  }
  const ancestors = levels === null ? null : yield* Ancestors.of(before, levels);
  yield* new ScopeCheck(plan, steps, names, ancestors, context).check(at);
  for (const [i, step] of steps.entries()) {
    // Without one of these it has been reported, and is no plan.
    if (step != null && hasSteps(step) && step.steps !== undefined && step.strategy !== undefined)
      yield* checkPlan(step as unknown as PlanDraft, [...at, 'steps', i], depth + 1, context);
  }
  return levels?.map((level) => level.map((i) => nameOf(steps[i], i))) ?? null;
}

const nameOf = (step: StepSpec | null | undefined, i: number): string => step?.name ?? `step ${i}`;

/** Checks the fields of a step whose values are known already. Returns null for a value that is not an object. */
function checkFields(value: unknown, at: Path, { schemas, add, schemaProblem }: Context): StepSpec | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof ExactNumber) {
    add(at, 'must be an object');
    return null;
  }
  const step = value as StepSpec;
  const form = hasSteps(step) ? 'plan' : isWait(step) ? 'wait' : 'single';
  const parsed = parseFields(schemas[form], step);
  if (!parsed.success) {
    const issues = [...parsed.error.issues, ...issuesBesideKind(parsed.error, step)].filter(
      (issue) => !isExcused(issue, step),
    );
    for (const { field, message } of fieldProblems({ issues } as z.ZodError, 'body', at)) {
      // The discriminator knows what may be asked for alone.
      const isKind = field === pointer([...at, 'kind']);
      add(
        splitField(field),
        isKind ? message.replace(/("operation")(?=$|, not )/, '$1, "wait", "plan"') : message,
      );
    }
  }
  if (step.foreach !== undefined && step.while !== undefined)
    add([...at, 'while'], 'cannot be used with foreach');
  if (step.on_limit === 'reject')
    add([...at, 'on_limit'], 'must be left out: a step always waits for its slot');
  const sound = parsed.success ? step : soundPart(step, form);
  const schema = parsed.success && isWait(step) ? (step.signal as WaitSpec['signal'])?.schema : undefined;
  const problem = schema === undefined ? null : schemaProblem(schema);
  if (problem !== null) add([...at, 'signal', 'schema'], problem);
  const items = sound.foreach?.items;
  const isList = Array.isArray(items) || (typeof items === 'string' && hasReferences(items));
  if (sound.foreach !== undefined && !isList)
    add([...at, 'foreach', 'items'], 'must be a list, or a reference to one');
  return typeof sound.name === 'string' ? sound : null;
}

/** With a kind that there is not, a schema looks at no other field; those of any step are looked at all the same. */
function issuesBesideKind({ issues }: z.ZodError, step: StepSpec): z.core.$ZodIssue[] {
  if (!issues.some(({ path }) => path.length === 1 && path[0] === 'kind')) return [];
  return Object.entries(CHECKED_FIELDS.single).flatMap(([name, schema]) => {
    const parsed = schema.safeParse(step[name], { error: fieldMessage });
    return (parsed.error?.issues ?? []).map((issue) => ({ ...issue, path: [name, ...issue.path] }));
  });
}

/**
 * A step without those of its fields that are of a wrong form, which has been reported: the checks that follow go into the
 * others only, and take them for what their types say.
 */
function soundPart(step: StepSpec, form: keyof typeof CHECKED_FIELDS): StepSpec {
  const isSound = ([name, value]: [string, unknown]) => {
    const schema = CHECKED_FIELDS[form][name];
    if (schema === undefined || (isFilledIn(step, name) && hasReferences(value))) return true;
    return schema.safeParse(value).success;
  };
  const sound = Object.fromEntries(Object.entries(step).filter(isSound)) as StepSpec;
  // Other steps may refer to it by a name that cannot be one, and it to others beside one that is none.
  if (typeof step.name === 'string') sound.name = step.name;
  if (Array.isArray(step.depends_on))
    sound.depends_on = step.depends_on.filter((name) => typeof name === 'string');
  return sound;
}

const splitField = (field: string): string[] =>
  field
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

/** Whether what is wrong may be put right by a reference: where the wrong value is one. */
function isExcused(issue: z.core.$ZodIssue, step: StepSpec): boolean {
  const [first] = issue.path;
  if (first === undefined || !isFilledIn(step, String(first)) || issue.code === 'unrecognized_keys')
    return false;
  let value: unknown = step;
  for (const key of issue.path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  if (typeof value === 'string') return hasReferences(value);
  return issue.code !== 'invalid_type' && value !== undefined && hasReferences(value);
}

/** Numbers of the steps by name; each name is to be used once. */
function numbersOf(steps: readonly (StepSpec | null)[], at: Path, add: Context['add']): Map<string, number> {
  const numbers = new Map<string, number>();
  steps.forEach((step, i) => {
    if (step === null) return;
    const first = numbers.get(step.name);
    if (first === undefined) numbers.set(step.name, i);
    else add([...at, 'steps', i, 'name'], `is the name of step ${first} already; names must be unique`);
  });
  return numbers;
}

/** For each step those right before it, as far as they are right. */
function* orderOf(
  { strategy }: PlanDraft,
  steps: readonly (StepSpec | null)[],
  names: ReadonlyMap<string, number>,
  at: Path,
  context: Context,
): Generator<undefined, number[][]> {
  const { add } = context;
  const before = steps.map((_, i) => new Set(strategy.type === 'serial' && i > 0 ? [i - 1] : []));
  const link = (i: number, j: number, path: Path) => {
    if (i === j) return add(path, 'a step cannot depend on itself');
    context.dependencies += 1;
    if (context.dependencies <= MAX_DEPENDENCIES) return void before[i]?.add(j);
    if (context.dependencies === MAX_DEPENDENCIES + 1)
      add(
        path,
        `too many dependencies: at most ${MAX_DEPENDENCIES} dependencies are allowed, including those of plans in the plan`,
      );
  };
  for (const [i, step] of steps.entries()) {
    (step?.depends_on ?? []).forEach((name, k) => {
      const path = [...at, 'steps', i, 'depends_on', k];
      const j = names.get(name);
      if (strategy.type !== 'dependency_graph')
        add(path, `requires the strategy dependency_graph; this plan has ${strategy.type}`);
      else if (j === undefined) add(path, `there is no step ${JSON.stringify(name)}`);
      else link(i, j, path);
    });
    yield;
  }
  const indices = strategy.type === 'dependency_graph' ? Object.entries(strategy.dependencies ?? {}) : [];
  for (const [index, others] of indices) {
    const path = [...at, 'strategy', 'dependencies', index];
    if (!/^(0|[1-9]\d{0,4})$/.test(index)) add(path, 'must be the index of a step');
    else if (Number(index) >= steps.length) add(path, `there is no step ${index}`);
    else
      others.forEach((j, k) => {
        if (!Number.isInteger(j) || j < 0) add([...path, k], 'must be the index of a step');
        else if (j >= steps.length) add([...path, k], `there is no step ${j}`);
        else link(Number(index), j, [...path, k]);
      });
    yield;
  }
  return before.map((one) => [...one]);
}
