// Conditions of plans, as the engine sees them: compiled once, evaluated on what the steps have answered.

/** What is wrong with a condition, or with what it reads. The message says where in the expression. */
export class ConditionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConditionError';
  }
}

/** Values by root, plain JSON. */
export type Scope = Readonly<Record<string, unknown>>;

export interface Condition {
  /** Names of the steps that it reads by a constant name; null when it reads `steps` in another way, so any of them. */
  steps: readonly string[] | null;
  /** The same of the parameters of its plan. */
  params: readonly string[] | null;
  /** Roots that it reads. */
  roots: readonly string[];
  /** Its value where it reads nothing at all and is soon worked out, else null. */
  constant: boolean | null;
  /**
   * Evaluates the condition without blocking other requests; users take turns.
   *
   * @param userId whose condition it is
   * @throws ConditionError a field that is not there, a value of another type, not a boolean, too much to read, too much time
   */
  evaluate(scope: Scope, userId: string): Promise<boolean>;
}

export interface Conditions {
  /**
   * @param roots names that the expression may read
   * @throws ConditionError syntax, an unknown name or function, a type that cannot be a boolean, too large
   */
  compile(source: string, roots: readonly string[]): Condition;
}
