// An execution: one accepted request to run something. A union on `status`, so that a state carries only its own data.
import type { Monitor } from '../spec/monitor.ts';
import { carrierFacts, hasNoRun, hasSteps, type Kind, type SlotKind } from '../kinds.ts';
import type { Timeouts } from '../spec/times.ts';
import type { Caller, Scope } from '../spec/access.ts';
import type { EventType } from '../event-types.ts';
import type { ExecutionId } from '../ids.ts';
import type { Network } from '../network.ts';
import type { IsolationTier } from '../isolation.ts';
import type { CacheUse } from '../cache.ts';
import type { Cost } from '../cost.ts';
import type { Fault } from '../errors.ts';
import type { ResourceLimits } from '../limits.ts';
import { type Cause, type FinalStatus, judge, type Outcome } from '../outcome.ts';
import { isTooLarge } from './kept-size.ts';
import type { OutputTotals } from '../output-totals.ts';
import type { AnySpec, AnyWork } from '../spec/any.ts';
import type { OversizedStrategy } from '../spec/spec.ts';
import type { StopPolicy } from '../stop.ts';
import type { Notification } from '../spec/notification.ts';

export { NO_OUTPUT, type OutputTotals } from '../output-totals.ts';

export const STATUSES = ['pending', 'running', 'completed', 'failed', 'cancelled', 'timed_out'] as const;
export type Status = (typeof STATUSES)[number];

/** Finer than status. `scheduled` waits for its start time, `awaiting` for a signal, an approval or a time, `scheduled_retry` waits for its backoff; `finishing` waits for the settle to be durable. */
export const PHASES = [
  'scheduled',
  'awaiting',
  'queued',
  'scheduled_retry',
  'starting',
  'running',
  'canceling',
  'finishing',
  'done',
] as const;
export type Phase = (typeof PHASES)[number];

/** What an attempt used. Null where the runner host cannot measure it. */
export interface Resources {
  cpuMs: number | null;
  maxRssBytes: number | null;
}

/** One try of a run. `number` counts from 1, is never reused, and is the fencing token of every later write. */
export interface Attempt {
  number: number;
  /** The start of the replica that has claimed it, and that holds it until its end. */
  epoch: number;
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
export type { Timeouts };

export interface OutputPolicy {
  maxBytes: number;
  oversized: OversizedStrategy;
  /** Bytes of each stream, or of the body of an HTTP answer, that the result holds. Undefined in records of earlier versions. */
  resultBytes?: number;
  /** What the output is made into; null leaves it as it is. */
  parse: 'json' | null;
}

/** Which ends of an attempt are tried again. */
export interface RetryOn {
  causes: readonly Cause[];
  exitCodes: readonly number[];
  httpStatuses: readonly number[];
  faults: readonly Fault[];
}

/** How often, and after which wait, a failed attempt is made again. */
export interface RetryPolicy {
  /** Tries in all. */
  attempts: number;
  /** Seconds; doubled with each try. */
  multiplier: number;
  minMs: number;
  maxMs: number;
  /** Part of the wait that is random, 0 to 1. */
  jitter: number;
  /** Null is what may help: see `mayRetry`. */
  retryOn: RetryOn | null;
}

/** Null for a plan, which holds no slot: its steps do. */
export function slotKindOf(work: { kind: Kind }): SlotKind | null {
  return carrierFacts(work).slotKind;
}

/** W3C trace context that the execution belongs to (trace-id, parent-id, flags; lower-case hex). */
export interface Trace {
  traceId: string;
  parentId: string;
  flags: string;
}

/** On whose word it was accepted. */
export interface ExecutionAccess {
  /** Of the policy file at its acceptance; null without one. */
  policyVersion: string | null;
  /** The administrator who has submitted it for its user; null when that was the user. */
  submittedBy: string | null;
  /** The API key that it came with; a step has that of its plan. Undefined without one. */
  keyId?: string;
  /** The operation that it is a step of: whoever may run that may run its steps. Undefined without one. */
  operation?: string;
  /** Of the operation that it runs, or that it is a step of. Undefined without one, and in records of earlier versions. */
  operationVersion?: string;
  /** Of the template that allows it; null without one. */
  limits: TemplateLimits | null;
  /** Hosts that an HTTP call may reach; null is any. Undefined in records of earlier versions. */
  hosts?: readonly string[] | null;
}

/** Greatest limits of what a template of the policy file allows; null where it says nothing. */
export interface TemplateLimits {
  attemptMs: number | null;
  totalMs: number | null;
  outputBytes: number | null;
  /** Undefined in records of earlier versions. */
  resources?: ResourceLimits;
  /** The same. */
  graceMs?: number | null;
}

export const NO_ACCESS_FACTS: ExecutionAccess = Object.freeze({
  ...{ policyVersion: null, submittedBy: null, limits: null },
});

/** The schedule that an execution comes from. */
export interface ScheduleOf {
  id: string;
  name: string;
  /** The due time, ms since the epoch. */
  dueAt: number;
}

/** The place of a step in its plan. */
export interface StepOf {
  id: ExecutionId;
  step: string;
}

/** What is needed of a caller to do something for them later. */
/** Concurrency keys of users with which something waits or runs. */
export const MAX_OPEN_KEYS = 10_000;

/** The webhook that a request brings along. */
export interface OwnWebhook {
  url: string;
  events: readonly EventType[];
  withResult?: boolean;
  notification?: Notification;
}

/** The key of a user's own choice, as it is stored: no other user has it, and no operation. */
export const ownKey = (userId: string, key: string): string => `user:${userId}:${key}`;

export interface StoredCaller {
  scopes: readonly Scope[];
  mayRun: Caller['mayRun'];
}

interface Facts {
  id: ExecutionId;
  userId: string;
  runId: ExecutionId;
  /** The plan that it is a step of, and as which; null when it is none. */
  plan: StepOf | null;
  spec: AnySpec;
  taskId: string | null;
  labels: Record<string, string>;
  priority: number;
  timeouts: Timeouts;
  /** When it is reported as late or stuck, and what has been reported; null without one. */
  monitor: Monitor | null;
  outputPolicy: OutputPolicy;
  /** What its processes may use. */
  limits: ResourceLimits;
  /** How its processes are told to end; null for what has none, and in records of earlier versions. */
  stop: StopPolicy | null;
  /** What runs: the spec itself, or what its operation has made of it. */
  work: AnyWork;
  /** Null is one attempt. */
  retry: RetryPolicy | null;
  /** An interrupted attempt may be made again. */
  retrySafe: boolean;
  /** At most so many with the same key run at a time; null where nothing but the slots limits them. */
  concurrency: { key: string; limit: number } | null;
  /** Null: its result is neither looked up nor kept. */
  cache: CacheUse | null;
  /** Null: it is free. */
  cost: Cost | null;
  trace: Trace;
  rerunOf: ExecutionId | null;
  /** The schedule that has started it; null when none has. */
  schedule: ScheduleOf | null;
  /** Of a plan: the one whose completed steps it has taken over. */
  redriveOf: ExecutionId | null;
  /** Of a step that was taken over: the one that has run. */
  keptFrom: ExecutionId | null;
  /** Of a plan: for whom its steps are begun. */
  caller: StoredCaller | null;
  /** The least tier that its attempts run at. */
  isolation: IsolationTier;
  /** The network that they have in a sandbox. */
  network: Network;
  access: ExecutionAccess;
  /** Who is told of its events, besides standing webhooks. */
  webhook: OwnWebhook | null;
  /** Whether it ends when the client that reads its output goes; undefined for all but runs that are streamed. */
  onDisconnect?: 'cancel';
  /** Grows by one with every durable group that touches the execution. */
  revision: number;
  /** Sequence of its last lifecycle event. */
  eventSequence: number;
  createdAt: number;
  /** When it was asked to start, if that was later than its acceptance; null otherwise. */
  startAt: number | null;
  queuedAt: number;
  attempts: readonly Attempt[];
}

export interface CancelRequest {
  at: number;
  reason: string | null;
}

export interface QueuedExecution extends Facts {
  status: 'pending';
  phase: 'queued';
  /** Order in the queue within its priority. */
  queueSequence: number;
}

/** Waits for the time at which it was asked to start. */
export interface DelayedExecution extends Facts {
  status: 'pending';
  phase: 'scheduled';
  startAt: number;
}

/** A wait: it ends by a signal, an approval or a time. */
export interface AwaitingExecution extends Facts {
  status: 'pending';
  phase: 'awaiting';
}

/** Waits for its backoff to be over. */
export interface ScheduledExecution extends Facts {
  status: 'pending';
  phase: 'scheduled_retry';
  /** When it enters the queue again, ms since the epoch. */
  retryAt: number;
}

/** Takes part in the run of another execution, and ends with it. */
export interface JoinedExecution extends Facts {
  status: 'pending';
  phase: 'joined';
}

export type PendingExecution =
  | DelayedExecution
  | AwaitingExecution
  | QueuedExecution
  | ScheduledExecution
  | JoinedExecution;

export interface RunningExecution extends Facts {
  status: 'running';
  phase: 'starting' | 'canceling';
  cancel: CancelRequest | null;
  /** Of a plan whose steps are being stopped: what it will have ended by. */
  decided: Outcome | null;
}

/** The value that a finished execution yields. */
export type Result =
  | ({ type: 'tails' } & Tails)
  | { type: 'json'; value: unknown }
  | ({ type: 'http' } & HttpResponse & { body: HttpBody })
  | null;

/** The end of each stream. The names are those of the wire; records of earlier versions have the texts only. */
export interface Tails {
  stdout: string;
  stderr: string;
  /** Bytes that the stream had. */
  stdout_bytes?: number;
  stderr_bytes?: number;
  /** The text is not the whole stream. */
  stdout_truncated?: boolean;
  stderr_truncated?: boolean;
}

/** The head of an HTTP answer. Repeated headers are joined as RFC 9110 §5.2 has it, but `set-cookie`. */
export interface HttpResponse {
  status: number;
  headers: Record<string, string | string[]>;
  /** Of the answer, after redirects. */
  url: string;
}

/** The body of an HTTP answer: its first bytes when it is too large for a result; the log keeps more. */
export type HttpBody =
  | { text: string; truncated: boolean; bytes?: number }
  | { base64: string; truncated: boolean; bytes?: number }
  | { json: unknown };

/** A result as readers see it, and as references lead into it. */
export function resultValue(result: Result): unknown {
  if (result === null) return null;
  const { type, ...value } = result;
  return type === 'json' ? result.value : value;
}

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

/** Name of the operation, null when none was asked for. */
export function operationOf({ spec }: Pick<Execution, 'spec'>): string | null {
  if (hasSteps(spec)) return spec.operation?.name ?? null;
  return spec.kind === 'operation' ? spec.name : null;
}

/** The operation whose rights it has: its own, or that of the plan that it is a step of. */
export function grantedBy(execution: Pick<Execution, 'spec' | 'access'>): string | null {
  return operationOf(execution) ?? execution.access.operation ?? null;
}

/** What the rules are asked about: a step of an operation is what the operation says. */
export function askedFor<T extends Execution['spec']>(
  spec: T,
  operation: string | undefined,
): T | OperationRequest {
  return operation === undefined ? spec : { kind: 'operation', name: operation };
}
export interface OperationRequest {
  kind: 'operation';
  name: string;
}

/** Which rules applied: the policy file's version, and after a plus sign that of the operation. */
export function policyVersionOf({ access }: Pick<Execution, 'access'>): string | null {
  const { policyVersion, operationVersion } = access;
  return operationVersion === undefined ? policyVersion : `${policyVersion ?? ''}+${operationVersion}`;
}

/** What metrics and messages call it: its operation, else its kind. */
export function operationType(execution: Pick<Execution, 'spec'>): string {
  return operationOf(execution) ?? execution.spec.kind;
}

/** A new execution that has ended with its acceptance, as every store has it from the first moment. */
export function endedAtOnce(
  record: Omit<
    QueuedExecution,
    'queueSequence' | 'revision' | 'eventSequence' | 'attempts' | 'createdAt' | 'queuedAt'
  >,
  { outcome, result }: { outcome: Outcome; result: Result },
  at: number,
): FinishedExecution {
  return {
    ...record,
    ...{ createdAt: at, queuedAt: at, finishedAt: at },
    ...{ status: judge(outcome).status, phase: 'done', revision: 1, eventSequence: 2, attempts: [] },
    ...{ cancel: null, outcome, result },
  };
}

/** What is its own of an execution that ended with its acceptance, like others did. */
export interface OwnFacts {
  id: ExecutionId;
  trace: Trace;
  /** When it was accepted, and ended, ms since the epoch. */
  at: number;
}

/** An execution that ended with its acceptance as another one did, or that one itself. */
export function alike(other: FinishedExecution, { id, trace, at }: OwnFacts): FinishedExecution {
  if (id === other.id) return other;
  return { ...other, id, runId: id, trace, createdAt: at, queuedAt: at, finishedAt: at };
}

/** Why the result of an execution that has ended, and that may be kept, is not kept for others. */
export const NOT_KEPT = [
  'mode',
  'not_completed',
  'output_truncated',
  'output_incomplete',
  'too_large',
] as const;
export type NotKept = (typeof NOT_KEPT)[number];

/** Null while it has not ended, where its result is an earlier one, and where it is kept. */
export function whyNotKept(execution: Execution): NotKept | null {
  const { cache, attempts } = execution;
  if (cache === null || cache.status === 'hit' || !isFinished(execution)) return null;
  if (execution.status !== 'completed') return 'not_completed';
  if (cache.mode === 'read') return 'mode';
  const last = attempts.at(-1);
  if (last?.output.truncated === true) return 'output_truncated';
  if (last?.logComplete === false) return 'output_incomplete';
  const { key, mostBytes = Infinity } = cache;
  const { outcome, result } = execution;
  return isTooLarge({ key, outcome, result }, mostBytes) ? 'too_large' : null;
}

/** Whether its result is kept for others: it has succeeded, is whole, was made by a run of its own, and is to be kept. */
export function leavesResult(execution: Execution): execution is FinishedExecution {
  const { cache } = execution;
  return cache !== null && cache.status !== 'hit' && isFinished(execution) && whyNotKept(execution) === null;
}

/** Whether a result shows a part of what the log has. */
export function isCut(result: Result): boolean {
  if (result?.type === 'tails') return result.stdout_truncated === true || result.stderr_truncated === true;
  return result?.type === 'http' && 'truncated' in result.body && result.body.truncated;
}

/** The number of the last attempt that was claimed; 0 before the first. */
export function lastAttemptNumber(execution: Execution): number {
  return execution.attempts.at(-1)?.number ?? 0;
}

/** When the first process of the execution was started, ms since the epoch. */
export function startedAt(execution: Execution): number | null {
  if (execution.phase === 'scheduled') return null;
  if (hasNoRun(execution.spec)) return beganAt(execution);
  return execution.attempts.find((attempt) => attempt.startedAt !== null)?.startedAt ?? null;
}

/** When it was to start: its clocks count from there. */
export function beganAt({ startAt, createdAt }: Pick<Execution, 'startAt' | 'createdAt'>): number {
  return startAt ?? createdAt;
}

/** Names the work that may share a run with others of its user; null where it may not. A result does not tell how often it was
 * tried for, but who joins a run gets its tries. */
export function joinKey({
  cache,
  retry,
  retrySafe,
}: Pick<Execution, 'cache' | 'retry' | 'retrySafe'>): string | null {
  return cache === null ? null : `${cache.key} ${JSON.stringify([retry, retrySafe])}`;
}
