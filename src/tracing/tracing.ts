// Traces: what is a span, and to which trace it belongs. Whether a trace is recorded is decided where it begins, and is kept
// with the execution, so that each of its spans is there or none.
import { SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import type { LifecycleEvent } from '../domain/execution/events.ts';
import { type Execution, isFinished, type Trace } from '../domain/execution/execution.ts';
import { createTraceIds, type ExecutionId } from '../domain/ids.ts';
import type { GroupResult } from '../domain/ports/group.ts';
import {
  type DeliverySpan,
  isSampled,
  type RequestEnd,
  type RequestSpan,
  traceparentOf,
  type Tracing,
  type TracingStats,
} from '../domain/ports/tracing.ts';
import { executionSpans, targetOf } from './execution-spans.ts';
import { Exporting, type ExportingDeps } from './exporting.ts';
import { beginning, executionSpan, parentOf, type Span, workSpan } from './span.ts';

/** Of the database, by the semantic conventions. */
export type StoreSystem = 'sqlite' | 'postgresql';

/** Status of the first HTTP answers that are the server's fault. */
const SERVER_ERROR = 500;

class ExecutionTracing implements Tracing {
  readonly #exporting: Exporting;
  readonly #deps: ExportingDeps & { storeSystem: StoreSystem };
  readonly #ids = createTraceIds();
  readonly #sampler: TraceIdRatioBasedSampler;

  constructor(deps: ExportingDeps & { storeSystem: StoreSystem }) {
    this.#deps = deps;
    this.#exporting = new Exporting(deps);
    this.#sampler = new TraceIdRatioBasedSampler(deps.settings.sampler.ratio);
  }

  newTrace(): Trace {
    const traceId = this.#ids.traceId();
    return { traceId, parentId: beginning(traceId), flags: this.#flagsOf(traceId) };
  }

  attemptSpan(runId: ExecutionId, attempt: number): string {
    return workSpan(runId, attempt);
  }

  beginRequest(parent: Trace | null): RequestSpan {
    const trace = parent === null ? this.newTrace() : this.#continued(parent);
    const spanId = this.#ids.spanId();
    const from = this.#deps.clock.now();
    return {
      traceparent: traceparentOf(trace, spanId),
      end: (facts) => {
        if (isSampled(trace))
          this.#exporting.send(requestSpan(trace, spanId, { facts, ...this.#since(from) }));
      },
    };
  }

  beginDelivery(trace: Trace, executionId: ExecutionId): DeliverySpan {
    const spanId = this.#ids.spanId();
    const from = this.#deps.clock.now();
    return {
      traceparent: traceparentOf(trace, spanId),
      end: ({ url, webhookId, event, tries, status, error }) => {
        if (!isSampled(trace)) return;
        this.#exporting.send({
          ...{ traceId: trace.traceId, spanId, parentId: executionSpan(executionId), ...this.#since(from) },
          name: 'POST',
          kind: 'client',
          attributes: {
            'http.request.method': 'POST',
            ...targetOf(url),
            'http.response.status_code': status,
            'http.request.resend_count': tries > 1 ? tries - 1 : null,
            'error.type': error === null ? null : status === null ? 'request_failed' : String(status),
            'execd.webhook.id': webhookId,
            'execd.event': event,
            'execd.execution.id': executionId,
          },
          error,
        });
      },
    };
  }

  committed(results: readonly GroupResult[], from: number, to: number): void {
    const seen = new Set<string>();
    for (const result of results) {
      if (result.status !== 'applied') continue;
      for (const execution of result.executions) {
        const { id, trace } = execution;
        // Of one trace, one span a commit: a batch of a thousand is one write.
        if (seen.has(trace.traceId) || !isSampled(trace)) continue;
        seen.add(trace.traceId);
        const events = result.events.filter(({ executionId }) => executionId === id).map(({ type }) => type);
        const isNew = events.includes('accepted');
        this.#exporting.send({
          ...{ traceId: trace.traceId, spanId: this.#ids.spanId(), from, to },
          parentId:
            isNew && execution.plan === null ? (parentOf(trace) ?? executionSpan(id)) : executionSpan(id),
          name: 'store commit',
          kind: 'client',
          attributes: {
            'db.system.name': this.#deps.storeSystem,
            'db.operation.name': 'commit',
            'db.operation.batch.size': results.length > 1 ? results.length : null,
            'execd.execution.id': id,
            'execd.events': events,
          },
          error: null,
        });
      }
    }
  }

  onEvent(event: LifecycleEvent, execution: Execution): void {
    if (!isFinished(execution) || event.type !== execution.status || !isSampled(execution.trace)) return;
    for (const span of executionSpans(execution)) this.#exporting.send(span);
  }

  stats(): TracingStats {
    return this.#exporting.stats();
  }

  async close(): Promise<void> {
    await this.#exporting.close();
  }

  #flagsOf(traceId: string): string {
    const { decision } = this.#sampler.shouldSample(ROOT_CONTEXT, traceId);
    return decision === SamplingDecision.RECORD_AND_SAMPLED ? '01' : '00';
  }

  /** A trace that others have begun is recorded if they do, unless the sampler is to decide each time. */
  #continued(parent: Trace): Trace {
    return this.#deps.settings.sampler.isParentBased
      ? parent
      : { ...parent, flags: this.#flagsOf(parent.traceId) };
  }

  #since(from: number): Pick<Span, 'from' | 'to'> {
    return { from, to: from + this.#deps.clock.between(from, this.#deps.clock.now()) };
  }
}

export function createTracing(deps: ExportingDeps & { storeSystem: StoreSystem }): Tracing {
  return new ExecutionTracing(deps);
}

function requestSpan(
  trace: Trace,
  spanId: string,
  { facts, from, to }: { facts: RequestEnd } & Pick<Span, 'from' | 'to'>,
): Span {
  const { method, route, path, status } = facts;
  const isFault = status >= SERVER_ERROR;
  return {
    ...{ traceId: trace.traceId, spanId, parentId: parentOf(trace), from, to },
    name: `${method} ${route}`,
    kind: 'server',
    attributes: {
      'http.request.method': method,
      'http.route': route,
      'http.response.status_code': status,
      'url.path': path,
      'url.scheme': 'http',
      'error.type': isFault ? String(status) : null,
    },
    error: isFault ? `The server returned status ${status}.` : null,
  };
}
