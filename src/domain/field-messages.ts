// What is wrong with each field, in words for the one who sent it.
import type { z } from 'zod';
import { kindsOf, type StepsKind } from './kinds.ts';
import { type FieldProblem, quoted } from './errors.ts';
import { ExactNumber } from './exact-number.ts';
import { issuesOf, pointer } from './issues.ts';
import { hintFor } from './other-words.ts';

/** How a value is called: JSON's own types, and what stands for a missing one. */
function nameOf(input: unknown): string {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'a list';
  if (input instanceof ExactNumber) return 'a number';
  return typeof input === 'object' ? 'an object' : `a ${typeof input}`;
}

const EXPECTED: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

const NUMBERS = `this field takes numbers of at most 17 digits, and whole numbers up to ${Number.MAX_SAFE_INTEGER}`;

const ITEMS: Record<string, string> = { string: 'characters', array: 'items' };

/** Takes the place of zod's own messages: pass it as `error` when parsing. A schema's own message goes before. */
export function fieldMessage(issue: z.core.$ZodRawIssue): string | undefined {
  const { input } = issue;
  switch (issue.code) {
    case 'invalid_type': {
      if (input === undefined) return 'is required';
      const expected = EXPECTED[issue.expected] ?? `a ${issue.expected}`;
      if (input instanceof ExactNumber && ['int', 'number'].includes(issue.expected)) {
        if (!Number.isFinite(Number(input))) return 'is too large for a number';
        return `is ${input.shown}; ${NUMBERS}`;
      }
      if (typeof input !== 'number') return `must be ${expected}, not ${nameOf(input)}`;
      if (!Number.isFinite(input)) return 'is too large for a number';
      return issue.expected === 'int'
        ? `must be a whole number, not ${input}`
        : `must be ${expected}, not a number`;
    }
    case 'invalid_value':
      return input === undefined ? 'is required' : oneOf(issue.values) + not(input);
    case 'invalid_union': {
      const { discriminator, options } = issue;
      if (typeof discriminator !== 'string' || !Array.isArray(options)) return undefined;
      const given = (input as Record<string, unknown> | null)?.[discriminator];
      if (given === undefined) return `is required; it ${oneOf(options)}`;
      const isPlan = discriminator === 'kind' && kindsOf('steps').includes(given as StepsKind);
      return isPlan ? `${oneOf(options)}; send a plan to POST /v1/plans` : oneOf(options) + not(given);
    }
    case 'too_big': {
      const unit = ITEMS[issue.origin];
      return unit === undefined
        ? `must be at most ${issue.maximum}${not(input)}`
        : `must have at most ${issue.maximum} ${unit}${not(lengthOf(input))}`;
    }
    case 'too_small': {
      const unit = ITEMS[issue.origin];
      if (unit === undefined) return `must be at least ${issue.minimum}${not(input)}`;
      return issue.minimum === 1
        ? 'must not be empty'
        : `must have at least ${issue.minimum} ${unit}${not(lengthOf(input))}`;
    }
    case 'unrecognized_keys': {
      const known = fieldsOf(issue.inst);
      // One line for each key: `issuesOf` takes them apart.
      return issue.keys
        .slice(0, MAX_FIELDS)
        .map((key) => hintFor(key, known) ?? '')
        .join('\n');
    }
    case 'invalid_format':
      return FORMATS[issue.format] ?? `must be a ${issue.format}`;
    default:
      return undefined;
  }
}

/** The fields that a schema knows. */
function fieldsOf(schema: unknown): readonly string[] {
  const { shape } = (schema as { def?: { shape?: object } } | undefined)?.def ?? {};
  return shape === undefined ? [] : Object.keys(shape);
}

const FORMATS: Record<string, string> = {
  datetime: 'must be a time with an offset (RFC 3339), for example 2027-01-01T00:00:00Z',
  base64: 'must be base64',
  regex: 'has an invalid format',
};

/** The value that was sent, if it is short; empty if it is not. */
function not(value: unknown): string {
  if (typeof value === 'string') return `, not ${quoted(value)}`;
  return typeof value === 'number' || typeof value === 'boolean' ? `, not ${value}` : '';
}

const lengthOf = (value: unknown): unknown =>
  typeof value === 'string' || Array.isArray(value) ? value.length : undefined;

function oneOf(values: readonly unknown[]): string {
  const names = values.map((value) => (typeof value === 'string' ? `"${value}"` : String(value)));
  return names.length === 1 ? `must be ${names[0]}` : `must be one of ${names.join(', ')}`;
}

const MAX_FIELDS = 100;

/**
 * Every wrong field of a body or a query.
 *
 * @param prefix where the value stands in the body
 */
export function fieldProblems(
  error: z.ZodError,
  place: 'body' | 'querystring',
  prefix: readonly PropertyKey[] = [],
): FieldProblem[] {
  const unknown = place === 'body' ? unknownField : () => 'unknown parameter';
  return issuesOf(error, unknown, prefix)
    .slice(0, MAX_FIELDS)
    .map(({ path, message }) => ({ field: fieldAt(path, place), message }));
}

/** @param hint a pointer to another field of the same object, or a remark */
function unknownField(path: readonly PropertyKey[], hint: string): string {
  if (hint === '') return 'unknown field';
  return hint.startsWith('/')
    ? `unknown field; execd calls it ${pointer(path)}${hint}`
    : `unknown field; ${hint}`;
}

/** JSON Pointer into a body; `?name` for a query. */
function fieldAt(path: readonly PropertyKey[], place: 'body' | 'querystring'): string {
  return place === 'body' ? pointer(path) : `?${String(path[0] ?? '')}`;
}

/** All of them in one sentence. */
export function sentenceOf(fields: readonly FieldProblem[], whole = 'the body'): string {
  return fields.map(({ field, message }) => `${field === '' ? whole : field}: ${message}`).join('; ');
}
