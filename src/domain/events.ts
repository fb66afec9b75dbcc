// The one list of what is announced about an execution. Each event is a row written in its fact's group.
import type { ExecutionId } from './ids.ts';
import type { MoveType } from './lifecycle.ts';
import type { Outcome } from './outcome.ts';
import { judge } from './outcome.ts';

export const EVENT_TYPES = [
  'accepted',
  'queued',
  'started',
  'retry_scheduled',
  'status_changed',
  'completed',
  'failed',
  'cancelled',
  'timed_out',
  'lost',
  'skipped',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

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
}

/** The events of a new execution. One that takes a free slot, or ends, at once never was in the queue. */
export function acceptEvents(isClaimed: boolean, outcome: Outcome | null): EventType[] {
  if (outcome !== null) return ['accepted', judge(outcome).status];
  return ['accepted', isClaimed ? 'started' : 'queued'];
}

/** The events that a legal move announces; `outcome` is null while the execution has not ended by it. */
export function moveEvents(move: MoveType, outcome: Outcome | null): EventType[] {
  switch (move) {
    case 'claim':
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
