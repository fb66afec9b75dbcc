// The flags of `run` as a request.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { namesProcess } from '../client/kinds.ts';
import { given } from '../client/calls.ts';
import type { Spec } from '../client/index.ts';
import { Exit, EXIT, usage } from './exits.ts';
import { durationMs, pairs, sizeBytes, wholeNumber } from './units.ts';

export interface RunFlags {
  command?: string;
  operation?: string;
  param?: string[];
  spec?: string;
  cwd?: string;
  env?: string[];
  envFile?: string[];
  label?: string[];
  task?: string;
  priority?: string;
  pool?: string;
  timeout?: string;
  idleTimeout?: string;
  queueTimeout?: string;
  totalTimeout?: string;
  memory?: string;
  cpu?: string;
  processes?: string;
  root?: string;
  isolation?: string;
  network?: string | false;
  lateStart?: string;
  late?: string;
  stuck?: string;
  cancelLate?: boolean;
  retry?: string;
  retrySafe?: boolean;
  cache?: string | true;
  stopSignal?: string;
  grace?: string;
  maxOutput?: string;
  at?: string;
  delay?: string;
  reject?: boolean;
}

type Fields = Record<string, unknown>;

/** @throws Exit when the flags do not fit together */
export function specOf(words: readonly string[], flags: RunFlags, env: NodeJS.ProcessEnv): Spec {
  const what = whatOf(words, flags);
  const more: Fields = {
    ...{ labels: optional(flags.label, (list) => pairs(list, '--label')) },
    ...{ task_id: flags.task, priority: optional(flags.priority, wholeNumber), pool: flags.pool },
    timeouts: group({
      attempt_ms: optional(flags.timeout, durationMs),
      idle_ms: optional(flags.idleTimeout, durationMs),
      queue_ms: optional(flags.queueTimeout, durationMs),
      total_ms: optional(flags.totalTimeout, durationMs),
    }),
    monitor: group({
      late_start_ms: optional(flags.lateStart, durationMs),
      late_ms: optional(flags.late, durationMs),
      stuck_ms: optional(flags.stuck, durationMs),
      cancel: flags.cancelLate,
    }),
    retry: flags.retry === undefined ? undefined : { attempts: wholeNumber(flags.retry) },
    retry_safe: flags.retrySafe,
    cache: cacheOf(flags.cache),
    on_limit: flags.reject === true ? 'reject' : undefined,
    start_at: flags.at,
    delay_ms: optional(flags.delay, durationMs),
    stop: group({ signal: signalName(flags.stopSignal), grace_ms: optional(flags.grace, durationMs) }),
    ...(namesProcess(what) ? ofProcess(flags, env) : {}),
  };
  // What the flags say goes before what a file says.
  return { output: outputOf(what, flags), ...what, ...given(more) } as unknown as Spec;
}

function whatOf(words: readonly string[], flags: RunFlags): Fields {
  const [program, ...args] = words;
  const ways = [flags.command, flags.operation, flags.spec, program].filter((way) => way !== undefined);
  if (ways.length !== 1)
    throw usage('Give one thing to run: a command after --, or one of --command, --operation and --spec.');
  if (flags.spec !== undefined) return specFile(flags.spec);
  if (flags.command !== undefined) return { kind: 'shell', command: flags.command };
  if (flags.operation !== undefined)
    return { kind: 'operation', name: flags.operation, params: params(flags.param ?? []) };
  return { kind: 'exec', program, args };
}

/** Output is kept as a terminal would show it: all of it, as far as the server keeps so much. */
function outputOf({ kind, output }: Fields, { maxOutput }: RunFlags): Fields | undefined {
  if (maxOutput !== undefined) return { ...(output as Fields | undefined), max_bytes: sizeBytes(maxOutput) };
  return kind === 'operation' ? undefined : { oversized: 'spool' };
}

function ofProcess(flags: RunFlags, env: NodeJS.ProcessEnv): Fields {
  return {
    cwd: flags.cwd === undefined ? undefined : resolve(flags.cwd),
    root: flags.root,
    isolation: flags.isolation,
    network: networkOf(flags.network),
    env: group({ ...envFiles(flags.envFile ?? []), ...envOf(flags.env ?? [], env) }),
    limits: group({
      memory_bytes: optional(flags.memory, sizeBytes),
      cpu_s: optional(flags.cpu, wholeNumber),
      processes: optional(flags.processes, wholeNumber),
    }),
  };
}

/** The server says what of it is allowed. */
function networkOf(said: string | false | undefined): unknown {
  if (said === undefined || said === false) return said;
  return said === 'true' ? true : { allow: said.split(',').map((one) => one.trim()) };
}

/** `NAME=VALUE`, or `NAME` with the value that it has here. */
function envOf(list: readonly string[], env: NodeJS.ProcessEnv): Record<string, string> {
  const whole = list.flatMap((one) => {
    if (one.includes('=')) return [one];
    const value = env[one];
    return value === undefined ? [] : [`${one}=${value}`];
  });
  return pairs(whole, '--env');
}

function envFiles(paths: readonly string[]): Fields {
  return Object.assign({}, ...paths.map((path) => parseEnv(read(path)))) as Fields;
}

/** Numbers, true, false, null, lists and objects are JSON; everything else is text. */
function params(list: readonly string[]): Fields {
  return Object.fromEntries(
    Object.entries(pairs(list, '--param')).map(([name, text]) => [name, jsonOr(text)]),
  );
}

function jsonOr(text: string): unknown {
  if (!/^(-?\d|true$|false$|null$|[[{"])/.test(text)) return text;
  try {
    const value = JSON.parse(text) as unknown;
    // Digits that a number of JavaScript would lose are text: the operation's schema decides.
    return typeof value === 'number' && String(value) !== text ? text : value;
  } catch {
    return text;
  }
}

function cacheOf(cache: string | true | undefined): Fields | undefined {
  if (cache === undefined) return undefined;
  return cache === true ? {} : { ttl_s: durationMs(cache) / 1000 };
}

function signalName(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const name = text.toUpperCase();
  return name.startsWith('SIG') ? name : `SIG${name}`;
}

export function specFile(path: string): Fields {
  const text = read(path === '-' ? 0 : path);
  try {
    return JSON.parse(text) as Fields;
  } catch (error) {
    throw new Exit(EXIT.usage, `${path} is not JSON: ${(error as Error).message}`);
  }
}

function read(path: string | number): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Exit(EXIT.usage, `Cannot read ${path}: ${(error as Error).message}`);
  }
}

function optional<Given, T>(value: Given | undefined, parse: (value: Given) => T): T | undefined {
  return value === undefined ? undefined : parse(value);
}

/** An object of what is given; nothing when nothing is. */
function group(fields: Fields): Fields | undefined {
  const some = given(fields);
  return Object.keys(some).length === 0 ? undefined : some;
}
