// The functions that expressions of plans have beside those of CEL. Nothing here runs what it is given: `quote` is what makes
// a value safe in the text of a shell.
import { exactly } from '../exact-json.ts';
import { ExactNumber } from '../exact-number.ts';
import { describeType } from '../json.ts';

export const FUNCTIONS = ['trim', 'lines', 'join', 'json', 'parse', 'quote'] as const;
/**
 * trim: a text without the white space around it; lines: a text as a list of its lines, without the empty one after the
 * last line's end; join: a list of texts, numbers and booleans as one text, with another text in between; json: anything as JSON text; parse: JSON text as a value; quote: a text, number or boolean as one word
 * of a POSIX shell, a list of them as words.
 */
export type FunctionName = (typeof FUNCTIONS)[number];

/** What a function takes and returns at most, in UTF-16 units, and any text that references make. */
export const MAX_TEXT_LENGTH = 1024 * 1024;
/** Members, items and lines that a function makes or takes at most: few of them take as long as a megabyte of text. */
export const MAX_VALUES = 100_000;
/** How deep a parsed value is nested at most. */
const MAX_DEPTH = 200;

/** What a function cannot take. The message names the function. */
export class FunctionError extends Error {}

/**
 * @param separator of `join`
 * @throws FunctionError
 */
export function callFunction(name: FunctionName, value: unknown, separator: unknown = ''): unknown {
  switch (name) {
    case 'trim':
      return textFor(name, value).trim();
    case 'lines':
      return linesOf(textFor(name, value));
    case 'join':
      return join(value, textFor(name, separator));
    case 'json':
      return checkLength(name, JSON.stringify(value));
    case 'parse':
      return parse(textFor(name, value));
    case 'quote':
      return checkLength(name, Array.isArray(value) ? quoteAll(value) : quote(value));
    default:
      return name satisfies never;
  }
}

function textFor(name: FunctionName, value: unknown): string {
  if (typeof value !== 'string') throw new FunctionError(`${name} takes a text, not ${describeType(value)}`);
  return checkLength(name, value);
}

function checkLength(name: FunctionName, text: string): string {
  if (text.length <= MAX_TEXT_LENGTH) return text;
  throw new FunctionError(`the text of ${name} is longer than ${MAX_TEXT_LENGTH} characters`);
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return checkCount('lines', lines.length, lines);
}

function parse(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new FunctionError('parse takes JSON text', { cause: error });
  }
  checkCount('parse', countOf(value), value);
  return exactly(text, value);
}

function checkCount<T>(name: FunctionName, count: number, value: T): T {
  if (count <= MAX_VALUES) return value;
  throw new FunctionError(`${name} takes at most ${MAX_VALUES} ${name === 'lines' ? 'lines' : 'values'}`);
}

/**
 * Members and items of a value, counted until there are too many. Level by level, for the depth of the calls is bounded too.
 *
 * @throws FunctionError when it is nested too deeply
 */
function countOf(value: unknown): number {
  let level = [value].filter(isObject);
  let count = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === MAX_DEPTH) throw new FunctionError(`parse takes at most ${MAX_DEPTH} levels of nesting`);
    const next: object[] = [];
    for (const one of level) {
      const children: unknown[] = Array.isArray(one) ? one : Object.values(one);
      count += children.length;
      if (count > MAX_VALUES) return count;
      for (const child of children) if (isObject(child)) next.push(child);
    }
    level = next;
  }
  return count;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const quoteAll = (values: readonly unknown[]): string => joinAll('quote', values, quote, ' ');

function join(value: unknown, separator: string): string {
  if (!Array.isArray(value)) throw new FunctionError(`join takes a list, not ${describeType(value)}`);
  return joinAll('join', value, textOf, separator);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || value instanceof ExactNumber)
    return String(value);
  throw new FunctionError(`join takes texts, numbers and booleans, not ${describeType(value)}: use json(…)`);
}

/** Stops where the text becomes too long. */
function joinAll(
  name: FunctionName,
  values: readonly unknown[],
  write: (value: unknown) => string,
  separator: string,
): string {
  checkCount(name, values.length, values);
  const words: string[] = [];
  let length = -separator.length;
  for (const value of values) {
    const word = write(value);
    length += separator.length + word.length;
    if (length > MAX_TEXT_LENGTH)
      throw new FunctionError(`the text of ${name} is longer than ${MAX_TEXT_LENGTH} characters`);
    words.push(word);
  }
  return words.join(separator);
}

function quote(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value instanceof ExactNumber)
    return `'${String(value)}'`;
  if (typeof value !== 'string') {
    throw new FunctionError(
      `quote takes a text, a number, a boolean or a list of them, not ${describeType(value)}`,
    );
  }
  if (value.includes('\0'))
    throw new FunctionError(
      'quote cannot take a text with a NUL character: a word of a shell cannot contain one',
    );
  return `'${checkLength('quote', value).split("'").join(`'\\''`)}'`;
}
