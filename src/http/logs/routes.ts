// Logs: replay, then follow. The log is pulled as fast as the client takes it and never faster; a client that takes
// nothing for a while is cut off, and can go on at its cursor.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RefusedError } from '../../domain/errors.ts';
import type { AttemptLog, LogStart } from '../../domain/ports/journal.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Engine, LogItem, LogQuery } from '../../engine/engine.ts';
import { type ByteRange, readRange } from '../edge/request-headers.ts';
import { afterFirst, type Piece, pump, sendHead } from '../edge/pump.ts';
import { streamed } from '../events/event-schemas.ts';
import { LOG_CURSOR, type LogsQuery, logsQuery } from './log-schemas.ts';
import { idParams } from '../edge/schemas.ts';
import { checkQuery, isSearch, searchProblems } from '../edge/search-query.ts';
import { frameOf, type SseClients } from '../edge/sse.ts';
import { notStreamed, resumeHeader, stream } from '../events/routes.ts';
import type { z } from 'zod';
import { cursorText, formatted, toEndWire, toRecordWire, withWholeCharacters } from './log-formats.ts';
import { linesOf } from './log-lines.ts';
import { type Found, searchOf } from './log-search.ts';
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

/** Of the file that a log is saved as. */
const EXTENSIONS = { text: 'log', ndjson: 'ndjson', raw: 'log' };

const BINARY = { type: 'string', format: 'binary' };

const SCHEMA = {
  operationId: 'getExecutionLog',
  summary: 'Read or follow the log of an execution',
  description:
    'Returns the output in the order in which it was written. With `follow=true`, the response continues until the end. With `ndjson` the schema describes one line; with `sse` it describes the data of a message `output` or `end`.',
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
};

export function logRoutes(app: FastifyInstance, options: LogRoutesOptions): void {
  app.route<LogsRoute>({
    method: 'GET',
    url: '/v1/executions/:id/logs',
    config: { access: 'read', headers: ['Range', 'LastEventId'], refuses: [410, 416, 429] },
    schema: SCHEMA,
    handler(request, reply) {
      const { query } = request;
      const { range } = request.headers;
      if (range !== undefined) return sendRange(request, reply, range, options);
      if (query.follow && !options.streamsOutput) throw notStreamed();
      checkLineQuery(query);
      return query.format === 'sse'
        ? sendStream(request, reply, options)
        : sendWhole(request, reply, options);
    },
  });
}

async function sendWhole(
  request: LogsRequest,
  reply: FastifyReply,
  options: LogRoutesOptions,
): Promise<void> {
  const { params, query, caller } = request;
  const { engine, clock } = options;
  const { timestamps } = query;
  const format = query.format as Exclude<typeof query.format, 'sse'>;
  const asked = toSearch(query, clock);
  const isHead = request.method === 'HEAD';
  const logQuery = toLogQuery(query);
  const items = isHead ? null : await engine.readLog(caller, params.id, logQuery, clientGone(reply));
  if (isHead) await engine.get(caller, params.id);
  // Trailers need chunks, which neither HTTP/1.0 nor an answer without a body has (RFC 9112 §7.1.2).
  const hasTrailer = !isHead && request.raw.httpVersion !== '1.0';
  const head = {
    'content-type': CONTENT_TYPES[format],
    'x-accel-buffering': 'no',
    ...(query.download
      ? { 'content-disposition': `attachment; filename="${params.id}.${EXTENSIONS[format]}"` }
      : {}),
    ...(hasTrailer ? { trailer: 'Log-End' } : {}),
    ...(format === 'raw' ? { 'accept-ranges': 'bytes' } : {}),
  };
  if (items === null) return sendHead(reply, head);
  const pieces = formatted(asked(items), { format, timestamps });
  return pump(reply, { status: 200, head, pieces }, options);
}

async function sendStream(
  request: LogsRequest,
  reply: FastifyReply,
  { engine, sse, log }: LogRoutesOptions,
): Promise<void> {
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

async function sendRange(
  request: LogsRequest,
  reply: FastifyReply,
  header: string,
  options: LogRoutesOptions,
): Promise<void> {
  const { params, query, caller } = request;
  checkRangeQuery(query);
  const log = await options.engine.openLog(caller, params.id, query.attempt ?? null);
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

/** @throws RefusedError when lines are asked for in a form that has none, or two searches at once */
function checkLineQuery(query: LogsQuery): void {
  const { format, timestamps, download } = query;
  checkQuery([
    ...searchProblems(query),
    [
      '?format',
      'must be text or ndjson if q or regex is given',
      isSearch(query) && (format === 'raw' || format === 'sse'),
    ],
    [
      '?timestamps',
      'requires format=text; other formats have times, or are the bytes',
      timestamps && format !== 'text',
    ],
    ['?download', 'must be left out with format=sse', download && format === 'sse'],
  ]);
}

/** What of the log is asked for: all of it, its lines, or those that match. */
function toSearch(query: LogsQuery, clock: Clock): (items: AsyncIterable<LogItem>) => AsyncIterable<Found> {
  if (!isSearch(query)) return query.timestamps ? linesOf : (items) => items;
  return searchOf(query, clock);
}

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

// ------------------------------------------------------------------------------------------- range

function checkRangeQuery(query: LogsQuery): void {
  const isPlain =
    query.format === 'raw' &&
    query.stream === 'all' &&
    !query.follow &&
    [query.cursor, query.since, query.tail, query.limit_bytes].every((value) => value === undefined);
  if (isPlain) return;
  throw new RefusedError('invalid_range', 'Combine the header Range only with format=raw and attempt.');
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
