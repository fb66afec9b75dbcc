// From a step that is due to what is submitted for it: its condition is asked, its references are filled in. What cannot
// be is an end of the step, not an exception.
import { hasSteps } from '../../domain/kinds.ts';
import type { Condition, Expression, ValueExpression } from '../../domain/plans/conditions.ts';
import { ConditionError } from '../../domain/plans/conditions.ts';
import type { RunningExecution } from '../../domain/execution/execution.ts';
import type { EvaluationFailure, Outcome } from '../../domain/outcome.ts';
import type { Node } from '../../domain/plans/plan-graph.ts';
import {
  bodyOf,
  isFilledIn,
  isLoop,
  type Loop,
  MAX_ROUNDS,
  type PlanSpec,
  type StepSpec,
} from '../../domain/spec/plan.ts';
import type { StepMark } from '../../domain/ports/group.ts';
import {
  findReferences,
  type Place,
  readPath,
  type Reference,
  resolve,
  type Scope,
  UnresolvedError,
} from '../../domain/plans/references.ts';
import { weigh } from '../../domain/json.ts';
import type { Spec } from '../../domain/spec/spec.ts';
import type { WaitSpec } from '../../domain/spec/wait.ts';
import { type Compiled, compileAll, type ExpressionDeps, rootsOf, workOut } from './expressions.ts';
import { type Fact, FACTS, pick, type StepValue, ValueError } from './values.ts';

export type Prepared = { spec: Spec | PlanSpec | WaitSpec } | { mark: StepMark };

/** A plan that has not ended. */
export type LivePlan = RunningExecution & { spec: PlanSpec };

export interface PrepareDeps extends ExpressionDeps {
  plan: LivePlan;
  /** A step of the plan that has ended; undefined when there is none of the name. */
  valueOf: (name: string, facts: ReadonlySet<Fact>) => Promise<StepValue | undefined>;
  /** Round `i` of the loop that the plan is. */
  roundValue: (i: number, facts: ReadonlySet<Fact>) => Promise<StepValue>;
  /** A spec whose values are known, if it is one; else what is wrong with it. */
  parse: (spec: Record<string, unknown>) => { spec: Spec | WaitSpec } | { wrong: string };
}

/** Bytes that references may put into one step. */
const MAX_FILLED_BYTES = 4 * 1024 * 1024;
/** Of the steps that a condition reads. */
const MAX_READ = 4 * 1024 * 1024;
/** Names that a round alone knows: left alone until then. */
const ROUND_ROOTS: ReadonlySet<string> = new Set(['item', 'index', 'iteration', 'previous']);

/** @throws StoreError */
export async function prepare(node: Node, deps: PrepareDeps): Promise<Prepared> {
  const { step, round, name } = node;
  let reason: EvaluationFailure = 'condition';
  try {
    if (round === null && step.when !== undefined && !(await isTrue(step.when, {}, deps)))
      return { mark: { step: name, status: 'skipped', reason: 'condition_false', outcome: null } };
    reason = 'reference';
    if (round !== null || !isLoop(step)) return await single(node, deps);
    reason = step.foreach === undefined ? 'condition' : 'items';
    return { spec: await loopOf(step, deps) };
  } catch (error) {
    const message = messageOf(error);
    if (message === null) throw error;
    return failed(name, { cause: 'evaluation_failed', reason, message });
  }
}

/** Whether a loop on a condition goes on to this round. Throws ConditionError, ValueError, UnresolvedError. */
export async function goesOn(
  loop: Extract<Loop, { condition: string }>,
  iteration: number,
  deps: PrepareDeps,
): Promise<boolean> {
  const previous = iteration === 0 ? null : await deps.roundValue(iteration - 1, factsOf(loop.condition));
  return isTrue(loop.condition, { iteration, previous, steps: loop.steps }, deps);
}

/** What is told of a failure to work something out; null when it is another one. */
export function messageOf(error: unknown): string | null {
  const isTold =
    error instanceof UnresolvedError || error instanceof ConditionError || error instanceof ValueError;
  return isTold ? error.message : null;
}

const failed = (step: string, outcome: Outcome): Prepared => ({
  mark: { step, status: 'failed', reason: null, outcome },
});

/** Facts that an expression may be about. */
function factsOf(source: string): ReadonlySet<Fact> {
  return new Set(FACTS.filter((fact) => source.includes(fact)));
}

async function isTrue(source: string, scope: Record<string, unknown>, deps: PrepareDeps): Promise<boolean> {
  const known = ['steps', 'plan', ...Object.keys(scope)];
  const condition = await compiled(source, [...new Set(known)], deps);
  const { id, spec, userId } = deps.plan;
  const steps = scope.steps ?? (await stepsFor(condition, source, deps));
  const params = condition.params === null ? (spec.params ?? {}) : pick(spec.params ?? {}, condition.params);
  return deps.thread.run(userId, () => condition.evaluate({ ...scope, steps, plan: { id, params } }, userId));
}

/** Rejects with ConditionError. */
function compiled(
  source: string,
  roots: string[],
  { conditions, thread, plan }: PrepareDeps,
): Promise<Condition> {
  return thread.run(plan.userId, () => conditions.compile(source, roots));
}

/** The steps that an expression reads. */
async function stepsFor(
  condition: Expression<unknown>,
  source: string,
  { plan, valueOf }: PrepareDeps,
): Promise<StepValue> {
  if (!condition.roots.includes('steps')) return {};
  const values: StepValue = {};
  let size = 0;
  for (const name of condition.steps ?? plan.spec.steps.map((step) => step.name)) {
    const value = await valueOf(name, factsOf(source));
    if (value === undefined) continue;
    values[name] = value;
    size += weigh(value, MAX_READ);
    if (size > MAX_READ)
      throw new ValueError(
        `the expression reads more than ${MAX_READ} bytes of results; name the steps that it needs`,
      );
  }
  return values;
}

/** The spec of a step, or of a round, with its references filled in. */
async function single({ name, step, round }: Node, deps: PrepareDeps): Promise<Prepared> {
  const body = await filled(bodyOf(step), step, round, deps);
  const whole = inherit(body, deps.plan);
  if (hasSteps(step)) return { spec: whole as unknown as PlanSpec };
  const parsed = await deps.thread.run(deps.plan.userId, () => deps.parse(whole));
  if ('spec' in parsed) return parsed;
  return failed(name, { cause: 'step_refused', message: parsed.wrong });
}

/** A plan of rounds, which knows all that its step needs. */
async function loopOf(step: StepSpec, deps: PrepareDeps): Promise<PlanSpec> {
  const { foreach, while: loop, depends_on: _1, run_if: _2, when: _3, continue_on_error: _4, ...rest } = step;
  const round = (await filled(rest, step, LATER, deps)) as StepSpec;
  const most = loop === undefined ? (foreach?.max_concurrency ?? null) : 1;
  const plan: PlanSpec = {
    kind: 'plan',
    strategy: { type: 'parallel', max_concurrency: most },
    steps: [round],
    loop: {
      ...(loop === undefined ? await overItems(foreach, deps) : await onCondition(loop, deps)),
      ...(await knownTo(round, deps)),
    },
  };
  return inherit(plan, deps.plan) as PlanSpec;
}

async function overItems(foreach: StepSpec['foreach'], deps: PrepareDeps): Promise<Loop> {
  const { items } = await fill({ items: foreach?.items }, null, deps);
  if (!Array.isArray(items)) throw new ValueError('the items of foreach are not a list');
  if (items.length > MAX_ROUNDS)
    throw new ValueError(`foreach takes at most ${MAX_ROUNDS} items, not ${items.length}`);
  return { items, stopOnError: foreach?.stop_on_error ?? false };
}

async function onCondition(loop: NonNullable<StepSpec['while']>, deps: PrepareDeps): Promise<Loop> {
  const { condition: source, max_iterations: maxIterations } = loop;
  const condition = await compiled(source, ['steps', 'plan', 'iteration', 'previous'], deps);
  return { condition: source, maxIterations, steps: await stepsFor(condition, source, deps) };
}

/** What expressions read of the plan of a loop beside what only a round knows: its rounds are in a plan of their own. */
async function knownTo(round: StepSpec, deps: PrepareDeps): Promise<Pick<Loop, 'known'>> {
  const { id, spec, userId } = deps.plan;
  const fields = Object.entries(round).filter(([name]) => isFilledIn(round, name));
  const { references } = findReferences(Object.fromEntries(fields));
  const later = references.map(({ reference }) => reference).filter(({ place }) => place === null);
  const compiled = await compileAll(later, userId, deps);
  const steps: StepValue = {};
  const params: Record<string, unknown> = {};
  for (const { text, expression } of later) {
    const { roots, params: names } = compiled.get(text) as ValueExpression;
    Object.assign(steps, await stepsFor(compiled.get(text) as ValueExpression, expression ?? '', deps));
    if (roots.includes('plan'))
      Object.assign(params, names === null ? spec.params : pick(spec.params ?? {}, names));
  }
  const isRead = [...compiled.values()].some(
    ({ roots }) => roots.includes('steps') || roots.includes('plan'),
  );
  if (weigh(steps, MAX_READ) > MAX_READ)
    throw new ValueError(`the expressions of a loop read more than ${MAX_READ} bytes of results`);
  return isRead ? { known: { steps, plan: { id, params } } } : {};
}

/** In place of a round: what only its rounds know is left as it is written. */
const LATER = 'later';

/** The body of a step, with those of its fields filled in that are to be. */
async function filled<T extends Record<string, unknown>>(
  body: T,
  step: StepSpec,
  round: Node['round'] | typeof LATER,
  deps: PrepareDeps,
): Promise<T> {
  const fields = Object.entries(body).filter(([name]) => isFilledIn(step, name));
  return { ...body, ...(await fill(Object.fromEntries(fields), round, deps)) };
}

export async function fill(
  value: Record<string, unknown>,
  round: Node['round'] | typeof LATER,
  deps: PrepareDeps,
): Promise<Record<string, unknown>> {
  const { thread, plan } = deps;
  const { references } = await thread.run(plan.userId, () => findReferences(value));
  const all = references.map(({ reference }) => reference);
  const compiled = await compileAll(all, plan.userId, deps);
  const isLater = (reference: Reference) =>
    round === LATER && rootsOf(reference, compiled).some((root) => ROUND_ROOTS.has(root));
  const now = all.filter((one) => !isLater(one));
  const known = await lookUp(now, compiled, round === LATER ? null : round, deps);
  const place = ({ root, path }: Place): unknown => readPath(known[root], path);
  const budget = new Budget();
  const roots = (expression: ValueExpression, source: string) => scopeFor(expression, source, known);
  const take = (scope: StepValue) => budget.take(weigh(scope, MAX_FILLED_BYTES));
  const worked = await workOut(now, compiled, { place, roots, take }, plan.userId, deps);
  const scope = bounded(place, budget);
  return thread.run(
    plan.userId,
    () => resolve(value, scope, round === LATER ? isLater : undefined, worked) as Record<string, unknown>,
  );
}

/** What an expression reads of what is known. */
function scopeFor(expression: ValueExpression, source: string, known: StepValue): StepValue {
  const scope = pick(known, expression.roots);
  const facts = factsOf(source);
  const ofFacts = (value: unknown) =>
    Object.fromEntries(
      Object.entries(value as StepValue).filter(([fact]) => !isFact(fact) || facts.has(fact)),
    );
  if (scope.steps !== undefined) {
    const steps =
      expression.steps === null
        ? (scope.steps as StepValue)
        : pick(scope.steps as StepValue, expression.steps);
    scope.steps = Object.fromEntries(Object.entries(steps).map(([name, step]) => [name, ofFacts(step)]));
  }
  if (scope.plan !== undefined && expression.params !== null) {
    const { id, params } = scope.plan as { id: string; params: StepValue };
    scope.plan = { id, params: pick(params, expression.params) };
  }
  return scope;
}

/** Bytes that references have put into one step. */
class Budget {
  #bytes = 0;

  take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > MAX_FILLED_BYTES)
      throw new ValueError(`references put more than ${MAX_FILLED_BYTES} bytes into the step`);
  }
}

/** A scope that gives no more than a step may have of references. */
function bounded(look: Scope, budget: Budget): Scope {
  const sizes = new Map<Place, number>();
  return (place) => {
    const found = look(place);
    const size = sizes.get(place) ?? sizeOf(found);
    sizes.set(place, size);
    budget.take(size);
    return found;
  };
}

function sizeOf(value: unknown): number {
  if (value === undefined) return 0;
  return typeof value === 'string' ? value.length : JSON.stringify(value).length;
}

const isFact = (name: unknown): name is Fact => (FACTS as readonly unknown[]).includes(name);

/** The roots of references, with what they lead to. */
async function lookUp(
  references: readonly Reference[],
  compiled: Compiled,
  round: Node['round'],
  deps: PrepareDeps,
): Promise<StepValue> {
  const { id, spec } = deps.plan;
  const facts = new Map<string, Set<Fact>>();
  const previousFacts = new Set<Fact>();
  const want = (name: string, wanted: Iterable<Fact>) =>
    facts.set(name, new Set([...(facts.get(name) ?? []), ...wanted]));
  for (const reference of references) {
    if (reference.place === null) {
      const { steps, roots } = compiled.get(reference.text) as ValueExpression;
      const wanted = factsOf(reference.expression);
      if (roots.includes('previous')) for (const fact of wanted) previousFacts.add(fact);
      if (!roots.includes('steps') || spec.loop?.known !== undefined) continue;
      for (const name of steps ?? spec.steps.map((step) => step.name)) want(name, wanted);
      continue;
    }
    const { root, path } = reference.place;
    const [name, fact] = root === 'previous' ? [undefined, path[0]] : path;
    if (root === 'previous' && isFact(fact)) previousFacts.add(fact);
    if (root === 'steps') want(String(name), isFact(fact) ? [fact] : []);
  }
  const steps: StepValue = {};
  for (const [name, wanted] of facts) {
    const value = await deps.valueOf(name, wanted);
    if (value !== undefined) steps[name] = value;
  }
  const iteration = round?.iteration;
  const readsPrevious =
    references.some((reference) => rootsOf(reference, compiled).includes('previous')) &&
    typeof iteration === 'number' &&
    iteration > 0;
  const previous = readsPrevious ? await deps.roundValue(iteration - 1, previousFacts) : null;
  return { steps, plan: { id, params: spec.params ?? {} }, previous, ...spec.loop?.known, ...round };
}

/** What a step has of its plan, unless it says otherwise. */
function inherit(body: object, { spec, priority }: LivePlan): Record<string, unknown> {
  const { task_id, labels } = spec;
  // It may have been changed since; while nobody has named one, an operation has its own.
  const hasPriority = spec.priority !== undefined || priority !== 0;
  return {
    ...(task_id === undefined ? {} : { task_id }),
    ...(hasPriority ? { priority } : {}),
    ...body,
    ...(labels === undefined ? {} : { labels: { ...labels, ...(body as { labels?: object }).labels } }),
  };
}
