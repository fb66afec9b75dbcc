// What a program has said last, for whoever reads why it failed. Its output is free of secrets already.
import { visible } from '../errors.ts';
import type { Result } from './execution.ts';

const MAX_CHARS = 500;

/** The last line of standard error, or of standard output where that is empty, with its stream; null where there is none. */
export function lastWords(result: Result): string | null {
  if (result?.type !== 'tails') return null;
  for (const stream of ['stderr', 'stdout'] as const) {
    const line = result[stream].trimEnd().split('\n').at(-1)?.trim() ?? '';
    if (line === '') continue;
    const shown = visible(line);
    return `The last line of ${stream}: ${shown.length > MAX_CHARS ? `${shown.slice(0, MAX_CHARS)}…` : shown}`;
  }
  return null;
}
