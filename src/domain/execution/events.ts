// The one list of what is announced about an execution. Each event is a row written in its fact's group.
import type { EventType } from '../event-types.ts';
import type { Attempt, Execution, OutputTotals, Status, StepOf } from './execution.ts';
import type { MadeBy } from '../cache.ts';
import { isFinished, NO_OUTPUT, operationOf } from './execution.ts';
import type { ExecutionId } from '../ids.ts';
import type { MoveType, StoredPhase } from './lifecycle.ts';
import { statusOf } from './lifecycle.ts';
import type { FinalStatus, Outcome } from '../outcome.ts';
import { FINAL_STATUSES, judge } from '../outcome.ts';
import type { Kind } from '../kinds.ts';

export interface LifecycleEvent {
  /** Store-wide, in commit order. */
  position: number;
  executionId: ExecutionId;
  /** Per execution, from 1, without gaps. */
  sequence: number;
  type: EventType;
  /** Milliseconds since the epoch. */
  at: number;
  /** Number of the attempt that it speaks of; 0 before the first claim. */
  attempt: number;
  /** Of a plan: the step that it speaks of, which has no execution; null when it is about the whole. */
  step: string | null;
  /** The phase that its group has left the execution in. */
  phase: StoredPhase;
}

/** An event with what a listener wants to know of its execution, and can pick by. Small, whatever the execution holds. */
export interface EventRecord extends LifecycleEvent {
  userId: string;
  kind: Kind;
  operation: string | null;
  taskId: string | null;
  labels: Readonly<Record<string, string>>;
  /** Where it is a step; null where it is none. */
  plan: StepOf | null;
  /** Null unless the execution has ended with it. */
  end: EventEnd | null;
}

/** What the last event tells, so that a reader can prove to have seen all output. */
export interface EventEnd {
  outcome: Outcome;
  /** Of all attempts together. */
  output: OutputTotals;
  /** The logs of all attempts hold everything that was to be kept. */
  isComplete: boolean;
  /** Where the log of the last attempt ends; null when there was no attempt. */
  log: { attempt: number; records: number; bytes: number } | null;
}

/** Which events are wanted. Null as user is everybody's. */
export interface EventFilter<Type extends string = EventType> {
  userId: string | null;
  types?: readonly Type[] | undefined;
  /** The status that the event has led to. */
  status?: readonly Status[] | undefined;
  kind?: readonly Kind[] | undefined;
  operation?: string | undefined;
  taskId?: string | undefined;
  /** Those of a plan and of its steps. */
  planId?: ExecutionId | undefined;
  /** All of them. */
  label?: readonly { name: string; value: string }[] | undefined;
}

export function isFinal(type: EventType): type is FinalStatus {
  return (FINAL_STATUSES as readonly string[]).includes(type);
}

/** The phase that an event has led to: its group may have gone further. */
export function phaseAfter({ type, phase }: Pick<LifecycleEvent, 'type' | 'phase'>): StoredPhase {
  if (isFinal(type)) return 'done';
  switch (type) {
    case 'accepted':
      return phase === 'scheduled' || phase === 'awaiting' ? phase : 'queued';
    case 'awaiting':
      return 'awaiting';
    case 'queued':
      return 'queued';
    case 'retry_scheduled':
      return 'scheduled_retry';
    case 'started':
    case 'lost':
      return 'starting';
    default:
      // It was live when this happened.
      return phase === 'done' ? 'starting' : phase;
  }
}

/** The status that an event has led to. */
export function statusAfter(event: Pick<LifecycleEvent, 'type' | 'phase'>): Status {
  const phase = phaseAfter(event);
  return isFinal(event.type) ? event.type : statusOf(phase, null);
}

export function matches(filter: EventFilter<string>, record: EventRecord): boolean {
  const { userId, types, status, kind, operation, taskId, planId, label = [] } = filter;
  return (
    (userId === null || userId === record.userId) &&
    (types?.includes(record.type) ?? true) &&
    (kind?.includes(record.kind) ?? true) &&
    (operation === undefined || operation === record.operation) &&
    (taskId === undefined || taskId === record.taskId) &&
    (planId === undefined || planId === record.executionId || planId === record.plan?.id) &&
    (status?.includes(statusAfter(record)) ?? true) &&
    label.every(({ name, value }) => Object.hasOwn(record.labels, name) && record.labels[name] === value)
  );
}

/** An event with the facts of its execution, which is as its group has left it, or later. */
export function toRecord(event: LifecycleEvent, execution: Execution): EventRecord {
  const { userId, taskId, labels, spec, attempts, plan } = execution;
  const end =
    isFinal(event.type) && isFinished(execution)
      ? endOf(execution.outcome, attempts, execution.cache?.madeBy)
      : null;
  const { position, executionId, sequence, type, at, attempt, phase, step } = event;
  return {
    ...{ position, executionId, sequence, type, at, attempt, phase, step },
    ...{ userId, kind: spec.kind, operation: operationOf(execution), taskId, labels, plan, end },
  };
}

/** @param madeBy of a hit: the attempt whose output it has */
export function endOf(outcome: Outcome, attempts: readonly Attempt[], madeBy?: MadeBy): EventEnd {
  if (attempts.length === 0 && madeBy !== undefined) return endOfHit(outcome, madeBy);
  const output = { ...NO_OUTPUT };
  let isComplete = true;
  for (const { output: of, logComplete } of attempts) {
    output.stdoutBytes += of.stdoutBytes;
    output.stderrBytes += of.stderrBytes;
    output.stdoutKeptBytes += of.stdoutKeptBytes;
    output.stderrKeptBytes += of.stderrKeptBytes;
    output.records += of.records;
    output.truncated ||= of.truncated;
    // One that was given back unstarted has nothing to keep.
    if (logComplete === false) isComplete = false;
  }
  const last = attempts.at(-1);
  const log =
    last === undefined
      ? null
      : {
          attempt: last.number,
          records: last.output.records,
          bytes: last.output.stdoutKeptBytes + last.output.stderrKeptBytes,
        };
  return { outcome, output, isComplete, log };
}

function endOfHit(outcome: Outcome, { attempt, output }: MadeBy): EventEnd {
  const bytes = output.stdoutKeptBytes + output.stderrKeptBytes;
  return { outcome, output, isComplete: true, log: { attempt, records: output.records, bytes } };
}

/** The events of a new execution. One that takes a free slot, or ends, at once never was in the queue. */
export function acceptEvents(phase: StoredPhase, outcome: Outcome | null): EventType[] {
  if (outcome !== null) return ['accepted', judge(outcome).status];
  if (phase === 'scheduled') return ['accepted'];
  if (phase === 'awaiting') return ['accepted', 'awaiting'];
  return ['accepted', phase === 'starting' ? 'started' : 'queued'];
}

/** The events that a legal move announces; `outcome` is null while the execution has not ended by it. */
export function moveEvents(move: MoveType, outcome: Outcome | null): EventType[] {
  switch (move) {
    case 'claim':
    case 'begin':
      return ['started'];
    case 'requeue':
    case 'due':
      return ['queued'];
    case 'retry':
      return ['retry_scheduled'];
    case 'patch':
      return ['status_changed'];
    case 'cancel':
    case 'settle': {
      if (outcome === null) return ['status_changed'];
      const { status } = judge(outcome);
      return outcome.cause === 'lost' ? ['lost', status] : [status];
    }
    case 'remove':
      return [];
    default:
      return move satisfies never;
  }
}
