// Errors of the API as results of tools: what was wrong, where, and what to do.
import type { CallToolResult } from '@modelcontextprotocol/server';
import { ConnectionError, ExecdError, ProblemError } from '../client/index.ts';
import { failed } from './tool.ts';

/** Null: not an error that the caller can do anything about. */
export function toResult(error: unknown): CallToolResult | null {
  if (error instanceof ProblemError) return failed(wordsOf(error), { problem: error.problem });
  if (error instanceof ConnectionError)
    return failed(`${error.message}. Accepted executions continue; call again later.`);
  if (error instanceof ExecdError) return failed(error.message);
  return null;
}

function wordsOf({ problem, type, status, retryAfterMs, message }: ProblemError): string {
  const { detail, errors = [], code } = problem;
  const lines = [`execd rejected the call (${type}, ${code}): ${detail === '' ? message : detail}`];
  for (const { field, message: what } of errors) lines.push(`- ${field}: ${what}`);
  lines.push(adviceFor(status, retryAfterMs, problem.retryable));
  return lines.filter((line) => line !== '').join('\n');
}

function adviceFor(status: number, retryAfterMs: number | null, isRetryable: boolean): string {
  if (retryAfterMs !== null) return `Call again after ${Math.ceil(retryAfterMs / 1000)} s.`;
  switch (status) {
    case 401:
      return 'Ask the user for a valid API key.';
    case 403:
      return 'This key does not allow that; calling again does not help. Use another tool, or ask the user for a key that allows it.';
    case 404:
      return 'Take the id from the result of a call, or from list_executions.';
    case 410:
      return 'It has been removed; run it again if you need its result.';
    case 422:
    case 400:
      return 'Correct the arguments and call again.';
    default:
      return isRetryable ? 'Call again later.' : '';
  }
}
