// Expressions are CEL (github.com/google/cel-spec): no side effects, no loop without end, yet nested comprehensions over long
// lists take as long as they like. So everything but the cheapest runs under a limit of time, and that on a thread of its own
// (condition-thread.ts): it must not be evaluated here by the thread that everybody waits for.
import { threadCpuUsage } from 'node:process';
import { createContext, Script } from 'node:vm';
import {
  type Environment,
  EvaluationError,
  ParseError,
  type ParseResult,
  TypeError as CelTypeError,
} from '@marcbachmann/cel-js';
import { fromCel, isNumber } from './cel-numbers.ts';
import { type Reading, readCondition } from './condition-reading.ts';
import { createEnvironment, toCel } from './environment.ts';
import { ConditionError, type Scope } from '../domain/plans/conditions.ts';
import { describeType } from '../domain/json.ts';

/** Bytes of an expression, as UTF-8. */
const MAX_SOURCE_BYTES = 4096;
/** How much time of its thread one evaluation may take, in milliseconds. */
export const MAX_EVALUATION_MS = 100;
/** Of one without loops: its functions take at most a mebibyte of text each. */
const MAX_LINEAR_MS = 500;
/** How long it may take in all where the machine is busy with something else. */
export const MAX_WALL_MS = 3200;
/** Messages may quote what the condition has read. */
const MAX_MESSAGE_LENGTH = 500;

type RunBounded = <T>(task: () => T, mostMs: number) => T;

/** An expression that has been read. */
export interface Program<T> extends Pick<Reading, 'isCheap' | 'isLinear' | 'isQuoted'> {
  steps: readonly string[] | null;
  params: readonly string[] | null;
  roots: readonly string[];
  /**
   * Its value, or undefined where it cannot be told without more work than that. Only where it is cheap.
   *
   * @throws ConditionError
   */
  attempt(scope: Scope): T | undefined;
  /**
   * Its value, within the limit of time.
   *
   * @throws ConditionError
   */
  evaluate(scope: Scope): T;
}
/** A condition that has been read. */
export type ConditionProgram = Program<boolean> & { constant: boolean | null };

/** Throws ConditionError. */
export interface Compile {
  condition(source: string, roots: readonly string[]): ConditionProgram;
  /** Its value is JSON. */
  value(source: string, roots: readonly string[]): Program<unknown>;
}

export function celCompiler(): Compile {
  const environments = new Map<string, Environment>();
  const runBounded = createRunBounded();
  const parse = (source: string, roots: readonly string[], keepsDigits: boolean): ParseResult => {
    const key = `${keepsDigits} ${roots.join(' ')}`;
    const environment = environments.get(key) ?? createEnvironment(roots, keepsDigits);
    environments.set(key, environment);
    return environment.parse(source);
  };
  const read = (source: string, roots: readonly string[]): { program: ParseResult; reading: Reading } => {
    if (Buffer.byteLength(source) > MAX_SOURCE_BYTES) {
      throw new ConditionError(`is longer than ${MAX_SOURCE_BYTES} bytes`);
    }
    const program = parse(source, roots, false);
    return { program, reading: readCondition(program.ast, roots) };
  };
  return {
    condition: (source, roots) =>
      withConditionErrors(source, () => {
        const { program, reading } = read(source, roots);
        checkType(program);
        // Its numbers are compared.
        const condition = programOf(program, { ...reading, keepsDigits: false }, runBounded, asBoolean);
        const isConstant = reading.roots.size === 0 && reading.isCheap;
        return { ...condition, constant: isConstant ? condition.evaluate({}) : null };
      }),
    value: (source, roots) =>
      withConditionErrors(source, () => {
        const { program, reading } = read(source, roots);
        const { error } = program.check();
        if (error !== undefined) throw error;
        const ready = reading.keepsDigits ? parse(source, roots, true) : program;
        return programOf(ready, reading, runBounded, fromCel);
      }),
  };
}

function withConditionErrors<T>(source: string, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    throw asConditionError(error, source);
  }
}

function checkType(program: ParseResult): void {
  const { type, error } = program.check();
  if (error !== undefined) throw error;
  if (type !== 'bool' && type?.startsWith('dyn') !== true) {
    throw new ConditionError(`its value is of type ${type}, not bool`);
  }
}

function programOf<T>(
  program: ParseResult,
  reading: Reading,
  runBounded: RunBounded,
  read: (value: unknown) => T,
): Program<T> {
  const { isCheap, isLinear, isQuoted, keepsDigits, comparesObjects, steps, params, roots } = reading;
  const mostMs = isLinear ? MAX_LINEAR_MS : MAX_EVALUATION_MS;
  const ready = (scope: Scope) => toCel(scope, keepsDigits) as Scope;
  const evaluateOn = (scope: Scope): unknown => {
    if (comparesObjects) return runBounded<unknown>(() => program(asMaps(ready(scope)) as Scope), mostMs);
    try {
      return runBounded<unknown>(() => program(ready(scope)), mostMs);
    } catch (error) {
      if (isTimeout(error)) throw error;
      return runBounded(() => retryOnMaps(program, ready(scope), error), mostMs);
    }
  };
  const attempt = (scope: Scope): T | undefined => {
    try {
      return read(program(scope));
    } catch (error) {
      if (error instanceof ConditionError) throw error;
      return undefined;
    }
  };
  const evaluate = (scope: Scope): T => {
    try {
      return read(evaluateOn(scope));
    } catch (error) {
      if (isTimeout(error)) throw new ConditionError(`takes longer than ${mostMs} ms`, { cause: error });
      throw asConditionError(error, program.ast.input);
    }
  };
  return {
    steps: steps === null ? null : [...steps],
    params: params === null ? null : [...params],
    roots: [...roots],
    ...{ isCheap, isLinear, isQuoted, attempt, evaluate },
  };
}

/** The library takes objects for what their `constructor` says, also where that is a field of the data; maps it takes as they are. */
function retryOnMaps(program: ParseResult, scope: Scope, error: unknown): unknown {
  const maps = asMaps(scope);
  if (maps === scope) throw error;
  return program(maps as Scope);
}

/**
 * Objects that have a field `constructor` become maps. A field `__proto__` is left out: compared with another object, it
 * would be compared with what that one inherits, so that `{"__proto__": {}}` would equal any object of one field.
 */
function asMaps(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isNumber(value)) return value;
  if (Array.isArray(value)) {
    const items = value.map(asMaps);
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  const before = Object.entries(value);
  const entries = before
    .filter(([key]) => key !== '__proto__')
    .map(([key, child]) => [key, asMaps(child)] as const);
  if (Object.hasOwn(value, 'constructor')) return new Map(entries);
  const isSame =
    entries.length === before.length && entries.every(([, child], i) => child === before[i]?.[1]);
  return isSame ? value : Object.fromEntries(entries);
}

function asBoolean(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new ConditionError(`its value is ${describeType(value)}, not true or false`);
}

/** Runs tasks that are stopped, wherever they are in a loop or a pattern, when they take too long. */
function createRunBounded(): RunBounded {
  let task: () => unknown = () => undefined;
  const context = createContext({ run: () => task() });
  const script = new Script('run()');
  /** What is stopped before its thread has had the time is begun once more: it has not had what it may take. */
  const run = (timeout: number, mostMs: number): unknown => {
    const before = threadCpuUsage();
    try {
      return script.runInContext(context, { timeout });
    } catch (error) {
      const { user, system } = threadCpuUsage(before);
      const hasHadItsTime = (user + system) / 1000 >= mostMs * 0.9;
      if (!isTimeout(error) || hasHadItsTime || timeout * 2 > MAX_WALL_MS) throw error;
    }
    return run(timeout * 2, mostMs);
  };
  return <T>(next: () => T, mostMs: number): T => {
    task = next;
    try {
      return run(mostMs, mostMs) as T;
    } finally {
      // What it has read may be large.
      task = () => undefined;
    }
  };
}

/** The error belongs to the context of the script, so it is no instance of this one's Error. */
const isTimeout = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';

function asConditionError(error: unknown, source: string): ConditionError {
  if (error instanceof ConditionError) return error;
  const message = messageOf(error, source);
  const short = message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message;
  return new ConditionError(short, { cause: error });
}

type CelError = ParseError | EvaluationError | CelTypeError;
const isCelError = (error: unknown): error is CelError =>
  error instanceof ParseError || error instanceof EvaluationError || error instanceof CelTypeError;

function messageOf(error: unknown, source: string): string {
  if (!isCelError(error)) return `cannot be evaluated: ${(error as Error).message}`;
  const { start, end } = error.node ?? error.range ?? { start: null, end: 0 };
  const problem = problemOf(error, start === null ? '' : source.slice(start, end));
  return start === null ? problem : `${problem} (at character ${start + 1})`;
}

/** @param text what the error is about, as written */
function problemOf({ code, summary }: CelError, text: string): string {
  switch (code) {
    case 'no_such_key':
    case 'index_out_of_bounds':
    case 'unknown_variable':
      return `${text} is not there`;
    case 'unexpected_character':
    case 'unexpected_token':
    case 'expected_token':
      return text === '' ? 'unexpected end of the expression' : `unexpected ${text}`;
    case 'limit_exceeded':
      return 'is too large or nested too deeply';
    case 'no_such_overload':
      return summary.replaceAll(/dyn<([a-z]+)>/g, '$1');
    default:
      return summary.slice(0, 1).toLowerCase() + summary.slice(1);
  }
}
