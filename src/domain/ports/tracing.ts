// What records traces: spans of requests, executions and deliveries. It listens, and gives out ids: those of an execution
// follow from the execution itself, so that a restart, or another replica, continues its trace.
import type { LifecycleEvent } from '../execution/events.ts';
import type { Execution, Trace } from '../execution/execution.ts';
import type { ExecutionId } from '../ids.ts';
import type { GroupResult } from './group.ts';

/** How an HTTP request was answered. */
export interface RequestEnd {
  method: string;
  /** Its pattern, such as `/v1/executions/{id}`. */
  route: string;
  path: string;
  status: number;
}

/** A request that is being answered. */
export interface RequestSpan {
  /** What it begins belongs to this span. */
  traceparent: string;
  end(facts: RequestEnd): void;
}

/** One try to send a message to a webhook. */
export interface DeliverySpan {
  traceparent: string;
  end(facts: { url: string; webhookId: string; event: string; tries: number } & DeliveryEnd): void;
}

interface DeliveryEnd {
  status: number | null;
  error: string | null;
}

export interface TracingStats {
  exported: number;
  /** The collector did not take them. */
  failed: number;
  /** There was no room for them. */
  dropped: number;
}

export interface Tracing {
  /** A trace that begins here. */
  newTrace(): Trace;
  /** The span of what an attempt does: a process, or an HTTP call. */
  attemptSpan(runId: ExecutionId, attempt: number): string;
  /** @param parent null begins a trace */
  beginRequest(parent: Trace | null): RequestSpan;
  beginDelivery(trace: Trace, executionId: ExecutionId): DeliverySpan;
  /** A commit of the store, from and to milliseconds since the epoch. */
  committed(results: readonly GroupResult[], from: number, to: number): void;
  onEvent(event: LifecycleEvent, execution: Execution): void;
  stats(): TracingStats;
  /** Sends what waits, for a while. */
  close(): Promise<void>;
}

/** W3C trace context as a header has it. */
export const traceparentOf = ({ traceId, flags }: Trace, spanId: string): string =>
  `00-${traceId}-${spanId}-${flags}`;

/** Whether its spans are recorded. */
export const isSampled = ({ flags }: Pick<Trace, 'flags'>): boolean => (parseInt(flags, 16) & 1) === 1;
