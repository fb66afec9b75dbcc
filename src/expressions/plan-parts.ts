// What the engine needs to carry out plans, made of the domain's rules and a library for conditions.
import { isWait, type Kind } from '../domain/kinds.ts';
import type { z } from 'zod';
import type { Conditions } from '../domain/plans/conditions.ts';
import { copyJson, holdsExact } from '../domain/exact-json.ts';
import { parseFields } from '../domain/exact-fields.ts';
import { ExactNumber } from '../domain/exact-number.ts';
import { fieldMessage, fieldProblems, sentenceOf } from '../domain/field-messages.ts';
import { type PlanCheck, planChecker } from '../domain/plans/plan-check.ts';
import type { PlanDraft } from '../domain/spec/plan.ts';
import { type Spec, type SpecLimits, specSchema } from '../domain/spec/spec.ts';
import { waitSpec, type WaitSpec } from '../domain/spec/wait.ts';
import { payloadProblem, schemaProblem } from './payload-schemas.ts';
import { celConditions, type EvaluateElsewhere } from './conditions.ts';

export interface PlanParts {
  conditions: Conditions;
  check: (plan: PlanDraft) => PlanCheck;
  /** What a payload of a signal has against its schema; null when it fits. */
  checkPayload: (schema: Readonly<Record<string, unknown>>, value: unknown) => string | null;
  /** A spec whose values are known, if it is one; else what is wrong with it. */
  parse: (spec: Record<string, unknown>) => { spec: Spec | WaitSpec } | { wrong: string };
}

/**
 * A reference has the type of its value: where a text is needed, a number or a boolean is written as one. Whatever else was
 * of a wrong type has been refused with the plan. Values may be large: only what leads to a change is copied.
 */
function withTexts(spec: Record<string, unknown>, { issues }: z.ZodError): Record<string, unknown> {
  // Exact numbers are changed where they are.
  const whole = { spec: holdsExact(spec) ? copyJson(spec) : spec };
  const copied = new Set<object>([whole]);
  for (const issue of issues) {
    const { code, path } = issue;
    if ((code !== 'invalid_type' && code !== 'invalid_union') || wantsNumber(issue)) continue;
    const value = path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      spec,
    );
    const isNumber = typeof value === 'number' || value instanceof ExactNumber;
    if (isNumber || typeof value === 'boolean') put(whole, ['spec', ...path], String(value), copied);
  }
  return whole.spec;
}

/** Puts a value at a path, into copies of what leads there, each made once. */
function put(whole: object, path: readonly PropertyKey[], value: string, copied: Set<object>): void {
  let holder = whole as Record<PropertyKey, unknown>;
  for (const key of path.slice(0, -1)) {
    let next = holder[key] as Record<PropertyKey, unknown>;
    if (!copied.has(next)) {
      next = (Array.isArray(next) ? [...(next as unknown[])] : { ...next }) as Record<PropertyKey, unknown>;
      copied.add(next);
      holder[key] = next;
    }
    holder = next;
  }
  holder[path.at(-1) as PropertyKey] = value;
}

function wantsNumber(issue: z.core.$ZodIssue): boolean {
  if (issue.code === 'invalid_union') return issue.errors.flat().some(wantsNumber);
  return issue.code === 'invalid_type' && ['int', 'number'].includes(issue.expected);
}

/** How plans are checked, and their values worked out; conditions that may take time are evaluated elsewhere. */
export function planParts(limits: SpecLimits, elsewhere: EvaluateElsewhere): PlanParts {
  const conditions = celConditions(elsewhere);
  const ofSpec = specSchema(limits);
  return {
    conditions,
    check: planChecker(limits, conditions, schemaProblem),
    checkPayload: payloadProblem,
    parse(spec) {
      const schema: z.ZodType<Spec | WaitSpec> = isWait(spec as { kind: Kind }) ? waitSpec : ofSpec;
      const first = schema.safeParse(spec, { error: fieldMessage });
      const parsed = first.success ? first : parseFields(schema, withTexts(spec, first.error));
      if (parsed.success) return { spec: parsed.data };
      return { wrong: sentenceOf(fieldProblems(parsed.error, 'body')) };
    },
  };
}
