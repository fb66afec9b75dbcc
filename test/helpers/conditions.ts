// Conditions without a thread of their own.
import type { Scope } from '../../src/domain/plans/conditions.ts';
import { readJson } from '../../src/domain/exact-json.ts';
import { celCompiler } from '../../src/expressions/cel.ts';
import { celConditions, type EvaluateElsewhere } from '../../src/expressions/conditions.ts';

const compile = celCompiler();

export const evaluateHere: EvaluateElsewhere = async ({ kind, source, roots, scope }) =>
  compile[kind](source, roots).evaluate(readJson(scope) as Scope);

export const conditionsHere = () => celConditions(evaluateHere);
