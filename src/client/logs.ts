// Reading and following the log of an execution. A connection that breaks, and a server that restarts, cost time and nothing
// else: reading goes on at the last place that was seen, every byte comes once, and at the end the totals are compared.
import { bytesOf } from './bytes.ts';
import { urlOf } from './calls.ts';
import { connection, Reconnects, type Source } from './connections.ts';
import { LogMismatchError } from './errors.ts';
import { jsonLines } from './lines.ts';
import type { LogEnd, LogQuery, LogRecord } from './types.ts';

/** A piece of output. */
export interface LogChunk extends LogRecord {
  bytes: Uint8Array;
}

export interface LogOptions extends LogQuery {
  /** Go on until the execution has ended. */
  follow?: boolean;
  signal?: AbortSignal;
}

export interface LogSource extends Source {
  /** Whether the execution has ended. */
  isDone: (signal: AbortSignal | undefined) => Promise<boolean>;
}

/** A log, piece by piece: `for await (const { stream, bytes } of log)`. It can be read once. */
export class LogStream implements AsyncIterable<LogChunk> {
  readonly #source: LogSource;
  readonly #id: string;
  readonly #options: LogOptions;
  /** The last place that was seen. */
  #cursor: string | null = null;
  /** Bytes that came, by attempt and stream. */
  readonly #received = new Map<number, { stdout: number; stderr: number }>();
  #bytes = 0;
  /** The attempt that the last request began with: the totals at its end count from there. */
  #from = 1;
  #end: LogEnd | null = null;

  constructor(source: LogSource, id: string, options: LogOptions) {
    this.#source = source;
    this.#id = id;
    this.#options = options;
  }

  /** What the log holds altogether; null until it has been read to its end. */
  get end(): LogEnd | null {
    return this.#end;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LogChunk, void> {
    for await (const batch of this.batches()) yield* batch;
  }

  /** The same, all pieces that came together in one go. */
  async *batches(): AsyncGenerator<LogChunk[], void> {
    const { signal } = this.#options;
    const reconnects = new Reconnects(this.#source, signal);
    let isDone = false;
    for (;;) {
      const before = this.#bytes;
      const { end, reason, isSilent } = yield* connection(
        this.#source,
        { url: this.#url(), signal },
        (body, feed) => this.#read(body, feed),
      );
      if (end === null && this.#bytes >= (this.#options.limit_bytes ?? Infinity)) return;
      if (end !== null) {
        if (this.#isLast(end) || isDone) return this.#finish(end);
        // The server cannot go on, because it stops or because the execution has just ended.
        isDone = await this.#source.isDone(signal);
      }
      if (this.#bytes > before) reconnects.progress();
      if (!isSilent && (end === null || !isDone)) await reconnects.wait(reason);
    }
  }

  async *#read(
    body: ReadableStream<Uint8Array> | null,
    feed: () => void,
  ): AsyncGenerator<LogChunk[], LogEnd | null> {
    if (body === null) return null;
    for await (const lines of jsonLines(body, feed)) {
      const last = lines.at(-1) as LogEnd | LogRecord;
      const records = ('end' in last ? lines.slice(0, -1) : lines) as LogRecord[];
      if (records.length > 0) yield records.map((record) => this.#take(record));
      if ('end' in last) return last;
    }
    return null;
  }

  #url(): URL {
    const { signal: _signal, limit_bytes: limit, since, tail, cursor, ...query } = this.#options;
    const at = this.#cursor ?? cursor;
    this.#from = at === undefined ? 1 : attemptOf(at);
    return urlOf(this.#source.transport.url, `/v1/executions/${encodeURIComponent(this.#id)}/logs`, {
      ...query,
      ...(at === undefined ? { since, tail } : { cursor: at }),
      limit_bytes: limit === undefined ? undefined : limit - this.#bytes,
      format: 'ndjson',
    });
  }

  #take(record: LogRecord): LogChunk {
    const bytes = bytesOf(record);
    this.#checkPlace(record, bytes.length);
    this.#cursor = record.cursor;
    this.#bytes += bytes.length;
    const received = this.#received.get(record.attempt) ?? { stdout: 0, stderr: 0 };
    received[record.stream] += bytes.length;
    this.#received.set(record.attempt, received);
    return Object.assign(record, { bytes });
  }

  /** With both streams, each piece begins where the one before it ended. */
  #checkPlace({ cursor }: LogRecord, length: number): void {
    if (this.#cursor === null || !this.#hasAllStreams()) return;
    const before = attemptOf(cursor) === attemptOf(this.#cursor) ? offsetOf(this.#cursor) : 0;
    const begin = offsetOf(cursor) - length;
    if (begin === before) return;
    throw new LogMismatchError(`The log continues at byte ${begin}, not at byte ${before}.`, null);
  }

  #hasAllStreams(): boolean {
    return (this.#options.stream ?? 'all') === 'all';
  }

  /** Whether nothing can come after this end. */
  #isLast(end: LogEnd): boolean {
    const { follow, limit_bytes: limit = Infinity } = this.#options;
    return end.complete || follow !== true || this.#bytes >= limit;
  }

  #finish(end: LogEnd): void {
    const { since, tail, cursor, limit_bytes: limit, stream = 'all' } = this.#options;
    const isWhole = [since, tail, cursor, limit].every((one) => one === undefined);
    if (end.complete && isWhole) {
      for (const name of ['stdout', 'stderr'] as const) {
        if (stream !== 'all' && stream !== name) continue;
        const kept = end[`${name}_kept_bytes`];
        const received = this.#receivedOf(name);
        if (received === kept) continue;
        throw new LogMismatchError(`The log has ${kept} bytes of ${name}; ${received} came.`, end);
      }
    }
    this.#end = end;
  }

  #receivedOf(stream: 'stdout' | 'stderr'): number {
    let sum = 0;
    for (const [attempt, bytes] of this.#received) if (attempt >= this.#from) sum += bytes[stream];
    return sum;
  }
}

const attemptOf = (cursor: string): number => Number(cursor.split('.')[0]);
const offsetOf = (cursor: string): number => Number(cursor.split('.')[1]);
