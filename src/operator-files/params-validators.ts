// The schemas of parameters, compiled: what a request has to fit.
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { FieldProblem } from '../domain/errors.ts';
import { holdsExact } from '../domain/exact-json.ts';
import { type Issue, pointer } from '../domain/issues.ts';
import type { Operation } from '../domain/operations/operation.ts';
import type { ParamsSchema } from '../domain/operations/params-schema.ts';
import { exactCheck, type ExactCheck } from './exact-params.ts';

/**
 * A pattern of the file is trusted, what it is applied to is not: the time that a pattern takes may grow fast with the
 * length of the text, so that a longer text than this fits none.
 */
const MAX_MATCHED_CHARACTERS = 10_000;
/** `uniqueItems` compares each item with each other. */
const MAX_UNIQUE_ITEMS = 1000;

class BoundedPattern {
  readonly #pattern: RegExp;
  constructor(source: string, flags: string) {
    this.#pattern = new RegExp(source, flags);
  }
  test(text: string): boolean {
    return text.length <= MAX_MATCHED_CHARACTERS && this.#pattern.test(text);
  }
  /** Ajv tells patterns apart by it. */
  toString(): string {
    return String(this.#pattern);
  }
}

export interface CompiledParams {
  /** Null when the schema cannot be used. */
  check: Operation['check'] | null;
  /** With paths below the operation. */
  issues: Issue[];
}

/** Compiles the schemas of parameters: JSON Schema 2020-12, strict, nothing fetched, no value changed into another type. */
export function paramsValidators(): (params: ParamsSchema | null) => CompiledParams {
  const regExp = Object.assign(
    (source: string, flags: string) => new BoundedPattern(source, flags) as unknown as RegExp,
    {
      code: 'boundedPattern',
    },
  );
  const create = (): Ajv2020 => withFormats(new Ajv2020({ ...OPTIONS, code: { regExp } }));
  const ajv = create();
  return (params) => {
    if (params === null) return { check: null, issues: [] };
    const issues = [...metaIssues(ajv, params), ...unboundedLists(params)];
    if (issues.length > 0) return { check: null, issues };
    try {
      const validate = ajv.compile(params);
      return {
        check: checkWith(validate, () => exactCheck(create(), params)),
        issues: badDefaults(validate),
      };
    } catch (error) {
      return { check: null, issues: [{ path: ['params'], message: (error as Error).message }] };
    }
  };
}

const OPTIONS = {
  strict: true,
  // Combinations such as anyOf: [{required: […]}] are usual; names in the outer list are checked elsewhere.
  strictRequired: false,
  allowUnionTypes: true,
  allErrors: true,
  useDefaults: true,
  logger: false,
} as const;

function withFormats(ajv: Ajv2020): Ajv2020 {
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  boundFormats(ajv);
  ajv.addKeyword({ keyword: 'x-allow-dash', schemaType: 'boolean' });
  return ajv;
}

/** Formats are patterns too. */
function boundFormats(ajv: Ajv2020): void {
  for (const [name, format] of Object.entries(ajv.formats)) {
    const validate = typeof format === 'object' && 'validate' in format ? format.validate : format;
    if (!(validate instanceof RegExp) && typeof validate !== 'function') continue;
    const test = validate instanceof RegExp ? (text: string) => validate.test(text) : validate;
    // Formats of numbers are functions of numbers.
    const isOfNumbers = typeof format === 'object' && 'type' in format && format.type === 'number';
    if (isOfNumbers) continue;
    ajv.addFormat(name, {
      type: 'string',
      validate: (text: string) =>
        text.length <= MAX_MATCHED_CHARACTERS && Boolean((test as (text: string) => unknown)(text)),
    });
  }
}

function metaIssues(ajv: Ajv2020, params: ParamsSchema): Issue[] {
  if (ajv.validateSchema(params) === true) return [];
  return (ajv.errors ?? []).map(({ instancePath, message }) => ({
    path: ['params', ...keysOf(instancePath)],
    message: message ?? 'is not JSON Schema',
  }));
}

const keysOf = (jsonPointer: string): string[] =>
  jsonPointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));

function unboundedLists(schema: unknown, path: readonly PropertyKey[] = ['params']): Issue[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { uniqueItems, maxItems } = schema as { uniqueItems?: unknown; maxItems?: unknown };
  const isBounded = typeof maxItems === 'number' && maxItems <= MAX_UNIQUE_ITEMS;
  const own =
    uniqueItems === true && !isBounded
      ? [{ path, message: `uniqueItems needs a maxItems of at most ${MAX_UNIQUE_ITEMS}` }]
      : [];
  const inner = Object.entries(schema).flatMap(([key, one]) => unboundedLists(one, [...path, key]));
  return [...own, ...inner];
}

/** Defaults that the schema itself would refuse, and so every request. */
function badDefaults(validate: ValidateFunction): Issue[] {
  if (validate({})) return [];
  return (validate.errors ?? [])
    .filter(({ instancePath }) => instancePath !== '')
    .map((error) => ({
      path: ['params', 'properties', ...keysOf(error.instancePath).slice(0, 1), 'default'],
      message: messageOf(error),
    }));
}

const MAX_PARAM_PROBLEMS = 100;

/** Checks what a request says against a compiled schema. */
function checkWith(validate: ValidateFunction, makeExact: () => ExactCheck): Operation['check'] {
  let exact: ExactCheck | null = null;
  return (given) => {
    if (holdsExact(given)) {
      exact ??= makeExact();
      const params = exact.check(given);
      return params === null ? refusal(exact.validate) : { ok: true, params };
    }
    // Defaults are written into it.
    const params = structuredClone(given) as Record<string, unknown>;
    return validate(params) ? { ok: true, params } : refusal(validate);
  };
}

function refusal({ errors }: ValidateFunction): { ok: false; problems: FieldProblem[] } {
  return { ok: false, problems: (errors ?? []).slice(0, MAX_PARAM_PROBLEMS).map(problemOf) };
}

function problemOf(error: ErrorObject): FieldProblem {
  const { instancePath, keyword, params } = error as ErrorObject<string, Record<string, string>>;
  const key =
    keyword === 'required'
      ? params.missingProperty
      : (params.additionalProperty ?? params.unevaluatedProperty ?? null);
  const field = `/params${instancePath}${key == null ? '' : pointer([key])}`;
  return { field, message: messageOf(error) };
}

function messageOf({ keyword, params, message }: ErrorObject): string {
  switch (keyword) {
    case 'required':
      return 'is required';
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return 'unknown parameter';
    case 'enum':
      return `must be one of ${(params as { allowedValues: unknown[] }).allowedValues.map((one) => JSON.stringify(one)).join(', ')}`;
    case 'const':
      return `must be ${JSON.stringify((params as { allowedValue: unknown }).allowedValue)}`;
    case 'pattern':
    case 'format':
      return `${message}, and have at most ${MAX_MATCHED_CHARACTERS} characters`;
    default:
      return message ?? 'does not fit';
  }
}
