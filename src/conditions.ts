import type { Conditions } from './domain/conditions.ts';
export function celConditions(): Conditions {
  return { compile: (source) => ({ steps: [], roots: ['previous','iteration'], constant: source === 'false' ? false : null,
    evaluate: (scope) => new Function(...Object.keys(scope), `return ${source}`)(...Object.values(scope)) as boolean }) };
}
