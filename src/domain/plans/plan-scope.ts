// Whether what a plan's texts refer to is known when they are filled in, and whether values may stand where they are to.
import { type Condition, ConditionError, type Conditions } from './conditions.ts';
import type { Ancestors } from './plan-graph.ts';
import { isFilledIn, type PlanDraft, type StepSpec } from '../spec/plan.ts';
import {
  findReferences,
  type FoundReference,
  MAX_TEXT_LENGTH,
  parseReferences,
  type Reference,
} from './references.ts';
import { interpreterOf, isPosixShell, whyUnsafe } from './shell-text.ts';

type Path = readonly (string | number)[];

export interface ScopeContext {
  conditions: Conditions;
  add: (path: Path, message: string) => void;
}

/** References of one step, and of the outputs of a plan. */
const MAX_REFERENCES = 10_000;

/** What a step can be asked for. */
const STEP_FACTS: ReadonlySet<unknown> = new Set([
  ...['result', 'stdout', 'stderr', 'exit_code', 'status', 'outputs', 'execution_id', 'error'],
]);
const OWN_ROOTS = ['result', 'stdout', 'stderr', 'exit_code'];

/** Whether references and conditions lead to what is known by then. */
export class ScopeCheck {
  readonly #plan: PlanDraft;
  readonly #steps: readonly (StepSpec | null)[];
  readonly #names: ReadonlyMap<string, number>;
  readonly #context: ScopeContext;
  /** Null where steps go round in a circle: none is before another. */
  readonly #ancestors: Ancestors | null;
  /** Steps whose condition can never be true. */
  readonly #skipped = new Set<number>();

  constructor(
    plan: PlanDraft,
    steps: readonly (StepSpec | null)[],
    names: ReadonlyMap<string, number>,
    ancestors: Ancestors | null,
    context: ScopeContext,
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
      }
    }
    for (const { at, text, reader } of shellTexts(step)) this.#quoted(text, reader, [...path, ...at]);
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
      return name === undefined ? 'must name a step' : `there is no step ${JSON.stringify(name)}`;
    if (number === null) return null;
    if (other === number) return 'a step cannot use its own result';
    if (this.#ancestors?.has(number, other) === false)
      return `the step ${name} does not end before this step: depend on it`;
    return this.#skipped.has(other) ? `the step ${name} is always skipped: its condition is false` : null;
  }

  #whyNotFact({ path }: Reference): string | null {
    const [name, fact, output] = path;
    if (fact === undefined) return null;
    if (!STEP_FACTS.has(fact))
      return `${JSON.stringify(fact)} is not a fact of a step; a step has ${[...STEP_FACTS].join(', ')}`;
    if (fact !== 'outputs' || output === undefined) return null;
    const step = this.#steps[this.#names.get(String(name)) ?? -1];
    const isThere = Object.hasOwn(step?.outputs ?? {}, output);
    return isThere ? null : `the step ${name} has no output ${JSON.stringify(output)}`;
  }

  #whyNotPlan({ path, fallback }: Reference): string | null {
    const [first, name] = path;
    if (first !== 'params' && first !== 'id') return 'a plan has the facts params and id only';
    if (first === 'id' || name === undefined || fallback !== null) return null;
    // Those of a plan in a plan may be a reference as a whole.
    if (typeof this.#plan.params === 'string') return null;
    return Object.hasOwn(this.#plan.params ?? {}, name)
      ? null
      : `the plan has no parameter ${JSON.stringify(name)}`;
  }

  /** What a shell reads must not be able to become another command. */
  #quoted(text: string, reader: string | null, path: Path): void {
    // What is no template has been reported.
    const { references, issues } = findReferences(text);
    if (references.length === 0 || issues.length > 0) return;
    if (text.length > MAX_TEXT_LENGTH)
      return this.#context.add(
        path,
        `has more than ${MAX_TEXT_LENGTH} characters; a text with references may have at most so many`,
      );
    const why = whyUnsafe(parseReferences(text).parts);
    references.forEach(({ reference }, i) => {
      const problem =
        reader === null || !isPosixShell(reader)
          ? `would be run as code by ${reader ?? 'the interpreter'}: pass the value in env or stdin`
          : reference.filters.at(-1) !== 'quote'
            ? 'would be read by the shell: pass the value in env, or end the reference with "| quote"'
            : why[i];
      if (problem != null) this.#context.add(path, `${reference.text} ${problem}`);
    });
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

/** Texts of a step that a shell, or what is in its place, reads as code. */
function shellTexts(step: StepSpec): { at: Path; text: string; reader: string | null }[] {
  const { kind, command, shell = 'bash', source, interpreter, program, args } = step;
  if (kind === 'shell' && typeof command === 'string' && typeof shell === 'string')
    return [{ at: ['command'], text: command, reader: shell }];
  if (kind === 'script' && typeof source === 'string') {
    const reader = typeof interpreter === 'string' ? interpreter : interpreterOf(source);
    return [{ at: ['source'], text: source, reader }];
  }
  if (kind !== 'exec' || typeof program !== 'string' || !isPosixShell(program) || !Array.isArray(args))
    return [];
  const index = commandArgument(args);
  const text: unknown = index === null ? null : args[index];
  return typeof text === 'string' ? [{ at: ['args', index as number], text, reader: program }] : [];
}

/** Which of a shell's arguments is the text that `-c` hands over. */
function commandArgument(args: readonly unknown[]): number | null {
  let isCommand = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (typeof arg !== 'string' || !/^[-+]/.test(arg)) return isCommand ? i : null;
    if (/^-[A-Za-z]*c/.test(arg)) isCommand = true;
    // These take the name of an option.
    if (/^[-+][A-Za-z]*[oO]$/.test(arg)) i += 1;
  }
  return null;
}
