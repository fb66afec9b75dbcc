// How expressions stand in a text: `${ CEL }`, and two short forms: a path with a default, `${ path ?? JSON }`, and a chain of
// functions, `${ path | f | g }` for `${ g(f(path)) }`. `$${` is a literal `${`, and `${"text"}` is that text, for what cannot
// stand before an expression as it is: a dollar. Texts come from clients: the time is in proportion to the length.
import { parseJson } from '../exact-json.ts';
import { endOfExpression } from './expression-end.ts';
import { FUNCTIONS } from './functions.ts';

/** What a path may start with. Which of them has a meaning where, the caller says. */
export const ROOTS = [
  'steps',
  'plan',
  'item',
  'index',
  'iteration',
  'previous',
  'result',
  'stdout',
  'stderr',
  'exit_code',
] as const;

/** What a path leads to. */
export interface Place {
  /** One of ROOTS. */
  root: string;
  path: readonly (string | number)[];
  /** Applies where the path leads nowhere or to null. */
  fallback: { value: unknown } | null;
}

/** A path, whose value it is; or CEL; or a path and CEL, which sees the value of the path as `value`. */
export type Reference = { /** As written, with `${` and `}`. */ text: string } & (
  | { place: Place; expression: string | null }
  | { place: null; expression: string }
);

/** The name of what a chain of functions begins with. */
export const CHAINED = 'value';

/** Literal texts and references in turn. One part that is a reference stands for a value of any type. */
export interface ReferenceTemplate {
  parts: readonly (string | Reference)[];
}

/** A `${` that is no reference. The message says where, why, and how a literal one is written. */
export class BadReferenceError extends Error {
  /** Offset in the text, from 0. */
  readonly position: number;
  constructor(message: string, position: number) {
    super(message);
    this.name = 'TemplateError';
    this.position = position;
  }
}

/** What opens a reference, and what makes it a literal. */
const OPEN = '${';
const ESCAPED = '$${';
const MAX_SHOWN = 40;

/**
 * Takes a text apart.
 *
 * @throws BadReferenceError
 */
export function parseReferences(text: string): ReferenceTemplate {
  const parts: (string | Reference)[] = [];
  let literal = '';
  let at = 0;
  for (let open = text.indexOf(OPEN); open !== -1; open = text.indexOf(OPEN, at)) {
    if (open > at && text[open - 1] === '$') {
      literal += text.slice(at, open - 1) + OPEN;
      at = open + OPEN.length;
      continue;
    }
    literal += text.slice(at, open);
    const { part, end } = partAt(text, open);
    at = end;
    if (typeof part === 'string') {
      literal += part;
      continue;
    }
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(part);
  }
  literal += text.slice(at);
  if (literal !== '' || parts.length === 0) parts.push(literal);
  return { parts };
}

/** The short forms first: a hyphen is a part of a name there. */
function partAt(text: string, open: number): { part: string | Reference; end: number } {
  const scanner = new Scanner(text, open);
  try {
    return scanner.reference();
  } catch (error) {
    if (!(error instanceof BadReferenceError) || scanner.isShortForm) throw error;
    const start = open + OPEN.length;
    const end = endOfExpression(text, start);
    const expression = text.slice(start, end ?? start).trim();
    if (end === null || expression === '') throw error;
    return { part: { text: text.slice(open, end + 1), place: null, expression }, end: end + 1 };
  }
}

/** A text in which nothing is a reference. */
export function escapeText(text: string): string {
  return text.includes(OPEN) ? text.replaceAll(OPEN, () => ESCAPED) : text;
}

/** Writes a template such that it is read as it is. */
export function writeReferences(parts: ReferenceTemplate['parts']): string {
  return parts
    .map((part, i) => {
      if (typeof part !== 'string') return part.text;
      const isBeforeReference = i + 1 < parts.length;
      if (!isBeforeReference || !part.endsWith('$')) return escapeText(part);
      // The dollar would make an escape of the reference that follows.
      let end = part.length;
      while (part[end - 1] === '$') end -= 1;
      return `${escapeText(part.slice(0, end))}\${"${part.slice(end)}"}`;
    })
    .join('');
}

const SPACE = /[ \t\r\n]*/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const NAME = /[A-Za-z0-9_-]+/y;
const INDEX = /[0-9]+/y;
/** A number, true, false or null: what is none of them, the parser refuses. */
const SCALAR = /[^\s|}]+/y;
const NESTS: Readonly<Record<string, number>> = { '[': 1, '{': 1, ']': -1, '}': -1 };

/** Reads one short form, left to right. */
class Scanner {
  readonly #text: string;
  readonly #open: number;
  /** It has a `??` or a `|`, which CEL has not. */
  isShortForm = false;
  #at: number;

  constructor(text: string, open: number) {
    this.#text = text;
    this.#open = open;
    this.#at = open + OPEN.length;
  }

  reference(): { part: string | Reference; end: number } {
    this.#skip(SPACE);
    if (this.#text[this.#at] === '"') {
      const part = this.#string();
      this.#close();
      return { part, end: this.#at };
    }
    const rootAt = this.#at;
    const root = this.#skip(WORD);
    if (root === '') throw this.#error('an expression is missing');
    const path = this.#path();
    this.#skip(SPACE);
    const fallback = this.#isNext('??') ? { value: this.#literal() } : null;
    const functions = this.#functions();
    this.#close();
    if (!(ROOTS as readonly string[]).includes(root))
      throw this.#error(`unknown "${shorten(root)}"; there are ${ROOTS.join(', ')}`, rootAt);
    const text = this.#text.slice(this.#open, this.#at);
    const chain = functions.reduce((value, name) => `${name}(${value})`, CHAINED);
    const expression = functions.length === 0 ? null : chain;
    return { part: { text, place: { root, path, fallback }, expression }, end: this.#at };
  }

  #path(): (string | number)[] {
    const path: (string | number)[] = [];
    for (;;) {
      if (this.#isNext('.')) {
        const name = this.#skip(NAME);
        if (name === '') throw this.#error('a name is missing after "."');
        path.push(name);
      } else if (this.#isNext('[')) {
        path.push(this.#text[this.#at] === '"' ? this.#string() : this.#index());
        if (!this.#isNext(']')) throw this.#error('"]" is missing');
      } else {
        return path;
      }
    }
  }

  #index(): number {
    const start = this.#at;
    const digits = this.#skip(INDEX);
    const index = Number(digits);
    const isCanonical = digits !== '' && String(index) === digits;
    if (!isCanonical || !Number.isSafeInteger(index)) {
      throw this.#error('"[" takes a number or a name in double quotes', start);
    }
    return index;
  }

  #functions(): string[] {
    const names: string[] = [];
    for (;;) {
      this.#skip(SPACE);
      if (this.#text.startsWith('||', this.#at) || !this.#isNext('|')) return names;
      this.isShortForm = true;
      this.#skip(SPACE);
      const start = this.#at;
      const name = this.#skip(WORD);
      if (!(FUNCTIONS as readonly string[]).includes(name)) {
        throw this.#error(
          `unknown function "${shorten(name)}" after "|"; there are ${FUNCTIONS.join(', ')}`,
          start,
        );
      }
      names.push(name);
    }
  }

  /** A JSON value: its end is found first, for a parser takes whole texts only. */
  #literal(): unknown {
    this.isShortForm = true;
    this.#skip(SPACE);
    const start = this.#at;
    const first = this.#text[start] ?? '';
    if (first === '"') return this.#string();
    if (first === '[' || first === '{') this.#skipNested();
    else this.#skip(SCALAR);
    return this.#json(start);
  }

  #string(): string {
    const start = this.#at;
    this.#skipString();
    return this.#json(start) as string;
  }

  #json(start: number): unknown {
    try {
      return parseJson(this.#text.slice(start, this.#at));
    } catch {
      throw this.#error(`${shorten(this.#text.slice(start, this.#at)) || 'nothing'} is not JSON`, start);
    }
  }

  #skipString(): void {
    const start = this.#at;
    for (let i = start + 1; i < this.#text.length; i++) {
      if (this.#text[i] === '\\') {
        i += 1;
      } else if (this.#text[i] === '"') {
        this.#at = i + 1;
        return;
      }
    }
    throw this.#error('a double quote is missing', start);
  }

  #skipNested(): void {
    const start = this.#at;
    let depth = 0;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] as string;
      if (char === '"') {
        this.#skipString();
        continue;
      }
      this.#at += 1;
      depth += NESTS[char] ?? 0;
      if (depth === 0) return;
    }
    throw this.#error('a closing bracket is missing', start);
  }

  #close(): void {
    this.#skip(SPACE);
    if (this.#isNext('}')) return;
    const next = this.#text[this.#at];
    throw this.#error(next === undefined ? '"}" is missing' : `unexpected ${JSON.stringify(next)}`);
  }

  /** Goes past what the pattern, which is sticky, matches here; answers it. */
  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #isNext(text: string): boolean {
    const isNext = this.#text.startsWith(text, this.#at);
    if (isNext) this.#at += text.length;
    return isNext;
  }

  #error(message: string, position = this.#at): BadReferenceError {
    const hint = literalOf(this.#text.slice(this.#open, this.#open + MAX_SHOWN + OPEN.length));
    return new BadReferenceError(`${message} (at character ${position + 1}); ${hint}`, position);
  }
}

/** How a text that begins with `${` is written such that it is none of these. */
export function literalOf(text: string): string {
  const end = text.indexOf('}');
  return `a literal is written $${text.slice(0, end === -1 || end > MAX_SHOWN ? OPEN.length : end + 1)}`;
}

const shorten = (text: string): string => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
