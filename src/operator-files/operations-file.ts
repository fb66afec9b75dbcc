// The operations file: JSON or YAML, read at start and again when asked to. It is checked whole before anything of it is
// used: every problem is told at once, with its line, and a bad file never takes the place of a good one.
import { hash } from 'node:crypto';
import { canonicalJson } from '../domain/json.ts';
import type { PlanDraft } from '../domain/spec/plan.ts';
import { dotted, type Issue, issuesOf } from '../domain/issues.ts';
import {
  type CheckedParams,
  definitionReader,
  NO_OPERATIONS,
  type Operation,
  type Operations,
} from '../domain/operations/operation.ts';
import { type CircuitDefinition, operationsFileSchema } from '../domain/operations/definition.ts';
import type { Hook } from '../domain/operations/hook.ts';
import type { SpecLimits } from '../domain/spec/spec.ts';
import type { LiveFile } from './live-files.ts';
import { paramsValidators } from './params-validators.ts';
import { inOrder, parseYaml, type Read, readGuarded } from './read-yaml.ts';

const SETTING = 'EXECUTION_OPERATIONS_FILE';
const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** A registry with `check` by name. It never changes. */
export interface OperationRegistry extends Operations {
  check(name: string, params: Readonly<Record<string, unknown>>): CheckedParams;
}

/** The operations that apply now: reads go to the registry that was put into use last. */
export interface LiveOperations extends OperationRegistry {
  readonly file: LiveFile;
  /** Of the file; null without one. */
  readonly version: string | null;
  counts(): { operations: number; circuits: number };
  isInFile(name: string): boolean;
  /** Reads a definition that stands in no file; it can be used when there are no issues. */
  read(name: string, raw: unknown): { operation: Operation | null; issues: Issue[] };
  /** Operations beside those of the file, whose own go before. */
  setStored(operations: readonly Operation[]): void;
}

/** What is wrong with a hook beyond its form, with paths below the hook. */
export type CheckHook = (hook: Hook) => Issue[];
const noIssues: CheckHook = () => [];
/** What is wrong with a plan of an operation, with paths below `run`. */
export type CheckPlan = (plan: PlanDraft) => Issue[];

export interface LiveOptions {
  /** False: an operation with a cost is refused, because nobody would be charged. */
  hasCredits?: boolean;
  checkHook?: CheckHook;
  checkPlan?: CheckPlan;
}
/** What is asked of others about a definition. */
export type Checks = Pick<LiveOptions, 'checkHook' | 'checkPlan'>;

/** @param path null: there are no operations */
export function liveOperations(
  path: string | null,
  limits: SpecLimits,
  { hasCredits = false, ...checks }: LiveOptions = {},
): LiveOperations {
  let ofFile: OperationRegistry = { ...NO_OPERATIONS, check: (name) => noSuchOperation(name) };
  let stored: readonly Operation[] = [];
  let current = ofFile;
  let version: string | null = null;
  const use = () => {
    const others = stored.filter(({ name }) => ofFile.get(name) === undefined);
    current = others.length === 0 ? ofFile : registryOf([...ofFile.all(), ...others], ofFile.circuits);
  };
  const readOne = operationReader(limits, checks);
  return {
    get: (name) => current.get(name),
    all: () => current.all(),
    check: (name, params) => current.check(name, params),
    get circuits() {
      return current.circuits;
    },
    get version() {
      return version;
    },
    counts: () => ({ operations: current.all().length, circuits: current.circuits.length }),
    isInFile: (name) => ofFile.get(name) !== undefined,
    read(name, raw) {
      const { operation, issues } = readOne(name, raw);
      if (hasCredits || operation?.definition.cost === undefined) return { operation, issues };
      return { operation, issues: [...issues, { path: ['cost'], message: NO_CREDITS }] };
    },
    setStored(operations) {
      stored = operations;
      use();
    },
    file: {
      setting: SETTING,
      path,
      refusal: 'invalid_operations_file',
      prepare() {
        const read = readOperationsFile(path as string, limits, checks);
        if ('problems' in read) return read.problems;
        const priced = read.registry.all().filter(({ definition }) => definition.cost !== undefined);
        if (!hasCredits && priced.length > 0) {
          return priced.map(({ name }) => ({
            path: dotted(['operations', name, 'cost']),
            line: null,
            message: NO_CREDITS,
          }));
        }
        return () => {
          ofFile = read.registry;
          ({ version } = read);
          use();
        };
      },
    },
  };
}

const NO_CREDITS = 'has no effect, because EXECUTION_CREDITS_FILE is not set';

function noSuchOperation(name: string): CheckedParams {
  return { ok: false, problems: [{ field: '/name', message: `there is no operation ${name}` }] };
}

/** Reads and checks a file. */
export function readOperationsFile(
  path: string,
  limits: SpecLimits,
  checks: Checks = {},
): Read<{ registry: OperationRegistry; version: string }> {
  const read = readGuarded(path, MAX_FILE_BYTES);
  return 'problems' in read ? read : parseOperations(read.text, limits, checks);
}

/** Checks the text of a file. */
export function parseOperations(
  text: string,
  limits: SpecLimits,
  checks: Checks = {},
): Read<{ registry: OperationRegistry; version: string }> {
  const parsed = parseYaml(text);
  if ('problems' in parsed) return parsed;
  const outline = operationsFileSchema.safeParse(parsed.value ?? undefined);
  const issues: Issue[] = outline.success ? [] : issuesOf(outline.error);
  const { circuits = [], operations = definitionsOf(parsed.value) } = outline.data ?? {};
  const readOne = operationReader(limits, checks);
  const usable: Operation[] = [];
  for (const [name, raw] of Object.entries(operations)) {
    const { operation, issues: found } = readOne(name, raw);
    for (const { path, message } of found) issues.push({ path: ['operations', name, ...path], message });
    if (operation !== null) usable.push(operation);
  }
  if (issues.length === 0)
    return { registry: registryOf(usable, circuits), version: versionOf(parsed.value ?? null) };
  return inOrder(issues, parsed);
}

/** Reads one definition; it can be used when there are no issues. */
export function operationReader(
  limits: SpecLimits,
  { checkHook = noIssues, checkPlan }: Checks,
): (name: string, raw: unknown) => { operation: Operation | null; issues: Issue[] } {
  const { schema, read } = definitionReader(limits);
  const validators = paramsValidators();
  return (name, raw) => {
    const { definition, params, template, sample, issues: found } = read(raw);
    const { check, issues: wrong } = validators(params);
    const hook = definition?.hook;
    const ofHook = under('hook', hook === undefined ? [] : checkHook(hook));
    const ofPlan = under('run', sample === null ? [] : (checkPlan?.(sample) ?? []));
    const issues = [...found, ...wrong, ...ofHook, ...ofPlan];
    if (definition === null || template === null || check === null) return { operation: null, issues };
    const version = versionOf(raw);
    return { operation: { name, definition, template, schema, version, check }, issues };
  };
}

const versionOf = (raw: unknown): string => hash('sha256', canonicalJson(raw)).slice(0, 16);

const under = (key: string, issues: readonly Issue[]): Issue[] =>
  issues.map(({ path, message }) => ({ path: [key, ...path], message }));

/** The definitions of a file whose outline is wrong. */
function definitionsOf(value: unknown): Record<string, unknown> {
  const { operations } = (value ?? {}) as { operations?: unknown };
  return typeof operations === 'object' && operations !== null && !Array.isArray(operations)
    ? (operations as Record<string, unknown>)
    : {};
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
