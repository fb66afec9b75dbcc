// Sends spans to a collector, beside all else: what it does not take in time waits in memory up to a bound, and is dropped
// beyond it. Nobody waits for a collector, and one that is away leaves one line in the log.
import { type Attributes, type HrTime, SpanKind as Kind, SpanStatusCode } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import type { TracingSettings } from '../config/tracing-settings.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';
import type { TracingStats } from '../domain/ports/tracing.ts';
import type { Span } from './span.ts';

export interface ExportingDeps {
  settings: TracingSettings;
  clock: Clock;
  log: Log;
  version: string;
}

/** How long an end of the server waits for the collector. */
const LAST_SPANS_MS = 2000;
const SAMPLED = 1;
/** Code of an export that the collector has taken. */
const SUCCESS = 0;

export class Exporting {
  readonly #deps: ExportingDeps;
  readonly #processor: BatchSpanProcessor;
  readonly #exporter: SpanExporter;
  readonly #resource: Resource;
  readonly #stats: TracingStats = { exported: 0, failed: 0, dropped: 0 };
  /** Spans that are in memory. */
  #held = 0;
  #isFailing = false;

  constructor(deps: ExportingDeps) {
    this.#deps = deps;
    const { url, timeoutMs, batch, attributes } = deps.settings;
    this.#resource = defaultResource().merge(
      resourceFromAttributes({ 'service.version': deps.version, ...attributes }),
    );
    this.#exporter = new OTLPTraceExporter({ url, timeoutMillis: timeoutMs });
    this.#processor = new BatchSpanProcessor({
      exporter: this.#watched(),
      maxQueueSize: batch.maxQueue,
      maxExportBatchSize: batch.maxBatch,
      scheduledDelayMillis: batch.delayMs,
      exportTimeoutMillis: batch.timeoutMs,
    });
  }

  stats(): TracingStats {
    return { ...this.#stats };
  }

  send(span: Span): void {
    // Those on their way to the collector count, too: the processor counts only those that wait.
    if (this.#held >= this.#deps.settings.batch.maxQueue) {
      this.#stats.dropped += 1;
      return;
    }
    this.#held += 1;
    this.#processor.onEnd(toReadable(span, this.#resource, this.#deps.version));
  }

  async close(): Promise<void> {
    const isDone = new AbortController();
    const timeUp = this.#deps.clock.sleep(LAST_SPANS_MS, isDone.signal).catch(() => undefined);
    const sent = this.#processor.shutdown().catch(() => undefined);
    await Promise.race([sent.then(() => isDone.abort()), timeUp]);
  }

  /** The exporter, with its ends counted. */
  #watched(): SpanExporter {
    return {
      export: (spans, done) =>
        this.#exporter.export(spans, (result) => {
          this.#held -= spans.length;
          const code: number = result.code;
          const isSent = code === SUCCESS;
          this.#stats[isSent ? 'exported' : 'failed'] += spans.length;
          this.#note(isSent, result.error);
          done(result);
        }),
      shutdown: () => this.#exporter.shutdown(),
      forceFlush: async () => this.#exporter.forceFlush?.(),
    };
  }

  /** A line when the collector begins to fail, and one when it works again. */
  #note(isSent: boolean, err: Error | undefined): void {
    const { log, settings } = this.#deps;
    if (isSent !== this.#isFailing) return;
    this.#isFailing = !isSent;
    const facts = { url: withoutCredentials(settings.url) };
    if (isSent) log.info(facts, 'The collector of traces accepts spans again');
    else
      log.warn(
        { ...facts, err },
        'Cannot send spans to the collector of traces; execd drops spans that it does not accept',
      );
  }
}

const withoutCredentials = (url: string): string => {
  const parsed = URL.parse(url);
  return parsed === null ? url : `${parsed.origin}${parsed.pathname}`;
};

const KINDS = { internal: Kind.INTERNAL, server: Kind.SERVER, client: Kind.CLIENT } as const;

function toReadable(span: Span, resource: Resource, version: string): ReadableSpan {
  const { name, kind, traceId, spanId, parentId, from, to, error } = span;
  const attributes: Attributes = {};
  for (const [key, value] of Object.entries(span.attributes))
    if (value !== null && value !== undefined) attributes[key] = value;
  const context = { traceId, traceFlags: SAMPLED };
  return {
    ...{ name, kind: KINDS[kind], attributes, resource, links: [], events: [], ended: true },
    spanContext: () => ({ ...context, spanId }),
    ...(parentId === null ? {} : { parentSpanContext: { ...context, spanId: parentId } }),
    startTime: hrTime(from),
    // A wall clock may be set back.
    endTime: hrTime(Math.max(from, to)),
    duration: hrTime(Math.max(0, to - from)),
    status: error === null ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error },
    instrumentationScope: { name: 'execd', version },
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
