// Executions as results of tools: a text for the model, and the same as data. Long output is cut, and each cut is marked with its
// size and where the rest is.
import { stripVTControlCharacters } from 'node:util';
import type { CallToolResult } from '@modelcontextprotocol/server';
import type { Execution, Plan } from '../client/index.ts';

/** Characters of a stream that a result shows. */
const SHOWN_CHARS = 20_000;
/** So much of them is the beginning; the rest is the end, where errors are. */
const HEAD_CHARS = 4000;

export const logUri = (id: string): string => `execd://executions/${id}/log`;

/** Text without what moves the cursor of a terminal. */
export function plain(text: string): string {
  // eslint-disable-next-line no-control-regex
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, '');
}

export interface Cut {
  text: string;
  /** Whether it lacks some of what was written. */
  isCut: boolean;
}

/** The beginning and the end of a long text. */
export function cut(text: string, most = SHOWN_CHARS): Cut {
  if (text.length <= most) return { text, isCut: false };
  const head = Math.min(HEAD_CHARS, Math.floor(most / 2));
  const omitted = text.length - most;
  const shown = `${text.slice(0, head)}\n[execd: ${omitted} characters omitted]\n${text.slice(text.length - (most - head))}`;
  return { text: shown.toWellFormed(), isCut: true };
}

interface Streams {
  stdout: string;
  stderr: string;
  stdout_bytes: number;
  stderr_bytes: number;
  stdout_truncated: boolean;
  stderr_truncated: boolean;
}

const isStreams = (result: unknown): result is Streams =>
  typeof (result as Streams | null)?.stdout === 'string' &&
  typeof (result as Streams).stderr_bytes === 'number';

/** How an execution is now, or how it ended. */
export function executionResult(execution: Execution): CallToolResult {
  const { id, status, phase, result, outcome, output, duration_ms: durationMs } = execution;
  const parts = [headline(execution)];
  const data: Record<string, unknown> = { execution_id: id, status, phase, log: logUri(id) };
  if (outcome !== null) {
    const { cause, exit_code: exitCode, signal } = outcome;
    Object.assign(data, {
      cause,
      exit_code: exitCode ?? null,
      signal: signal ?? null,
      duration_ms: durationMs,
    });
  }
  if (isStreams(result)) addStreams(result, id, parts, data);
  else if (result !== null && result !== undefined) {
    const shown = cut(JSON.stringify(result, null, 1));
    parts.push(`result:\n${shown.text}`);
    Object.assign(data, shown.isCut ? { result: shown.text, result_truncated: true } : { result });
  }
  for (const { message } of execution.warnings) parts.push(`Warning: ${message}`);
  const hasLog = output.stdout_bytes + output.stderr_bytes > 0;
  return {
    isError: phase === 'done' && status !== 'completed',
    content: [{ type: 'text', text: parts.join('\n') }, ...(hasLog ? [logLink(id)] : [])],
    structuredContent: data,
  };
}

function addStreams(result: Streams, id: string, parts: string[], data: Record<string, unknown>): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const { text, isCut } = cut(plain(result[name]));
    const isTruncated = isCut || result[`${name}_truncated`];
    const bytes = result[`${name}_bytes`];
    Object.assign(data, { [name]: text, [`${name}_bytes`]: bytes, [`${name}_truncated`]: isTruncated });
    if (bytes === 0) continue;
    const note = isTruncated ? `, truncated: read ${logUri(id)} or call read_log for the rest` : '';
    parts.push(`${name} (${bytes} bytes${note}):\n${text}`);
  }
}

function logLink(id: string): { type: 'resource_link'; uri: string; name: string; mimeType: string } {
  return { type: 'resource_link', uri: logUri(id), name: `log of ${id}`, mimeType: 'text/plain' };
}

function headline({ id, status, phase, outcome, error, duration_ms: durationMs, queue }: Execution): string {
  if (phase !== 'done') {
    const why = queue === null ? '' : ` (${queue.reason}, position ${queue.position ?? '?'})`;
    return `Execution ${id} has not ended: ${phase}${why}. Call wait_execution to wait for it, read_log to see its output, cancel_execution to end it.`;
  }
  const after = durationMs === null ? '' : ` after ${(durationMs / 1000).toFixed(1)} s`;
  const code = outcome?.exit_code === undefined ? '' : ` with exit code ${outcome.exit_code}`;
  if (status === 'completed') return `Execution ${id} completed${code}${after}.`;
  return `Execution ${id} ended as ${status} (${outcome?.cause ?? 'unknown'})${code}${after}: ${error?.message ?? ''}`;
}

/** How a plan is now, or how it ended: its steps, and the words of those that failed. */
export function planResult({ id, status, phase, steps = [], error, result }: Plan): CallToolResult {
  const lines = [`Plan ${id} ${phase === 'done' ? `ended as ${status}` : `has not ended: ${phase}`}.`];
  if (error !== null) lines.push(error.message);
  for (const step of steps) {
    const ran = step.execution_id === null ? '' : ` (execution ${step.execution_id})`;
    lines.push(`- ${step.name}: ${step.status}${ran}`);
  }
  if (result !== null && result !== undefined) lines.push(`outputs: ${cut(JSON.stringify(result)).text}`);
  return {
    isError: phase === 'done' && status !== 'completed',
    content: [{ type: 'text', text: cut(lines.join('\n')).text }],
    structuredContent: { plan_id: id, status, phase },
  };
}
