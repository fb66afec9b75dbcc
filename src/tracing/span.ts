// A span before it is exported, and the ids of spans.
import { createHash } from 'node:crypto';
import type { Trace } from '../domain/execution/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';

export type SpanKind = 'internal' | 'server' | 'client';
type Value = string | number | string[];

export interface Span {
  name: string;
  kind: SpanKind;
  traceId: string;
  spanId: string;
  /** Null is the first of its trace. */
  parentId: string | null;
  /** Milliseconds since the epoch. */
  from: number;
  to: number;
  /** Undefined and null are left out. */
  attributes: Record<string, Value | null | undefined>;
  /** What went wrong; null when nothing did. */
  error: string | null;
}

const HEX_DIGITS = 16;

/** An id that is the same wherever, and whenever, it is worked out. */
export function spanIdOf(...name: (string | number)[]): string {
  return createHash('sha256').update(name.join(' ')).digest('hex').slice(0, HEX_DIGITS);
}

export const executionSpan = (id: ExecutionId): string => spanIdOf(id);
export const attemptSpan = (runId: ExecutionId, attempt: number): string => spanIdOf(runId, attempt);
/** The process or the HTTP call of an attempt. */
export const workSpan = (runId: ExecutionId, attempt: number): string => spanIdOf(runId, attempt, 'work');

/** A trace that begins here says so: its parent is half of its own id. */
export const beginning = (traceId: string): string => traceId.slice(0, HEX_DIGITS);

/** The span that a trace came with; null when it began here. */
export function parentOf({ traceId, parentId }: Trace): string | null {
  return parentId === beginning(traceId) ? null : parentId;
}
