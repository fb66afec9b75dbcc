// The operations file: JSON or YAML, read at start and again when asked to. It is checked whole before anything of it is
// used: every problem is told at once, with its line, and a bad file never takes the place of a good one.
import { readFileSync, statSync } from 'node:fs';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { isAlias, isMap, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import { ConfigError } from './config.ts';
import { type FieldProblem, RefusedError } from './domain/errors.ts';
import { dotted, type Issue, issuesOf, pointer } from './domain/issues.ts';
import {
  type CheckedParams,
  type CircuitDefinition,
  definitionReader,
  NO_OPERATIONS,
  type Operation,
  type Operations,
  operationsFileSchema,
} from './domain/operation.ts';
import type { ParamsSchema } from './domain/params-schema.ts';
import type { SpecLimits } from './domain/spec.ts';

const SETTING = 'EXECUTION_OPERATIONS_FILE';
const MAX_FILE_BYTES = 4 * 1024 * 1024;
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

/** A registry with `check` by name. It never changes. */
export interface OperationRegistry extends Operations {
  check(name: string, params: Readonly<Record<string, unknown>>): CheckedParams;
}

/** The operations that apply now: reads go to the registry that was loaded last. */
export interface LiveOperations extends OperationRegistry {
  /**
   * Reads the file at start.
   *
   * @throws ConfigError with every problem
   */
  load(): void;
  /**
   * Reads the file again. When it cannot be used, what was there stays.
   *
   * @throws RefusedError `invalid_operations_file` with every problem
   */
  reload(): { operations: number; circuits: number };
}

/** @param path null: there are no operations */
export function liveOperations(path: string | null, limits: SpecLimits): LiveOperations {
  let current: OperationRegistry = { ...NO_OPERATIONS, check: (name) => noSuchOperation(name) };
  /** Problems; none when the registry has been replaced. */
  const replace = (): FileProblem[] => {
    if (path === null) return [];
    const read = readOperationsFile(path, limits);
    if ('problems' in read) return read.problems;
    current = read.registry;
    return [];
  };
  return {
    get: (name) => current.get(name),
    all: () => current.all(),
    check: (name, params) => current.check(name, params),
    get circuits() {
      return current.circuits;
    },
    load() {
      const problems = replace();
      if (problems.length === 0) return;
      throw new ConfigError(problems.map((one) => `${SETTING}: ${inFile(path, one)}`));
    },
    reload() {
      const problems = replace();
      if (problems.length === 0)
        return { operations: current.all().length, circuits: current.circuits.length };
      const fields = problems.map(({ path, line, message }) => ({
        field: path,
        message: line === null ? message : `line ${line}: ${message}`,
      }));
      const detail = `${path} has ${problems.length} problem(s); the operations are as they were.`;
      throw new RefusedError('invalid_operations_file', detail, { fields });
    },
  };
}

function inFile(file: string | null, { path, line, message }: FileProblem): string {
  return `${file}${line === null ? '' : `:${line}`}: ${path === '' ? '' : `${path}: `}${message}`;
}

function noSuchOperation(name: string): CheckedParams {
  return { ok: false, problems: [{ field: '/name', message: `there is no operation ${name}` }] };
}

type Read<T> = T | { problems: FileProblem[] };

/** Reads and checks a file. */
export function readOperationsFile(path: string, limits: SpecLimits): Read<{ registry: OperationRegistry }> {
  const whole = (message: string) => ({ problems: [{ path: '', line: null, message }] });
  try {
    const { size, mode } = statSync(path);
    // What stands here runs: whoever can write it can run anything. Bit 1: writable by others than owner and group.
    if ((mode & 0o002) !== 0) return whole('can be changed by every user of this machine: chmod o-w it');
    if (size > MAX_FILE_BYTES) return whole(`is larger than ${MAX_FILE_BYTES} bytes`);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    return parseOperations(text, limits);
  } catch (error) {
    return whole((error as Error).message);
  }
}

/** Checks the text of a file. */
export function parseOperations(text: string, limits: SpecLimits): Read<{ registry: OperationRegistry }> {
  const parsed = parseYaml(text);
  if ('problems' in parsed) return parsed;
  const outline = operationsFileSchema.safeParse(parsed.value ?? undefined);
  const issues: Issue[] = outline.success ? [] : issuesOf(outline.error);
  const { circuits = [], operations = definitionsOf(parsed.value) } = outline.data ?? {};
  const { schema, read } = definitionReader(limits);
  const validators = paramsValidators();
  const usable: Operation[] = [];
  for (const [name, raw] of Object.entries(operations)) {
    const { definition, params, template, issues: found } = read(raw);
    const { validate, issues: wrong } = validators(params);
    for (const { path, message } of [...found, ...wrong]) {
      issues.push({ path: ['operations', name, ...path], message });
    }
    if (definition === null || template === null || validate === null) continue;
    usable.push({ name, definition, template, schema, check: checkWith(validate) });
  }
  if (issues.length === 0) return { registry: registryOf(usable, circuits) };
  return { problems: inOrder(issues, parsed.lineOf) };
}

/** The definitions of a file whose outline is wrong. */
function definitionsOf(value: unknown): Record<string, unknown> {
  const { operations } = (value ?? {}) as { operations?: unknown };
  return typeof operations === 'object' && operations !== null && !Array.isArray(operations)
    ? (operations as Record<string, unknown>)
    : {};
}

function inOrder(issues: readonly Issue[], lineOf: (path: readonly PropertyKey[]) => number): FileProblem[] {
  return issues
    .map(({ path, message }) => ({ path: dotted(path), line: lineOf(path), message }))
    .sort((a, b) => a.line - b.line);
}

function registryOf(
  operations: readonly Operation[],
  circuits: readonly CircuitDefinition[],
): OperationRegistry {
  const sorted = [...operations].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { definition, template } of sorted) {
    deepFreeze(definition);
    deepFreeze(template);
  }
  const byName = new Map(sorted.map((operation) => [operation.name, Object.freeze(operation)]));
  return Object.freeze({
    get: (name: string) => byName.get(name),
    all: () => sorted,
    circuits: deepFreeze([...circuits]),
    check: (name: string, params: Readonly<Record<string, unknown>>) =>
      byName.get(name)?.check(params) ?? noSuchOperation(name),
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  Object.values(value).forEach(deepFreeze);
  return value;
}

// ---------------------------------------------------------------------------------------------- YAML

interface ParsedYaml {
  value: unknown;
  /** The line of a place, or of the nearest place above it. */
  lineOf: (path: readonly PropertyKey[]) => number;
}

/** YAML 1.2 with the core schema, of which JSON is a part. */
function parseYaml(text: string): Read<ParsedYaml> {
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

// ---------------------------------------------------------------------------------------------- parameters

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

interface Compiled {
  validate: ValidateFunction | null;
  /** With paths below the operation. */
  issues: Issue[];
}

/** Compiles the schemas of parameters: JSON Schema 2020-12, strict, nothing fetched, no value changed into another type. */
function paramsValidators(): (params: ParamsSchema | null) => Compiled {
  const regExp = Object.assign(
    (source: string, flags: string) => new BoundedPattern(source, flags) as unknown as RegExp,
    {
      code: 'boundedPattern',
    },
  );
  const ajv = new Ajv2020({
    strict: true,
    // Combinations such as anyOf: [{required: […]}] are usual; names in the outer list are checked elsewhere.
    strictRequired: false,
    allowUnionTypes: true,
    allErrors: true,
    useDefaults: true,
    logger: false,
    code: { regExp },
  });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  boundFormats(ajv);
  ajv.addKeyword({ keyword: 'x-allow-dash', schemaType: 'boolean' });
  return (params) => {
    if (params === null) return { validate: null, issues: [] };
    const issues = [...metaIssues(ajv, params), ...unboundedLists(params)];
    if (issues.length > 0) return { validate: null, issues };
    try {
      const validate = ajv.compile(params);
      return { validate, issues: badDefaults(validate) };
    } catch (error) {
      return { validate: null, issues: [{ path: ['params'], message: (error as Error).message }] };
    }
  };
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

function checkWith(validate: ValidateFunction): Operation['check'] {
  return (given) => {
    // Defaults are written into it.
    const params = structuredClone(given) as Record<string, unknown>;
    if (validate(params)) return { ok: true, params };
    const problems = (validate.errors ?? []).slice(0, MAX_PARAM_PROBLEMS).map(problemOf);
    return { ok: false, problems };
  };
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
