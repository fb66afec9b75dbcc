// What is wrong with a value, as flat facts: where, and what. Unions are taken apart, unknown keys named one by one.
import type { z } from 'zod';

export interface Issue {
  path: readonly PropertyKey[];
  message: string;
}

/** Every wrong place of a value that a schema has refused. */
export function issuesOf(error: { issues: readonly z.core.$ZodIssue[] }): Issue[] {
  return error.issues.flatMap((issue) => flatten(issue, []));
}

function flatten(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): Issue[] {
  const path = [...above, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], message: 'unknown field' }));
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({ path, message }));
    case 'invalid_union': {
      const nearest = nearestBranch(issue.errors);
      return nearest.length === 0
        ? [{ path, message: issue.message }]
        : nearest.flatMap((one) => flatten(one, path));
    }
    default:
      return [{ path, message: issue.message }];
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
