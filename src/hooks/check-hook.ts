// What is wrong with the expressions of a hook, found when its file is read.
import { ConditionError, type Conditions } from '../domain/plans/conditions.ts';
import type { Issue } from '../domain/issues.ts';
import { type Hook, HOOK_ROOTS } from '../domain/operations/hook.ts';

export function hookChecker(conditions: Conditions): (hook: Hook) => Issue[] {
  return ({ when, params, delivery_id: deliveryId }) => {
    const issues: Issue[] = [];
    const check = (path: string[], compile: () => unknown) => {
      try {
        compile();
      } catch (error) {
        if (!(error instanceof ConditionError)) throw error;
        issues.push({ path, message: error.message });
      }
    };
    if (when !== undefined) check(['when'], () => conditions.compile(when, HOOK_ROOTS));
    if (deliveryId !== undefined)
      check(['delivery_id'], () => conditions.compileValue(deliveryId, HOOK_ROOTS));
    for (const [name, source] of Object.entries(params))
      check(['params', name], () => conditions.compileValue(source, HOOK_ROOTS));
    return issues;
  };
}
