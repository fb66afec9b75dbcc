// What the engine needs to carry out plans, made of the domain's rules and a library for conditions.
import { celConditions } from './conditions.ts';
import type { Conditions } from './domain/conditions.ts';
import { fieldMessage, fieldProblems, sentenceOf } from './domain/field-messages.ts';
import { type PlanDraft, planChecker, type PlanReport } from './domain/plan-check.ts';
import { type Spec, type SpecLimits, specSchema } from './domain/spec.ts';

export interface PlanParts {
  conditions: Conditions;
  check: (plan: PlanDraft) => PlanReport;
  /** A spec whose values are known, if it is one; else what is wrong with it. */
  parse: (spec: Record<string, unknown>) => { spec: Spec } | { wrong: string };
}

/** How plans are checked, and their values worked out. */
export function planParts(limits: SpecLimits): PlanParts {
  const conditions = celConditions();
  const schema = specSchema(limits);
  return {
    conditions,
    check: planChecker(limits, conditions),
    parse(spec) {
      const parsed = schema.safeParse(spec, { error: fieldMessage });
      if (parsed.success) return { spec: parsed.data };
      return { wrong: sentenceOf(fieldProblems(parsed.error, 'body')) };
    },
  };
}
