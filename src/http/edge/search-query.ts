// Searching a log: the parameters that the logs of executions and of plans have in common.
import { z } from 'zod';
import { RefusedError } from '../../domain/errors.ts';
import { digits } from './query.ts';

export const searchQuery = {
  q: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe('Only lines that contain this text, in lower or upper case. For `text` and `ndjson`.'),
  regex: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      'Only lines that match this regular expression of RE2. For `text` and `ndjson`. A search that takes too long ends with `complete: false`; the end of the log of an execution has a `cursor` to continue at.',
    ),
  context: digits(0, 100, 'With `q` or `regex`: lines before and after each match.').default(0),
};

export interface SearchQuery {
  q?: string | undefined;
  regex?: string | undefined;
  context: number;
}

export const isSearch = ({ q, regex }: SearchQuery): boolean => q !== undefined || regex !== undefined;

/** Field, message, and whether it is wrong. */
export type QueryProblem = [field: string, message: string, isWrong: boolean];

export const searchProblems = (query: SearchQuery): QueryProblem[] => [
  ['?regex', 'must be left out if q is given', query.q !== undefined && query.regex !== undefined],
  ['?context', 'requires q or regex', query.context > 0 && !isSearch(query)],
];

/** @throws RefusedError `validation` when one of them is wrong */
export function checkQuery(problems: readonly QueryProblem[]): void {
  const fields = problems.filter(([, , isWrong]) => isWrong).map(([field, message]) => ({ field, message }));
  const [first] = fields;
  if (first !== undefined)
    throw new RefusedError('validation', `${first.field}: ${first.message}`, { fields });
}
