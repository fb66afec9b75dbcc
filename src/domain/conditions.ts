// Conditions of plans, as the engine sees them: compiled once, evaluated on what the steps have answered.

/** What is wrong with a condition, or with what it reads. The message says where in the expression. */
export class ConditionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConditionError';
  }
}

export interface Condition {
  /** Names of the steps that it reads by a constant name; null when it reads `steps` in another way, so any of them. */
  steps: readonly string[] | null;
  /** Roots that it reads. */
  roots: readonly string[];
  /** Its value where it reads nothing at all and is soon worked out, else null. */
  constant: boolean | null;
  /**
   * @param scope plain JSON by root
   * @throws ConditionError a field that is not there, a value of another type, not a boolean, too much time
   */
  evaluate(scope: Readonly<Record<string, unknown>>): boolean;
}

export interface Conditions {
  /**
   * @param roots names that the expression may read
   * @throws ConditionError syntax, an unknown name or function, a type that cannot be a boolean, too large
   */
  compile(source: string, roots: readonly string[]): Condition;
}
