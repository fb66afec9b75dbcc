// Logs: replay, then follow. The log is pulled as fast as the client takes it and never faster; a client that takes
// nothing for a while is cut off, and can go on at its cursor.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RefusedError } from '../../domain/errors.ts';
import type { AttemptLog, LogStart } from '../../domain/ports/journal.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Engine, LogCursor, LogEnd, LogItem, LogQuery } from '../../engine/engine.ts';
import { exitCodeOf } from '../../domain/outcome.ts';
import { unfinished } from '../../domain/utf8.ts';
import { type ByteRange, readRange } from '../edge/request-headers.ts';
import { afterFirst, NOTHING_YET, type Piece, pump, sendHead } from '../edge/pump.ts';
import { streamed } from '../events/event-schemas.ts';
import { LOG_CURSOR, type LogsQuery, logsQuery } from './log-schemas.ts';
import { idParams } from '../edge/schemas.ts';
import { textOrBase64 } from '../events/event-wire.ts';
import { frameOf, type SseClients } from '../edge/sse.ts';
import { isoTime } from '../edge/times.ts';
import { notStreamed, resumeHeader, stream } from '../events/routes.ts';
import type { z } from 'zod';
import { clientGone } from '../edge/client-gone.ts';

export interface LogRoutesOptions {
  engine: Engine;
  clock: Clock;
  sse: SseClients;
  log: Log;
  /** Whether logs of what runs may be followed. */
  streamsOutput: boolean;
}

const CONTENT_TYPES = {
  text: 'text/plain; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  sse: 'text/event-stream; charset=utf-8',
  raw: 'application/octet-stream',
};

export function logRoutes(app: FastifyInstance, options: LogRoutesOptions): void {
  const { engine, sse, log, streamsOutput } = options;
  app.route<LogsRoute>({
    method: 'GET',
    url: '/v1/executions/:id/logs',
    config: { access: 'read', headers: ['Range', 'LastEventId'], refuses: [410, 416, 429] },
    schema: {
      operationId: 'getExecutionLog',
      summary: 'Read or follow the log of an execution',
      description:
        'Returns the output in the order in which it was written. With `follow=true`, the response continues until the end. With `ndjson` the schema is that of a line; with `sse` it is that of the data of a message `output` or `end`.',
      tags: ['logs'],
      params: idParams,
      querystring: logsQuery,
      response: {
        200: {
          description: 'The log.',
          headers: ['LogEnd', 'AcceptRanges'],
          content: {
            'text/plain': { schema: { type: 'string' } },
            'application/x-ndjson': { schema: streamed.log },
            'text/event-stream': { schema: streamed.log },
            'application/octet-stream': { schema: BINARY },
          },
        },
        204: { description: 'With `format=sse`: nothing follows this id.' },
        206: {
          description: 'The range of the log.',
          headers: ['ContentRange', 'AcceptRanges'],
          content: { 'application/octet-stream': { schema: BINARY } },
        },
      },
    },
    async handler(request, reply) {
      const { params, query, caller } = request;
      const { range } = request.headers;
      if (range !== undefined) return sendRange(request, reply, range);
      if (query.follow && !streamsOutput) throw notStreamed();
      if (query.format === 'sse') return sendStream(request, reply);
      const isHead = request.method === 'HEAD';
      const logQuery = toLogQuery(query);
      const items = isHead ? null : await engine.readLog(caller, params.id, logQuery, clientGone(reply));
      if (isHead) await engine.get(caller, params.id);
      // Trailers need chunks, which neither HTTP/1.0 nor an answer without a body has (RFC 9112 §7.1.2).
      const hasTrailer = !isHead && request.raw.httpVersion !== '1.0';
      const head = {
        'content-type': CONTENT_TYPES[query.format],
        'x-accel-buffering': 'no',
        ...(hasTrailer ? { trailer: 'Log-End' } : {}),
        ...(query.format === 'raw' ? { 'accept-ranges': 'bytes' } : {}),
      };
      if (items === null) sendHead(reply, head);
      else await pump(reply, { status: 200, head, pieces: formatted(items, query.format) }, options);
    },
  });

  async function sendStream(request: LogsRequest, reply: FastifyReply): Promise<void> {
    const { params, query, caller } = request;
    const id = resumeHeader(request);
    if (id?.endsWith(END_ID) === true) return reply.code(204).send();
    sse.checkRoom(caller);
    const resumed = id === undefined ? query : { ...query, ...NO_START, cursor: checkCursor(id) };
    const items = await engine.readLog(caller, params.id, toLogQuery(resumed), clientGone(reply));
    const whole = request.method === 'HEAD' ? items : await afterFirst(withWholeCharacters(items));
    await stream(sse.open(request, reply, 'log'), log, async (client) => {
      for await (const item of whole) {
        if (item.type === 'waiting') continue;
        // Not told as an end: the client is to come again.
        if (item.type === 'end' && item.isCut) return;
        const cursor = cursorText(item.cursor);
        const sent =
          item.type === 'end'
            ? client.send(frameOf(cursor + END_ID, 'end', JSON.stringify(toEndWire(item))))
            : client.send(frameOf(cursor, 'output', JSON.stringify(toRecordWire(item))));
        if (sent !== true && !(await sent)) return;
      }
    });
  }

  async function sendRange(request: LogsRequest, reply: FastifyReply, header: string): Promise<void> {
    const { params, query, caller } = request;
    checkRangeQuery(query);
    const log = await engine.openLog(caller, params.id, query.attempt ?? null);
    const size = log?.size ?? 0;
    let range: ByteRange;
    try {
      range = readRange(header, size);
    } catch (error) {
      await log?.close();
      reply.header('content-range', `bytes */${size}`);
      throw error;
    }
    const head = {
      'content-type': CONTENT_TYPES.raw,
      'accept-ranges': 'bytes',
      'content-range': `bytes ${range.first}-${range.last}/${size}`,
      'content-length': range.last - range.first + 1,
    };
    await pump(reply, { status: 206, head, pieces: slice(log, range) }, options);
  }
}

const BINARY = { type: 'string', format: 'binary' };
/** What the id of the last message ends with: after it there is nothing. */
const END_ID = '.end';
const NO_START = { cursor: undefined, since: undefined, tail: undefined };

function checkCursor(id: string): string {
  if (LOG_CURSOR.test(id)) return id;
  const fields = [{ field: 'Last-Event-ID', message: 'is not an id of this stream' }];
  throw new RefusedError('invalid_event_id', 'The event id does not belong to this stream.', { fields });
}

interface LogsRoute {
  Params: z.infer<typeof idParams>;
  Querystring: LogsQuery;
}
type LogsRequest = FastifyRequest<LogsRoute>;

function toLogQuery(query: LogsQuery): LogQuery {
  const starts = ['cursor', 'since', 'tail'] as const;
  const given = starts.filter((name) => query[name] !== undefined);
  if (given.length > 1) {
    const fields = given.map((name) => ({
      field: `?${name}`,
      message: `only one of ${starts.join(', ')} may be given`,
    }));
    throw new RefusedError('validation', 'Give only one of cursor, since and tail.', { fields });
  }
  return {
    stream: query.stream,
    attempt: query.attempt ?? null,
    start: startOf(query),
    follow: query.follow,
    limitBytes: query.limit_bytes ?? null,
  };
}

function startOf({ cursor, since, tail, stream, attempt }: LogsQuery): LogQuery['start'] {
  if (cursor !== undefined) {
    const [number, offset] = cursor.split('.').map(Number) as [number, number];
    if (attempt !== undefined && attempt !== number) {
      const fields = [{ field: '?cursor', message: `belongs to another attempt than ${attempt}` }];
      throw new RefusedError(
        'invalid_cursor',
        'The cursor belongs to another attempt. Leave out attempt, or use a cursor of that attempt.',
        { fields },
      );
    }
    return { attempt: number, at: { from: 'offset', offset } };
  }
  const at: LogStart =
    since !== undefined
      ? { from: 'since', time: since }
      : tail !== undefined
        ? { from: 'tail', lines: tail, stream }
        : { from: 'offset', offset: 0 };
  return { attempt: null, at };
}

// ---------------------------------------------------------------------------------------- formats

async function* formatted(
  items: AsyncIterable<LogItem>,
  format: Exclude<LogsQuery['format'], 'sse'>,
): AsyncGenerator<Piece> {
  const decoder = new TextDecoder();
  for await (const item of items) {
    if (item.type === 'waiting') {
      yield NOTHING_YET;
    } else if (item.type === 'end') {
      const end = JSON.stringify(toEndWire(item));
      if (format === 'ndjson') yield { bytes: `${end}\n` };
      if (format === 'text') yield { bytes: decoder.decode() };
      yield { end };
    } else if (format === 'raw') {
      yield { bytes: item.record.bytes };
    } else if (format === 'text') {
      yield { bytes: decoder.decode(item.record.bytes, { stream: true }) };
    } else {
      yield { bytes: `${JSON.stringify(toRecordWire(item))}\n` };
    }
  }
}

export function toRecordWire({ attempt, record, cursor }: LogItem & { type: 'record' }): object {
  const { seq, stream, time, bytes } = record;
  return { seq, attempt, stream, time: isoTime(time), ...textOrBase64(bytes), cursor: cursorText(cursor) };
}

/** Output whose characters are whole where they go on: the first bytes of one wait for the others. */
async function* withWholeCharacters(items: AsyncIterable<LogItem>): AsyncGenerator<LogItem> {
  let held: (LogItem & { type: 'record' }) | null = null;
  for await (const item of items) {
    if (item.type === 'waiting') {
      yield item;
      continue;
    }
    if (item.type === 'end') {
      if (held !== null) yield held;
      yield item;
      return;
    }
    const { attempt, record, cursor } = item;
    const goesOn = held?.attempt === attempt && held.record.stream === record.stream;
    if (held !== null && !goesOn) {
      yield held;
      held = null;
    }
    const bytes: Uint8Array = held === null ? record.bytes : Buffer.concat([held.record.bytes, record.bytes]);
    const offset: number = held === null ? record.offset : held.record.offset;
    const rest = unfinished(bytes);
    const cut = bytes.length - rest;
    // Where it begins in the log: in this record, unless even all of this is not a whole character.
    const restAt: number = cut === 0 ? offset : cursor.offset - rest;
    if (cut > 0) {
      const shown = { ...record, offset, bytes: bytes.subarray(0, cut) };
      yield { ...item, record: shown, cursor: { attempt, offset: rest === 0 ? cursor.offset : restAt } };
    }
    held = rest === 0 ? null : { ...item, record: { ...record, offset: restAt, bytes: bytes.subarray(cut) } };
  }
}

export function toEndWire(end: LogEnd): object {
  return {
    end: true,
    complete: end.complete,
    truncated: end.stdoutKeptBytes + end.stderrKeptBytes < end.stdoutBytes + end.stderrBytes,
    records: end.records,
    stdout_bytes: end.stdoutBytes,
    stderr_bytes: end.stderrBytes,
    stdout_kept_bytes: end.stdoutKeptBytes,
    stderr_kept_bytes: end.stderrKeptBytes,
    ...(end.outcome === null
      ? { exit_code: null, cause: null }
      : { exit_code: exitCodeOf(end.outcome), cause: end.outcome.cause }),
    cursor: cursorText(end.cursor),
  };
}

const cursorText = ({ attempt, offset }: LogCursor): string => `${attempt}.${offset}`;

// ------------------------------------------------------------------------------------------- range

function checkRangeQuery(query: LogsQuery): void {
  const isPlain =
    query.format === 'raw' &&
    query.stream === 'all' &&
    !query.follow &&
    [query.cursor, query.since, query.tail, query.limit_bytes].every((value) => value === undefined);
  if (isPlain) return;
  throw new RefusedError(
    'invalid_range',
    'The header Range can be combined only with format=raw and attempt.',
  );
}

/** The bytes of a range; closes the log at the end. */
async function* slice(log: AttemptLog | null, { first, last }: ByteRange): AsyncGenerator<Piece> {
  if (log === null) return;
  try {
    for await (const { offset, bytes } of log.read(first)) {
      const left = last + 1 - offset;
      if (left <= 0) break;
      yield { bytes: bytes.length > left ? bytes.subarray(0, left) : bytes };
    }
  } finally {
    await log.close();
  }
}
