// YAML and JSON without surprises: one reading of every text, bounded, with the line of each value.
import { readFileSync, statSync } from 'node:fs';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type Scalar,
} from 'yaml';
import { ExactNumber } from '../domain/exact-number.ts';
import { dotted, type Issue } from '../domain/issues.ts';

/** How often the file may use an anchor, and how many values it may have with all of them followed. */
const MAX_ALIASES = 100;
const MAX_VALUES = 200_000;
const MAX_DEPTH = 100;

/** One thing that is wrong with the file. */
export interface FileProblem {
  /** For instance `operations.resize.run.args[1]`; empty for the whole file. */
  path: string;
  /** Null when there is no such place. */
  line: number | null;
  message: string;
}

/** What was read, or everything that is wrong with it. */
export type Read<T> = T | { problems: FileProblem[] };

export interface ParsedYaml {
  value: unknown;
  /** The line of a place, or of the nearest place above it. */
  lineOf: (path: readonly PropertyKey[]) => number;
}

/** One problem with a file as a whole. */
export function wholeFile(message: string): { problems: FileProblem[] } {
  return { problems: [{ path: '', line: null, message }] };
}

/** Reads a file that decides what the service does: whoever can write it has the service in their hands. */
export function readGuarded(path: string, maxBytes: number): Read<{ text: string }> {
  try {
    const { size, mode } = statSync(path);
    // Bit 1: writable by others than owner and group.
    if ((mode & 0o002) !== 0) return wholeFile('can be changed by every user of this machine: chmod o-w it');
    if (size > maxBytes) return wholeFile(`is larger than ${maxBytes} bytes`);
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)) };
  } catch (error) {
    return wholeFile((error as Error).message);
  }
}

/** Everything that is wrong with a file, from its first line to its last. */
export function inOrder(issues: readonly Issue[], { lineOf }: ParsedYaml): { problems: FileProblem[] } {
  const problems = issues.map(({ path, message }) => ({ path: dotted(path), line: lineOf(path), message }));
  return { problems: problems.sort((a, b) => a.line - b.line) };
}

/** YAML 1.2 with the core schema, of which JSON is a part. */
export function parseYaml(text: string): Read<ParsedYaml> {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    uniqueKeys: true,
    stringKeys: true,
    merge: false,
    resolveKnownTags: false,
    prettyErrors: false,
    lineCounter: lines,
  });
  const said = [...document.errors, ...document.warnings].slice(0, MAX_SYNTAX_ERRORS);
  const at = (message: string, line: number | null = null): FileProblem => ({ path: '', line, message });
  if (said.length > 0) {
    return { problems: said.map(({ message, pos }) => at(message, lines.linePos(pos[0]).line)) };
  }
  if (document.directives.yaml.version !== '1.2') return { problems: [at('must be YAML 1.2')] };
  const unkept = [...unkeptNumbers(document.contents)].slice(0, MAX_SYNTAX_ERRORS);
  if (unkept.length > 0) {
    return {
      problems: unkept.map(({ path, number }) => ({
        path: dotted(path),
        line: lines.linePos(number.range?.[0] ?? 0).line,
        message: `is ${shortly(number)}, which becomes ${String(number.value)} as a number: write it in quotes, or with at most 15 digits`,
      })),
    };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return { problems: [at((error as Error).message)] };
  }
  const problem = oddity(value);
  if (problem !== null) return { problems: [at(problem)] };
  return { value, lineOf: (path) => lines.linePos(placeIn(document, path)).line };
}
const MAX_SYNTAX_ERRORS = 50;

/** Numbers of which a double makes others. Each is found once, however many aliases it has. */
function* unkeptNumbers(
  node: unknown,
  path: readonly PropertyKey[] = [],
): Generator<{ path: readonly PropertyKey[]; number: Scalar }> {
  if (path.length > MAX_DEPTH) return;
  if (isMap<Node, Node>(node))
    for (const { key, value } of node.items) yield* unkeptNumbers(value, [...path, String(key)]);
  else if (isSeq<Node>(node))
    for (const [i, item] of node.items.entries()) yield* unkeptNumbers(item, [...path, i]);
  else if (isScalar(node) && typeof node.value === 'number' && !isKept(node.value, node.source ?? ''))
    yield { path, number: node };
}

/** @param source as YAML writes numbers, which is not always as JSON does */
function isKept(double: number, source: string): boolean {
  if (/^[-+]?\.(inf|nan)$/i.test(source)) return true;
  if (/^0[ox]/.test(source)) return Number.isSafeInteger(double);
  const [mantissa = '', power] = source.replace('+', '').toLowerCase().split('e');
  const number = mantissa.replace(/^(-?)\./, '$10.').replace(/\.$/, '');
  return new ExactNumber(power === undefined ? number : `${number}e${power}`).double !== null;
}

const shortly = ({ source = '' }: Scalar): string => new ExactNumber(source).shown;

/** What JSON could not hold: numbers that are none, values that contain themselves or grow beyond measure. */
function oddity(whole: unknown): string | null {
  let values = 0;
  const visit = (value: unknown, depth: number): string | null => {
    values += 1;
    if (values > MAX_VALUES) return `has more than ${MAX_VALUES} values, with its aliases followed`;
    if (depth > MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels`;
    if (typeof value === 'number' && !Number.isFinite(value)) return `holds ${value}, which JSON cannot`;
    if (typeof value !== 'object' || value === null) return null;
    // Objects and schemas drop it silently.
    if (Object.hasOwn(value, '__proto__')) return 'has a key __proto__';
    for (const one of Object.values(value)) {
      const problem = visit(one, depth + 1);
      if (problem !== null) return problem;
    }
    return null;
  };
  return visit(whole, 0);
}

/** Offset of a place in the text: of its key, where it has one. */
function placeIn(document: Document, path: readonly PropertyKey[]): number {
  let node = document.contents as Node | null | undefined;
  let offset = node?.range?.[0] ?? 0;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap<Node, Node>(node)) {
      const pair = node.items.find(({ key: one }) => String(one) === String(key));
      if (pair === undefined) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq<Node>(node)) {
      node = node.items[Number(key)];
      offset = node?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
