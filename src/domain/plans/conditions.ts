// Expressions of plans, as the engine sees them: compiled once, evaluated on what the steps have answered.

/** What is wrong with an expression, or with what it reads. The message says where in the expression. */
export class ConditionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConditionError';
  }
}

/** Values by root, plain JSON. */
export type Scope = Readonly<Record<string, unknown>>;

export interface Expression<T> {
  /** Names of the steps that it reads by a constant name; null when it reads `steps` in another way, so any of them. */
  steps: readonly string[] | null;
  /** The same of the parameters of its plan. */
  params: readonly string[] | null;
  /** Roots that it reads. */
  roots: readonly string[];
  /**
   * Evaluates the expression without blocking other requests; users take turns.
   *
   * @param userId whose expression it is
   * @throws ConditionError a field that is not there, a value of another type, too much to read, too much time
   */
  evaluate(scope: Scope, userId: string): Promise<T>;
}

export interface Condition extends Expression<boolean> {
  /** Its value where it reads nothing at all and is soon worked out, else null. */
  constant: boolean | null;
}

/** Its value is JSON, with exact numbers. */
export interface ValueExpression extends Expression<unknown> {
  /** Its value is what `quote` returns: words of a shell. */
  isQuoted: boolean;
}

export interface Conditions {
  /**
   * @param roots names that the expression may read
   * @throws ConditionError syntax, an unknown name or function, a type that cannot be a boolean, too large
   */
  compile(source: string, roots: readonly string[]): Condition;
  /**
   * @param roots names that the expression may read
   * @throws ConditionError syntax, an unknown name or function, too large
   */
  compileValue(source: string, roots: readonly string[]): ValueExpression;
}
