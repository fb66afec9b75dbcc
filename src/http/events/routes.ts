// Streams of events: replay, then follow, as server-sent events. Where a client goes on is told by the id of what it saw
// last; nothing is told twice, and nothing is left out.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CATALOGUE, RefusedError } from '../../domain/errors.ts';
import type { EventRecord } from '../../domain/execution/events.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Engine, EventBatch, StreamCursor, StreamItem } from '../../engine/engine.ts';
import { asRefusal, toProblem } from '../edge/error-handler.ts';
import {
  type EventsQuery,
  eventsQuery,
  type ExecutionEventsQuery,
  executionEventsQuery,
  type PlanEventsQuery,
  planEventsQuery,
  streamed,
} from './event-schemas.ts';
import type { ProgressReader } from '../executions/progress.ts';
import { Frames, ResultFrames } from './event-wire.ts';
import { tellProgress } from './progress-messages.ts';
import { idParams } from '../edge/schemas.ts';
import { frameWithoutId, type SseClient, type SseClients } from '../edge/sse.ts';
import type { z } from 'zod';
import { clientGone } from '../edge/client-gone.ts';

export interface EventRoutesOptions {
  engine: Engine;
  sse: SseClients;
  log: Log;
  /** Whether output may be streamed at all. */
  streamsOutput: boolean;
  progress: Pick<ProgressReader, 'of'>;
  clock: Pick<Clock, 'sleep'>;
}

const CONFIG = { access: 'read', headers: ['LastEventId'], refuses: [410, 429] } as const;
const RESUME =
  'The stream replays stored events and then continues. Each message has an `id`: send the last one as Last-Event-ID to continue after it.';
const STREAM = {
  200: {
    description: 'Server-sent events. The schema describes the data of one message.',
    content: { 'text/event-stream': { schema: streamed.events } },
  },
  204: { description: 'Nothing follows this id.' },
};
const WITH_OUTPUT = {
  ...STREAM,
  200: {
    description: 'Server-sent events. Each schema describes the data of one message.',
    content: { 'text/event-stream': { schema: streamed.execution } },
  },
};

interface ExecutionEventsRoute {
  Params: z.infer<typeof idParams>;
  Querystring: ExecutionEventsQuery;
}

export function eventRoutes(app: FastifyInstance, options: EventRoutesOptions): void {
  const { engine, sse, log } = options;
  followRoute(app, { url: '/v1/executions/:id/events', summary: 'Follow an execution' }, options);

  const frames = {
    plain: new Frames(),
    withResult: new ResultFrames((record) => engine.streams.ended(record)),
  };
  app.route<{ Querystring: EventsQuery }>({
    method: 'GET',
    url: '/v1/events',
    config: CONFIG,
    schema: {
      operationId: 'followEvents',
      summary: 'Follow all of your executions',
      description: `Sends the events of all of your executions and plans that match all filters. ${RESUME}`,
      tags: ['events'],
      querystring: eventsQuery,
      response: STREAM,
    },
    async handler(request, reply) {
      const { query, caller } = request;
      sse.checkRoom(caller);
      const filter = {
        ...{ userId: caller.userId, types: query.type, status: query.status, kind: query.kind },
        ...{ operation: query.operation, taskId: query.task_id, label: query.label },
        planId: query.plan_id,
      };
      const batches = await engine.streams.ofAll(filter, resumeId(request) ?? null, clientGone(reply));
      await sendBatches(request, reply, batches);
    },
  });

  app.route<{ Params: z.infer<typeof idParams>; Querystring: PlanEventsQuery }>({
    method: 'GET',
    url: '/v1/plans/:id/events',
    config: CONFIG,
    schema: {
      operationId: 'followPlan',
      summary: 'Follow a plan and its steps',
      description: `Sends the events of the plan and of its steps, and ends with the plan. ${RESUME}`,
      tags: ['events'],
      params: idParams,
      querystring: planEventsQuery,
      response: STREAM,
    },
    async handler(request, reply) {
      const { params, caller } = request;
      sse.checkRoom(caller);
      await engine.plans.own(caller, params.id);
      const after = resumeId(request) ?? null;
      const batches = await engine.streams.ofPlan(caller, params.id, after, clientGone(reply));
      if (batches === null) return reply.code(204).send();
      await sendBatches(request, reply, batches);
    },
  });

  async function sendBatches(
    request: FastifyRequest<{ Querystring: { after?: string | undefined; result: boolean } }>,
    reply: FastifyReply,
    batches: AsyncIterable<EventBatch>,
  ): Promise<void> {
    let reached: string | null = null;
    // Where nothing fits for long, the client still learns how far it is.
    const idle = () => (reached === null ? ':\n\n' : `:\nid: ${reached}\n\n`);
    const frameOf = (record: EventRecord) => {
      const id = engine.streams.idOf(record.position);
      if (!request.query.result || record.end === null) return frames.plain.ofEvent(id, record);
      return frames.withResult.ofEvent(id, record);
    };
    await stream(sse.open(request, reply, 'events', idle), log, async (client) => {
      for await (const { records, upTo } of batches) {
        for (const record of records) {
          const frame = frameOf(record);
          const sent = client.send(frame instanceof Promise ? await frame : frame);
          if (sent !== true && !(await sent)) return;
        }
        const isFirst = reached === null;
        reached = engine.streams.idOf(upTo);
        if (isFirst && records.length === 0) await client.send(`id: ${reached}\n\n`);
      }
    });
  }
}

/** The stream of one execution, under a path of its own. */
export function followRoute(
  app: FastifyInstance,
  { url, summary }: { url: string; summary: string },
  { engine, sse, log, streamsOutput, progress, clock }: EventRoutesOptions,
): void {
  const frames = {
    records: new Frames(),
    lines: new Frames(),
    plain: new Frames(),
    withResult: new ResultFrames((record) => engine.streams.ended(record)),
  };
  app.route<ExecutionEventsRoute>({
    method: 'GET',
    url,
    config: CONFIG,
    schema: {
      operationId: 'followExecution',
      summary,
      description: `Sends the events of the execution, with \`output=true\` or \`lines=true\` also its output, with \`progress=true\` also its progress, and ends with it. ${RESUME}`,
      tags: ['events'],
      params: idParams,
      querystring: executionEventsQuery,
      response: WITH_OUTPUT,
    },
    async handler(request, reply) {
      const { params, query, caller } = request;
      const signal = clientGone(reply);
      const output = query.lines ? 'lines' : query.output ? 'records' : null;
      if (output !== null && !streamsOutput) throw notStreamed();
      sse.checkRoom(caller);
      const cursor = readCursor(resumeId(request));
      const items = await engine.streams.ofExecution(caller, params.id, { cursor, output, signal });
      if (items === null) return reply.code(204).send();
      const own = frames[output ?? 'plain'];
      const frameOf = (item: StreamItem) => {
        const id = cursorText(item.cursor, output !== null);
        if (item.type === 'output') return own.ofOutput(id, params.id, item.piece);
        const { record } = item;
        if (!query.result || record.end === null) return own.ofEvent(id, record);
        return frames.withResult.ofEvent(id, record);
      };
      const look = async () => progress.of(caller, await engine.get(caller, params.id));
      await stream(sse.open(request, reply, 'execution'), log, async (client) => {
        const stop = query.progress ? tellProgress(client, params.id, { look, clock }) : null;
        try {
          for await (const batch of items) {
            for (const item of batch) {
              const frame = frameOf(item);
              const sent = client.send(frame instanceof Promise ? await frame : frame);
              if (sent !== true && !(await sent)) return;
            }
          }
        } finally {
          await stop?.();
        }
      });
    },
  });
}

/** Output is not to be streamed. */
export function notStreamed(): RefusedError {
  return new RefusedError(
    'output_not_streamed',
    'This server does not stream output (EXECUTION_STREAM_OUTPUT=false). Read the log after the end.',
  );
}

/** Tells a client everything, and ends it; what goes wrong on the way is told as the last message. */
export async function stream(
  client: SseClient | null,
  log: Log,
  tell: (client: SseClient) => Promise<void>,
): Promise<void> {
  if (client === null) return;
  try {
    await tell(client);
  } catch (error) {
    const refusal = asRefusal(error as Parameters<typeof asRefusal>[0]);
    if (refusal.type === 'internal_error') log.error({ err: error }, 'A stream failed');
    else if (CATALOGUE[refusal.type].status >= 500) log.warn({ err: error }, 'A stream broke off');
    void client.send(frameWithoutId('problem', JSON.stringify(toProblem(refusal))));
  }
  client.end();
}

/** Where the client wants to go on; the header is what it saw last, the parameter where it began. */
export function resumeId(
  request: FastifyRequest<{ Querystring: { after?: string | undefined } }>,
): string | undefined {
  return resumeHeader(request) ?? request.query.after;
}

export function resumeHeader(request: Pick<FastifyRequest, 'headers'>): string | undefined {
  const header = request.headers['last-event-id'];
  // The empty id is what a client has that saw none.
  return typeof header === 'string' && header !== '' ? header : undefined;
}

const CURSOR = /^(\d{1,9})(?:\.(\d{1,7})\.(\d{1,15}))?$/;

/** @throws RefusedError `invalid_event_id` */
function readCursor(id: string | undefined): StreamCursor {
  if (id === undefined) return { sequence: 0, log: { attempt: 1, offset: 0 } };
  const [, sequence, attempt = '1', offset = '0'] = CURSOR.exec(id) ?? [];
  if (sequence === undefined || attempt === '0') {
    const fields = [{ field: 'Last-Event-ID', message: 'is not an id of this stream' }];
    throw new RefusedError('invalid_event_id', 'The event id does not belong to this stream.', { fields });
  }
  return { sequence: Number(sequence), log: { attempt: Number(attempt), offset: Number(offset) } };
}

function cursorText({ sequence, log }: StreamCursor, withOutput: boolean): string {
  return withOutput ? `${sequence}.${log.attempt}.${log.offset}` : String(sequence);
}
