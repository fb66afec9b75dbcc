// The operations file: JSON or YAML, read at start and again when asked to. It is checked whole before anything of it is
// used: every problem is told at once, with its line, and a bad file never takes the place of a good one.
import { dotted, type Issue, issuesOf } from '../domain/issues.ts';
import {
  type CheckedParams,
  type CircuitDefinition,
  definitionReader,
  NO_OPERATIONS,
  type Operation,
  type Operations,
  operationsFileSchema,
} from '../domain/operations/operation.ts';
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
  counts(): { operations: number; circuits: number };
}

/** What is wrong with a hook beyond its form, with paths below the hook. */
export type CheckHook = (hook: Hook) => Issue[];
const noIssues: CheckHook = () => [];

export interface LiveOptions {
  /** False: an operation with a cost is refused, because nobody would be charged. */
  hasCredits?: boolean;
  checkHook?: CheckHook;
}

/** @param path null: there are no operations */
export function liveOperations(
  path: string | null,
  limits: SpecLimits,
  { hasCredits = false, checkHook = noIssues }: LiveOptions = {},
): LiveOperations {
  let current: OperationRegistry = { ...NO_OPERATIONS, check: (name) => noSuchOperation(name) };
  return {
    get: (name) => current.get(name),
    all: () => current.all(),
    check: (name, params) => current.check(name, params),
    get circuits() {
      return current.circuits;
    },
    counts: () => ({ operations: current.all().length, circuits: current.circuits.length }),
    file: {
      setting: SETTING,
      path,
      refusal: 'invalid_operations_file',
      prepare() {
        const read = readOperationsFile(path as string, limits, checkHook);
        if ('problems' in read) return read.problems;
        const priced = read.registry.all().filter(({ definition }) => definition.cost !== undefined);
        if (!hasCredits && priced.length > 0) {
          const message = 'has no effect, because EXECUTION_CREDITS_FILE is not set';
          return priced.map(({ name }) => ({
            path: dotted(['operations', name, 'cost']),
            line: null,
            message,
          }));
        }
        return () => void (current = read.registry);
      },
    },
  };
}

function noSuchOperation(name: string): CheckedParams {
  return { ok: false, problems: [{ field: '/name', message: `there is no operation ${name}` }] };
}

/** Reads and checks a file. */
export function readOperationsFile(
  path: string,
  limits: SpecLimits,
  checkHook: CheckHook = noIssues,
): Read<{ registry: OperationRegistry }> {
  const read = readGuarded(path, MAX_FILE_BYTES);
  return 'problems' in read ? read : parseOperations(read.text, limits, checkHook);
}

/** Checks the text of a file. */
export function parseOperations(
  text: string,
  limits: SpecLimits,
  checkHook: CheckHook = noIssues,
): Read<{ registry: OperationRegistry }> {
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
    const { check, issues: wrong } = validators(params);
    const hook = definition?.hook;
    const unreadable = hook === undefined ? [] : checkHook(hook);
    const below = unreadable.map(({ path, message }) => ({ path: ['hook', ...path], message }));
    for (const { path, message } of [...found, ...wrong, ...below]) {
      issues.push({ path: ['operations', name, ...path], message });
    }
    if (definition === null || template === null || check === null) continue;
    usable.push({ name, definition, template, schema, check });
  }
  if (issues.length === 0) return { registry: registryOf(usable, circuits) };
  return inOrder(issues, parsed);
}

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
