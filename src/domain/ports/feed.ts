// How an engine learns what happens in the store, whoever did it: it itself, another engine on the same store, or what it
// shares a process with. A store that several processes write to tells of commits in their order; how it hears of them (a
// callback, a notification with a look, a look each second) is its own affair.
import type { EventRecord, LifecycleEvent } from '../execution/events.ts';
import type { ExecutionId } from '../ids.ts';
import type { StopRequest } from './runner.ts';

/** That something has happened to an execution. Whoever wants to know more of it reads the execution. */
export interface Fact extends Pick<LifecycleEvent, 'position' | 'executionId' | 'type' | 'phase'> {
  userId: string;
  runId: ExecutionId;
  /** Where it is a step. */
  planId: ExecutionId | null;
  /** As its group has left it. */
  revision: number;
}

/**
 * What one commit has come to. Batches come in the order of positions, each once, and each begins where the one before has
 * ended: positions in between that are not in them belong to nothing, and never will.
 */
export interface FeedBatch {
  /** The epoch of whoever did it. Their own commit has returned it to them. */
  by: number;
  /** What happened after this position … */
  from: number;
  /** … and up to this one. */
  upTo: number;
  facts(): readonly Fact[];
  /** The same for those who show events, read when they are wanted. */
  records(): Iterable<EventRecord> | Promise<Iterable<EventRecord>>;
}

/**
 * Something that other engines are to do. It may be lost: what must not be forgotten is in the store as well, and is found there by
 * the feed, or at the next start. It is small: `MOST_SIGNALLED` names at most.
 */
export type Signal =
  /** Whoever holds the run stops it. */
  | { type: 'stop'; runId: ExecutionId; request: StopRequest }
  /** The kept states of these circuits have changed. */
  | { type: 'circuits'; names: readonly string[] }
  /** What is paused has changed. */
  | { type: 'pauses' }
  /** Operations were put or removed by API. */
  | { type: 'operations' }
  /** Everybody reads the files of the operator again. */
  | { type: 'reload' }
  /** What a server says of itself has changed. */
  | { type: 'servers' }
  /** The last executions of these runs are removed: whoever has logs of their attempts removes them. */
  | { type: 'removed'; runs: readonly { runId: ExecutionId; attempts: readonly number[] }[] };

/** Names or runs in one signal. */
export const MOST_SIGNALLED = 50;

export interface FeedListener {
  batch(batch: FeedBatch): void;
  /** What happened up to this position is kept no longer, or was missed: whatever is known from before is to be read again. */
  gap(upTo: number): void;
  /** Another engine asks for something. */
  signal(signal: Signal): void;
}

export interface Feed {
  /** Whether others write to the store as well. Where nobody does, what is known here is all that there is. */
  readonly isShared: boolean;
  /** Why it hears of others later than it could; null when it does not. */
  readonly whyLate: string | null;
  /**
   * Tells of everything from now on; returns the position from which on that is. What is read from the store afterwards has
   * everything up to there. A listener never throws.
   *
   * @param by the epoch of the listener
   */
  follow(by: number, listener: FeedListener): Promise<number>;
  /** Ends it. */
  leave(by: number): void;
  /** Tells the others. Never rejects: whoever is not reached acts on what is stored. */
  signal(by: number, signal: Signal): Promise<void>;
}
