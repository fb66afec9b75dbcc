// An execution: one accepted request to run something. A union on `status`, so that a state carries only its own data.
import type { ExecutionId } from './ids.ts';
import type { FinalStatus, Outcome } from './outcome.ts';
import type { OversizedStrategy, Spec } from './spec.ts';

export const STATUSES = ['pending', 'running', 'completed', 'failed', 'cancelled', 'timed_out'] as const;
export type Status = (typeof STATUSES)[number];

/** Finer than status. `scheduled_retry` waits for its backoff; `finishing` waits for the settle to be durable. */
export const PHASES = [
  'queued',
  'scheduled_retry',
  'starting',
  'running',
  'canceling',
  'finishing',
  'done',
] as const;
export type Phase = (typeof PHASES)[number];

/** The isolation tier that an attempt ran under. */
export type Isolation = 'none';

/** Bytes that the processes wrote, and bytes that the log keeps of them. */
export interface OutputTotals {
  stdoutBytes: number;
  stderrBytes: number;
  stdoutKeptBytes: number;
  stderrKeptBytes: number;
  /** Records in the log's index. */
  records: number;
  /** True when the log does not keep all that was written. */
  truncated: boolean;
}

export const NO_OUTPUT: OutputTotals = Object.freeze({
  stdoutBytes: 0,
  stderrBytes: 0,
  stdoutKeptBytes: 0,
  stderrKeptBytes: 0,
  records: 0,
  truncated: false,
});

/** What an attempt used. Null where the runner host cannot measure it. */
export interface Resources {
  cpuMs: number | null;
  maxRssBytes: number | null;
}

/** One try of a run. `number` counts from 1, is never reused, and is the fencing token of every later write. */
export interface Attempt {
  number: number;
  claimedAt: number;
  /** When the process was started; null before that, and for an attempt that never started. */
  startedAt: number | null;
  endedAt: number | null;
  /** Name of the runner host. */
  runner: string;
  /** Null while the attempt is live, and for one that was given back unstarted. */
  outcome: Outcome | null;
  output: OutputTotals;
  resources: Resources | null;
  /** The log holds all kept bytes; false when the attempt was interrupted. Null while it is live. */
  logComplete: boolean | null;
}

/** The clocks that apply, after defaults. Milliseconds; null is off. */
export interface Timeouts {
  queueMs: number | null;
  attemptMs: number;
  totalMs: number | null;
  idleMs: number | null;
}

export interface OutputPolicy {
  maxBytes: number;
  oversized: OversizedStrategy;
}

/** W3C trace context that the execution belongs to (trace-id, parent-id, flags; lower-case hex). */
export interface Trace {
  traceId: string;
  parentId: string;
  flags: string;
}

interface Facts {
  id: ExecutionId;
  userId: string;
  runId: ExecutionId;
  spec: Spec;
  taskId: string | null;
  labels: Record<string, string>;
  priority: number;
  timeouts: Timeouts;
  outputPolicy: OutputPolicy;
  trace: Trace;
  rerunOf: ExecutionId | null;
  isolation: Isolation;
  /** Grows by one with every durable group that touches the execution. */
  revision: number;
  /** Sequence of its last lifecycle event. */
  eventSequence: number;
  createdAt: number;
  queuedAt: number;
  attempts: readonly Attempt[];
}

export interface CancelRequest {
  at: number;
  reason: string | null;
}

export interface PendingExecution extends Facts {
  status: 'pending';
  phase: 'queued';
  /** Order in the queue within its priority. */
  queueSequence: number;
}

export interface RunningExecution extends Facts {
  status: 'running';
  phase: 'starting' | 'canceling';
  cancel: CancelRequest | null;
}

/** The value that a finished execution yields. */
export type Result =
  { type: 'tails'; stdout: string; stderr: string } | { type: 'json'; value: unknown } | null;

export interface FinishedExecution extends Facts {
  status: FinalStatus;
  phase: 'done';
  outcome: Outcome;
  result: Result;
  cancel: CancelRequest | null;
  finishedAt: number;
}

export type Execution = PendingExecution | RunningExecution | FinishedExecution;

export function isFinished(execution: Execution): execution is FinishedExecution {
  return execution.phase === 'done';
}

/** The number of the last attempt that was claimed; 0 before the first. */
export function lastAttemptNumber(execution: Execution): number {
  return execution.attempts.at(-1)?.number ?? 0;
}

/** When the first process of the execution was started, ms since the epoch. */
export function startedAt(execution: Execution): number | null {
  return execution.attempts.find((attempt) => attempt.startedAt !== null)?.startedAt ?? null;
}
