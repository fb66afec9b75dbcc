// The expressions of a step's texts: compiled, given what they read, and worked out, each text once. What cannot be is told
// where its value is to stand.
import { ConditionError, type Conditions, type ValueExpression } from '../../domain/plans/conditions.ts';
import {
  CHAINED,
  type Reference,
  ROOTS,
  type Scope,
  valueAt,
  type Worked,
} from '../../domain/plans/references.ts';
import type { SharedThread } from '../shared-thread.ts';

export interface ExpressionDeps {
  conditions: Conditions;
  /** Where the work on values is done in turn with everybody else. */
  thread: SharedThread;
}

/** Expressions by the text of their reference. */
export type Compiled = ReadonlyMap<string, ValueExpression>;

/** What an expression may read. */
export interface Values {
  place: Scope;
  /** The roots that a whole expression reads, without what it does not need of them. */
  roots: (expression: ValueExpression, source: string) => Record<string, unknown>;
  /** Counts what is read; throws when that is too much. */
  take?: (scope: Record<string, unknown>) => void;
}

/** Rejects with ConditionError. */
export async function compileAll(
  references: readonly Reference[],
  userId: string,
  { conditions, thread }: ExpressionDeps,
): Promise<Compiled> {
  const compiled = new Map<string, ValueExpression>();
  for (const { text, place, expression } of references) {
    if (expression === null || compiled.has(text)) continue;
    const roots = place === null ? ROOTS : [CHAINED];
    compiled.set(text, await thread.run(userId, () => conditions.compileValue(expression, roots)));
  }
  return compiled;
}

/** The roots that a reference reads. */
export function rootsOf({ text, place }: Reference, compiled: Compiled): readonly string[] {
  return place === null ? (compiled.get(text)?.roots ?? []) : [place.root];
}

export async function workOut(
  references: readonly Reference[],
  compiled: Compiled,
  values: Values,
  userId: string,
  { thread }: Pick<ExpressionDeps, 'thread'>,
): Promise<Map<string, Worked>> {
  const worked = new Map<string, Worked>();
  for (const reference of references) {
    const expression = compiled.get(reference.text);
    if (expression === undefined || worked.has(reference.text)) continue;
    const scope = scopeOf(reference, expression, values);
    if (scope !== null) values.take?.(scope);
    const evaluate = () => expression.evaluate(scope ?? {}, userId);
    worked.set(
      reference.text,
      scope === null ? { value: undefined } : await thread.run(userId, evaluate).then(asValue, asWrong),
    );
  }
  return worked;
}

/** Null where there is nothing that a chain could begin with. */
function scopeOf(
  reference: Reference,
  expression: ValueExpression,
  values: Values,
): Record<string, unknown> | null {
  if (reference.place === null) return values.roots(expression, reference.expression);
  const value = valueAt(reference.place, values.place);
  return value === undefined ? null : { [CHAINED]: value };
}

const asValue = (value: unknown): Worked => ({ value });

function asWrong(error: unknown): Worked {
  if (error instanceof ConditionError) return { wrong: error.message };
  throw error;
}
