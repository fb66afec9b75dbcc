// Parameters with numbers that no double keeps: their schemas are compiled a second time, with keywords that compare such
// numbers as they are written. Nothing of it is there until such a number comes.
import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js';
import type { DataValidationCxt } from 'ajv/dist/types/index.js';
import { changeExact } from '../domain/exact-json.ts';
import { ExactNumber } from '../domain/exact-number.ts';
import { pointer } from '../domain/issues.ts';
import { canonicalJson } from '../domain/json.ts';
import type { ParamsSchema } from '../domain/operations/params-schema.ts';

/** Numbers that no double keeps, by where they stand (JSON Pointer). */
type ExactNumbers = ReadonlyMap<string, ExactNumber>;
type Params = Record<string, unknown>;

export interface ExactCheck {
  validate: ValidateFunction;
  /** Checks parameters; null when they do not fit, and the errors are those of `validate`. Defaults are written into the answer. */
  check(given: Readonly<Params>): Params | null;
}

/** @param ajv of its own: keywords of it are replaced */
export function exactCheck(ajv: Ajv2020, params: ParamsSchema): ExactCheck {
  const numbersOf = new WeakMap<object, ExactNumbers>();
  replaceKeywords(ajv, numbersOf);
  const validate = ajv.compile(params);
  return {
    validate,
    check(given) {
      const numbers = new Map<string, ExactNumber>();
      const all: { at: readonly string[]; number: ExactNumber }[] = [];
      const standIn = changeExact(given, (number, at) => {
        all.push({ at, number });
        if (number.double === null) numbers.set(pointer(at), number);
        return number.double ?? likeOf(number);
      }) as Params;
      numbersOf.set(standIn, numbers);
      if (!validate(standIn)) return null;
      for (const { at, number } of all) put(standIn, at, number);
      return standIn;
    },
  };
}

/** A double of the same sign, and whole where the number is: what its type is asked of. */
function likeOf(number: ExactNumber): number {
  const near = Math.min(Math.max(Number(number), -Number.MAX_VALUE), Number.MAX_VALUE);
  return number.isInteger === Number.isInteger(near) ? near : Math.sign(number.compare(0)) / 2;
}

function put(params: Params, at: readonly string[], number: ExactNumber): void {
  let holder = params;
  for (const key of at.slice(0, -1)) holder = holder[key] as Params;
  holder[at.at(-1) as string] = number;
}

/** Whether a number is as a keyword wants it, by how it compares with the keyword's. */
const LIMITS = {
  maximum: { sign: '<=', fits: (order: number) => order <= 0 },
  minimum: { sign: '>=', fits: (order: number) => order >= 0 },
  exclusiveMaximum: { sign: '<', fits: (order: number) => order < 0 },
  exclusiveMinimum: { sign: '>', fits: (order: number) => order > 0 },
};

function replaceKeywords(ajv: Ajv2020, numbersOf: WeakMap<object, ExactNumbers>): void {
  const numbersIn = (context: DataValidationCxt | undefined) =>
    numbersOf.get(context?.rootData ?? {}) ?? NONE;
  const exactAt = (context: DataValidationCxt | undefined) =>
    numbersIn(context).get(context?.instancePath ?? '');
  for (const [keyword, { sign, fits }] of Object.entries(LIMITS))
    replace<number, number>(ajv, keyword, 'number', (limit, value, context) =>
      fits(exactAt(context)?.compare(limit) ?? Math.sign(value - limit))
        ? null
        : { message: `must be ${sign} ${limit}` },
    );
  replace<number, number>(ajv, 'multipleOf', 'number', (unit, value, context) => {
    const exact = exactAt(context);
    const rest = exact === undefined ? value / unit - Math.round(value / unit) : remainder(exact, unit);
    return rest === 0 ? null : { message: `must be multiple of ${unit}` };
  });
  const textOf = (value: unknown, context: DataValidationCxt | undefined) =>
    canonicalJson(withNumbers(value, context?.instancePath ?? '', numbersIn(context)));
  replace<unknown, unknown>(ajv, 'const', undefined, (allowedValue, value, context) =>
    textOf(value, context) === canonicalJson(allowedValue) ? null : { params: { allowedValue } },
  );
  replace<unknown[], unknown>(ajv, 'enum', undefined, (allowedValues, value, context) => {
    const text = textOf(value, context);
    return allowedValues.some((one) => canonicalJson(one) === text) ? null : { params: { allowedValues } };
  });
  replace<boolean, unknown[]>(ajv, 'uniqueItems', 'array', (isWanted, items, context) => {
    const texts = items.map((item, i) =>
      canonicalJson(withNumbers(item, `${context?.instancePath ?? ''}/${i}`, numbersIn(context))),
    );
    const isRight = !isWanted || new Set(texts).size === texts.length;
    return isRight ? null : { message: 'must NOT have duplicate items' };
  });
}
const NONE: ExactNumbers = new Map();

/** What is wrong with a value, in the words of the error that is made of it; null when nothing is. */
type ProblemOf<Wanted, Value> = (
  wanted: Wanted,
  value: Value,
  context: DataValidationCxt | undefined,
) => { message?: string; params?: object } | null;

/** The schema of schemas has made sure of what the keyword says, and `type` of what it is about. */
function replace<Wanted, Value>(
  ajv: Ajv2020,
  keyword: string,
  type: 'number' | 'array' | undefined,
  problemOf: ProblemOf<Wanted, Value>,
): void {
  const validate = Object.assign(
    (wanted: Wanted, value: Value, _schema: unknown, context?: DataValidationCxt): boolean => {
      const problem = problemOf(wanted, value, context);
      validate.errors = problem === null ? [] : [{ keyword, params: {}, ...problem }];
      return problem === null;
    },
    { errors: [] as object[] },
  );
  ajv.removeKeyword(keyword);
  ajv.addKeyword({ keyword, validate, errors: true, ...(type === undefined ? {} : { type }) });
}

/** NaN where it cannot be told. */
function remainder(number: ExactNumber, unit: number): number {
  if (number.integer === null || !Number.isSafeInteger(unit)) return NaN;
  return Number(number.integer % BigInt(unit));
}

/** A part of what stands in for the parameters, with the numbers that they have in truth. */
function withNumbers(value: unknown, at: string, numbers: ExactNumbers): unknown {
  if (typeof value === 'number') return numbers.get(at) ?? value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item, i) => withNumbers(item, `${at}/${i}`, numbers));
  const entries = Object.entries(value).map(
    ([name, item]) => [name, withNumbers(item, at + pointer([name]), numbers)] as const,
  );
  return Object.fromEntries(entries);
}
