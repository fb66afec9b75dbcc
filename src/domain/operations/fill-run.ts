// Fills what an operation runs with the parameters of a request. What fills a slot stays one argument, one URL component,
// one value: nothing that a parameter holds is ever read as a template, a shell's text or an option.
import type { FieldProblem } from '../errors.ts';
import { ExactNumber } from '../exact-number.ts';
import { type Issue, issuesOf, pointer } from '../issues.ts';
import { allowsDash, type JsonSchema, type ParamsSchema, schemaOf } from './params-schema.ts';
import type { specSchema, Spec } from '../spec/spec.ts';
import {
  isDotSegment,
  lookUp,
  type Slot,
  slotsOf,
  type SlotTemplate,
  type UrlSegment,
  urlSegments,
} from './template.ts';
import { parseReferences, type Reference, writeReferences } from '../plans/reference-grammar.ts';

export type SpecSchema = ReturnType<typeof specSchema>;

/**
 * Where a slot stands, which decides what may fill it. `choice` is what decides what runs: only a parameter that is one
 * of a closed set may stand there.
 */
export type Place = 'choice' | 'argument' | 'text' | 'path' | 'base64' | 'query' | 'url' | 'json';

export interface TextNode {
  type: 'text';
  template: SlotTemplate;
  place: Place;
}
export type Node =
  | { type: 'literal'; value: unknown }
  | TextNode
  | { type: 'list'; items: readonly Node[] }
  | { type: 'map'; entries: readonly (readonly [string, Node])[] };

/** What an operation runs, ready to be filled. */
export interface RunTemplate {
  /** Of a plan: its texts are read for references later. */
  hasReferences: boolean;
  root: Node;
  params: ParamsSchema;
  /** Parameters that reach a shell or a script in its environment: name of the parameter, name of the variable. */
  environment: readonly (readonly [string, string])[];
}

// ---------------------------------------------------------------------------------------------- tree

/** Takes the place of what is not there. */
const ABSENT = Symbol('absent');

export type ValueOf = (slot: Slot, node: TextNode) => unknown;
type Path = readonly PropertyKey[];

/** Which slots have filled which place. */
interface Origin {
  path: Path;
  slots: readonly Slot[];
}

interface Filling {
  valueOf: ValueOf;
  /** Texts are read for references later: nothing that fills a slot becomes one. */
  hasReferences: boolean;
  params: ParamsSchema;
  problems: FieldProblem[];
  origins: Origin[];
}

export interface Filled {
  value: unknown;
  problems: readonly FieldProblem[];
  origins: readonly Origin[];
}

export function fillTree({ hasReferences, root, params }: RunTemplate, valueOf: ValueOf): Filled {
  const filling: Filling = { valueOf, hasReferences, params, problems: [], origins: [] };
  return { value: fillNode(root, [], filling), problems: filling.problems, origins: filling.origins };
}

function fillNode(node: Node, path: Path, filling: Filling): unknown {
  switch (node.type) {
    case 'literal':
      return node.value;
    case 'text':
      return fillText(node, path, filling);
    case 'list':
      return fillList(node.items, path, filling);
    case 'map': {
      const entries = node.entries.map(
        ([key, one]) => [key, fillNode(one, [...path, key], filling)] as const,
      );
      return Object.fromEntries(entries.filter(([, value]) => value !== ABSENT));
    }
  }
}

/** A list given as a whole element becomes several elements, but in JSON, where it stays what it is. */
function fillList(items: readonly Node[], path: Path, filling: Filling): unknown[] {
  const filled: unknown[] = [];
  for (const item of items) {
    const value = fillNode(item, [...path, filled.length], filling);
    if (value === ABSENT) continue;
    const isSpread = item.type === 'text' && item.place !== 'json' && Array.isArray(value);
    for (const one of isSpread ? (value as unknown[]) : [value]) filled.push(one);
  }
  return filled;
}

function fillText(node: TextNode, path: Path, filling: Filling): unknown {
  const { template, place } = node;
  const slots = slotsOf(template);
  filling.origins.push({ path, slots });
  const [only] = slots;
  if (only !== undefined && template.length === 1) return fillWhole(only, node, path, filling);
  const texts = template.map((piece) => {
    if (typeof piece === 'string') return piece;
    const value = valueIn(piece, node, filling);
    return value === ABSENT ? '' : textOf(value, piece, node, filling);
  });
  if (place === 'url') checkSegments(template, node, filling);
  if (place === 'path') checkNames(template, texts, filling);
  if (place === 'argument') {
    const first = template[texts.findIndex((text) => text !== '')];
    if (first !== undefined && typeof first !== 'string') checkDash(texts.join(''), first, filling);
  }
  return filling.hasReferences ? besideReferences(template, texts) : texts.join('');
}

/** The texts of a template put together; what the author wrote as a reference stays one, and nothing else becomes one. */
function besideReferences(template: SlotTemplate, texts: readonly string[]): string {
  const parts: (string | Reference)[] = [];
  for (const [i, piece] of template.entries()) {
    const more = typeof piece === 'string' ? parseReferences(piece).parts : [texts[i] ?? ''];
    for (const part of more) {
      const last = parts.at(-1);
      if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part;
      else parts.push(part);
    }
  }
  return writeReferences(parts);
}

/** A value in which nothing is read as a reference. */
export function escaped(value: unknown): unknown {
  if (typeof value === 'string') return writeReferences([value]);
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return value;
  if (Array.isArray(value)) return value.map(escaped);
  const entries = Object.entries(value).map(([key, one]) => [key, escaped(one)] as const);
  return Object.fromEntries(entries);
}

/** A text that is one slot and nothing else takes the value as it is, where that means anything. */
function fillWhole(slot: Slot, node: TextNode, path: Path, filling: Filling): unknown {
  const value = wholeValue(slot, node, path, filling);
  return filling.hasReferences && value !== ABSENT ? escaped(value) : value;
}

function wholeValue(slot: Slot, node: TextNode, path: Path, filling: Filling): unknown {
  const { place } = node;
  const value = valueIn(slot, node, filling);
  if (value === ABSENT || place === 'json') return value;
  if (Array.isArray(value) && (place === 'argument' || place === 'query')) {
    return value.map((item: unknown, i) => {
      const one = { ...slot, path: [...slot.path, String(i)] };
      filling.origins.push({ path: elementPath(path, i), slots: [one] });
      const text = textOf(item, one, node, filling);
      if (place === 'argument') checkDash(text, one, filling, slot);
      return text;
    });
  }
  const text = textOf(value, slot, node, filling);
  if (place === 'argument') checkDash(text, slot, filling);
  if (place === 'url') checkSegments([slot], node, filling);
  return text;
}

/** Where the i-th item of a list stands: after its siblings when the list is an element itself, else inside. */
function elementPath(path: Path, i: number): Path {
  const last = path.at(-1);
  return typeof last === 'number' ? [...path.slice(0, -1), last + i] : [...path, i];
}

function complain(filling: Filling, slot: Slot, message: string): void {
  filling.problems.push({ field: fieldOf(slot), message });
}

const fieldOf = (slot: Slot): string => pointer(['params', slot.param, ...slot.path]);

function valueIn(slot: Slot, node: TextNode, filling: Filling): unknown {
  const value = filling.valueOf(slot, node);
  if (value !== undefined) return value;
  if (!slot.isOptional) complain(filling, slot, 'is required');
  return ABSENT;
}

const isScalar = (value: unknown): value is string | number | boolean | ExactNumber =>
  ['string', 'number', 'boolean'].includes(typeof value) || value instanceof ExactNumber;

/** Text of a value for a place that is not JSON; percent-encoded in a URL. */
function textOf(value: unknown, slot: Slot, { place }: TextNode, filling: Filling): string {
  if (!isScalar(value)) {
    complain(filling, slot, 'must be a string, a number or a boolean, because it becomes part of a text');
    return '';
  }
  const text = String(value);
  if (text.includes('\0')) complain(filling, slot, 'must not contain a NUL character');
  if (!text.isWellFormed()) {
    complain(filling, slot, 'must be well-formed Unicode (it contains a lone surrogate)');
    return '';
  }
  return place === 'url' ? encodeURIComponent(text) : text;
}

/** A value must not become an option of the program. For an item of a list, the list may speak too. */
function checkDash(text: string, slot: Slot, filling: Filling, list = slot): void {
  const isAllowed = [slot, list].some((one) => allowsDash(schemaOf(one, filling.params)));
  if (!text.startsWith('-') || isAllowed) return;
  complain(filling, slot, 'must not begin with "-": the program would take it for an option');
}

/** A part of a directory's path that a parameter makes is one name, and leads nowhere else. */
function checkNames(template: SlotTemplate, texts: readonly string[], filling: Filling): void {
  template.forEach((slot, i) => {
    const text = texts[i] ?? '';
    if (typeof slot === 'string' || !(text.includes('/') || isDotSegment(text) || text === '')) return;
    complain(filling, slot, 'must not be empty, "." or "..", nor contain "/": it is a name in a path');
  });
}

/** Segments of a URL's path that parameters make must stay segments: none is empty, "." or "..". */
function checkSegments(template: SlotTemplate, node: TextNode, filling: Filling): void {
  const textOfSlot = (slot: Slot) => {
    const value = filling.valueOf(slot, node);
    return isScalar(value) ? encodeURIComponent(String(value).toWellFormed()) : '';
  };
  const isBad = ({ text, slots }: UrlSegment) => slots.length > 0 && (text === '' || isDotSegment(text));
  for (const { slots } of urlSegments(template, textOfSlot).slice(3).filter(isBad)) {
    for (const slot of slots)
      complain(filling, slot, 'must not be empty, "." or "..": it is a segment of a path');
  }
}

// ---------------------------------------------------------------------------------------------- work

/**
 * What a request runs: the template, filled, and the policies that apply, as one spec.
 *
 * @param params checked, with their defaults
 * @returns the spec, or what is wrong in the words of the request
 */
export function fillRun(
  template: RunTemplate,
  params: Readonly<Record<string, unknown>>,
  policies: Readonly<Record<string, unknown>>,
  schema: SpecSchema,
): { spec: Spec } | { problems: FieldProblem[] } {
  const { value, problems, origins } = fillTree(template, (slot) => lookUp(params, slot));
  if (problems.length > 0) return { problems: [...problems] };
  const { run, added } = withEnvironment(value as JsonSchema, template, params);
  const parsed = schema.safeParse({ ...run, ...policies });
  const issues = parsed.success ? programIssues(run.program) : issuesOf(parsed.error);
  if (parsed.success && issues.length === 0) return { spec: parsed.data };
  return { problems: issues.flatMap((issue) => inRequest(issue, [...origins, ...added], policies)) };
}

/** The variables by which parameters reach a shell or a script. */
export function environmentOf(
  { environment }: Pick<RunTemplate, 'environment'>,
  params: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const given = environment.filter(([param]) => Object.hasOwn(params, param));
  const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  return Object.fromEntries(given.map(([param, variable]) => [variable, textOf(params[param])]));
}

function withEnvironment(
  run: JsonSchema,
  { environment }: RunTemplate,
  params: Readonly<Record<string, unknown>>,
): { run: JsonSchema; added: Origin[] } {
  const given = environment.filter(([param]) => Object.hasOwn(params, param));
  if (given.length === 0) return { run, added: [] };
  const variables = environmentOf({ environment }, params);
  const added = given.map(([param, variable]) => ({
    path: ['env', variable],
    slots: [{ param, path: [], isOptional: true, text: param }],
  }));
  return {
    run: { ...run, env: { ...(run.env as object | undefined), ...variables } },
    added,
  };
}

const isPrefix = (short: Path, long: Path) => short.every((key, i) => key === long[i]);

/** An issue of the filled spec, at the parameters or the policy of the request that have caused it. */
function inRequest(
  { path, message }: Issue,
  origins: readonly Origin[],
  policies: Readonly<Record<string, unknown>>,
): FieldProblem[] {
  const [first] = path;
  if (typeof first === 'string' && first in policies) return [{ field: pointer(path), message }];
  const above = origins.filter((origin) => isPrefix(origin.path, path));
  const causes = above.length > 0 ? above.slice(-1) : origins.filter((origin) => isPrefix(path, origin.path));
  const fields = new Set(causes.flatMap(({ slots }) => slots.map(fieldOf)));
  if (fields.size === 0) return [{ field: '/params', message: `${path.map(String).join('.')}: ${message}` }];
  return [...fields].map((field) => ({ field, message }));
}

/** A program is found on the PATH or stands where it says; a directory that nobody named decides nothing. */
export function programIssues(program: unknown): Issue[] {
  const isRelative = typeof program === 'string' && program.includes('/') && !program.startsWith('/');
  return isRelative ? [{ path: ['program'], message: RELATIVE }] : [];
}
const RELATIVE = 'must be an absolute path, or a name without a slash';
