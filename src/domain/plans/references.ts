// References in any text of a value: found before anything runs, resolved when what they name is there. What is inserted is
// data: it is never read as a template again, and in a shell's text it is a word only through the function `quote`.
import { ExactNumber } from '../exact-number.ts';
import { describeType, weigh } from '../json.ts';
import { MAX_TEXT_LENGTH } from './functions.ts';
import {
  escapeText,
  parseReferences,
  type Place,
  type Reference,
  type ReferenceTemplate,
  BadReferenceError,
  writeReferences,
} from './reference-grammar.ts';

export { FUNCTIONS, MAX_TEXT_LENGTH } from './functions.ts';
export {
  CHAINED,
  literalOf,
  parseReferences,
  type Place,
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
  constructor(message: string, reference: Reference, at: Path) {
    super(message);
    this.name = 'UnresolvedError';
    this.reference = reference;
    this.at = at;
  }
}

export type Scope = (place: Place) => unknown;

/** What has become of an expression: undefined where the path that it begins with leads nowhere. */
export type Worked = { value: unknown } | { wrong: string };

/**
 * The value with its references replaced: a text that is one reference by the value, of whatever type; a reference within
 * a text by its text. The input stays as it is; what has no reference is the same object in the answer.
 *
 * @param scope answers the value of root and path, without fallback; undefined when it is not there
 * @param keep references for which it is true stay as written, and what is inserted is escaped, so that the answer can be
 *   resolved again: it gives back what was inserted unchanged
 * @param worked what has become of the expressions, by the text of their reference
 * @throws UnresolvedError
 * @throws BadReferenceError what `findReferences` reports as an issue
 */
export function resolve(
  value: unknown,
  scope: Scope,
  keep?: (reference: Reference) => boolean,
  worked?: ReadonlyMap<string, Worked>,
): unknown {
  return new Resolution(scope, keep ?? null, worked ?? new Map()).resolve(value);
}

/** The value of a place, or its fallback; undefined where neither is there. */
export function valueAt(place: Place, scope: Scope): unknown {
  const found = scope(place);
  return found == null && place.fallback !== null ? place.fallback.value : found;
}

class Resolution {
  readonly #scope: Scope;
  readonly #keep: ((reference: Reference) => boolean) | null;
  readonly #worked: ReadonlyMap<string, Worked>;
  readonly #at: (string | number)[] = [];
  #inserted = 0;

  constructor(
    scope: Scope,
    keep: ((reference: Reference) => boolean) | null,
    worked: ReadonlyMap<string, Worked>,
  ) {
    this.#scope = scope;
    this.#keep = keep;
    this.#worked = worked;
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
    throw this.#error(reference, `is ${describeType(value)}, which has no text of its own: use json(…)`);
  }

  #valueOf(reference: Reference): unknown {
    const { place, expression, text } = reference;
    const isPath = place !== null && expression === null;
    const worked = isPath ? { value: valueAt(place, this.#scope) } : this.#worked.get(text);
    if (worked === undefined) throw new TypeError(`${text} has no value yet`);
    if ('wrong' in worked) throw this.#error(reference, `cannot be evaluated: ${worked.wrong}`);
    if (worked.value === undefined) throw this.#error(reference, whyMissing(reference));
    return worked.value;
  }

  #charge(weight: number, reference: Reference): void {
    this.#inserted += weight;
    if (this.#inserted > MAX_INSERTED)
      throw this.#error(reference, `and the references before it insert more than ${MAX_INSERTED} bytes`);
  }

  #error(reference: Reference, problem: string): UnresolvedError {
    return new UnresolvedError(`${reference.text} ${problem}`, reference, [...this.#at]);
  }
}

function whyMissing({ place }: Reference): string {
  const hyphened = place?.path.find((name) => typeof name === 'string' && /[^-]-[^-]/.test(name));
  const hint = `; ${JSON.stringify(hyphened)} is one name: to subtract, write spaces around the hyphen`;
  return `is not there${hyphened === undefined ? '' : hint}`;
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
