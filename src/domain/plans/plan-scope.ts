// Whether what a plan's texts refer to is known when they are filled in, and whether values may stand where they are to.
import { hasSteps } from '../kinds.ts';
import { type Condition, ConditionError, type Conditions, type Expression } from './conditions.ts';
import type { Ancestors } from './plan-graph.ts';
import { isFilledIn, type PlanDraft, type StepSpec } from '../spec/plan.ts';
import {
  findReferences,
  type FoundReference,
  literalOf,
  MAX_TEXT_LENGTH,
  parseReferences,
  type Place,
  type Reference,
  ROOTS,
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
  ...[
    'result',
    'stdout',
    'stderr',
    'exit_code',
    'status',
    'outputs',
    'artifacts',
    'execution_id',
    'error',
    'value',
  ],
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
      if (step !== null) yield* this.#step(step, path, number);
      yield;
    }
    yield* this.#references(this.#plan.outputs, [...at, 'outputs'], ['steps', 'plan'], null);
  }

  *#step(step: StepSpec, path: Path, number: number): Generator<undefined, void> {
    const { foreach, while: loop, outputs } = step;
    const round = [...(foreach ? ['item', 'index'] : []), ...(loop ? ['iteration', 'previous'] : [])];
    for (const [name, value] of Object.entries(step))
      if (isFilledIn(step, name))
        yield* this.#references(value, [...path, name], ['steps', 'plan', ...round], number);
    for (const { at, text, reader } of shellTexts(step)) this.#quoted(text, reader, [...path, ...at]);
    if (foreach !== undefined)
      yield* this.#references(foreach.items, [...path, 'foreach', 'items'], ['steps', 'plan'], number);
    if (typeof loop?.condition === 'string')
      this.#condition(loop.condition, ['steps', 'plan', 'iteration', 'previous'], number, [
        ...path,
        'while',
        'condition',
      ]);
    if (outputs === undefined || hasSteps(step)) return;
    const roots = [...OWN_ROOTS, ...round.filter((root) => root !== 'previous')];
    yield* this.#references(outputs, [...path, 'outputs'], roots, number);
  }

  /** @param number of the step that they stand in; null in the outputs of the plan */
  *#references(
    value: unknown,
    path: Path,
    roots: readonly string[],
    number: number | null,
  ): Generator<undefined, void> {
    for (const { at, reference } of this.#find(value, path)) {
      const place = [...path, ...at];
      if (reference.place === null) {
        this.#expression(reference, roots, number, place);
        yield;
        continue;
      }
      const why = this.#whyNot(reference.place, roots, number);
      if (why !== null) this.#context.add(place, `${reference.text}: ${why}`);
    }
  }

  #find(value: unknown, path: Path): FoundReference[] {
    const { references, issues } = findReferences(value);
    for (const issue of issues) this.#context.add([...path, ...issue.path], issue.message);
    if (references.length <= MAX_REFERENCES) return references;
    this.#context.add(path, `has more than ${MAX_REFERENCES} references`);
    return [];
  }

  #whyNot(place: Place, roots: readonly string[], number: number | null): string | null {
    const { root, path } = place;
    if (!roots.includes(root))
      return `there is no ${JSON.stringify(root)} here; there are ${roots.join(', ')}`;
    if (root === 'steps') return this.#whyNotStep(path[0], number) ?? this.#whyNotFact(place);
    return root === 'plan' ? this.#whyNotPlan(place) : null;
  }

  #expression(
    { text, expression }: Reference & { place: null },
    roots: readonly string[],
    number: number | null,
    path: Path,
  ): void {
    try {
      const compiled = this.#context.conditions.compileValue(expression, roots);
      this.#stepsOf(compiled, number, path, `${text}: `);
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error;
      const isOurs = ROOTS.some((root) => expression.includes(root));
      this.#context.add(path, `${text}: ${error.message}${isOurs ? '' : `; ${literalOf(text)}`}`);
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

  #whyNotFact({ path }: Place): string | null {
    const [name, fact, output] = path;
    if (fact === undefined) return null;
    if (!STEP_FACTS.has(fact))
      return `${JSON.stringify(fact)} is not a fact of a step; a step has ${[...STEP_FACTS].join(', ')}`;
    if (fact !== 'outputs' || output === undefined) return null;
    const step = this.#steps[this.#names.get(String(name)) ?? -1];
    const isThere = Object.hasOwn(step?.outputs ?? {}, output);
    return isThere ? null : `the step ${name} has no output ${JSON.stringify(output)}`;
  }

  #whyNotPlan({ path, fallback }: Place): string | null {
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
        `has more than ${MAX_TEXT_LENGTH} characters, the most for a text with references`,
      );
    const why = whyUnsafe(parseReferences(text).parts);
    references.forEach(({ reference }, i) => {
      const problem =
        reader === null || !isPosixShell(reader)
          ? `would be run as code by ${reader ?? 'the interpreter'}: pass the value in env or stdin`
          : !this.#isQuoted(reference)
            ? `would be read by the shell: pass the value in env, or write ${quotedFormOf(reference)}`
            : why[i];
      if (problem != null) this.#context.add(path, `${reference.text} ${problem}`);
    });
  }

  #isQuoted({ place, expression }: Reference): boolean {
    if (place !== null) return expression?.startsWith('quote(') === true;
    try {
      return this.#context.conditions.compileValue(expression, ROOTS).isQuoted;
    } catch (error) {
      // That has been reported.
      if (error instanceof ConditionError) return true;
      throw error;
    }
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
    this.#stepsOf(condition, number, path, '');
    return condition;
  }

  /** Whether the steps that an expression names are known by then. */
  #stepsOf({ steps }: Expression<unknown>, number: number | null, path: Path, prefix: string): void {
    for (const name of steps ?? []) {
      const why = this.#whyNotStep(name, number);
      if (why !== null) this.#context.add(path, prefix + why);
    }
  }
}

const quotedFormOf = ({ text, place }: Reference): string =>
  place === null ? `\${quote(${text.slice(2, -1).trim()})}` : `${text.slice(0, -1).trim()} | quote}`;

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
