// What `| name` does to the value of a reference. Nothing here runs what it is given: `quote` is what makes a value safe in
// the text of a shell.
import { exactly } from '../exact-json.ts';
import { ExactNumber } from '../exact-number.ts';
import { describeType } from '../json.ts';

export const FILTERS = ['trim', 'lines', 'json', 'parse', 'quote'] as const;
/**
 * trim: a text without the white space around it; lines: a text as a list of its lines, without the empty one after the
 * last line's end; json: anything as JSON text; parse: JSON text as a value; quote: a text, number or boolean as one word
 * of a POSIX shell, a list of them as words.
 */
export type Filter = (typeof FILTERS)[number];

/** What a filter takes and gives at most, in UTF-16 units, and any text that references make. */
export const MAX_TEXT_LENGTH = 1024 * 1024;
/** Members, items and lines that a filter makes or takes at most: few of them take as long as a megabyte of text. */
export const MAX_VALUES = 100_000;
/** How deep a parsed value is nested at most. */
const MAX_DEPTH = 200;

/** What a filter cannot take. The message names the filter. */
export class FilterError extends Error {}

/** @throws FilterError */
export function applyFilter(filter: Filter, value: unknown): unknown {
  switch (filter) {
    case 'trim':
      return textFor(filter, value).trim();
    case 'lines':
      return linesOf(textFor(filter, value));
    case 'json':
      return checkLength(filter, JSON.stringify(value));
    case 'parse':
      return parse(textFor(filter, value));
    case 'quote':
      return checkLength(filter, Array.isArray(value) ? quoteAll(value) : quote(value));
    default:
      return filter satisfies never;
  }
}

function textFor(filter: Filter, value: unknown): string {
  if (typeof value !== 'string') throw new FilterError(`${filter} takes a text, not ${describeType(value)}`);
  return checkLength(filter, value);
}

function checkLength(filter: Filter, text: string): string {
  if (text.length <= MAX_TEXT_LENGTH) return text;
  throw new FilterError(`the text of ${filter} is longer than ${MAX_TEXT_LENGTH} characters`);
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
    throw new FilterError('parse takes JSON text', { cause: error });
  }
  checkCount('parse', countOf(value), value);
  return exactly(text, value);
}

function checkCount<T>(filter: Filter, count: number, value: T): T {
  if (count <= MAX_VALUES) return value;
  throw new FilterError(`${filter} takes at most ${MAX_VALUES} ${filter === 'lines' ? 'lines' : 'values'}`);
}

/**
 * Members and items of a value, counted until there are too many. Level by level, for the depth of the calls is bounded too.
 *
 * @throws FilterError when it is nested too deeply
 */
function countOf(value: unknown): number {
  let level = [value].filter(isObject);
  let count = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === MAX_DEPTH) throw new FilterError(`parse takes at most ${MAX_DEPTH} levels of nesting`);
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

function quoteAll(values: readonly unknown[]): string {
  checkCount('quote', values.length, values);
  const words: string[] = [];
  let length = 0;
  for (const value of values) {
    const word = quote(value);
    length += word.length + 1;
    if (length > MAX_TEXT_LENGTH + 1) break;
    words.push(word);
  }
  if (words.length < values.length) {
    throw new FilterError(`the text of quote is longer than ${MAX_TEXT_LENGTH} characters`);
  }
  return words.join(' ');
}

function quote(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value instanceof ExactNumber)
    return `'${String(value)}'`;
  if (typeof value !== 'string') {
    throw new FilterError(
      `quote takes a text, a number, a boolean or a list of them, not ${describeType(value)}`,
    );
  }
  if (value.includes('\0'))
    throw new FilterError(
      'quote cannot take a text with a NUL character: a word of a shell cannot contain one',
    );
  return `'${checkLength('quote', value).replaceAll("'", `'\\''`)}'`;
}
