// Expressions of plans: what takes next to no time is evaluated where it is asked for, all the rest elsewhere.
import { LRUCache } from 'lru-cache';
import {
  type Condition,
  ConditionError,
  type Conditions,
  type ValueExpression,
} from '../domain/plans/conditions.ts';
import { writeJson } from '../domain/exact-json.ts';
import { weigh } from '../domain/json.ts';
import { celCompiler, type Program } from './cel.ts';

/** An evaluation for another thread. */
export interface Evaluation {
  /** What its value has to be: true or false, or any JSON. */
  kind: 'condition' | 'value';
  source: string;
  roots: readonly string[];
  /** What `writeJson` makes of its values: exact numbers go to another thread as text only. */
  scope: string;
}

/** Rejects with ConditionError. */
export type EvaluateElsewhere = (evaluation: Evaluation, userId: string) => Promise<unknown>;

/** What an expression may read, about as bytes: all of it is handed over. */
const MAX_SCOPE = 4 * 1024 * 1024;
/** Of so little, what takes time in proportion to it is soon worked out. */
const MAX_SMALL = 4 * 1024;
/** Characters of compiled expressions that are kept, of each kind. */
const KEPT = 128 * 1024;

export function celConditions(elsewhere: EvaluateElsewhere): Conditions {
  const compile = celCompiler();
  const conditions = kept<Condition>();
  const values = kept<ValueExpression>();
  return {
    compile: (source, roots) =>
      conditions(source, roots, () => {
        const program = compile.condition(source, roots);
        const evaluate = evaluatorOf(program, { kind: 'condition', source, roots }, elsewhere);
        return { ...program, evaluate: evaluate as Condition['evaluate'] };
      }),
    compileValue: (source, roots) =>
      values(source, roots, () => {
        const program = compile.value(source, roots);
        return { ...program, evaluate: evaluatorOf(program, { kind: 'value', source, roots }, elsewhere) };
      }),
  };
}

/** Those that were used last. */
function kept<T extends object>() {
  const known = new LRUCache<string, T>({ maxSize: KEPT, sizeCalculation: (_one, key) => key.length });
  return (source: string, roots: readonly string[], compile: () => T): T => {
    const key = `${roots.join(' ')}: ${source}`;
    const one = known.get(key) ?? compile();
    known.set(key, one);
    return one;
  };
}

function evaluatorOf(
  program: Program<unknown>,
  what: Omit<Evaluation, 'scope'>,
  elsewhere: EvaluateElsewhere,
): ValueExpression['evaluate'] {
  return async (scope, userId) => {
    const value = program.isCheap ? program.attempt(scope) : undefined;
    if (value !== undefined) return value;
    const size = weigh(scope, MAX_SCOPE);
    if (size > MAX_SCOPE)
      throw new ConditionError(`reads more than ${MAX_SCOPE} bytes; name the fields that it needs`);
    if (program.isLinear && size <= MAX_SMALL) return program.evaluate(scope);
    return elsewhere({ ...what, scope: writeJson(scope) }, userId);
  };
}
