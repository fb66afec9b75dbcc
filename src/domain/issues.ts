// What is wrong with a value, as flat facts: where, and what. Unions are taken apart, unknown keys named one by one.
import type { z } from 'zod';

export interface Issue {
  path: readonly PropertyKey[];
  message: string;
}

/** What to say of a field that a schema does not know. `remark`: what the schema's own message says of it. */
type OfUnknown = (above: readonly PropertyKey[], remark: string) => string;

/** Of one object, so many unknown fields are named. */
const MAX_UNKNOWN = 100;
/** What zod says of a union that has no message of its own. */
const UNNAMED = 'Invalid input';

/** Every wrong place of a value that a schema has refused. */
export function issuesOf(
  error: { issues: readonly z.core.$ZodIssue[] },
  unknown: OfUnknown = () => 'unknown field',
  above: readonly PropertyKey[] = [],
): Issue[] {
  return error.issues.flatMap((issue) => flatten(issue, above, unknown));
}

function flatten(issue: z.core.$ZodIssue, above: readonly PropertyKey[], unknown: OfUnknown): Issue[] {
  const path = [...above, ...issue.path];
  const whole = [{ path, message: issue.message }];
  switch (issue.code) {
    case 'unrecognized_keys': {
      // One line for each key.
      const remarks = issue.message.split('\n');
      const keys = issue.keys.slice(0, MAX_UNKNOWN);
      return keys.map((key, i) => ({ path: [...path, key], message: unknown(path, remarks[i] ?? '') }));
    }
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({ path, message }));
    case 'invalid_union': {
      const nearest = nearestBranch(issue.errors);
      // No branch has the type: the union's own message, if it has one, says more than that of one branch.
      const isOfNone = nearest.every((one) => one.path.length === 0) && issue.message !== UNNAMED;
      return nearest.length === 0 || isOfNone ? whole : nearest.flatMap((one) => flatten(one, path, unknown));
    }
    default:
      return whole;
  }
}

/** The branch of a union that came closest says what is wrong: one that fits at its root, else one that has the type. */
function nearestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const sorted = [...branches].sort((a, b) => a.length - b.length);
  const fits = sorted.find((issues) => issues.length > 0 && issues.every(({ path }) => path.length > 0));
  if (fits !== undefined) return fits;
  return sorted.find((issues) => issues.some(({ code }) => code !== 'invalid_type')) ?? sorted[0] ?? [];
}

/** JSON Pointer (RFC 6901). */
export function pointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** A path as a reader of the file would write it: `operations.resize.run.args[1]`. */
export function dotted(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(String(key))) text += `${text === '' ? '' : '.'}${String(key)}`;
    else text += `[${JSON.stringify(String(key))}]`;
  }
  return text;
}
