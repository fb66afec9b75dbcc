// References in any text of a value: found before anything runs, resolved when what they name is there. What is inserted is
// data: it is never read as a template again, and in a shell's text it is a word only through the filter `quote`.
import { ExactNumber } from '../exact-number.ts';
import { describeType, weigh } from '../json.ts';
import { applyFilter, FilterError, MAX_TEXT_LENGTH } from './reference-filters.ts';
import {
  escapeText,
  parseReferences,
  type Reference,
  type ReferenceTemplate,
  BadReferenceError,
  writeReferences,
} from './reference-grammar.ts';

export { type Filter, FILTERS, MAX_TEXT_LENGTH } from './reference-filters.ts';
export {
  parseReferences,
  type Reference,
  ROOTS,
  type ReferenceTemplate,
  BadReferenceError,
} from './reference-grammar.ts';

/** What one call of `resolve` inserts at most, as `weigh` counts. References may name the same large value many times. */
export const MAX_INSERTED = 16 * 1024 * 1024;

type Path = readonly (string | number)[];

export interface FoundReference {
  /** Where the text stands in the value. */
  at: Path;
  reference: Reference;
  /** It is the whole text, so that it may stand for a value of any type. */
  isWhole: boolean;
}

export interface TemplateIssue {
  path: Path;
  message: string;
}

/** Every reference of a value, and every text that is no template. Keys are never templates. */
export function findReferences(value: unknown): { references: FoundReference[]; issues: TemplateIssue[] } {
  const references: FoundReference[] = [];
  const issues: TemplateIssue[] = [];
  const at: (string | number)[] = [];
  const visit = (one: unknown): void => {
    if (typeof one === 'string') {
      if (!isTemplate(one)) return;
      try {
        const { parts } = parseReferences(one);
        const isWhole = parts.length === 1;
        for (const part of parts) {
          if (typeof part !== 'string') references.push({ at: [...at], reference: part, isWhole });
        }
      } catch (error) {
        if (!(error instanceof BadReferenceError)) throw error;
        issues.push({ path: [...at], message: error.message });
      }
    } else if (typeof one === 'object' && one !== null) {
      for (const [key, child] of entriesOf(one)) {
        at.push(key);
        visit(child);
        at.pop();
      }
    }
  };
  visit(value);
  return { references, issues };
}

/** Whether `resolve` would change the value: it has a reference, or an escape. */
export function hasReferences(value: unknown): boolean {
  if (typeof value === 'string') return isTemplate(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(hasReferences);
}

/** A reference that cannot be resolved: nothing is there, or not what fits. The message says which and why. */
export class UnresolvedError extends Error {
  readonly reference: Reference;
  /** Where its text stands in the value. */
  readonly at: Path;
  constructor(message: string, reference: Reference, at: Path, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnresolvedError';
    this.reference = reference;
    this.at = at;
  }
}

export type Scope = (reference: Reference) => unknown;

/**
 * The value with its references replaced: a text that is one reference by the value, of whatever type; a reference within
 * a text by its text. The input stays as it is; what has no reference is the same object in the answer.
 *
 * @param scope answers the value of root and path, without fallback and filters; undefined when it is not there
 * @param keep references for which it is true stay as written, and what is inserted is escaped, so that the answer can be
 *   resolved again: it gives back what was inserted unchanged
 * @param filtered values that are known already, by the text of their reference: of `filterAll`
 * @throws UnresolvedError
 * @throws BadReferenceError what `findReferences` reports as an issue
 */
export function resolve(
  value: unknown,
  scope: Scope,
  keep?: (reference: Reference) => boolean,
  filtered?: ReadonlyMap<string, unknown>,
): unknown {
  return new Resolution(scope, keep ?? null, filtered ?? null).resolve(value);
}

/**
 * The values of references with filters, each text once. Filters take long: one is a piece, and between two pieces others
 * can have their turn. What cannot be filtered is left out: `resolve` says why.
 */
export function* filterAll(
  references: readonly Reference[],
  scope: Scope,
): Generator<undefined, Map<string, unknown>> {
  const values = new Map<string, unknown>();
  const seen = new Set<string>();
  for (const reference of references) {
    if (reference.filters.length === 0 || seen.has(reference.text)) continue;
    seen.add(reference.text);
    let value = startOf(reference, scope);
    try {
      for (const filter of reference.filters) {
        if (value === undefined) break;
        value = applyFilter(filter, value);
        yield;
      }
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      continue;
    }
    if (value !== undefined) values.set(reference.text, value);
  }
  return values;
}

function startOf(reference: Reference, scope: Scope): unknown {
  const found = scope(reference);
  return found == null && reference.fallback !== null ? reference.fallback.value : found;
}

class Resolution {
  readonly #scope: Scope;
  readonly #keep: ((reference: Reference) => boolean) | null;
  readonly #filtered: ReadonlyMap<string, unknown> | null;
  readonly #at: (string | number)[] = [];
  #inserted = 0;

  constructor(
    scope: Scope,
    keep: ((reference: Reference) => boolean) | null,
    filtered: ReadonlyMap<string, unknown> | null,
  ) {
    this.#scope = scope;
    this.#keep = keep;
    this.#filtered = filtered;
  }

  resolve(value: unknown): unknown {
    if (typeof value === 'string') return isTemplate(value) ? this.#text(value) : value;
    return mapChildren(value, (child, key) => {
      this.#at.push(key);
      const resolved = this.resolve(child);
      this.#at.pop();
      return resolved;
    });
  }

  #text(text: string): unknown {
    const { parts } = parseReferences(text);
    const isKept = (part: string | Reference) => typeof part === 'string' || this.#keep?.(part) === true;
    if (this.#keep !== null && parts.every(isKept)) return text;
    const [only] = parts;
    if (parts.length === 1 && typeof only === 'object') {
      const value = this.#valueOf(only);
      this.#charge(weigh(value, MAX_INSERTED), only);
      return this.#keep === null ? value : escapeDeeply(value);
    }
    const filled = this.#fill(parts);
    return this.#keep === null ? filled[0] : writeReferences(filled);
  }

  /** Parts of which no two texts are neighbours. */
  #fill(parts: ReferenceTemplate['parts']): (string | Reference)[] {
    const filled: (string | Reference)[] = [];
    let length = 0;
    for (const part of parts) {
      const isKept = typeof part !== 'string' && this.#keep?.(part) === true;
      const piece = typeof part === 'string' || isKept ? part : this.#textOf(part);
      if (typeof piece !== 'string') {
        filled.push(piece);
        continue;
      }
      length += piece.length;
      if (typeof part !== 'string') {
        this.#charge(piece.length, part);
        if (length > MAX_TEXT_LENGTH) throw this.#error(part, TOO_LONG);
      }
      const last = filled.at(-1);
      if (typeof last === 'string') filled[filled.length - 1] = last + piece;
      else filled.push(piece);
    }
    return filled;
  }

  #textOf(reference: Reference): string {
    const value = this.#valueOf(reference);
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return JSON.stringify(value);
    if (value instanceof ExactNumber) return value.toString();
    throw this.#error(reference, `is ${describeType(value)}, which has no text of its own: use "| json"`);
  }

  #valueOf(reference: Reference): unknown {
    const known = this.#filtered?.get(reference.text);
    const value = startOf(reference, this.#scope);
    if (known !== undefined) return known;
    if (value === undefined) throw this.#error(reference, 'is not there');
    try {
      return reference.filters.reduce<unknown>((filtered, filter) => applyFilter(filter, filtered), value);
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      throw this.#error(reference, `cannot be filtered: ${error.message}`, { cause: error });
    }
  }

  #charge(weight: number, reference: Reference): void {
    this.#inserted += weight;
    if (this.#inserted > MAX_INSERTED)
      throw this.#error(reference, `and the references before it insert more than ${MAX_INSERTED} bytes`);
  }

  #error(reference: Reference, problem: string, options?: ErrorOptions): UnresolvedError {
    return new UnresolvedError(`${reference.text} ${problem}`, reference, [...this.#at], options);
  }
}

const TOO_LONG = `makes the text longer than ${MAX_TEXT_LENGTH} characters`;

const isTemplate = (text: string): boolean => text.includes('${');

/** An escape for each text of the value that would be a template. */
function escapeDeeply(value: unknown): unknown {
  return typeof value === 'string' ? escapeText(value) : mapChildren(value, escapeDeeply);
}

function entriesOf(value: object): (readonly [string | number, unknown])[] {
  return Array.isArray(value) ? value.map((child, i) => [i, child] as const) : Object.entries(value);
}

/** The same object where no child changes; keys of any name are kept as own properties. */
function mapChildren(value: unknown, change: (child: unknown, key: string | number) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const before = entriesOf(value);
  const entries = before.map(([key, child]) => [key, change(child, key)] as const);
  if (entries.every(([, child], i) => child === before[i]?.[1])) return value;
  return Array.isArray(value) ? entries.map(([, child]) => child) : Object.fromEntries(entries);
}

/**
 * What a path leads to: own properties of objects by name, items of lists by number, nothing else. Undefined where it leads
 * nowhere.
 */
export function readPath(value: unknown, path: readonly (string | number)[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || at instanceof ExactNumber) return undefined;
    if (Array.isArray(at) !== (typeof key === 'number') || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string | number, unknown>)[key];
  }
  return at;
}
