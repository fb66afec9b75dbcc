// Templates of the policy file: one program, and what its arguments, environment and directory may be. A command is never
// taken apart by guesses: its arguments are compared one by one with the rules that stand in their place.
import { z } from 'zod';
import { quoted } from '../errors.ts';
import { NO_LIMITS } from '../limits.ts';
import { limitsShape } from '../spec/limits-schema.ts';
import { ISOLATION_TIERS } from '../isolation.ts';
import { network } from '../network.ts';
import { rootName } from '../spec/sandbox.ts';
import { type Spec, WEEK_MS } from '../spec/spec.ts';

const MAX_VALUE = 1000;
const root = z
  .string()
  .max(4095)
  .refine((path) => isPlainPath(path), 'must be an absolute path without ".", ".." and empty parts');

const kindsOfValue = {
  enum: z.array(z.string()).min(1).max(1000).optional().describe('one of these'),
  pattern: z
    .string()
    .max(1000)
    .superRefine((source, context) => {
      try {
        wholeMatch(source);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message });
      }
    })
    .optional()
    .describe(`a regular expression that must match the whole value; at most ${MAX_VALUE} characters`),
  integer: z
    .strictObject({ min: z.int().optional(), max: z.int().optional() })
    .optional()
    .describe('a whole number in decimal digits'),
  path: z.array(root).min(1).max(100).optional().describe('an absolute path in one of these directories'),
  text: z
    .strictObject({ max_length: z.int().min(1).max(131_071).default(MAX_VALUE) })
    .optional()
    .describe('anything'),
};

const argumentRule = z.union(
  [
    z.string().describe('exactly this'),
    z
      .strictObject({
        ...kindsOfValue,
        prefix: z.string().max(1000).default('').describe('text before the value, such as "--out="'),
        optional: z.boolean().default(false),
        repeat: z.int().min(1).max(10_000).default(1).describe('how many times it may occur'),
        allow_dash: z.boolean().default(false).describe('the value may begin with "-"'),
      })
      .refine((rule) => KINDS.filter((kind) => rule[kind] !== undefined).length === 1, {
        error: 'must have exactly one of enum, pattern, integer, path, text',
      }),
  ],
  { error: 'must be a string, or an object with one of enum, pattern, integer, path, text' },
);
const KINDS = ['enum', 'pattern', 'integer', 'path', 'text'] as const;
type ArgumentRule = Exclude<z.infer<typeof argumentRule>, string>;

export const templateName = z
  .string()
  .regex(/^[a-z][a-z0-9_.-]{0,99}$/, 'must be 1 to 100 of a-z 0-9 _ . - and begin with a letter');

/** One program, and how it may be run. */
export const template = z.strictObject({
  program: root,
  args: z
    .union([z.literal('any'), z.array(argumentRule).max(1000)], {
      error: ({ input }) => (Array.isArray(input) ? undefined : 'must be "any" or a list of rules'),
    })
    .default([])
    .describe('default: none'),
  env: z.array(z.string().min(1).max(255)).max(1000).default([]).describe('names that may be set'),
  cwd: z
    .array(root)
    .max(100)
    .default([])
    .describe('directories in which it may run; default: its private one'),
  roots: z
    .array(rootName)
    .min(1)
    .max(100)
    .optional()
    .describe('root directories: it must run in a sandbox with one of these; default: with none'),
  stdin: z.boolean().default(true),
  isolation: z.enum(ISOLATION_TIERS).default('none').describe('at least this tier'),
  network: network
    .optional()
    .describe('the network of its sandbox: true, false, or {allow: [name, *.name, name:port]}'),
  limits: z
    .strictObject({
      attempt_ms: z.int().min(1).max(WEEK_MS).optional(),
      total_ms: z.int().min(1).max(WEEK_MS).optional(),
      output_bytes: z.int().min(0).optional(),
      grace_ms: z.int().min(0).optional(),
      ...limitsShape(NO_LIMITS),
    })
    .default({}),
});
export type CommandTemplate = z.infer<typeof template>;

type ExecSpec = Extract<Spec, { kind: 'exec' }>;

const listed = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));

/** Null when a command fits a template; else what does not, empty when it is another program. */
export function whyNotFitting(one: CommandTemplate, spec: Spec): string | null {
  if (spec.kind !== 'exec' || spec.program !== one.program) return '';
  const name = Object.keys(spec.env ?? {}).find((name) => !one.env.includes(name));
  if (name !== undefined)
    return `the environment variable ${quoted(name)} is not allowed; allowed: ${listed(one.env)}`;
  if (spec.cwd !== undefined && !isWithin(spec.cwd, one.cwd))
    return `the working directory ${quoted(spec.cwd)} is not allowed; allowed: ${listed(one.cwd)}`;
  const { root } = spec;
  if (root === undefined && one.roots !== undefined)
    return `root is missing; it must be ${one.roots.join(' or ')}`;
  if (root !== undefined && one.roots?.includes(root) !== true)
    return `the root directory ${quoted(root)} is not allowed; allowed: ${listed(one.roots ?? [])}`;
  if (spec.stdin !== undefined && !one.stdin) return 'standard input is not allowed';
  if (spec.tty !== undefined && !one.stdin) return 'a terminal is not allowed, because standard input is not';
  return one.args === 'any' ? null : whyNotArguments(one.args, spec.args ?? []);
}

/**
 * Goes through the arguments with the set of rules that may stand for the next one, so that optional and repeated rules
 * cost no more than the others.
 */
function whyNotArguments(
  rules: readonly (string | ArgumentRule)[],
  args: NonNullable<ExecSpec['args']>,
): string | null {
  // How often each rule may have been used so far, by its place: a rule is entered with 0.
  let states = new Map<string, [number, number]>();
  const enter = (into: typeof states, at: number, used: number) => {
    const key = `${at}/${used}`;
    if (into.has(key)) return;
    into.set(key, [at, used]);
    const rule = rules[at];
    if (rule === undefined) return;
    if (used > 0 || (typeof rule !== 'string' && rule.optional)) enter(into, at + 1, 0);
  };
  enter(states, 0, 0);
  for (const [i, argument] of args.entries()) {
    const next: typeof states = new Map();
    for (const [at, used] of states.values()) {
      const rule = rules[at];
      if (rule === undefined || !fitsRule(rule, argument)) continue;
      const most = typeof rule === 'string' ? 1 : rule.repeat;
      if (used + 1 < most) enter(next, at, used + 1);
      enter(next, at + 1, 0);
    }
    if (next.size === 0) return `argument ${i + 1}, ${quoted(argument)}, is not allowed`;
    states = next;
  }
  const isWhole = [...states.values()].some(([at]) => at === rules.length);
  return isWhole ? null : `arguments are missing after the first ${args.length}`;
}

function fitsRule(rule: string | ArgumentRule, argument: string): boolean {
  if (typeof rule === 'string') return rule === argument;
  if (!argument.startsWith(rule.prefix)) return false;
  const value = argument.slice(rule.prefix.length);
  if (rule.enum !== undefined) return rule.enum.includes(value);
  // An option in the place of a value would be another command.
  if (rule.prefix === '' && value.startsWith('-') && !rule.allow_dash) return isNegative(value, rule);
  return fitsValue(rule, value);
}

const isNegative = (value: string, rule: ArgumentRule) =>
  rule.integer !== undefined && fitsValue(rule, value);

function fitsValue({ pattern, integer, path, text }: ArgumentRule, value: string): boolean {
  if (pattern !== undefined) return value.length <= MAX_VALUE && wholeMatch(pattern).test(value);
  if (path !== undefined) return isWithin(value, path);
  if (text !== undefined) return value.length <= text.max_length;
  if (integer === undefined || !/^-?\d{1,15}$/.test(value)) return false;
  const number = Number(value);
  return number >= (integer.min ?? -Infinity) && number <= (integer.max ?? Infinity);
}

const patterns = new Map<string, RegExp>();

/** Compiled once; the file that they stand in is bounded, and so are they. Throws SyntaxError. */
function wholeMatch(source: string): RegExp {
  let pattern = patterns.get(source);
  if (pattern === undefined) {
    pattern = new RegExp(`^(?:${source})$`, 'su');
    if (patterns.size >= 10_000) patterns.clear();
    patterns.set(source, pattern);
  }
  return pattern;
}

function isPlainPath(path: string): boolean {
  if (!path.startsWith('/') || path.includes('\0')) return false;
  return (
    path === '/' ||
    path
      .slice(1)
      .split('/')
      .every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** By its text alone: where links lead is a matter of who can make them there. */
function isWithin(path: string, roots: readonly string[]): boolean {
  if (!isPlainPath(path)) return false;
  return roots.some((root) => path === root || path.startsWith(root === '/' ? '/' : `${root}/`));
}
