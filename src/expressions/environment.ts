// What expressions can use: the names of their values, functions of our own, and arithmetic of numbers of JSON, which are
// doubles, with the integers that stand in an expression.
import { Environment } from '@marcbachmann/cel-js';
import { carry, Digits, fromCel, withNumbers } from './cel-numbers.ts';
import { ConditionError } from '../domain/plans/conditions.ts';
import { callFunction, FunctionError, FUNCTIONS, type FunctionName } from '../domain/plans/functions.ts';

const LIMITS = {
  maxAstNodes: 1024,
  maxDepth: 64,
  maxListElements: 512,
  maxMapEntries: 64,
  maxCallArguments: 8,
};

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

/** Of each, the type of the value that it returns. */
const RETURNS: Readonly<Record<FunctionName, string>> = {
  trim: 'string',
  lines: 'list<string>',
  join: 'string',
  json: 'string',
  parse: 'dyn',
  quote: 'string',
};

/**
 * @param roots names of the values that an expression may read
 * @param keepsDigits whether numbers are handed on only, with their digits
 */
export function createEnvironment(roots: readonly string[], keepsDigits: boolean): Environment {
  const environment = new Environment({ homogeneousAggregateLiterals: false, limits: LIMITS });
  environment.registerType('number', Digits);
  environment.registerFunction('string(number): string', ({ number }: Digits) => number.toString());
  for (const root of roots) environment.registerVariable(root, 'dyn');
  for (const name of FUNCTIONS)
    environment.registerFunction(`${name}(dyn): ${RETURNS[name]}`, (value: unknown) =>
      toCel(call(name, fromCel(value)), keepsDigits),
    );
  environment.registerFunction('join(dyn, string): string', (list: unknown, separator: string) =>
    call('join', fromCel(list), separator),
  );
  for (const [operator, calculate] of Object.entries(ARITHMETIC)) {
    const calculateMixed = (a: number | bigint, b: number | bigint) => calculate(asDouble(a), asDouble(b));
    environment.registerOperator(`double ${operator} int: double`, calculateMixed);
    environment.registerOperator(`int ${operator} double: double`, calculateMixed);
  }
  return environment;
}

/** JSON as values of CEL. */
export const toCel = (value: unknown, keepsDigits: boolean): unknown =>
  keepsDigits ? carry(value) : withNumbers(value);

function call(name: FunctionName, value: unknown, separator?: string): unknown {
  try {
    return callFunction(name, value, separator);
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    throw new ConditionError(error.message, { cause: error });
  }
}

function asDouble(number: number | bigint): number {
  const double = Number(number);
  if (typeof number === 'bigint' && BigInt(double) !== number)
    throw new ConditionError(`${number} is not a double, and cannot be calculated with one; use int(…)`);
  return double;
}
