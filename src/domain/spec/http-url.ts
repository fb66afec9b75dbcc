// A URL that execd sends a request to.
import { z } from 'zod';

export const httpUrl = z
  .string()
  .max(8192)
  .superRefine((text, context) => {
    const problem = httpProblem(text);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });

/** Null for a URL that can be asked. */
export function httpProblem(text: string): string | null {
  // The WHATWG parser would drop these silently.
  if (/[\0-\x20\x7f\\]/.test(text)) return 'must not contain white space, control characters or a backslash';
  const url = URL.parse(text);
  if (url === null) return 'must be an absolute URL';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must be an http or https URL';
  if (url.username !== '' || url.password !== '') return 'must not contain a user or password';
  return url.hash === '' ? null : 'must not contain a fragment';
}
