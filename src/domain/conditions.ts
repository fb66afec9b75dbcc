export class ConditionError extends Error {}
export interface Condition {
  steps: readonly string[] | null;
  roots: readonly string[];
  constant: boolean | null;
  evaluate(scope: Readonly<Record<string, unknown>>): boolean;
}
export interface Conditions { compile(source: string, roots: readonly string[]): Condition }
