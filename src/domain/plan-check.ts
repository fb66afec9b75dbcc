// Looks a plan over before anything of it is begun: every problem at once, each with its place.
import type { z } from 'zod';
import { type Condition, ConditionError, type Conditions } from './conditions.ts';
import type { FieldProblem } from './errors.ts';
import { fieldMessage, fieldProblems, pointer } from './field-messages.ts';
import { Ancestors, circleOf, levelsOf } from './plan-graph.ts';
import {
  CHECKED_FIELDS,
  MAX_DEPENDENCIES,
  MAX_PLAN_DEPTH,
  MAX_STEPS,
  type planRequest,
  STEP_FIELDS,
  stepSchemas,
  type StepSpec,
} from './plan.ts';
import { findReferences, type FoundReference, hasReferences, type Reference } from './references.ts';
import type { SpecLimits } from './spec.ts';

/** A plan whose frame is right; its steps may be anything. */
export type PlanDraft = z.infer<typeof planRequest>;

export interface PlanReport {
  problems: FieldProblem[];
  /** Names of the steps by level, each of which needs only those before; null when they go round in a circle. */
  levels: string[][] | null;
}

type Path = readonly (string | number)[];

const MAX_PROBLEMS = 1000;
/** References of one step, and of the outputs of a plan. */
const MAX_REFERENCES = 10_000;

/** What a step can be asked for. */
const STEP_FACTS: ReadonlySet<unknown> = new Set([
  ...['result', 'stdout', 'stderr', 'exit_code', 'status', 'outputs', 'execution_id', 'error'],
]);
const OWN_ROOTS = ['result', 'stdout', 'stderr', 'exit_code'];

/** A check in pieces, each of which takes a few milliseconds at most: between any two, others may have their turn. */
export type PlanCheck = Generator<undefined, PlanReport>;

/** Checks plans under the configured maxima. */
export function planChecker(limits: SpecLimits, conditions: Conditions): (plan: PlanDraft) => PlanCheck {
  const schemas = stepSchemas(limits);
  return function* check(plan) {
    const problems: FieldProblem[] = [];
    const add = (path: Path, message: string) => {
      if (problems.length < MAX_PROBLEMS) problems.push({ field: pointer(path, 'body'), message });
    };
    const isFull = () => problems.length === MAX_PROBLEMS;
    const context = { schemas, conditions, add, isFull, steps: 0, dependencies: 0 };
    const levels = yield* checkPlan(plan, [], 1, context);
    return { problems, levels };
  };
}

interface Context {
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
    add([...at, 'steps'], `at most ${MAX_STEPS} steps, with those of the plans in it`);
    return null;
  }
  if (depth > MAX_PLAN_DEPTH) {
    add(at, `plans are nested at most ${MAX_PLAN_DEPTH} deep`);
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
    add([...at, 'steps', first, 'depends_on'], `goes round in a circle: ${circle.join(' -> ')}`);
  }
  const ancestors = levels === null ? null : yield* Ancestors.of(before, levels);
  yield* new ScopeCheck(plan, steps, names, ancestors, context).check(at);
  for (const [i, step] of steps.entries()) {
    // Without one of these it has been reported, and is no plan.
    if (step?.kind === 'plan' && step.steps !== undefined && step.strategy !== undefined)
      yield* checkPlan(step as unknown as PlanDraft, [...at, 'steps', i], depth + 1, context);
  }
  return levels?.map((level) => level.map((i) => nameOf(steps[i], i))) ?? null;
}

const nameOf = (step: StepSpec | null | undefined, i: number): string => step?.name ?? `step ${i}`;

/** A step as far as its fields are right, but for values that are not known yet; null when it is none. */
function checkFields(value: unknown, at: Path, { schemas, add }: Context): StepSpec | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    add(at, 'must be an object');
    return null;
  }
  const step = value as StepSpec;
  const form = step.kind === 'plan' ? 'plan' : 'single';
  const parsed = schemas[form].safeParse(step, { error: fieldMessage });
  if (!parsed.success) {
    const issues = [...parsed.error.issues, ...issuesBesideKind(parsed.error, step)].filter(
      (issue) => !isExcused(issue, step),
    );
    for (const { field, message } of fieldProblems({ issues } as z.ZodError, 'body', at)) {
      // The discriminator knows what may be asked for alone.
      const isKind = field === pointer([...at, 'kind'], 'body');
      add(splitField(field), isKind ? message.replace(/("operation")$/, '$1, "plan"') : message);
    }
  }
  if (step.foreach !== undefined && step.while !== undefined) add([...at, 'while'], 'cannot go with foreach');
  if (step.on_limit === 'reject') add([...at, 'on_limit'], 'a step waits for its slot');
  const sound = parsed.success ? step : soundPart(step, form);
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
    else add([...at, 'steps', i, 'name'], `is the name of step ${first} already`);
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
      add(path, `at most ${MAX_DEPENDENCIES} dependencies, with those of the plans in it`);
  };
  for (const [i, step] of steps.entries()) {
    (step?.depends_on ?? []).forEach((name, k) => {
      const path = [...at, 'steps', i, 'depends_on', k];
      const j = names.get(name);
      if (strategy.type !== 'dependency_graph')
        add(path, `goes with the strategy dependency_graph, not ${strategy.type}`);
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

/** Whether references and conditions lead to what is known by then. */
class ScopeCheck {
  readonly #plan: PlanDraft;
  readonly #steps: readonly (StepSpec | null)[];
  readonly #names: ReadonlyMap<string, number>;
  readonly #context: Context;
  /** Null where steps go round in a circle: none is before another. */
  readonly #ancestors: Ancestors | null;
  /** Steps whose condition can never be true. */
  readonly #skipped = new Set<number>();

  constructor(
    plan: PlanDraft,
    steps: readonly (StepSpec | null)[],
    names: ReadonlyMap<string, number>,
    ancestors: Ancestors | null,
    context: Context,
  ) {
    this.#plan = plan;
    this.#steps = steps;
    this.#names = names;
    this.#ancestors = ancestors;
    this.#context = context;
  }

  *check(at: Path): Generator<undefined, void> {
    const steps = this.#steps.map((step, i) => ({ step, path: [...at, 'steps', i] as Path, number: i }));
    for (const { step, path, number } of steps) {
      if (typeof step?.when !== 'string') continue;
      const condition = this.#condition(step.when, ['steps', 'plan'], number, [...path, 'when']);
      if (condition?.constant === false) this.#skipped.add(number);
      yield;
    }
    for (const { step, path, number } of steps) {
      if (step !== null) this.#step(step, path, number);
      yield;
    }
    for (const found of this.#find(this.#plan.outputs, [...at, 'outputs']))
      this.#reference(found, [...at, 'outputs'], ['steps', 'plan'], null);
  }

  #step(step: StepSpec, path: Path, number: number): void {
    const { foreach, while: loop, outputs } = step;
    const round = [...(foreach ? ['item', 'index'] : []), ...(loop ? ['iteration', 'previous'] : [])];
    const roots = ['steps', 'plan', ...round];
    for (const [name, value] of Object.entries(step)) {
      if (!isFilledIn(step, name)) continue;
      for (const found of this.#find(value, [...path, name])) {
        this.#reference(found, [...path, name], roots, number);
        this.#quoted(step, name, found, [...path, name]);
      }
    }
    if (foreach !== undefined)
      for (const found of this.#find(foreach.items, [...path, 'foreach', 'items']))
        this.#reference(found, [...path, 'foreach', 'items'], ['steps', 'plan'], number);
    if (typeof loop?.condition === 'string')
      this.#condition(loop.condition, ['steps', 'plan', 'iteration', 'previous'], number, [
        ...path,
        'while',
        'condition',
      ]);
    if (outputs !== undefined && step.kind !== 'plan')
      for (const found of this.#find(outputs, [...path, 'outputs']))
        this.#reference(
          found,
          [...path, 'outputs'],
          [...OWN_ROOTS, ...round.filter((root) => root !== 'previous')],
          number,
        );
  }

  #find(value: unknown, path: Path): FoundReference[] {
    const { references, issues } = findReferences(value);
    for (const issue of issues) this.#context.add([...path, ...issue.path], issue.message);
    if (references.length <= MAX_REFERENCES) return references;
    this.#context.add(path, `has more than ${MAX_REFERENCES} references`);
    return [];
  }

  /** @param number of the step that it stands in; null in the outputs of the plan */
  #reference(
    { at, reference }: FoundReference,
    path: Path,
    roots: readonly string[],
    number: number | null,
  ): void {
    const place = [...path, ...at];
    const { root, path: way } = reference;
    if (!roots.includes(root)) {
      this.#context.add(
        place,
        `${reference.text}: there is no ${JSON.stringify(root)} here; there are ${roots.join(', ')}`,
      );
    } else if (root === 'steps') {
      const why = this.#whyNotStep(way[0], number) ?? this.#whyNotFact(reference);
      if (why !== null) this.#context.add(place, `${reference.text}: ${why}`);
    } else if (root === 'plan') {
      const why = this.#whyNotPlan(reference);
      if (why !== null) this.#context.add(place, `${reference.text}: ${why}`);
    }
  }

  #whyNotStep(name: string | number | undefined, number: number | null): string | null {
    const other = this.#names.get(String(name));
    if (name === undefined || other === undefined)
      return name === undefined ? 'a step is to be named' : `there is no step ${JSON.stringify(name)}`;
    if (number === null) return null;
    if (other === number) return 'a step does not know its own result';
    if (this.#ancestors?.has(number, other) === false) return `the step ${name} does not end before this one`;
    return this.#skipped.has(other) ? `the step ${name} is always skipped: its condition is false` : null;
  }

  #whyNotFact({ path }: Reference): string | null {
    const [name, fact, output] = path;
    if (fact === undefined) return null;
    if (!STEP_FACTS.has(fact))
      return `a step has ${[...STEP_FACTS].join(', ')}, but no ${JSON.stringify(fact)}`;
    if (fact !== 'outputs' || output === undefined) return null;
    const step = this.#steps[this.#names.get(String(name)) ?? -1];
    const isThere = Object.hasOwn(step?.outputs ?? {}, output);
    return isThere ? null : `the step ${name} has no output ${JSON.stringify(output)}`;
  }

  #whyNotPlan({ path, fallback }: Reference): string | null {
    const [first, name] = path;
    if (first !== 'params' && first !== 'id') return 'a plan has params and id';
    if (first === 'id' || name === undefined || fallback !== null) return null;
    // Those of a plan in a plan may be a reference as a whole.
    if (typeof this.#plan.params === 'string') return null;
    return Object.hasOwn(this.#plan.params ?? {}, name)
      ? null
      : `the plan has no parameter ${JSON.stringify(name)}`;
  }

  /** What a shell reads must not be able to become another command. */
  #quoted(step: StepSpec, name: string, { at, reference }: FoundReference, path: Path): void {
    const isShell =
      (step.kind === 'shell' && name === 'command') || (step.kind === 'script' && name === 'source');
    if (!isShell || reference.filters.at(-1) === 'quote') return;
    const message = `${reference.text} would be read by the shell: hand it over in env, or end it with "| quote"`;
    this.#context.add([...path, ...at], message);
  }

  #condition(source: string, roots: readonly string[], number: number, path: Path): Condition | null {
    let condition: Condition;
    try {
      condition = this.#context.conditions.compile(source, roots);
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error;
      this.#context.add(path, error.message);
      return null;
    }
    for (const name of condition.steps ?? []) {
      const why = this.#whyNotStep(name, number);
      if (why !== null) this.#context.add(path, why);
    }
    return condition;
  }
}

/** Whether references in a field are filled in before the step begins. A plan in a plan fills in its own. */
export function isFilledIn(step: StepSpec, field: string): boolean {
  if (field === 'kind' || (STEP_FIELDS as readonly string[]).includes(field)) return false;
  // Who may run which operation is known before.
  if (step.kind === 'operation' && field === 'operation') return false;
  return step.kind !== 'plan' || !['steps', 'strategy', 'outputs', 'description'].includes(field);
}
