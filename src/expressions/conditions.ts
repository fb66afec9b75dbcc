// Conditions of plans: what takes next to no time is evaluated where it is asked for, all the rest elsewhere.
import { LRUCache } from 'lru-cache';
import { type Condition, ConditionError, type Conditions } from '../domain/plans/conditions.ts';
import { writeJson } from '../domain/exact-json.ts';
import { weigh } from '../domain/json.ts';
import { celCompiler, type Program } from './cel.ts';

/** An evaluation for another thread. */
export interface Evaluation {
  source: string;
  roots: readonly string[];
  /** What `writeJson` makes of its values: exact numbers go to another thread as text only. */
  scope: string;
}

/** Rejects with ConditionError. */
export type EvaluateElsewhere = (evaluation: Evaluation, userId: string) => Promise<boolean>;

/** What a condition may read, about as bytes: all of it is handed over. */
const MAX_SCOPE = 4 * 1024 * 1024;
/** Characters of compiled conditions that are kept. */
const KEPT = 128 * 1024;

export function celConditions(elsewhere: EvaluateElsewhere): Conditions {
  const compile = celCompiler();
  const known = new LRUCache<string, Condition>({
    maxSize: KEPT,
    sizeCalculation: (_condition, key) => key.length,
  });
  return {
    compile(source, roots) {
      const key = `${roots.join(' ')}: ${source}`;
      const condition = known.get(key) ?? conditionOf(compile(source, roots), { source, roots }, elsewhere);
      known.set(key, condition);
      return condition;
    },
  };
}

function conditionOf(
  program: Program,
  what: Omit<Evaluation, 'scope'>,
  elsewhere: EvaluateElsewhere,
): Condition {
  const { steps, params, roots, constant } = program;
  return {
    ...{ steps, params, roots, constant },
    async evaluate(scope, userId) {
      const value = program.isCheap ? program.attempt(scope) : undefined;
      if (value !== undefined) return value;
      if (weigh(scope, MAX_SCOPE) > MAX_SCOPE)
        throw new ConditionError(`reads more than ${MAX_SCOPE} bytes; name the fields that it needs`);
      return elsewhere({ ...what, scope: writeJson(scope) }, userId);
    },
  };
}
