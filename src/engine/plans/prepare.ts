// From a step that is due to what is submitted for it: its condition is asked, its references are filled in. What cannot
// be is an end of the step, not an exception.
import type { Condition, Conditions } from '../../domain/plans/conditions.ts';
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
  filterAll,
  findReferences,
  readPath,
  type Reference,
  resolve,
  type Scope,
  UnresolvedError,
} from '../../domain/plans/references.ts';
import { weigh } from '../../domain/json.ts';
import type { Spec } from '../../domain/spec/spec.ts';
import type { SharedThread } from '../shared-thread.ts';
import { type Fact, type StepValue, ValueError } from './values.ts';

export type Prepared = { spec: Spec | PlanSpec } | { mark: StepMark };

/** A plan that has not ended. */
export type LivePlan = RunningExecution & { spec: PlanSpec };

export interface PrepareDeps {
  plan: LivePlan;
  conditions: Conditions;
  /** A step of the plan that has ended; undefined when there is none of the name. */
  valueOf: (name: string, facts: ReadonlySet<Fact>) => Promise<StepValue | undefined>;
  /** Round `i` of the loop that the plan is. */
  roundValue: (i: number, facts: ReadonlySet<Fact>) => Promise<StepValue>;
  /** A spec whose values are known, if it is one; else what is wrong with it. */
  parse: (spec: Record<string, unknown>) => { spec: Spec } | { wrong: string };
  /** Where the work on values is done in turn with everybody else. */
  thread: SharedThread;
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

/** Facts that a condition may be about. */
function factsOf(source: string): ReadonlySet<Fact> {
  return new Set((['stdout', 'stderr', 'outputs'] as const).filter((fact) => source.includes(fact)));
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

const pick = (value: Readonly<Record<string, unknown>>, names: readonly string[]) =>
  Object.fromEntries(names.filter((name) => Object.hasOwn(value, name)).map((name) => [name, value[name]]));

/** The steps that a condition reads. */
async function stepsFor(
  condition: Condition,
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
        `the condition reads more than ${MAX_READ} bytes of results; name the steps that it needs`,
      );
  }
  return values;
}

/** The spec of a step, or of a round, with its references filled in. */
async function single({ name, step, round }: Node, deps: PrepareDeps): Promise<Prepared> {
  const body = await filled(bodyOf(step), step, round, deps);
  const whole = inherit(body, deps.plan);
  if (step.kind === 'plan') return { spec: whole as unknown as PlanSpec };
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
    loop: loop === undefined ? await overItems(foreach, deps) : await onCondition(loop, deps),
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
  const isLater = (reference: Reference) => round === LATER && ROUND_ROOTS.has(reference.root);
  const { thread, plan } = deps;
  const { references } = await thread.run(plan.userId, () => findReferences(value));
  const now = references.map(({ reference }) => reference).filter((one) => !isLater(one));
  const known = await lookUp(now, round === LATER ? null : round, deps);
  const look = ({ root, path }: Reference): unknown => readPath(known[root], path);
  const filtered = await thread.all(plan.userId, filterAll(now, look));
  const scope = bounded(look);
  return thread.run(
    plan.userId,
    () => resolve(value, scope, round === LATER ? isLater : undefined, filtered) as Record<string, unknown>,
  );
}

/** A scope that gives no more than a step may have of references. */
function bounded(look: Scope): Scope {
  const sizes = new Map<string, number>();
  let bytes = 0;
  return (reference) => {
    const found = look(reference);
    const size = sizes.get(reference.text) ?? sizeOf(found);
    sizes.set(reference.text, size);
    bytes += size;
    if (bytes > MAX_FILLED_BYTES)
      throw new ValueError(`references put more than ${MAX_FILLED_BYTES} bytes into the step`);
    return found;
  };
}

function sizeOf(value: unknown): number {
  if (value === undefined) return 0;
  return typeof value === 'string' ? value.length : JSON.stringify(value).length;
}

/** The roots of references, with what they lead to. */
async function lookUp(
  references: readonly Reference[],
  round: Node['round'],
  deps: PrepareDeps,
): Promise<StepValue> {
  const { id, spec } = deps.plan;
  const facts = new Map<string, Set<Fact>>();
  const previousFacts = new Set<Fact>();
  for (const { root, path } of references) {
    const [name, fact] = root === 'previous' ? [undefined, path[0]] : path;
    const isText = fact === 'stdout' || fact === 'stderr' || fact === 'outputs';
    if (root === 'previous' && isText) previousFacts.add(fact);
    if (root !== 'steps') continue;
    const wanted = facts.get(String(name)) ?? new Set();
    if (isText) wanted.add(fact);
    facts.set(String(name), wanted);
  }
  const steps: StepValue = {};
  for (const [name, wanted] of facts) {
    const value = await deps.valueOf(name, wanted);
    if (value !== undefined) steps[name] = value;
  }
  const iteration = round?.iteration;
  const readsPrevious =
    references.some(({ root }) => root === 'previous') && typeof iteration === 'number' && iteration > 0;
  const previous = readsPrevious ? await deps.roundValue(iteration - 1, previousFacts) : null;
  return { steps, plan: { id, params: spec.params ?? {} }, previous, ...round };
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
