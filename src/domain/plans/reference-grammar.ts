// How references are written in a text: `${ path [?? JSON] [| filter]* }`; `$${` is a literal `${`, and `${"text"}` is that
// text, for what cannot stand before a reference as it is: a dollar. One pass, no backtracking: texts come from clients.
import { parseJson } from '../exact-json.ts';
import { type Filter, FILTERS } from './reference-filters.ts';

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

export interface Reference {
  /** One of ROOTS. */
  root: string;
  path: readonly (string | number)[];
  /** Applies where the path leads nowhere or to null. */
  fallback: { value: unknown } | null;
  /** In the order in which they apply. */
  filters: readonly Filter[];
  /** As written, with `${` and `}`. */
  text: string;
}

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
    const { part, end } = new Scanner(text, open).reference();
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

/** Reads one reference, left to right. */
class Scanner {
  readonly #text: string;
  readonly #open: number;
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
    const root = this.#root();
    const path = this.#path();
    this.#skip(SPACE);
    const fallback = this.#isNext('??') ? { value: this.#literal() } : null;
    const filters = this.#filters();
    this.#close();
    const text = this.#text.slice(this.#open, this.#at);
    return { part: { root, path, fallback, filters, text }, end: this.#at };
  }

  #root(): string {
    const start = this.#at;
    const root = this.#skip(WORD);
    if (root === '') throw this.#error('a reference starts with a name');
    if ((ROOTS as readonly string[]).includes(root)) return root;
    throw this.#error(`unknown "${shorten(root)}"; there are ${ROOTS.join(', ')}`, start);
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

  #filters(): Filter[] {
    const filters: Filter[] = [];
    for (;;) {
      this.#skip(SPACE);
      if (!this.#isNext('|')) return filters;
      this.#skip(SPACE);
      const start = this.#at;
      const name = this.#skip(WORD);
      const filter = FILTERS.find((one) => one === name);
      if (filter === undefined) {
        throw this.#error(`unknown filter "${shorten(name)}"; there are ${FILTERS.join(', ')}`, start);
      }
      filters.push(filter);
    }
  }

  /** A JSON value: its end is found first, for a parser takes whole texts only. */
  #literal(): unknown {
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
    const close = this.#text.indexOf('}', this.#open);
    const end = close === -1 || close - this.#open > MAX_SHOWN ? this.#open + OPEN.length : close + 1;
    const literal = `$${this.#text.slice(this.#open, end)}`;
    return new BadReferenceError(
      `${message} (at character ${position + 1}); a literal is written ${literal}`,
      position,
    );
  }
}

const shorten = (text: string): string => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
